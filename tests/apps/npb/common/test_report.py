"""The standard result block, column by column."""
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXPECTED = """\


 BT Benchmark Completed.
 Class           =                        S
 Size            =             12x  12x  12
 Iterations      =                       60
 Time in seconds =                     0.11
 Mop/s total     =                  2072.92
 Operation type  =           floating point
 Verification    =               SUCCESSFUL
 Version         =                    3.3.1
 Compile date    =              01 Jan 2026
"""


@pytest.fixture(scope="module")
def blocks(npb):
    program = npb.compile("blocks", [HERE / "blocks.c", "common/report.c"], ["-O2"])
    printed = subprocess.run([str(program)], capture_output=True, text=True, check=True, timeout=60).stdout
    return ["\n\n" + block for block in printed.split("\n\n")[1:]]


def test_the_block_is_the_specifications(blocks):
    assert blocks[0] + "\n" == EXPECTED


def test_every_line_has_its_columns(blocks):
    for block in blocks:
        for line in block.strip("\n").splitlines()[1:]:
            assert len(line) == 43
            assert line[0] == " " and line[17:19] == "= "


@pytest.mark.parametrize("number, line", [
    (1, " Size            =            408x1020x2048"),
    (2, " IS Benchmark Completed"),
    (2, " Mop/s total     =                     0.00"),
    (2, " Verification    =             UNSUCCESSFUL"),
    (2, " Size            =                134217728"),
    (3, " Class           =                        U"),
    (3, " Time in seconds =                 12345.68"),
    (3, " Verification    =            NOT PERFORMED"),
])
def test_other_benchmarks_and_verdicts(blocks, number, line):
    assert line in blocks[number].splitlines()
