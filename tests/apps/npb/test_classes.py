"""All ten with the patched libc, natively and under the monitor on each engine: they verify, and print the same.

`scons test` has classes S and W. SKETE_NPB names others instead, as `scons test npb=A` does.
"""
import os
import re

import pytest

NAMES = ("bt", "cg", "dc", "ep", "ft", "is", "lu", "mg", "sp", "ua")
#: class -> (native or engine, threads); a longer target has every combination
SHORT = {"S": [(how, threads) for how in ("native", "process", "kvm") for threads in (1, 2)] + [("process", 4)],
         "W": [("native", 1), ("process", 1)]}
LONG = [(how, threads) for how in ("native", "process", "kvm") for threads in (1, 2, 4)]
#: lines that tell the time
CLOCKS = re.compile(r"^ (Time in seconds|Mop/s total|time|tuples per second) .*\n", re.M)
#: of a single run; class B of the slowest takes minutes
TIMEOUT_S = 900

pytestmark = pytest.mark.timeout(2 * TIMEOUT_S + 200)


def chosen() -> list:
    """(class, native or engine, threads) of every run."""
    given = os.environ.get("SKETE_NPB")
    runs = {letter: LONG for letter in given.split(",")} if given else SHORT
    return [(letter, *run) for letter, those in runs.items() for run in those]


@pytest.fixture(scope="module")
def native(npb, tmp_path_factory):
    """``native(program, threads)``: the run without a monitor, made once."""
    done = {}

    def run(program, threads):
        if (program, threads) not in done:
            done[program, threads] = npb.run(program, "-t", str(threads), cwd=tmp_path_factory.mktemp("native"),
                                             timeout=TIMEOUT_S)
        return done[program, threads]
    return run


@pytest.mark.parametrize("letter, how, threads", chosen())
@pytest.mark.parametrize("name", NAMES)
def test_verifies_and_prints_the_same(npb, sysroot, native, skete, why_no_engine, tmp_path, name, letter, how, threads):
    if letter not in npb.declared(name).words["classes"]:
        pytest.skip(f"{name} has no class {letter}")
    why = how != "native" and why_no_engine(how)
    if why:
        pytest.skip(f"{how} engine: {why}")
    program = npb.benchmark(name, letter, compiler=str(sysroot / "bin" / "skete-gcc"))
    done = wanted = native(program, threads)
    if how != "native":
        done = skete("run", "--engine", how, "--mount", f"{tmp_path}:/app", "--cwd", "/app", program, "-t", threads,
                     timeout=TIMEOUT_S)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    block = npb.block(done)
    assert (block["Verification"], block["Class"]) == ("SUCCESSFUL", letter)
    assert CLOCKS.sub("", done.stdout) == CLOCKS.sub("", wanted.stdout)
    assert not any(tmp_path.iterdir())
