"""MG: where the charges are, the norms after every cycle, the verdict."""
import re

import pytest


@pytest.mark.parametrize("letter, width, threads", [
    ("S", "sse2", "1"), ("S", "avx2", "1"), ("S", "avx512", "1"), ("S", "sse2", "2"), ("S", "sse2", "5"),
    ("S", "sse2", "40"), ("W", "sse2", "1"), ("W", "sse2", "3")])
def test_charges_and_norms(npb, letter, width, threads):
    wanted = npb.facts("mg")["checkpoints"][letter]
    done = npb.run(npb.benchmark("mg", letter, width), "--checkpoints", "4", "-t", threads)
    for sign, name in (("-1", "minus_points_one_based_smallest_first"), ("+1", "plus_points_one_based_largest_first")):
        found = re.findall(rf"^ charge {re.escape(sign)} at (\d+) (\d+) (\d+)$", done.stdout, re.M)
        assert [list(map(int, point)) for point in found] == wanted[name]
    found = re.findall(r"^ cycle +\d norm (\S+) largest (\S+)$", done.stdout, re.M)
    assert float(found[0][0]) == pytest.approx(wanted["norm_v"], rel=1e-13)
    assert [float(norm) for norm, _ in found[1:]] == pytest.approx(wanted["rnm2_after_iteration"], rel=1e-12)
    largest = [float(most) for _, most in found[1:]]
    assert largest == pytest.approx(wanted["max_abs_residual_after_iteration"], rel=1e-9)


@pytest.mark.parametrize("letter, threads", [("S", "1"), ("S", "2"), ("S", "4"), ("W", "1"), ("W", "2")])
def test_a_class_verifies(npb, letter, threads):
    done = npb.run(npb.benchmark("mg", letter), "-t", threads)
    params = npb.facts("mg")["classes"][letter]["params"]
    block = npb.block(done)
    assert done.returncode == 0 and block["Verification"] == "SUCCESSFUL"
    assert block["Size"].replace(" ", "") == "x".join([str(params["n"])] * 3)
    assert block["Iterations"] == str(params["niter"])


def test_a_reference_that_is_a_little_off_fails(npb):
    def spoilt(text):
        return re.sub(r"(?m)(#define NPB_RNM2) (\S+)$", lambda m: f"{m[1]} {float(m[2]) * (1 + 3e-8)!r}", text)
    done = npb.run(npb.benchmark("mg", "S", change=spoilt, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"


def test_the_other_smoother_fails(npb):
    def other_smoother(text):
        return text.replace('"S_a"', '"S_b"')
    done = npb.run(npb.benchmark("mg", "S", change=other_smoother, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
