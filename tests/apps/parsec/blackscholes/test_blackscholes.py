"""blackscholes: prices against an integral, the generator, the interface, what is refused.

The right prices come from the definition, the discounted mean payoff, integrated here: that shares neither formula nor
distribution function with the program, and is good to 1e-9 without mpmath or scipy.
"""
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[4] / "apps" / "parsec" / "blackscholes"
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror", "-DRUNS=2"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("blackscholes")


@pytest.fixture(scope="session")
def program(folder, host):
    target = folder / "blackscholes"
    sources = sorted(APP.glob("*.c"))
    done = subprocess.run([host.cc, *STRICT, "-o", target, *sources, "-lm", "-pthread"], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return target


@pytest.fixture(scope="session")
def small(folder):
    """The input of simsmall."""
    return generate(folder / "small.txt")


def generate(target, *more):
    subprocess.run([sys.executable, APP / "generate.py", "--class", "S", "--output", target, *more], check=True,
                   timeout=60)
    return target


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def expected_payoff(spot, strike, rate, dividend, volatility, years, kind):
    """The price by definition: the discounted mean payoff over a lognormal price at expiry, by Simpson's rule from the
    kink on. Knows neither d1 nor the normal distribution function."""
    spread = volatility * math.sqrt(years)
    drift = (rate - dividend) * years - spread**2 / 2
    kink = (math.log(strike / spot) - drift) / spread
    low, high = (kink, max(kink, 0) + 12 + spread) if kind == "C" else (min(kink, 0) - 12, kink)
    if high <= low:
        return 0.0

    def value(z):
        return abs(spot * math.exp(drift + spread * z) - strike) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    n = 8000
    h = (high - low) / n
    total = value(low) + value(high) + sum((4 if i % 2 else 2) * value(low + i * h) for i in range(1, n))
    return math.exp(-rate * years) * total * h / 3


def read(path):
    """The options of an input file: six numbers, the type, the reference."""
    lines = path.read_text().splitlines()
    assert len(lines) == int(lines[0]) + 1
    rows = [line.split() for line in lines[1:]]
    assert all(len(row) == 9 for row in rows)
    return [(*map(float, row[:6]), row[6], float(row[8])) for row in rows]


def test_prices_against_the_integral(program, small, folder):
    done = run(program, 1, small, folder / "prices.txt")
    assert done.returncode == 0 and " Verification    =               SUCCESSFUL\n" in done.stdout
    count, *prices = (folder / "prices.txt").read_text().split()
    options = read(small)
    assert int(count) == len(prices) == len(options) == 4096
    for at in random.Random(1).sample(range(4096), 200):
        right = expected_payoff(*options[at][:7])
        assert float(prices[at]) == pytest.approx(right, abs=1e-9), options[at]
        assert options[at][7] == pytest.approx(right, abs=1e-9), options[at]


def test_every_price_against_the_closed_formula(program, small, folder):
    run(program, 2, small, folder / "all.txt")
    for option, price in zip(read(small), (folder / "all.txt").read_text().split()[1:], strict=True):
        spot, strike, rate, dividend, volatility, years, kind, _ = option
        spread = volatility * math.sqrt(years)
        d1 = (math.log(spot / strike) + (rate - dividend) * years) / spread + spread / 2
        sign = 1 if kind == "C" else -1
        n1, n2 = (math.erfc(-sign * d / math.sqrt(2)) / 2 for d in (d1, d1 - spread))
        right = sign * (spot * math.exp(-dividend * years) * n1 - strike * math.exp(-rate * years) * n2)
        assert abs(float(price) - right) < 1e-6


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 17])
def test_threads_make_no_difference(program, small, folder, threads):
    target = folder / f"threads{threads}.txt"
    assert run(program, threads, small, target).returncode == 0
    assert run(program, 1, small, folder / "one.txt").returncode == 0
    assert target.read_bytes() == (folder / "one.txt").read_bytes()


def test_more_threads_than_options(program, tmp_path):
    (tmp_path / "in").write_text("1\n42 40 0.1 0 0.2 0.5 C 0 4.759422392871532\n")
    assert run(program, 4, tmp_path / "in", tmp_path / "out").returncode == 0
    assert list(map(float, (tmp_path / "out").read_text().split())) == [1, pytest.approx(4.759422392871532, abs=1e-12)]


def test_the_generator_is_deterministic_and_seeded(small, tmp_path):
    assert generate(tmp_path / "again").read_bytes() == small.read_bytes()
    assert generate(tmp_path / "other", "--seed", "7").read_bytes() != small.read_bytes()
    kinds = [option[6] for option in read(small)]
    assert 1800 < kinds.count("P") < 2300 and kinds.count("P") + kinds.count("C") == 4096


@pytest.mark.parametrize("off, coarse, fine", [(5e-7, 0, 0), (5e-6, 0, 1), (2e-4, 1, 1), (math.nan, 1, 1)])
def test_references_that_are_off(program, tmp_path, off, coarse, fine):
    (tmp_path / "in").write_text(f"1\n42 40 0.1 0 0.2 0.5 C 0 {4.759422392871532 + off}\n")
    done = run(program, 1, tmp_path / "in", tmp_path / "out")
    assert done.returncode == (1 if fine else 0)
    assert f" off by 1e-4     = {coarse:24}\n off by 1e-6     = {fine:24}\n" in done.stdout


@pytest.mark.parametrize("text, line", [
    ("", 1), ("many\n", 1), ("0\n", 1), ("1\n", 2), ("2\n42 40 0.1 0 0.2 0.5 C 0 4.7\n", 3),
    ("1\n42 40 0.1 0 0.2 0.5 X 0 4.7\n", 2), ("1\n42 40 0.1 0 0.2 0.5 C 0\n", 2),
    ("1\n42 40 0.1 0 0.2 0.5 C 0 4.7 9\n", 2), ("1\n42 40 0.1 0 0 0.5 C 0 4.7\n", 2)])
def test_wrong_input_is_refused_by_line(program, tmp_path, text, line):
    (tmp_path / "in").write_text(text)
    done = run(program, 1, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 1 and done.stderr == f"blackscholes: {tmp_path / 'in'}: line {line} is wrong\n"
    assert not (tmp_path / "out").exists()


def test_command_lines_that_are_refused(program, small, tmp_path):
    assert run(program).returncode == 2
    assert run(program, "0", small, tmp_path / "out").returncode == 1
    done = run(program, "1", tmp_path / "none", tmp_path / "out")
    assert done.returncode == 1 and done.stderr.endswith("none: No such file or directory\n")
    assert run(program, "1", small, "/dev/full").returncode == 1
