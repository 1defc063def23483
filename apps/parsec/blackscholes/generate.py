"""Write a portfolio of European options with their prices, in the format of PARSEC's blackscholes.

    python generate.py --class S --output options.txt

The classes are PARSEC's sizes: S simsmall, W simmedium, A simlarge, B native. The same class and seed give the same
file. The prices are those of the numbers as written, by the closed formula with the distribution from math.erf.
"""
from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from math import erf, exp, log, sqrt

SIZES = {"S": 4096, "W": 16384, "A": 65536, "B": 10_000_000}
SEED = 20260101


def normal(x: float) -> float:
    """The standard normal distribution."""
    return 0.5 + 0.5 * erf(x / sqrt(2))


def price(spot: float, strike: float, rate: float, dividend: float, volatility: float, years: float,
          kind: str) -> float:
    """The call from the formula, the put from the parity of both. Rates per year, 1 is 100%."""
    spread = volatility * sqrt(years)
    d = log(spot / strike) / spread + (rate - dividend) * years / spread + spread / 2
    forward, cash = spot * exp(-dividend * years), strike * exp(-rate * years)
    call = forward * normal(d) - cash * normal(d - spread)
    return call if kind == "C" else call - forward + cash


def options(count: int, seed: int) -> Iterator[str]:
    """The lines of the file after the first."""
    draw = random.Random(seed).random
    for _ in range(count):
        spot = round(20 + 130 * draw(), 2)
        strike = round(spot * (0.6 + 0.8 * draw()), 2)
        rate, dividend = round(0.01 + 0.09 * draw(), 4), round(0.05 * draw(), 4)
        volatility, years = round(0.05 + 0.6 * draw(), 2), round(0.05 + 1.95 * draw(), 2)
        kind = "P" if draw() < 0.5 else "C"
        right = price(spot, strike, rate, dividend, volatility, years, kind)
        yield f"{spot} {strike} {rate} {dividend} {volatility} {years} {kind} 0.00 {right:.15f}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the input of blackscholes.")
    parser.add_argument("--class", dest="letter", choices=SIZES, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", required=True)
    args = parser.parse_args()
    with open(args.output, "w", encoding="ascii") as file:
        file.write(f"{SIZES[args.letter]}\n")
        file.writelines(options(SIZES[args.letter], args.seed))


if __name__ == "__main__":
    main()
