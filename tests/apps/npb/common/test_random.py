"""The generator against the states that the specification lists."""
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COUNTS = (1, 2, 3, 10, 100, 1000, 1000000)
STATES = {
    314159265: (55909509111989, 61155031930969, 45573031421645, 34383163428281, 54040635609297, 39923673819009, 50447193586593),
    271828183: (32883653486115, 55063727434591, 39106144873291, 28136419293951, 34413165337383, 8661753562871, 35523939983831),
}
FIRST = {314159265: 0.7945219111887383, 271828183: 0.46730482219622616}


@pytest.mark.parametrize("seed", STATES)
def test_single_draws_leaps_and_fills_reach_the_listed_states(npb, seed):
    program = npb.compile("draws", [HERE / "draws.c", "common/random.c"], ["-O2"])
    lines = subprocess.run([str(program), str(seed)], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    for line, count, state in zip(lines, COUNTS, STATES[seed], strict=False):
        assert list(map(int, line.split())) == [count, state, state, state, 1]
    first, leap = lines[-1].split()
    assert float(first) == FIRST[seed]
    assert int(leap) == 62362532446209
