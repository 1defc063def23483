"""LU: corrections, norms, integrals of the first iterations; the verdict with several threads; verdicts that are no."""
import re

import pytest

LINE = r"^iteration (\d) component (\d) correction (\S+) residual (\S+) error (\S+)$"
NAMES = ("correction_norm", "norm_r", "error_norm")


@pytest.mark.parametrize("width", ["sse2", "avx2", "avx512"])
@pytest.mark.parametrize("letter", "SW")
def test_first_iterations_agree_with_the_checkpoints(npb, letter, width):
    done = npb.run(npb.benchmark("lu", letter, width), "--checkpoints", "2")
    points = npb.facts("lu")["checkpoints"][letter]
    found = re.findall(LINE, done.stdout, re.M)
    assert done.returncode == 0 and len(found) == 15
    compared = 0
    for iteration, component, *values in found:
        wanted = points["initial" if iteration == "0" else f"iteration_{iteration}"]
        for name, value in zip(NAMES, values, strict=True):
            if name in wanted:
                compared += 1
                assert float(value) == pytest.approx(wanted[name][int(component) - 1], rel=1e-11), (iteration, name)
    assert compared == 40
    for iteration, value in re.findall(r"^iteration (\d) frc (\S+)$", done.stdout, re.M):
        wanted = points["initial" if iteration == "0" else f"iteration_{iteration}"]
        assert float(value) == pytest.approx(wanted["frc"], rel=1e-11)


# With 16 threads there are more than there are vectors of rows.
@pytest.mark.parametrize("letter, width, threads", [
    ("S", "sse2", 1), ("S", "avx2", 1), ("S", "avx512", 1), ("S", "sse2", 2), ("S", "sse2", 3), ("S", "sse2", 4),
    ("S", "avx512", 4), ("S", "sse2", 16), ("W", "sse2", 1), ("W", "avx512", 1), ("W", "sse2", 2), ("W", "sse2", 4)])
def test_a_class_verifies(npb, letter, width, threads):
    done = npb.run(npb.benchmark("lu", letter, width), "-t", str(threads))
    params = npb.facts("lu")["classes"][letter]["params"]
    block = npb.block(done)
    assert done.returncode == 0 and not done.stderr
    assert block["Verification"] == "SUCCESSFUL" and block["Class"] == letter
    assert block["Size"].replace(" ", "") == "x".join([str(params["nx"])] * 3)
    assert block["Iterations"] == str(params["niter"]) and block["Operation type"] == "floating point"


def test_the_number_of_threads_does_not_change_a_bit(npb):
    program = npb.benchmark("lu", "S")
    outputs = {re.sub(r"(?m)^ (Time|Mop).*\n", "", npb.run(program, "-t", threads).stdout) for threads in "123"}
    assert len(outputs) == 1


@pytest.mark.parametrize("name", ["xcr", "xce"])
def test_one_reference_that_is_a_little_off_fails(npb, name):
    def change(text):
        line = re.search(rf"^static const double npb_{name}\[5\].*$", text, re.M).group(0)
        last = re.findall(r"[-+.\deE]+", line.split("{")[1])[-1]
        return text.replace(line, line.replace(last, repr(float(last) * (1 + 3e-8))))
    change.__name__ = f"spoilt_{name}"
    done = npb.run(npb.benchmark("lu", "S", change=change, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"


def spoilt_integral(text):
    return re.sub(r"(?m)(#define NPB_XCI) (\S+)$", lambda m: f"{m[1]} {float(m[2]) * (1 + 3e-8)!r}", text)


def other_relaxation(text):
    return text.replace("#define NPB_OMEGA 1.2\n", "#define NPB_OMEGA 1.1999\n")


def one_iteration_less(text):
    return text.replace("#define NPB_NITER 50\n", "#define NPB_NITER 49\n")


@pytest.mark.parametrize("change", [spoilt_integral, other_relaxation, one_iteration_less])
def test_other_numbers_fail(npb, change):
    done = npb.run(npb.benchmark("lu", "S", change=change, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
