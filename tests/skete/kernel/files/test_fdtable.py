"""Descriptors: the lowest free number, sharing by dup, flags, limits."""
import os
from errno import EBADF, EFAULT, EINVAL, EMFILE, ENFILE, ENOENT

import pytest

from skete.abi.fcntl import (CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL,
                             F_SETFD,
                             F_SETFL, FD_CLOEXEC, O_LARGEFILE)
from skete.abi.ioctls import FIOCLEX, FIONBIO, FIONCLEX
from tests.skete.kernel.files.guest import BUFFER, UNMAPPED


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno


def test_the_lowest_free_number_is_given(guest):
    fds = [guest.open("/data/file") for _ in range(5)]
    assert fds == [0, 1, 2, 3, 4]
    guest.call("close", 3)
    guest.call("close", 1)
    assert [guest.dup(0), guest.dup(0), guest.dup(0)] == [1, 3, 5]


def test_dup_shares_the_offset_and_the_status_flags_but_not_cloexec(guest):
    fd = guest.open("/data/file", os.O_RDWR | os.O_CLOEXEC)
    copy = guest.dup(fd)
    assert guest.read(fd, 5) == b"hello"
    assert guest.read(copy, 3) == b", w"
    guest.fcntl(copy, F_SETFL, os.O_APPEND | os.O_NONBLOCK)
    assert guest.fcntl(fd, F_GETFL, 0) == os.O_RDWR | os.O_APPEND | os.O_NONBLOCK | O_LARGEFILE
    assert guest.fcntl(fd, F_GETFD, 0) == FD_CLOEXEC and guest.fcntl(copy, F_GETFD, 0) == 0
    guest.call("close", fd)
    assert guest.read(copy, 2) == b"or"


def test_o_append_set_later_counts(guest, folder):
    fd = guest.open("/data/file", os.O_RDWR)
    guest.fcntl(fd, F_SETFL, os.O_APPEND)
    guest.write(fd, b"more")
    assert (folder / "file").read_bytes() == b"hello, world\nmore"
    guest.fcntl(fd, F_SETFL, 0)
    guest.lseek(fd, 0, 0)
    guest.write(fd, b"J")
    assert (folder / "file").read_bytes()[:5] == b"Jello"


@pytest.mark.parametrize("why, name, words, errno", [
    ("closed",                     "dup",         (7,),                         EBADF),
    ("negative",                   "dup",         (-1,),                        EBADF),
    ("dup2 of closed",             "dup2",        (7, 0),                       EBADF),
    ("dup2 to negative",           "dup2",        (0, -1),                      EBADF),
    ("dup2 beyond the limit",      "dup2",        (0, 1 << 20),                 EBADF),
    ("dup3 on itself",             "dup3",        (0, 0, 0),                    EINVAL),
    ("dup3 with O_APPEND",         "dup3",        (0, 5, os.O_APPEND),          EINVAL),
    ("F_DUPFD beyond the limit",   "fcntl",       (0, F_DUPFD, 1 << 20),        EINVAL),
    ("fcntl on closed",            "fcntl",       (7, F_GETFD, 0),              EBADF),
    ("an unknown command",         "fcntl",       (0, 999, 0),                  EINVAL),
    ("close twice",                "close",       (7,),                         EBADF),
    ("a range that ends first",    "close_range", (5, 4, 0),                    EINVAL),
    ("close_range flags",          "close_range", (5, 6, 1),                    EINVAL),
    ("pipe flags",                 "pipe2",       (BUFFER, 1),                  EINVAL),
    ("pipe to nowhere",            "pipe",        (UNMAPPED,),                  EFAULT),
    ("read of closed",             "read",        (7, BUFFER, 1),               EBADF),
    ("write of read-only",         "write",       (0, BUFFER, 1),               EBADF),
    ("ioctl on closed",            "ioctl",       (7, FIOCLEX, 0),              EBADF),
])
def test_descriptor_calls_refuse(guest, why, name, words, errno):
    assert guest.open("/data/file") == 0
    refuses(errno, guest.call, name, *words)
    assert guest.files.numbers() == [0], "a failing call left a descriptor"


def test_dup2_replaces_and_dup2_on_itself_keeps(guest):
    a, b = guest.open("/data/file", os.O_CLOEXEC), guest.open("/data/sub/inner", os.O_CLOEXEC)
    assert guest.dup2(a, a) == a and guest.fcntl(a, F_GETFD, 0) == FD_CLOEXEC
    assert guest.dup2(a, b) == b and guest.fcntl(b, F_GETFD, 0) == 0
    assert guest.read(b, 5) == b"hello"
    assert guest.dup2(a, 100) == 100 and guest.dup3(a, 50, os.O_CLOEXEC) == 50
    assert guest.files.numbers() == [0, 1, 50, 100]
    assert guest.fcntl(a, F_DUPFD, 60) == 60 and guest.fcntl(a, F_DUPFD_CLOEXEC, 50) == 51
    assert guest.fcntl(51, F_GETFD, 0) == FD_CLOEXEC


def test_the_limit_counts_numbers(guest):
    guest.files.limit = 5
    for _ in range(5):
        guest.open("/data/file")
    refuses(EMFILE, guest.open, "/data/file")
    refuses(EMFILE, guest.open, "/data/new", os.O_CREAT)
    refuses(EMFILE, guest.dup, 0)
    refuses(EMFILE, guest.pipe)
    refuses(EMFILE, guest.fcntl, 0, F_DUPFD, 0)
    guest.call("close", 2)
    refuses(EMFILE, guest.pipe)
    assert guest.open("/data/file") == 2
    refuses(ENOENT, guest.stat, "/data/new")


def test_a_guest_cannot_use_up_the_monitors_descriptors(guest):
    guest.files.limit = 1 << 20
    opened = 0
    with pytest.raises(OSError) as refused:
        while True:
            guest.open("/data/sub", os.O_DIRECTORY)
            opened += 1
    assert refused.value.errno == EMFILE
    os.close(os.dup(0))
    assert opened >= 16


def test_close_range(guest):
    for _ in range(8):
        guest.open("/data/file")
    guest.close_range(2, 3, CLOSE_RANGE_CLOEXEC)
    assert guest.files.cloexec == {2, 3}
    guest.close_range(4, 0xffff_ffff, 0)
    assert guest.files.numbers() == [0, 1, 2, 3]
    shared = guest.files
    shared.refs = 2
    guest.close_range(0, 1, CLOSE_RANGE_UNSHARE)
    assert shared.numbers() == [0, 1, 2, 3] and guest.task.files.numbers() == [2, 3]
    guest.files = guest.task.files
    shared.close_all()


def test_exec_closes_what_is_marked(guest):
    guest.open("/data/file", os.O_CLOEXEC)
    guest.open("/data/file")
    guest.ioctl(1, FIOCLEX, 0)
    guest.ioctl(0, FIONCLEX, 0)
    guest.files.on_exec()
    assert guest.files.numbers() == [0]


def test_fork_copies_the_table_and_shares_the_descriptions(guest):
    fd = guest.open("/data/file")
    child = guest.files.fork()
    guest.read(fd, 7)
    assert child.get(fd) is guest.files.get(fd)
    guest.call("close", fd)
    assert child.get(fd).refs == 1
    child.close_all()


def test_fionbio_sets_o_nonblock(guest):
    reader, _ = guest.pipe()
    guest.mm.write_u32(BUFFER, 1)
    guest.ioctl(reader, FIONBIO, BUFFER)
    assert guest.fcntl(reader, F_GETFL, 0) == os.O_NONBLOCK
    guest.mm.write_u32(BUFFER, 0)
    guest.ioctl(reader, FIONBIO, BUFFER)
    assert guest.fcntl(reader, F_GETFL, 0) == 0
    guest.fcntl(reader, F_SETFD, FD_CLOEXEC)
    assert guest.files.cloexec == {reader}


def test_the_last_descriptors_of_the_host_are_the_monitors(guest, monkeypatch):
    for make in (lambda: guest.open("/data/file"), lambda: guest.pipe(), lambda: guest.call("eventfd2", 0, 0),
                 lambda: guest.call("inotify_init1", 0), lambda: guest.call("socket", 1, 1, 0)):
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(guest.files, "_last", 0)
        refuses(ENFILE, make)
        assert len(os.listdir("/proc/self/fd")) == before, "nothing stays open"
        monkeypatch.undo()
        make()
