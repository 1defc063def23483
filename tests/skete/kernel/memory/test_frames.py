import random

import pytest

from skete.kernel.memory.frames import Frames

P = 4096


def test_top_and_bottom_meet():
    frames = Frames(0, 8 * P, lambda *_: None)
    assert frames.take(P) == 0
    assert frames.take(P, top=True) == 7 * P
    assert frames.take(2 * P, top=True, near=7 * P) == 5 * P
    assert frames.take(P, near=P) == P
    assert frames.take(3 * P) == 2 * P
    with pytest.raises(OSError):
        frames.take(P)


def test_what_grows_has_room_and_finds_it_again():
    frames = Frames(0, 1024 * P, lambda *_: None)
    at = frames.take(P, grows=True)
    frames.take(P), frames.take(P, top=True)
    assert frames.take(P, near=at + P, grows=True) == at + P


def test_freed_frames_are_emptied_and_coalesce():
    emptied = []
    frames = Frames(0, 16 * P, lambda *extent: emptied.append(extent))
    a, b, c = frames.take(P), frames.take(P), frames.take(P)
    frames.give(a, P)
    frames.give(c, P)
    frames.give(b, P)
    assert (frames.starts, frames.ends) == ([0], [16 * P])
    assert emptied == [(a, P), (c, P), (b, P)]


def test_what_was_freed_last_is_cleared_where_it_is_taken_again_just_so():
    done = []
    frames = Frames(0, 4096 * P, lambda *extent: done.append(("discard", *extent)), lambda *extent: done.append(("clear", *extent)))
    a, b = frames.take(4 * P), frames.take(2 * P)
    frames.give(a, 4 * P)
    assert not done and frames.take(4 * P) == a and done == [("clear", a, 4 * P)], "before somebody has it"
    frames.give(a, 4 * P)
    frames.give(b, 2 * P)
    assert done[1:] == [("discard", a, 4 * P)], "one extent waits"
    assert frames.take(P, near=b) == b and done[2:] == [("discard", b, 2 * P)], "of which a part is taken"
    large = frames.take(1024 * P)
    frames.give(large, 1024 * P)
    assert done[3:] == [("discard", large, 1024 * P)], "at once"
    frames.take(P)
    assert len(done) == 4


def test_a_frame_freed_twice_is_our_bug_not_an_errno():
    frames = Frames(0, 16 * P, lambda *_: None)
    a = frames.take(2 * P)
    frames.give(a, 2 * P)
    with pytest.raises(AssertionError):
        frames.give(a + P, P)


def test_whatever_is_taken_is_empty():
    rng, full, held = random.Random(2), set(), []
    empty = lambda at, length: full.difference_update(range(at, at + length, P))     # noqa: E731
    frames = Frames(0, 256 * P, empty, empty)
    for _ in range(3000):
        if held and rng.random() < 0.5:
            frames.give(*held.pop(rng.randrange(len(held))))
            continue
        length = P * rng.choice((1, 1, 2, 4))
        try:
            at = frames.take(length, rng.random() < 0.5, rng.choice((-1, P * rng.randrange(256))))
        except OSError:
            continue
        pages = range(at, at + length, P)
        assert full.isdisjoint(pages)
        full.update(pages)
        held.append((at, length))


def test_random_takes_and_gives_never_overlap():
    rng, frames, held = random.Random(1), Frames(0, 256 * P, lambda *_: None), {}
    for _ in range(2000):
        if held and rng.random() < 0.5:
            start = rng.choice(list(held))
            frames.give(start, held.pop(start))
        else:
            size = rng.randrange(1, 9) * P
            try:
                start = frames.take(size, rng.random() < 0.5, rng.randrange(-1, 256) * P if rng.random() < 0.3 else -1,
                                    rng.random() < 0.2)
            except OSError:
                assert all(e - s < size for s, e in zip(frames.starts, frames.ends))
                continue
            assert all(start + size <= s or s + n <= start for s, n in held.items())
            held[start] = size
        assert frames.used == sum(held.values()) == 256 * P - sum(e - s for s, e in zip(frames.starts, frames.ends))
