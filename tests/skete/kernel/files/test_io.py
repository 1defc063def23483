"""Moving data: offsets, vectors, bad pages, clamps, directories, locks."""
import os
import struct
import time
from errno import EAGAIN, EBADF, EFAULT, EFBIG, EINVAL, EISDIR, ENOLCK, ENOSPC, ENOTDIR, ENXIO, EOPNOTSUPP, ESPIPE

import pytest

from skete.abi.fcntl import F_GETLK, F_RDLCK, F_SETLK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_NB, LOCK_UN, RWF_NOWAIT
from skete.abi.stat import DT_DIR, DT_FIFO, DT_LNK, DT_REG
from skete.kernel.files import calls_io, locks
from tests.skete.kernel.fake import DATA, DATA_SIZE, WAITING
from tests.skete.kernel.files.guest import BUFFER, UNMAPPED

END = DATA + DATA_SIZE      # the first address behind guest memory


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno, os.strerror(refused.value.errno)


@pytest.fixture
def fd(guest):
    return guest.open("/data/file", os.O_RDWR)


@pytest.mark.parametrize("why, name, words, errno", [
    ("a bad buffer",                "read",      (0, UNMAPPED, 5),                EFAULT),
    ("a bad buffer",                "write",     (0, UNMAPPED, 5),                EFAULT),
    ("a count above SSIZE_MAX",     "read",      (0, BUFFER, 1 << 63),            EFAULT),
    ("a directory",                 "read",      (1, BUFFER, 5),                  EISDIR),
    ("a directory",                 "pread64",   (1, BUFFER, 5, 0),               EISDIR),
    ("write of a directory",        "write",     (1, BUFFER, 5),                  EBADF),
    ("a negative offset",           "pread64",   (0, BUFFER, 5, -1),              EINVAL),
    ("a negative offset",           "pwrite64",  (0, BUFFER, 5, -1),              EINVAL),
    ("a negative offset",           "preadv",    (0, BUFFER, 0, -1),              EINVAL),
    ("offset -2",                   "pwritev2",  (0, BUFFER, 0, -2, 0, 0),        EINVAL),
    ("a pipe has no offset",        "pread64",   (2, BUFFER, 5, 0),               ESPIPE),
    ("a pipe has no offset",        "pwritev",   (3, BUFFER, 0, 0),               ESPIPE),
    ("a pipe has no offset",        "lseek",     (2, 0, 0),                       ESPIPE),
    ("1025 pieces",                 "readv",     (0, BUFFER, 1025),               EINVAL),
    ("-1 pieces",                   "writev",    (0, BUFFER, -1),                 EINVAL),
    ("a bad iovec",                 "readv",     (0, UNMAPPED, 1),                EFAULT),
    ("unknown RWF flags",           "preadv2",   (0, BUFFER, 0, 0, 0, 0x4000),    EOPNOTSUPP),
    ("whence 5",                    "lseek",     (0, 0, 5),                       EINVAL),
    ("before the start",            "lseek",     (0, -1, 0),                      EINVAL),
    ("no data behind the end",      "lseek",     (0, 1000, 3),                    ENXIO),
    ("a closed descriptor",         "lseek",     (9, 0, 0),                       EBADF),
    ("a negative length",           "ftruncate", (0, -1),                         EINVAL),
    ("a directory",                 "ftruncate", (1, 0),                          EINVAL),
    ("a pipe",                      "ftruncate", (3, 0),                          EINVAL),
    ("a mode",                      "fallocate", (0, 2, 0, 10),                   EOPNOTSUPP),
    ("a length of 0",               "fallocate", (0, 0, 0, 0),                    EINVAL),
    ("beyond every file",           "fallocate", (0, 0, (1 << 63) - 1, 10),       EFBIG),
    ("a pipe",                      "fallocate", (3, 0, 0, 10),                   ESPIPE),
    ("a pipe",                      "fsync",     (2,),                            EINVAL),
    ("no directory",                "getdents64", (0, BUFFER, 100),               ENOTDIR),
    ("too little room",             "getdents64", (1, BUFFER, 10),                EINVAL),
    ("sendfile from a pipe",        "sendfile",  (0, 2, 0, 10),                   EINVAL),
    ("flags",                       "copy_file_range", (0, 0, 0, 0, 1, 1),        EINVAL),
])
def test_io_refuses(guest, fd, why, name, words, errno):
    guest.open("/data/sub")
    guest.pipe()
    refuses(errno, guest.call, name, *words)


def test_nothing_to_move_is_no_error_whatever_the_address(guest, fd):
    assert guest.call("read", fd, UNMAPPED, 0) == 0
    assert guest.call("write", fd, UNMAPPED, 0) == 0
    assert guest.call("readv", fd, UNMAPPED, 0) == 0


def test_a_transfer_stops_at_the_first_bad_page(guest, fd, folder):
    assert guest.call("read", fd, END - 5, 13) == 5
    assert guest.mm.read(END - 5, 5) == b"hello"
    assert guest.lseek(fd, 0, 1) == 5
    guest.mm.write(END - 3, b"abc")
    assert guest.call("write", fd, END - 3, 1000) == 3
    assert (folder / "file").read_bytes() == b"helloabcorld\n"


def test_a_vector_stops_at_the_first_bad_page_too(guest, fd):
    iov = guest.iovec((BUFFER, 3), (END - 2, 4), (BUFFER + 100, 4))
    assert guest.call("readv", fd, iov, 3) == 5
    assert guest.mm.read(BUFFER, 3) == b"hel" and guest.mm.read(END - 2, 2) == b"lo"
    refuses(EFAULT, guest.call, "readv", fd, guest.iovec((UNMAPPED, 3), (BUFFER, 3)), 2)
    refuses(EINVAL, guest.call, "readv", fd, guest.iovec((BUFFER, 3), (BUFFER, -1)), 2)


def test_vectors_and_offsets(guest, fd, folder):
    guest.mm.write(BUFFER, b"0123456789")
    iov = guest.iovec((BUFFER + 5, 2), (BUFFER, 0), (BUFFER, 3))
    assert guest.call("writev", fd, iov, 3) == 5
    assert guest.call("pwritev", fd, iov, 3, 20) == 5
    assert guest.call("pwritev2", fd, iov, 3, -1, 0, 0) == 5
    assert guest.lseek(fd, 0, 1) == 10
    assert (folder / "file").read_bytes() == b"5601256012ld\n".ljust(20, b"\0") + b"56012"
    back = guest.iovec((BUFFER + 64, 3), (BUFFER + 128, 9))
    assert guest.call("preadv", fd, back, 2, 20) == 5
    assert guest.mm.read(BUFFER + 64, 3) + guest.mm.read(BUFFER + 128, 2) == b"56012"
    assert guest.call("preadv2", fd, back, 2, -1, 0, 0) == 12
    try:
        assert guest.call("preadv2", fd, back, 2, 0, 0, RWF_NOWAIT) == 12
    except OSError as e:
        assert e.errno in (EOPNOTSUPP, EAGAIN)     # not every host filesystem can


def test_lseek_finds_data_and_holes(guest, fd, folder):
    os.truncate(folder / "file", 1 << 20)
    with open(folder / "file", "r+b") as file:
        file.seek(1 << 19)
        file.write(b"x" * 4096)
    native = os.open(folder / "file", os.O_RDONLY)
    for offset in (0, 4096, 1 << 19, (1 << 19) + 4096):
        for whence in (os.SEEK_DATA, os.SEEK_HOLE):
            try:
                expected = os.lseek(native, offset, whence)
            except OSError as e:
                refuses(e.errno, guest.lseek, fd, offset, whence)
            else:
                assert guest.lseek(fd, offset, whence) == expected
    os.close(native)


def test_truncate_allocate_and_sync(guest, fd, folder):
    guest.ftruncate(fd, 3)
    assert (folder / "file").read_bytes() == b"hel"
    guest.fallocate(fd, 0, 0, 5000)
    assert (folder / "file").stat().st_size == 5000
    assert guest.fsync(fd) == guest.fdatasync(fd) == guest.sync() == guest.fsync(guest.open("/data/sub")) == 0


def test_sendfile_and_copy_file_range(guest, fd, folder):
    out = guest.open("/data/new", os.O_CREAT | os.O_RDWR)
    assert guest.sendfile(out, fd, 0, 5) == 5 and guest.lseek(fd, 0, 1) == 5
    guest.mm.write_u64(BUFFER, 7)
    assert guest.sendfile(out, fd, BUFFER, 100) == 6
    assert guest.mm.read_u64(BUFFER) == 13 and guest.lseek(fd, 0, 1) == 5
    assert (folder / "new").read_bytes() == b"helloworld\n"
    guest.mm.write_u64(BUFFER, 0)
    assert guest.copy_file_range(out, BUFFER, fd, 0, 3, 0) == 3
    assert (folder / "file").read_bytes() == b"hellohelorld\n" and guest.mm.read_u64(BUFFER) == 3
    reader, writer = guest.pipe()
    guest.mm.write_u64(BUFFER, 3)
    assert guest.sendfile(writer, out, BUFFER, 100) == 8
    assert guest.read(reader) == b"loworld\n"


def test_a_directory_is_listed_with_types_and_inodes(guest, folder):
    fd = guest.open("/data")
    entries = {name: (kind, ino) for name, kind, _, ino in guest.getdents(fd, 8192)}
    assert guest.getdents(fd) == []
    assert set(entries) == {b".", b".."} | {os.fsencode(name) for name in os.listdir(folder)}
    for name, kind in (("file", DT_REG), ("sub", DT_DIR), ("link", DT_LNK), ("fifo", DT_FIFO)):
        assert entries[name.encode()] == (kind, os.lstat(folder / name).st_ino)


def test_seekdir_returns_to_an_entry_and_rewinddir_sees_what_is_new(guest, folder):
    for n in range(500):
        (folder / "sub" / f"entry{n:03}").touch()
    fd = guest.open("/data/sub")
    first = guest.getdents(fd, 400)
    rest = []
    while more := guest.getdents(fd, 400):
        rest += more
    names = [name for name, *_ in first + rest]
    assert len(names) == len(set(names)) == 504
    assert [offset for _, _, offset, _ in first + rest] == list(range(1, 505))
    for n in range(250):
        os.unlink(folder / "sub" / f"entry{n:03}")
    (folder / "sub" / "late").touch()
    for name, _, offset, _ in (first[-1], rest[100], rest[-2]):
        assert guest.lseek(fd, offset, 0) == offset
        assert guest.getdents(fd, 400)[0][0] == names[offset]
    guest.lseek(fd, 0, 0)
    again = []
    while more := guest.getdents(fd, 4096):
        again += [name for name, *_ in more]
    assert b"late" in again and len(again) == 255
    refuses(EINVAL, guest.lseek, fd, 0, 2)
    guest.call("close", fd)


def test_entries_that_cannot_be_delivered_are_not_lost(guest):
    fd = guest.open("/data")
    refuses(EFAULT, guest.getdents64, fd, UNMAPPED, 4096)
    assert guest.getdents(fd)[0][0] == b"."


def flock(guest, kind, start=0, length=0):
    guest.mm.write(BUFFER, struct.pack("<hh4xqqi4x", kind, 0, start, length, 0))
    return BUFFER


def test_locks_hold_off_other_programs_of_the_host(guest, fd, folder):
    guest.fcntl(fd, F_SETLK, flock(guest, F_WRLCK, 0, 5))
    guest.fcntl(fd, F_SETLK, flock(guest, F_RDLCK, 10, 5))
    child = os.fork()
    if not child:
        import fcntl
        with open(folder / "file", "r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 2)
            except BlockingIOError:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 6)
                os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    guest.fcntl(fd, F_GETLK, flock(guest, F_WRLCK))
    assert struct.unpack_from("<h", guest.mm.read(BUFFER, 2))[0] == F_UNLCK     # one's own never is in the way
    refuses(EINVAL, guest.fcntl, fd, F_SETLK, flock(guest, 9))
    refuses(EBADF, guest.fcntl, guest.open("/data/file"), F_SETLK, flock(guest, F_WRLCK))
    refuses(EFAULT, guest.fcntl, fd, F_SETLK, UNMAPPED)


def test_flock_belongs_to_the_description(guest, fd):
    other, copy = guest.open("/data/file"), guest.dup(fd)
    guest.flock(fd, LOCK_EX)
    guest.flock(copy, LOCK_EX)
    refuses(EAGAIN, guest.flock, other, LOCK_EX | LOCK_NB)
    assert guest.raw("flock", other, LOCK_EX) == "WAITING"
    task = guest.machine.thread()
    guest.call("flock", fd, LOCK_UN, task=task)
    while guest.task.call is not None:
        guest.machine.go(0.1)
    assert guest.task.vcpu.result == 0
    refuses(EINVAL, lambda: guest.call("flock", fd, 0, task=task))


def test_dev_full_and_its_kin(guest):
    full, zero, null, random = (guest.open(f"/dev/{n}", os.O_RDWR) for n in ("full", "zero", "null", "urandom"))
    refuses(ENOSPC, guest.write, full, b"x")
    guest.mm.write(BUFFER, b"\xff" * 300)
    assert guest.read(full, 100) == guest.read(zero, 100) == bytes(100)
    assert guest.read(null) == b"" and guest.write(null, b"abc") == 3 and guest.lseek(null, 10, 0) == 0
    assert guest.read(random, 32) != guest.read(random, 32)
    assert guest.stat("/dev/null").rdev == os.stat("/dev/null").st_rdev
    assert guest.stat("/dev/null").mode == os.stat("/dev/null").st_mode


def test_there_are_so_many_locks_of_a_file_and_no_more(guest, fd, monkeypatch):
    monkeypatch.setattr(locks, "MOST", 3)
    for at in (0, 2, 4):
        guest.fcntl(fd, F_SETLK, flock(guest, F_WRLCK, at, 1))
    refuses(ENOLCK, guest.fcntl, fd, F_SETLK, flock(guest, F_WRLCK, 6, 1))
    guest.fcntl(fd, F_SETLK, flock(guest, F_UNLCK, 2, 1))
    guest.fcntl(fd, F_SETLK, flock(guest, F_WRLCK, 6, 1))


def test_a_large_buffer_is_moved_in_pieces(guest, fd, folder, monkeypatch):
    """As in one go, but others are served meanwhile; what cannot be accessed ends it, and the end of the file."""
    monkeypatch.setattr(calls_io, "_PIECE", 4)

    def moved(name, *words):
        result = guest.raw(name, *words)
        while result is WAITING:
            waited.append(name)
            time.sleep(0.001)
            guest.machine.go()
            vcpu = guest.task.vcpu
            result = vcpu.result if vcpu.state == "running" else WAITING
        return result
    text, waited = b"0123456789abcdef", []
    guest.mm.write(BUFFER, text)
    assert moved("pwrite64", fd, BUFFER, 10, 3) == 10 and waited[:2] == ["pwrite64"] * 2
    assert (folder / "file").read_bytes()[3:13] == b"0123456789"
    guest.lseek(fd, 0, os.SEEK_SET)
    guest.ftruncate(fd, 0)
    assert moved("write", fd, BUFFER, 16) == 16 and guest.lseek(fd, 0, os.SEEK_CUR) == 16
    assert (folder / "file").read_bytes() == text
    guest.mm.write(BUFFER, bytes(32))
    assert moved("pread64", fd, BUFFER, 30, 5) == 11 and guest.mm.read(BUFFER, 12) == text[5:] + b"\0"
    guest.lseek(fd, 2, os.SEEK_SET)
    assert moved("read", fd, BUFFER, 9) == 9 and guest.mm.read(BUFFER, 9) == text[2:11]
    assert moved("pread64", fd, END - 6, 16, 0) == 6 and guest.mm.read(END - 6, 6) == text[:6]
    assert moved("pread64", fd, UNMAPPED, 16, 0) == -EFAULT
    assert moved("pwrite64", fd, END - 6, 16, 20) == 6
