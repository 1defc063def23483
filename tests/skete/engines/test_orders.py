"""Orders that come to the same in fewer."""
from random import Random

import pytest

from skete.engines.process.orders import MMAP, MPROTECT, MUNMAP, merged

P = 0x1000


def mmap(start: int, pages: int, frame: int, prot: int = 3) -> tuple:
    return MMAP, start * P, pages * P, prot, 0x4011, 4, frame * P


def munmap(start: int, pages: int) -> tuple:
    return MUNMAP, start * P, pages * P


@pytest.mark.parametrize("changes, fewer", [
    ([mmap(1, 2, 7), mmap(3, 1, 9)], [mmap(1, 3, 7)]),
    ([mmap(3, 1, 9), mmap(1, 2, 7)], [mmap(1, 3, 7)]),
    ([mmap(1, 2, 7), mmap(3, 1, 9), mmap(4, 4, 10)], [mmap(1, 7, 7)]),
    ([mmap(1, 2, 7), mmap(3, 1, 9, 1)], None),
    ([mmap(1, 2, 7), mmap(3, 1, 8)], None),
    ([mmap(1, 2, 7), mmap(4, 1, 10)], None),
    ([munmap(1, 8), mmap(1, 2, 7), mmap(3, 4, 0)], [munmap(7, 2), mmap(1, 2, 7), mmap(3, 4, 0)]),
    ([munmap(1, 8), mmap(5, 9, 7)], [munmap(1, 4), mmap(5, 9, 7)]),
    ([munmap(1, 8), mmap(0, 9, 7)], [mmap(0, 9, 7)]),
    ([munmap(1, 8), mmap(3, 2, 7)], None),
    ([mmap(1, 8, 7), munmap(1, 8)], None),
    ([(3, 5), munmap(1, 8), (3, 6), mmap(0, 9, 7)], [(3, 5), (3, 6), mmap(0, 9, 7)]),
])
def test_what_follows_is_not_done_twice(changes, fewer):
    assert merged(changes) == (changes if fewer is None else fewer)


def shown(changes: list) -> dict:
    """{page: (protection, frame)} after these orders."""
    pages = {}
    for nr, start, length, *rest in changes:
        for n in range(length // P):
            page = start // P + n
            if nr == MMAP:
                pages[page] = rest[0], rest[3] // P + n
            elif nr == MUNMAP:
                pages.pop(page, None)
            else:
                pages[page] = rest[0], pages[page][1]       # a hole would be ENOMEM
    return pages


def test_the_same_is_shown_afterwards():
    random = Random(1)
    for _ in range(2000):
        changes, pages = [mmap(0, 24, 100)], shown([mmap(0, 24, 100)])
        for _ in range(random.randrange(2, 9)):
            start, length = random.randrange(20), random.randrange(1, 5)
            kinds = [mmap(start, length, start + random.choice((100, 200)), random.choice((1, 3))), munmap(start, length)]
            if all(page in pages for page in range(start, start + length)):
                kinds.append((MPROTECT, start * P, length * P, 1))
            changes.append(random.choice(kinds))
            pages = shown(changes)
        assert shown(merged(changes)) == pages, changes
