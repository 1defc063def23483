"""header.py: what is in the header, digit for digit, and what is refused."""
import re
import subprocess
import sys

import pytest


def made(npb, tmp_path, letter, **environ):
    target = tmp_path / "params.h"
    done = npb.header("bt", letter, "--output", str(target), environ=environ)
    assert done.returncode == 0, done.stderr
    return target.read_text()


@pytest.mark.parametrize("letter", "SWABC")
def test_parameters_and_references_keep_their_digits(npb, tmp_path, letter):
    text = made(npb, tmp_path, letter)
    chosen = npb.facts("bt")["classes"][letter]
    assert f"#define NPB_CLASS '{letter}'" in text
    for name, value in chosen["params"].items():
        spelt = re.search(rf"^#define NPB_{name.upper()} (\S+)$", text, re.M).group(1)
        assert float(spelt) == value
    for name, values in chosen["verify"].items():
        spelt = re.search(rf"^static const double npb_{name}\[5\] = {{ (.*) }};$", text, re.M).group(1).split(", ")
        assert [float(s) for s in spelt] == values
    source = (npb.tree / "bt" / "verification.json").read_text()
    for spelt in re.findall(r"\d\.\d{4,}[eE][-+]\d\d", text):
        assert spelt in source


def test_tolerance_is_the_suites(npb, tmp_path):
    assert "#define NPB_EPSILON 1e-8\n" in made(npb, tmp_path, "S")


@pytest.mark.parametrize("epoch, date", [("0", "01 Jan 1970"), ("1767225600", "01 Jan 2026"), ("1709164800", "29 Feb 2024")])
def test_the_date_is_source_date_epoch(npb, tmp_path, epoch, date):
    assert f'#define NPB_COMPILE_DATE "{date}"' in made(npb, tmp_path, "S", SOURCE_DATE_EPOCH=epoch)


def test_same_input_makes_the_same_header(npb, tmp_path):
    assert made(npb, tmp_path, "A", TZ="Asia/Tokyo") == made(npb, tmp_path, "A", TZ="America/Lima")


@pytest.mark.parametrize("letter", ["X", "s", "", "SW"])
def test_an_unknown_class_is_refused_with_those_there_are(npb, tmp_path, letter):
    target = tmp_path / "params.h"
    done = npb.header("bt", letter, "--output", str(target))
    assert done.returncode == 2
    assert f"no class {letter!r}" in done.stderr and "S W A B C D" in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()


def test_a_place_that_cannot_be_written_is_named(npb, tmp_path):
    for place, why in (("/dev/full/params.h", "Not a directory"), (str(tmp_path / "no" / "params.h"), "No such file or directory")):
        done = npb.header("bt", "S", "--output", place)
        assert (done.returncode, done.stderr) == (2, f"header.py: {place}: {why}\n")


def test_a_date_that_is_none_is_refused(npb, tmp_path):
    done = npb.header("bt", "S", "--output", str(tmp_path / "params.h"), environ={"SOURCE_DATE_EPOCH": "yesterday"})
    assert done.returncode == 2 and "SOURCE_DATE_EPOCH" in done.stderr


def test_arrays_of_later_benchmarks(npb, tmp_path):
    """Complex numbers, large integers, nested objects and constants are legal C."""
    facts = tmp_path / "facts.json"
    facts.write_text('{"tolerance": {"rule": "exact"}, "constants": {"seed": 314159265, "k": [1, 3]},'
                     ' "classes": {"S": {"params": {"n": 8}, "verify": {"sum": [[1.5e0, -2.25], [3, 4.0]],'
                     ' "ranks": [48427, 4294967296], "pair": {"sx": -3.247834652034740e+3}}}}}')
    target = tmp_path / "params.h"
    subprocess.run([sys.executable, str(npb.tree / "common" / "header.py"), str(facts), "--class", "S", "--output", str(target)],
                   check=True, timeout=60)
    main = tmp_path / "main.c"
    main.write_text('#include "params.h"\nint main(void) { return !(npb_sum[1][0] == 3 && npb_sum[0][1] == -2.25 && '
                    'npb_ranks[1] == 4294967296 && NPB_PAIR_SX == -3247.83465203474 && NPB_SEED == 314159265 && '
                    'npb_k[1] == 3 && NPB_N == 8); }\n')
    program = tmp_path / "main"
    subprocess.run([npb.host.cc, "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", str(main), "-o", str(program)],
                   check=True, timeout=60)
    assert subprocess.run([str(program)], timeout=60).returncode == 0
