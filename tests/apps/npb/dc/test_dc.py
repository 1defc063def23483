"""DC: every view against the checkpoints and against a group-by in Python, the files it works on, the verdict."""
import os
import re
import subprocess
from collections import Counter

import pytest


def run(program, where, *arguments, **more):
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=200, cwd=where, **more)


def views(done):
    """{mask: (rows, checksum)} of a run that prints its views."""
    return {int(mask): (int(rows), int(checksum)) for mask, rows, checksum in
            re.findall(r"^view (\d+) rows (\d+) checksum (\d+)$", done.stdout, re.M)}


def tuples(facts, letter):
    """The data set of a class: (measure, attributes), from the definition."""
    params, primes = facts["classes"][letter]["params"], facts["constants"]["primes"]
    modulus = facts["constants"]["measure_modulus"]
    roots = facts["constants"]["primitive_roots"]
    of = [(p, pow(root, x, p)) for p, root, x in zip(primes, roots, params["exponents"], strict=False)]
    state = [(p + 1) // 2 for p, _ in of]
    for _ in range(params["tuples"]):
        state = [s * g % p for s, (p, g) in zip(state, of, strict=True)]
        yield state[0] * max(state) % modulus, tuple(state)


def group(data, mask):
    """Rows and checksum of a view, the plain way."""
    sums = Counter()
    for measure, attributes in data:
        sums[tuple(a for i, a in enumerate(attributes) if mask >> i & 1)] += measure
    return len(sums), sum(r * sums[key] % 31415 for r, key in enumerate(sorted(sums), 1))


def test_every_view_of_class_s(npb, tmp_path):
    facts = npb.facts("dc")
    found = views(run(npb.benchmark("dc", "S"), tmp_path, "--checkpoints", "1"))
    assert found == {v["mask"]: (v["rows"], v["checksum"]) for v in facts["checkpoints"]["S"]["views"]}
    data = list(tuples(facts, "S"))
    assert found == {mask: group(data, mask) for mask in range(1, 32)}


def test_views_of_class_w(npb, tmp_path):
    facts = npb.facts("dc")
    done = run(npb.benchmark("dc", "W"), tmp_path, "--checkpoints", "1", "-t", "2")
    found = views(done)
    assert len(found) == 1023
    assert sum(rows for rows, _ in found.values()) == facts["classes"]["W"]["verify"]["rows_in_all_views"]
    for view in facts["checkpoints"]["W"]["views_at_sorted_positions"]:
        assert found[view["mask"]] == (view["rows"], view["checksum"])
    assert f"sum of measures {facts['checkpoints']['W']['sum_of_measures']}\n" in done.stdout
    data = list(tuples(facts, "W"))
    for mask in (0b1000000001, 0b0000111000, 0b1010101010):
        assert found[mask] == group(data, mask)


@pytest.mark.parametrize("letter, threads", [("S", "1"), ("S", "2"), ("S", "4"), ("W", "1"), ("W", "2"), ("W", "4")])
def test_a_class_verifies_and_leaves_no_file(npb, tmp_path, letter, threads):
    done = run(npb.benchmark("dc", letter), tmp_path, "-t", threads)
    block = npb.block(done)
    assert done.returncode == 0 and not done.stderr
    assert block["Verification"] == "SUCCESSFUL" and block["Operation type"] == "Tuples generated"
    assert block["Size"] == str(npb.facts("dc")["classes"][letter]["params"]["tuples"]) and block["Iterations"] == "1"
    assert os.listdir(tmp_path) == []


# Keys of 94 and 103 bits need two words.
@pytest.mark.parametrize("letter, attributes, tuples_", [("A", 15, 1000000), ("B", 20, 10000000)])
def test_wide_keys(npb, tmp_path, letter, attributes, tuples_):
    def small(text):
        text = re.sub(r"(?m)^#define NPB_VIEW_STEP \d+$", f"#define NPB_VIEW_STEP {2**attributes - 2}", text)
        return text.replace(f"#define NPB_TUPLES {tuples_}\n", "#define NPB_TUPLES 3000\n")
    facts = npb.facts("dc")
    facts["classes"][letter]["params"]["tuples"] = 3000
    found = views(run(npb.benchmark("dc", letter, change=small), tmp_path, "--checkpoints", "1"))
    data = list(tuples(facts, letter))
    assert len(found) == 2 and 2**attributes - 1 in found
    assert found == {mask: group(data, mask) for mask in found}


def spoilt_checksum(text):
    return text.replace("#define NPB_CHECKSUM 464620213\n", "#define NPB_CHECKSUM 464620214\n")


def one_tuple_less(text):
    return text.replace("#define NPB_TUPLES 1000\n", "#define NPB_TUPLES 999\n")


@pytest.mark.parametrize("change", [spoilt_checksum, one_tuple_less])
def test_other_numbers_fail(npb, tmp_path, change):
    done = run(npb.benchmark("dc", "S", change=change, plain=True), tmp_path)
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"


def test_says_why_it_cannot_write(npb, tmp_path):
    (tmp_path / "dc.tuples").mkdir()
    done = run(npb.benchmark("dc", "S"), tmp_path)
    assert done.returncode == 1 and done.stderr == "dc: dc.tuples: Is a directory\n"


def test_a_full_disk_is_no_success(npb, tmp_path):
    (tmp_path / "dc.view.0").symlink_to("/dev/full")
    done = run(npb.benchmark("dc", "S"), tmp_path)
    assert done.returncode == 1 and done.stderr == "dc: view: No space left on device\n"
