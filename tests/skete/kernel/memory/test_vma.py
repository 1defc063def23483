"""The vma list against the plainest possible model: a dict of pages."""
import random

import pytest

from skete.kernel.memory.vma import Vma, VmaList

P = 4096


def test_neighbours_join_when_everything_agrees():
    vmas = VmaList()
    vmas.insert(Vma(0x1000, 0x2000, 3, 0x5000))
    vmas.insert(Vma(0x3000, 0x4000, 3, 0x5000))
    vmas.insert(Vma(0x2000, 0x3000, 3, 0x5000))
    assert [(v.start, v.end) for v in vmas] == [(0x1000, 0x4000)]


@pytest.mark.parametrize("why, other", [
    ("frames that are no neighbours", dict(delta=0x9000)),
    ("another protection",            dict(prot=1)),
    ("shared beside private",         dict(shared=True)),
    ("another file",                  dict(name="libc.so")),
    ("not shown beside shown",        dict(shown=False)),
    ("charged beside uncharged",      dict(charged=True)),
])
def test_neighbours_stay_apart(why, other):
    vmas = VmaList()
    vmas.insert(Vma(0x1000, 0x2000, 3, 0x5000))
    vmas.insert(Vma(0x2000, 0x3000, **{"prot": 3, "delta": 0x5000, **other}))
    assert len(vmas) == 2, why


@pytest.mark.parametrize("seed", range(8))
def test_random_maps_and_cuts_match_a_dict_of_pages(seed):
    rng = random.Random(seed)
    vmas, model = VmaList(), {}
    for _ in range(400):
        start = rng.randrange(0, 64)
        end = start + rng.randrange(1, 12)
        removed = vmas.cut(start * P, end * P)
        gone = {page: model.pop(page) for page in range(start, end) if page in model}
        assert {p // P: (v.prot, v.delta) for v in removed for p in range(v.start, v.end, P)} == gone
        if rng.random() < 0.6:
            kind = (rng.choice((1, 3)), rng.choice((0, P)))
            vmas.insert(Vma(start * P, end * P, *kind))
            model.update(dict.fromkeys(range(start, end), kind))
        assert {p // P: (v.prot, v.delta) for v in vmas for p in range(v.start, v.end, P)} == model
        assert all(a.end <= b.start and not a.joins(b) for a, b in zip(vmas.vmas, vmas.vmas[1:]))
        at = rng.randrange(0, 80)
        found = vmas.at(at * P + 5)
        assert (found is not None) == (at in model)
        assert vmas.covers(start * P, end * P) == all(p in model for p in range(start, end))
        gap = vmas.gap_below(80 * P, 4 * P, 0)
        expected = max((s for s in range(77) if not any(p in model for p in range(s, s + 4))), default=None)
        assert gap == (None if expected is None else expected * P)


@pytest.mark.parametrize("seed", range(4))
def test_pieces_put_back_are_as_if_each_had_been_inserted(seed):
    rng = random.Random(seed)
    one, other = VmaList(), VmaList()
    for _ in range(200):
        start = rng.randrange(0, 64) * P
        end = start + rng.randrange(1, 30) * P
        pieces, same = one.cut(start, end), other.cut(start, end)
        if rng.random() < 0.3:
            pieces, same = [Vma(start, end, 1, 0)], [Vma(start, end, 1, 0)]
        for vma, twin in zip(pieces, same):
            vma.prot = twin.prot = rng.choice((1, 3))
        one.put(pieces)
        for vma in same:
            other.insert(vma)
        assert [(v.start, v.end, v.prot) for v in one] == [(v.start, v.end, v.prot) for v in other]
        assert one.starts == [v.start for v in one] and one.size == other.size
