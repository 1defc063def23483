"""Who else holds a frame: against a dictionary of counts."""
import random

from skete.kernel.memory.holders import Holders


def test_what_nobody_shares_is_free_at_once():
    assert Holders().drop(0, 10) == [(0, 10)]


def test_the_last_holder_frees_it():
    holders = Holders()
    holders.add(2, 6)
    assert holders.drop(0, 8) == [(0, 2), (6, 8)]
    assert holders.drop(2, 6) == [(2, 6)]
    assert not holders


def test_neighbours_with_the_same_count_are_one():
    holders = Holders()
    for start in (0, 2, 1):
        holders.add(start, start + 1)
    assert (holders.starts, holders.ends, holders.others) == ([0], [3], [1])


def test_against_counts():
    chance = random.Random(7)
    holders, counts = Holders(), {}
    for _ in range(3000):
        start = chance.randrange(40)
        end = start + chance.randrange(1, 12)
        if chance.random() < 0.45:
            holders.add(start, end)
            for page in range(start, end):
                counts[page] = counts.get(page, 0) + 1
        else:
            freed = {page for a, b in holders.drop(start, end) for page in range(a, b)}
            assert freed == {page for page in range(start, end) if not counts.get(page)}
            for page in range(start, end):
                if counts.get(page):
                    counts[page] -= 1
        assert holders.starts == sorted(holders.starts)
        pieces = list(zip(holders.starts, holders.ends, holders.others))
        assert all(a < b and n > 0 for a, b, n in pieces)
        assert all(left[1] <= right[0] for left, right in zip(pieces, pieces[1:]))
        shown = {page: n for a, b, n in pieces for page in range(a, b)}
        assert shown == {page: n for page, n in counts.items() if n}
        assert holders.any(start, end) == any(counts.get(page) for page in range(start, end))
