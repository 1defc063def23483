"""EP: the first batch, exact counts, the verdict."""
import re

import pytest

SUMS = r"^ (sx|sy) (\S+)$"
COUNTS = r"^ q\[\d\] (\d+)$"


def tally(done):
    """The sums and counts that a run prints."""
    sums = {name: float(value) for name, value in re.findall(SUMS, done.stdout, re.M)}
    counts = [int(count) for count in re.findall(COUNTS, done.stdout, re.M)]
    return sums, counts, int(re.search(r"gaussian pairs (\d+)", done.stdout)[1])


@pytest.mark.parametrize("width", ["sse2", "avx2", "avx512"])
def test_first_batch(npb, width):
    wanted = npb.facts("ep")["checkpoints"]["any_class_first_batch"]
    sums, counts, pairs = tally(npb.run(npb.benchmark("ep", "S", width), "--checkpoints", "1"))
    assert counts == wanted["counts"] and pairs == wanted["pairs"]
    assert sums == pytest.approx({"sx": wanted["sx"], "sy": wanted["sy"]}, rel=1e-13)


@pytest.mark.parametrize("letter, width, threads", [
    ("S", "sse2", 1), ("S", "avx2", 1), ("S", "avx512", 1), ("S", "sse2", 2), ("S", "sse2", 3), ("S", "sse2", 4),
    ("W", "sse2", 2)])
def test_a_class_verifies_and_counts_exactly(npb, letter, width, threads):
    done = npb.run(npb.benchmark("ep", letter, width), "-t", str(threads))
    facts = npb.facts("ep")["classes"][letter]
    sums, counts, pairs = tally(done)
    assert done.returncode == 0
    assert counts == facts["verify"]["counts"] and pairs == facts["verify"]["gaussian_pairs"]
    assert sums == pytest.approx({"sx": facts["verify"]["sx"], "sy": facts["verify"]["sy"]}, rel=1e-11)
    block = npb.block(done)
    assert block["Verification"] == "SUCCESSFUL" and block["Class"] == letter
    assert block["Size"] == str(2 * facts["params"]["pairs"]) and block["Iterations"] == "0"
    assert block["Operation type"] == "Random numbers generated"


@pytest.mark.parametrize("name", ["sx", "sy"])
def test_a_reference_that_is_a_little_off_fails(npb, name):
    def spoilt(text):
        line = rf"(?m)(#define NPB_{name.upper()}) (\S+)$"
        return re.sub(line, lambda m: f"{m[1]} {float(m[2]) * (1 + 3e-8)!r}", text)
    spoilt.__name__ = f"spoilt_{name}"
    done = npb.run(npb.benchmark("ep", "S", change=spoilt))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"
