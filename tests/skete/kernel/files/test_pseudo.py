"""/dev and /proc: what programs ask about themselves."""
import os
from errno import EACCES, EINVAL, ELOOP, ENOENT, ENOTDIR, EROFS

import pytest

from skete.abi.stat import DT_CHR, DT_LNK
from tests.skete.kernel.files.guest import BUFFER


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno, os.strerror(refused.value.errno)


def test_proc_self_is_the_process_that_asks(guest):
    pid = b"%d" % guest.task.process.pid
    assert guest.readlink("/proc/self") == pid
    assert guest.readlink("/proc/self/exe") == b"/bin/program"
    guest.task.process.argv = [b"program", b"an argument"]
    assert guest.text("/proc/self/cmdline") == b"program\0an argument\0"
    assert guest.text("/proc/self/comm") == b"fake\n"
    assert pid in guest.listdir("/proc")
    refuses(ENOENT, guest.open, "/proc/1/exe")


def test_proc_self_fd_lists_and_links(guest, folder):
    fd = guest.open("/data/file", os.O_RDWR)
    reader, writer = guest.pipe()
    names = guest.listdir("/proc/self/fd")
    assert {b"0", b"1", b"2"} < set(names)
    assert guest.readlink(f"/proc/self/fd/{fd}") == b"/data/file"
    assert guest.readlink(f"/dev/fd/{reader}").startswith(b"pipe:[")
    listing = {name: kind for name, kind, *_ in guest.getdents(guest.open("/dev"))}
    assert listing[b"null"] == DT_CHR and listing[b"stdin"] == DT_LNK
    # Opened through it, a file has an offset of its own; a pipe is itself.
    guest.read(fd, 7)
    again = guest.open(f"/proc/self/fd/{fd}")
    assert guest.read(again, 5) == b"hello"
    guest.write(guest.open(f"/proc/self/fd/{writer}", os.O_WRONLY), b"x")
    assert guest.read(reader) == b"x"
    assert guest.stat(f"/proc/self/fd/{fd}").ino == os.stat(folder / "file").st_ino
    os.unlink(folder / "file")
    assert guest.text(f"/proc/self/fd/{fd}") == b"hello, world\n"
    refuses(ELOOP, guest.open, f"/proc/self/fd/{fd}", os.O_NOFOLLOW)
    refuses(ENOTDIR, guest.open, f"/proc/self/fd/{fd}/x")
    refuses(ENOENT, guest.open, "/proc/self/fd/99")


def test_a_directory_is_walked_through_its_descriptor(guest):
    fd = guest.open("/data/sub")
    assert guest.text(f"/proc/self/fd/{fd}/inner") == b"inner"
    assert guest.text(f"/proc/self/fd/{fd}/../file") == b"hello, world\n"
    assert guest.text("/proc/self/root/data/sub/inner") == b"inner"
    guest.chdir("/data/sub")
    assert guest.text("/proc/self/cwd/inner") == b"inner"


def test_maps_has_a_line_a_vma(guest):
    lines = guest.text("/proc/self/maps").decode().splitlines()
    assert "00100000-00110000 rw-p 00000000 00:00 0 " in lines


def test_a_made_up_file_has_an_offset(guest):
    guest.task.process.argv = [b"0123456789"]
    fd = guest.open("/proc/self/cmdline")
    assert guest.read(fd, 4) == b"0123" and guest.lseek(fd, 2, 1) == 6
    assert guest.call("pread64", fd, BUFFER, 3, 0) == 3
    assert guest.read(fd) == b"6789\0" and guest.read(fd) == b""
    refuses(EINVAL, guest.lseek, fd, -1, 0)


@pytest.mark.parametrize("name, words, errno", [
    ("openat", [-100, "/proc/self/cmdline", os.O_WRONLY, 0], EACCES),
    ("openat", [-100, "/proc/new", os.O_WRONLY | os.O_CREAT, 0], EROFS),
    ("openat", [-100, "/proc/self/exe/x", 0, 0], ENOENT),
    ("openat", [-100, "/dev/null/x", 0, 0], ENOTDIR),
    ("mkdir", ["/dev/new", 0], EROFS), ("unlink", ["/dev/null"], EROFS), ("rename", ["/dev/null", "/dev/new"], EROFS),
    ("chmod", ["/dev/null", 0], EROFS), ("truncate", ["/proc/self/maps", 0], EROFS),
    ("symlink", ["x", "/dev/y"], EROFS),
    ("readlink", ["/dev/null", BUFFER, 10], EINVAL), ("access", ["/proc/self/maps", 2], EROFS),
])
def test_what_is_built_in_does_not_change(guest, name, words, errno):
    refuses(errno, guest.call, name, *words)


def test_working_directories_can_be_made_up_ones(guest):
    guest.chdir("/proc/self")
    assert guest.getcwd() == b"/proc/%d" % guest.task.process.pid
    assert guest.text("../../data/file") == b"hello, world\n"
    child = guest.fs.fork()
    assert child.cwd_path() == guest.getcwd()
    child.close()
