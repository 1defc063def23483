"""FT: points of the initial field and its transform, all checksums, the verdict."""
import re

import pytest

WIDTHS = ["sse2", "avx2", "avx512"]


def points(done) -> dict[str, complex]:
    """The points that a run with --checkpoints prints, in order, by name."""
    found = re.findall(r"^ (\w\[\d+\]\[\d+\]\[\d+\]) (\S+) (\S+)$", done.stdout, re.M)
    return {name: complex(float(re), float(im)) for name, re, im in found}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("letter", "SW")
def test_field_and_transform(npb, letter, width):
    facts = npb.facts("ft")
    wanted, params = facts["checkpoints"][letter], facts["classes"][letter]["params"]
    found = points(npb.run(npb.benchmark("ft", letter, width), "--checkpoints", "1", "-t", "2"))
    last = f"u[{params['nz'] - 1}][{params['ny'] - 1}][{params['nx'] - 1}]"
    assert found["u[0][0][0]"] == complex(*wanted["u_0_0_0"])
    assert found[last] == complex(*wanted["u_last"])
    assert abs(found["V[0][0][0]"] - complex(*wanted["sum_of_field"])) < 1e-13 * abs(found["V[0][0][0]"])
    assert abs(found["V[1][2][3]"] - complex(*wanted["V_k1_j2_i3_exponent_minus"])) < 1e-12 * abs(found["V[0][0][0]"])


@pytest.mark.parametrize("letter, width, threads", [
    *(("S", width, "1") for width in WIDTHS), *(("W", width, "1") for width in WIDTHS),
    ("S", "sse2", "2"), ("S", "sse2", "3"), ("S", "sse2", "4"), ("W", "sse2", "2")])
def test_a_class_verifies(npb, letter, width, threads):
    done = npb.run(npb.benchmark("ft", letter, width), "-t", threads)
    facts = npb.facts("ft")["classes"][letter]
    block = npb.block(done)
    assert done.returncode == 0 and block["Verification"] == "SUCCESSFUL"
    assert block["Size"].replace(" ", "") == "x".join(str(facts["params"][axis]) for axis in ("nx", "ny", "nz"))
    sums = re.findall(r"^ iteration +\d+ checksum +(\S+) +(\S+)$", done.stdout, re.M)
    for found, wanted in zip(sums, facts["verify"]["checksums"], strict=True):
        assert abs(complex(*map(float, found)) - complex(*wanted)) <= 1e-12 * abs(complex(*wanted))


@pytest.mark.parametrize("iteration", [1, 6])
def test_one_checksum_that_is_a_little_off_fails(npb, iteration):
    def spoilt(text):
        line = re.search(r"^static const double npb_checksums.*$", text, re.M)[0]
        value = npb.facts("ft")["classes"]["S"]["verify"]["checksums"][iteration - 1][0]
        spelt = re.findall(r"[-\d.e+]+", line.split("=")[1])[2 * (iteration - 1)]
        assert float(spelt) == value
        return text.replace(spelt, repr(value * (1 + 5e-12)))
    spoilt.__name__ = f"spoilt_{iteration}"
    done = npb.run(npb.benchmark("ft", "S", change=spoilt, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
    assert len([line for line in done.stdout.splitlines() if line.startswith(" !!")]) == 1
