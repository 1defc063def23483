"""Comparison with references: the edge of the tolerance, and everything that must not pass."""
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("why, value, reference, relative, absolute", [
    ("equal",                        "2.5",              "2.5",  1, 1),
    ("inside",                       "1000.000009",      "1000", 1, 0),
    ("outside",                      "1000.000011",      "1000", 0, 0),
    ("outside, below",               "999.999989",       "1000", 0, 0),
    ("a negative reference",         "-1000.000009",     "-1000", 1, 0),
    ("the other sign",               "1000",             "-1000", 0, 0),
    ("small, relatively far",        "1.1e-9",           "1e-9", 0, 1),
    ("a NaN",                        "nan",              "1",    0, 0),
    ("a NaN with its sign",          "-nan",             "1",    0, 0),
    ("a NaN as reference",           "1",                "nan",  0, 0),
    ("infinity",                     "inf",              "1",    0, 0),
    ("infinity against itself",      "inf",              "inf",  0, 0),
    ("zero against zero",            "0",                "0",    0, 1),
])
def test_agreement(npb, why, value, reference, relative, absolute):
    program = npb.compile("verdicts", [HERE / "verdicts.c", "common/verify.c"], ["-O3"])
    done = subprocess.run([str(program), value, reference, "1e-8"], capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    assert lines[-1].split() == [str(relative), str(relative), str(absolute)], why
    marked = [line for line in lines if "x[2]" in line][0]
    assert marked.startswith(" !!") == (not relative)
