"""UA: meshes, mortar points, the diagonal, the first steps in detail, integrals along the way, the verdict."""
import re

import pytest

MESH = r"^step (\d+) elements (\d+) mortar_points (\d+) vertices (\d+)(?: integral (\S+))?$"
SUMS = r"^step (\d+) sum_mbar (\S+) sum_rmor_squared (\S+) sum_rint_squared (\S+)$"


@pytest.mark.parametrize("letter, width, steps, threads", [
    ("S", "sse2", 50, 1), ("S", "avx2", 50, 1), ("S", "avx512", 50, 1), ("S", "sse2", 50, 3), ("W", "sse2", 100, 2)])
def test_agrees_with_the_checkpoints(npb, letter, width, steps, threads):
    done = npb.run(npb.benchmark("ua", letter, width), "--checkpoints", str(steps), "-t", str(threads))
    points = npb.facts("ua")["checkpoints"][letter]
    assert done.returncode == 0
    diagonal, inverse = map(float, re.search(r"^diagonal (\S+) inverse (\S+)$", done.stdout, re.M).groups())
    assert diagonal == pytest.approx(points["initial_mesh"]["sum_diag_mortar"], rel=1e-12)
    assert inverse == pytest.approx(points["initial_mesh"]["sum_inverse_diag_mortar"], rel=1e-12)
    for step, *sums in re.findall(SUMS, done.stdout, re.M)[:2]:
        wanted = points[f"step_{step}_before_cg"]
        right = [wanted[name] for name in ("sum_mbar", "sum_rmor_squared", "sum_rint_squared")]
        assert list(map(float, sums)) == pytest.approx(right, rel=1e-9)
    meshes = {int(step): rest for step, *rest in re.findall(MESH, done.stdout, re.M)}
    assert sum(int(mesh[0]) for step, mesh in meshes.items() if step) == points["E"]
    for wanted in points["after_step"]:
        *counts, integral = meshes[wanted["step"]]
        for name, count in zip(("elements", "mortar_points", "vertices"), counts, strict=True):
            assert int(count) == wanted.get(name, int(count)), (wanted["step"], name)
        if wanted["step"] and "integral" in wanted:
            assert float(integral) == pytest.approx(wanted["integral"], rel=1e-10), wanted["step"]


@pytest.mark.parametrize("letter, threads", [("S", 1), ("S", 2), ("S", 4), ("W", 1), ("W", 4)])
def test_a_class_verifies(npb, letter, threads):
    done = npb.run(npb.benchmark("ua", letter), "-t", str(threads))
    params = npb.facts("ua")["classes"][letter]["params"]
    block = npb.block(done)
    assert done.returncode == 0 and not done.stderr
    assert block["Verification"] == "SUCCESSFUL" and block["Class"] == letter
    assert block["Size"] == str(params["refine_max"]) and block["Iterations"] == str(params["niter"])
    assert block["Operation type"] == "coll. point advanced"


def spoilt_integral(text):
    return re.sub(r"(?m)(#define NPB_INTEGRAL) (\S+)$", lambda m: f"{m[1]} {float(m[2]) * (1 + 3e-8)!r}", text)


def one_iteration_less(text):
    return re.sub(r"(?m)^#define NPB_NMXH 10$", "#define NPB_NMXH 9", text)


def other_source(text):
    return re.sub(r"(?m)^#define NPB_ALPHA \S+$", "#define NPB_ALPHA 0.04001", text)


@pytest.mark.parametrize("change", [spoilt_integral, one_iteration_less, other_source])
def test_other_numbers_fail(npb, change):
    done = npb.run(npb.benchmark("ua", "S", change=change, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
