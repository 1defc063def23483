"""BT: the state after the first steps, the verdict, and verdicts that must be no."""
import re
import subprocess

import pytest

WIDTHS = ("sse2", "avx2", "avx512")
VERDICT = " Verification    = %24s"


def run(program, *arguments):
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=200)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letter", "SW")
def test_first_steps_agree_with_the_checkpoints(npb, letter, width):
    done = run(npb.benchmark("bt", letter, width), "--checkpoints", "2")
    assert done.returncode == 0
    found = re.findall(r"^step (\d) component (\d) xcr (\S+) xce (\S+)$", done.stdout, re.M)
    assert len(found) == 15
    points = npb.facts("bt")["checkpoints"][letter]
    for step, component, xcr, xce in found:
        wanted = points["initial" if step == "0" else f"step_{step}"]
        assert float(xcr) == pytest.approx(wanted["xcr"][int(component) - 1], rel=1e-12)
        assert float(xce) == pytest.approx(wanted["xce"][int(component) - 1], rel=1e-12)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letter, size, steps", [("S", 12, 60), ("W", 24, 200)])
def test_a_class_verifies(npb, letter, size, steps, width):
    done = run(npb.benchmark("bt", letter, width))
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert VERDICT % "SUCCESSFUL" in lines
    assert f" Class           = {letter:>24}" in lines
    assert f" Size            =           {size:4}x{size:4}x{size:4}" in lines
    assert f" Iterations      = {steps:24}" in lines
    seconds, rate = (float(re.search(rf"^ {label} *= +(\S+)$", done.stdout, re.M).group(1))
                     for label in ("Time in seconds", "Mop/s total"))
    count = steps * (3478.8 * size**3 - 17655.7 * size**2 + 28023.7 * size) * 1e-6
    assert count / (seconds + 0.0051) <= rate and (seconds < 0.0051 or rate <= count / (seconds - 0.0051))


def spoil(name):
    """The header with the last reference of an array moved by three times the tolerance."""
    def change(text):
        line = re.search(rf"^static const double npb_{name}\[5\].*$", text, re.M).group(0)
        last = re.findall(r"[-+.\deE]+", line.split("{")[1])[-1]
        return text.replace(line, line.replace(last, repr(float(last) * (1 + 3e-8))))
    change.__name__ = f"spoilt_{name}"
    return change


@pytest.mark.parametrize("name", ["xcr", "xce"])
def test_one_reference_that_is_a_little_off_fails(npb, name):
    done = run(npb.benchmark("bt", "S", change=spoil(name), plain=True))
    assert done.returncode == 1
    assert VERDICT % "UNSUCCESSFUL" in done.stdout.splitlines()
    assert len([line for line in done.stdout.splitlines() if line.startswith(" !!")]) == 1


def another_step(text):
    return text.replace("#define NPB_DT 0.01\n", "#define NPB_DT 0.01000001\n")


def no_number(text):
    return text.replace("#define NPB_DT 0.01\n", "#define NPB_DT (0.0 / 0.0)\n")


def one_step_less(text):
    return text.replace("#define NPB_NITER 60\n", "#define NPB_NITER 59\n")


@pytest.mark.parametrize("change", [another_step, no_number, one_step_less])
def test_other_numbers_fail(npb, change):
    done = run(npb.benchmark("bt", "S", change=change, plain=True))
    assert done.returncode == 1
    assert VERDICT % "UNSUCCESSFUL" in done.stdout.splitlines()
