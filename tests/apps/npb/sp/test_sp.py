"""SP: the state after the first steps, the verdict with several threads and vector widths, verdicts that must be no."""
import re

import pytest

WIDTHS = ("sse2", "avx2", "avx512")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letter", "SW")
def test_first_steps_agree_with_the_checkpoints(npb, letter, width):
    done = npb.run(npb.benchmark("sp", letter, width), "--checkpoints", "2")
    assert done.returncode == 0
    found = re.findall(r"^step (\d) component (\d) xcr (\S+) xce (\S+)$", done.stdout, re.M)
    assert len(found) == 15
    points = npb.facts("sp")["checkpoints"][letter]
    for step, component, xcr, xce in found:
        wanted = points["initial" if step == "0" else f"step_{step}"]
        assert float(xcr) == pytest.approx(wanted["xcr"][int(component) - 1], rel=1e-11)
        assert float(xce) == pytest.approx(wanted["xce"][int(component) - 1], rel=1e-11)


@pytest.mark.parametrize("letter, width, threads", [
    ("S", "sse2", 1), ("S", "avx2", 1), ("S", "avx512", 1), ("S", "sse2", 2), ("S", "sse2", 4), ("S", "sse2", 16),
    ("W", "sse2", 1), ("W", "avx512", 1), ("W", "sse2", 2), ("W", "sse2", 4)])
def test_a_class_verifies(npb, letter, width, threads):
    done = npb.run(npb.benchmark("sp", letter, width), "-t", str(threads))
    params = npb.facts("sp")["classes"][letter]["params"]
    block = npb.block(done)
    assert done.returncode == 0 and not done.stderr
    assert block["Verification"] == "SUCCESSFUL" and block["Class"] == letter
    assert block["Size"].replace(" ", "") == "x".join([str(params["nx"])] * 3)
    assert block["Iterations"] == str(params["niter"]) and block["Operation type"] == "floating point"


def test_the_number_of_threads_does_not_change_a_bit(npb):
    program = npb.benchmark("sp", "S")
    outputs = {re.sub(r"(?m)^ (Time|Mop).*\n", "", npb.run(program, "-t", threads).stdout) for threads in "123"}
    assert len(outputs) == 1


@pytest.mark.parametrize("name", ["xcr", "xce"])
def test_one_reference_that_is_a_little_off_fails(npb, name):
    def change(text):
        line = re.search(rf"^static const double npb_{name}\[5\].*$", text, re.M).group(0)
        last = re.findall(r"[-+.\deE]+", line.split("{")[1])[-1]
        return text.replace(line, line.replace(last, repr(float(last) * (1 + 3e-8))))
    change.__name__ = f"spoilt_{name}"
    done = npb.run(npb.benchmark("sp", "S", change=change, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
    assert len([line for line in done.stdout.splitlines() if line.startswith(" !!")]) == 1


def another_step(text):
    return text.replace("#define NPB_DT 0.015\n", "#define NPB_DT 0.01500001\n")


def one_step_less(text):
    return text.replace("#define NPB_NITER 100\n", "#define NPB_NITER 99\n")


@pytest.mark.parametrize("change", [another_step, one_step_less])
def test_other_numbers_fail(npb, change):
    done = npb.run(npb.benchmark("sp", "S", change=change, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
