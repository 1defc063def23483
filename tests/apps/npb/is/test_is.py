"""IS: the keys as generated, the ranks of the first ranking, the verdict, counters that overflow."""
import re

import pytest


@pytest.mark.parametrize("letter", "SW")
@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_keys_and_first_ranks(npb, letter, threads):
    wanted = npb.facts("is")["checkpoints"][letter]
    done = npb.run(npb.benchmark("is", letter), "--checkpoints", "1", "-t", threads)
    assert [int(key) for key in re.findall(r"^ key\[\d\] (\d+)$", done.stdout, re.M)] == wanted["first_keys"]
    sums = f" sum {wanted['sum_of_keys']} least {wanted['min_key']} most {wanted['max_key']}"
    assert sums in done.stdout.splitlines()
    found = re.findall(r"^ ranking 1 test \d value (\d+) rank (\d+)$", done.stdout, re.M)
    assert [int(value) for value, _ in found] == wanted["iteration_1"]["test_values"]
    assert [int(rank) for _, rank in found] == wanted["iteration_1"]["ranks"]


@pytest.mark.parametrize("letter", "SW")
@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_a_class_verifies(npb, letter, threads):
    done = npb.run(npb.benchmark("is", letter), "-t", threads)
    assert done.returncode == 0 and " passed 51" in done.stdout.splitlines()
    block = npb.block(done)
    assert block["Verification"] == "SUCCESSFUL" and block["Iterations"] == "10"
    assert block["Operation type"] == "keys ranked"
    assert block["Size"] == str(npb.facts("is")["classes"][letter]["params"]["keys"])
    assert " IS Benchmark Completed" in done.stdout.splitlines(), "without a period"


def test_a_rank_that_is_off_by_one_fails(npb):
    def spoilt(text):
        return text.replace("npb_test_rank[5] = { 0, 18, 346,", "npb_test_rank[5] = { 0, 18, 347,")
    done = npb.run(npb.benchmark("is", "S", change=spoilt, plain=True))
    assert done.returncode == 1 and " passed 41" in done.stdout.splitlines()
    assert npb.block(done)["Verification"] == "UNSUCCESSFUL"


@pytest.mark.parametrize("threads", ["1", "2"])
def test_bytes_that_overflow_carry(npb, threads):
    """65536 keys of 16 values: every counter of one byte overflows many times. The order must be right all the same."""
    def few_values(text):
        return text.replace("#define NPB_MAX_KEY 2048\n", "#define NPB_MAX_KEY 16\n")
    done = npb.run(npb.benchmark("is", "S", change=few_values), "-t", threads)
    assert done.returncode == 1, "the ranks are other ones"
    assert "out of order" not in done.stdout
    assert re.search(r"^ passed [1-9]", done.stdout, re.M), "the sorted sequence is one test that is passed"
