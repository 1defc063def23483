"""CG: the matrix, the first iterations, the verdict."""
import re

import pytest


def numbers(line: str) -> dict[str, float]:
    """The numbers of a line by the word before each."""
    words = line.split()
    return {word: float(value) for word, value in zip(words[::2], words[1::2], strict=True)}


@pytest.mark.parametrize("letter, threads", [("S", "1"), ("S", "3"), ("W", "1"), ("W", "2"), ("A", "2")])
def test_matrix_and_first_iterations(npb, letter, threads):
    wanted = npb.facts("cg")["checkpoints"][letter]
    steps = min(len(wanted["zeta"]), 3)
    done = npb.run(npb.benchmark("cg", letter), "--checkpoints", str(steps), "-t", threads)
    lines = done.stdout.splitlines()
    drawn = numbers(next(line for line in lines if line.startswith(" drawn")))
    assert drawn == {"drawn": wanted["draws_in_loop"], "state": wanted["final_state"], "triples": wanted["triples"],
                     "elements": wanted["nnz"]}
    sums = numbers(next(line for line in lines if line.startswith(" sum")))
    assert sums == pytest.approx({"sum": wanted["sum"], "trace": wanted["trace"], "absolute": wanted["sum_abs"],
                                  "squares": wanted["sum_squares"], "first": wanted["a_0_0"]}, rel=1e-12)
    zeta = [float(found) for found in re.findall(r"zeta (\S+)$", done.stdout, re.M)]
    assert zeta == pytest.approx(wanted["zeta"][:steps], rel=1e-13)
    first = re.search(r"^ iteration +1 rnorm +(\S+)", done.stdout, re.M)
    assert float(first[1]) < 5e-13


@pytest.mark.parametrize("letter, threads", [("S", "1"), ("S", "2"), ("S", "4"), ("W", "1"), ("W", "2")])
def test_a_class_verifies(npb, letter, threads):
    done = npb.run(npb.benchmark("cg", letter), "-t", threads)
    params = npb.facts("cg")["classes"][letter]["params"]
    block = npb.block(done)
    assert done.returncode == 0 and block["Verification"] == "SUCCESSFUL"
    assert block["Size"] == str(params["n"]) and block["Iterations"] == str(params["niter"])
    assert block["Operation type"] == "floating point"


def test_a_reference_that_is_a_little_off_fails(npb):
    def spoilt(text):
        return re.sub(r"(?m)(#define NPB_ZETA) (\S+)$", lambda m: f"{m[1]} {float(m[2]) * (1 + 3e-10)!r}", text)
    done = npb.run(npb.benchmark("cg", "S", change=spoilt, plain=True))
    assert done.returncode == 1 and npb.block(done)["Verification"] == "UNSUCCESSFUL"


def test_the_same_threads_give_the_same_bits(npb):
    program = npb.benchmark("cg", "S")
    first, second = (re.findall(r"zeta \S+$", npb.run(program, "-t", "3").stdout, re.M) for _ in range(2))
    assert first == second and len(first) == 15
