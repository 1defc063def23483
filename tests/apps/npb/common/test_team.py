"""The team of threads, the heap and the command line that benchmarks share."""
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PARTS = ["common/team.c", "common/heap.c", "common/options.c", "common/timer.c"]


def meetings(npb, *flags: str, compiler: str | None = None) -> Path:
    return npb.compile("meetings" + "".join(flags), [HERE / "meetings.c", *PARTS], ["-O2", *flags], compiler)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_barriers_sums_and_shares(npb, threads):
    outputs = {npb.run(meetings(npb), "-t", str(threads)).stdout for _ in range(2)}
    assert len(outputs) == 1, "the sum depends on the run"
    assert outputs.pop().startswith("wrong 0 ")


def test_members_on_one_processor_are_in_nobodys_way(npb):
    """Four members who have to share a processor: waiting must not burn it."""
    one = min(os.sched_getaffinity(0))
    done = subprocess.run([str(meetings(npb)), "-t", "4"], capture_output=True, text=True, timeout=60,
                          preexec_fn=lambda: os.sched_setaffinity(0, {one}))
    assert done.returncode == 0 and done.stdout.startswith("wrong 0 ")


def test_no_data_race(npb):
    program = meetings(npb, "-fsanitize=thread", "-g", compiler=npb.host.gcc)
    done = subprocess.run([str(program), "-t", "3"], capture_output=True, text=True, timeout=120)
    if "FATAL: ThreadSanitizer" in done.stderr:
        pytest.skip("the thread sanitizer does not run here")
    assert done.returncode == 0 and "data race" not in done.stderr, done.stderr


@pytest.mark.parametrize("words", [
    ["-t"], ["-t", "0"], ["-t", "x"], ["-t", "2x"], ["-t", "-1"], ["-t", "257"], ["--check"], ["4"], ["--checkpoints", "0"],
    ["-t", "1", "-t"], ["-t", "99999999999999999999"], ["--clock"], ["--clock", "sun"], ["--clock", "wallet"]])
def test_a_wrong_command_line_is_refused(npb, words):
    done = npb.run(meetings(npb), *words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("usage: ") and done.stderr.count("\n") == 1


def test_the_clock_that_was_asked_for(npb):
    program = npb.compile("nap", [HERE / "nap.c", "common/options.c", "common/timer.c"], ["-O2"])
    for words, counted in ([], "1"), (["--clock", "wall"], "1"), (["--clock", "processor"], "0"):
        assert npb.run(program, *words).stdout == f"{counted}\n"


def test_blocks_of_the_heap(npb):
    program = npb.compile("blocks_heap", [HERE / "blocks_heap.c", "common/heap.c"], ["-O2"])
    done = npb.run(program)
    assert done.returncode == 0 and done.stdout == "alike 0 unaligned 0 dirty 0\n"
    for words in (["all"], ["most", "of it"]):
        done = npb.run(program, *words)
        assert done.returncode == 1 and "not enough memory" in done.stderr and "MiB" in done.stderr
