"""Frames of a memory file, copied through the file."""
import mmap
import os
import random

import pytest

from skete.engines import ramfile

PAGE, PAGES = 4096, 64


@pytest.fixture
def file():
    """(descriptor, mapping, where guest memory begins in it)"""
    base = 3 * PAGE
    fd = os.memfd_create("frames", os.MFD_CLOEXEC)
    os.ftruncate(fd, base + PAGES * PAGE)
    with mmap.mmap(fd, 0) as mapping:
        yield fd, mapping, base
    os.close(fd)


def used(fd: int) -> int:
    return os.fstat(fd).st_blocks * 512


@pytest.mark.parametrize("seed", range(4))
def test_as_a_copy_of_bytes_that_costs_what_was_touched(file, seed):
    fd, mapping, base = file
    draw = random.Random(seed)
    touched = draw.sample(range(PAGES // 2), 9) if seed else []
    with memoryview(mapping) as whole, whole[base:] as ram:
        for page in touched:
            ram[page * PAGE + 5:page * PAGE + 9] = draw.randbytes(4)
        before = used(fd)
        first, count = draw.randrange(8), draw.randrange(8, 24)
        to = (PAGES // 2 + first) * PAGE
        ramfile.copy(fd, ram, base, first * PAGE, to, count * PAGE)
        copied = sum(first <= page < first + count for page in touched)
        assert used(fd) - before == copied * PAGE
        assert ram[to:to + count * PAGE] == ram[first * PAGE:(first + count) * PAGE]
        assert bytes(ram[to + count * PAGE:]).strip(b"\0") == b""


def test_clear_empties_what_was_touched_and_nothing_else(file):
    fd, mapping, base = file
    with memoryview(mapping) as whole, whole[base:] as ram:
        for page in (1, 3, 4):
            ram[page * PAGE + 7] = 1
        before = used(fd)
        ramfile.clear(fd, ram, base, PAGE, 3 * PAGE)
        ramfile.clear(fd, ram, base, 10 * PAGE, (PAGES - 10) * PAGE)
        assert used(fd) == before
        assert bytes(ram[PAGE:4 * PAGE]) == bytes(3 * PAGE) and ram[4 * PAGE + 7] == 1
