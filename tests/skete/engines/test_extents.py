"""Extents against a set of numbers."""
import random

import pytest

from skete.engines.process.extents import Extents


def runs(numbers: set) -> list:
    """[(start, end)] of a set of numbers."""
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    ends = sorted(n + 1 for n in numbers if n + 1 not in numbers)
    return list(zip(starts, ends, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_as_a_set_of_numbers(seed):
    draw = random.Random(seed)
    extents, numbers = Extents(), set()
    for _ in range(400):
        start = draw.randrange(60)
        piece = range(start, start + draw.randrange(1, 20))
        assert extents.has(piece.start, piece.stop) == numbers.issuperset(piece)
        if draw.random() < 0.5:
            extents.add(piece.start, piece.stop)
            numbers.update(piece)
        else:
            extents.drop(piece.start, piece.stop)
            numbers.difference_update(piece)
        assert list(zip(extents.starts, extents.ends, strict=True)) == runs(numbers)


def test_too_many_are_forgotten():
    extents = Extents(most=3)
    for start in range(0, 100, 10):
        extents.add(start, start + 5)
        assert len(extents.starts) <= 3 and extents.has(start, start + 5)
