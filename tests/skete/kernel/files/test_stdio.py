"""The monitor's own descriptors in the guest's hands: terminals, pipes, files, sockets."""
import os
import pty
import struct
import termios
from errno import EAGAIN, EBADF, EFAULT, ENOTTY, ENXIO, EPERM, ESRCH
from fcntl import F_GETFL, fcntl, ioctl

import pytest

from skete.abi import ioctls
from skete.kernel.files import stdio as open_stdio
from skete.kernel.files.stream import Fifo, SharedStream, SocketStream
from skete.kernel.files.terminal import SharedTerminal, Terminal
from tests.skete.kernel.fake import DATA, DATA_SIZE, WAITING
from tests.skete.kernel.files.guest import BUFFER, UNMAPPED, Guest


@pytest.fixture
def make(descriptors):
    """A guest on these host descriptors, which are closed in the end."""
    made, given = [], []

    def make(*fds, own=()):
        given.extend([*fds, *own])
        made.append(Guest(fds=fds))
        return made[-1]
    yield make
    for guest in made:
        guest.close()
    for fd in set(given):
        os.close(fd)


@pytest.fixture
def terminal(make):
    """(guest with a terminal as 0, 1 and 2; the master's descriptor; the terminal's)"""
    master, slave = pty.openpty()
    guest = make(slave, slave, slave, own=(master,))
    guest.namespace.terminal.control.take(guest.task.process)
    yield guest, master, slave


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno


def test_tiocgwinsz_is_the_real_window(terminal):
    guest, master, slave = terminal
    ioctl(master, termios.TIOCSWINSZ, struct.pack("<HHHH", 43, 132, 1, 2))
    assert guest.ioctl(1, ioctls.TIOCGWINSZ, BUFFER) == 0
    assert struct.unpack("<HHHH", guest.mm.read(BUFFER, 8)) == (43, 132, 1, 2)
    refuses(EFAULT, guest.ioctl, 1, ioctls.TIOCGWINSZ, UNMAPPED)
    refuses(EFAULT, guest.ioctl, 1, ioctls.TIOCGWINSZ, DATA + DATA_SIZE - 4)
    guest.mm.write(BUFFER, struct.pack("<HHHH", 24, 80, 0, 0))
    guest.ioctl(0, ioctls.TIOCSWINSZ, BUFFER)
    assert os.get_terminal_size(slave) == (80, 24)


@pytest.mark.parametrize("request_", [ioctls.TIOCGWINSZ, ioctls.TCGETS, ioctls.TIOCGPGRP, ioctls.TCSETS, 0x1234])
def test_what_is_no_terminal_says_enotty(make, tmp_path, request_):
    reader, writer = os.pipe()
    guest = make(reader, writer, os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR))
    for fd in (0, 1, 2, guest.open("/dev/null"), guest.open("/dev")):
        refuses(ENOTTY, guest.ioctl, fd, request_, UNMAPPED)
    refuses(EBADF, guest.ioctl, 77, request_, BUFFER)


def test_the_mode_is_read_and_set(terminal):
    guest, master, slave = terminal
    guest.ioctl(0, ioctls.TCGETS, BUFFER)
    raw = bytearray(guest.mm.read(BUFFER, 36))
    iflag, oflag, cflag, lflag = struct.unpack_from("<IIII", raw)
    assert [iflag, oflag, cflag, lflag] == termios.tcgetattr(slave)[:4]
    struct.pack_into("<I", raw, 12, lflag & ~termios.ECHO)
    guest.mm.write(BUFFER, bytes(raw))
    guest.ioctl(0, ioctls.TCSETSW, BUFFER)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO


def test_nobody_types_into_the_users_shell(terminal):
    guest, master, slave = terminal
    guest.mm.write(BUFFER, b"x")
    refuses(EPERM, guest.ioctl, 0, ioctls.TIOCSTI, BUFFER)
    assert guest.ioctl(0, ioctls.TIOCSCTTY, 1) == 0         # it has it already


def test_process_groups_are_the_guests_own(terminal):
    guest, master, slave = terminal
    pid = guest.task.process.pid
    for request in (ioctls.TIOCGPGRP, ioctls.TIOCGSID):
        guest.ioctl(0, request, BUFFER)
        assert guest.mm.read_u32(BUFFER) == pid
    guest.ioctl(0, ioctls.TIOCSPGRP, BUFFER)
    guest.mm.write_u32(BUFFER, 1)
    refuses(ESRCH, guest.ioctl, 0, ioctls.TIOCSPGRP, BUFFER)
    guest.task.process.tty = None
    for request in (ioctls.TIOCGPGRP, ioctls.TIOCGSID, ioctls.TIOCSPGRP, ioctls.TIOCNOTTY):
        refuses(ENOTTY, guest.ioctl, 0, request, BUFFER)


def test_reading_a_terminal_waits_for_a_line(terminal):
    guest, master, slave = terminal
    other = guest.machine.thread()
    assert guest.raw("read", 0, BUFFER, 100, task=other) is WAITING
    os.write(master, b"typed")
    guest.machine.go()
    assert other.call is not None, "half a line is none"
    os.write(master, b"\n")
    while other.call is not None:
        guest.machine.go(0.05)
    assert guest.mm.read(BUFFER, other.vcpu.result) == b"typed\n"
    os.write(master, b"\x04")
    assert guest.raw("poll", guest.string(b"\0\0\0\0\1\0\0\0"), 1, 5000) in (1, WAITING)
    while guest.task.call is not None:
        guest.machine.go(0.05)
    assert guest.read(0) == b""


def test_writing_and_o_nonblock_leave_the_users_terminal_as_it_was(terminal):
    guest, master, slave = terminal
    assert isinstance(guest.files.get(0), Terminal)
    guest.fcntl(0, 4, os.O_NONBLOCK)
    refuses(EAGAIN, guest.read, 0)
    assert guest.write(1, b"out") == 3
    assert os.read(master, 10) == b"out"    # waits: the line discipline works beside us
    assert not fcntl(slave, F_GETFL) & os.O_NONBLOCK


def test_a_terminal_that_takes_no_more_makes_the_guest_wait_and_not_the_monitor(terminal):
    guest, master, slave = terminal
    other = guest.machine.thread()
    result = 0
    for _ in range(20):
        result = guest.raw("write", 1, BUFFER, 0x7000, task=other)
        if result is WAITING:
            break
    assert result is WAITING
    taken = 0
    while other.call is not None:
        taken += len(os.read(master, 65536))
        guest.machine.go()
    assert other.vcpu.result == 0x7000


def test_dev_tty_is_the_terminal_or_enxio(terminal, make):
    guest, master, slave = terminal
    fd = guest.open("/dev/tty", os.O_RDWR)
    guest.write(fd, b"hi")
    assert os.read(master, 10) == b"hi"
    assert guest.readlink("/proc/self/fd/0") == b"/dev/tty"
    refuses(ENXIO, make().open, "/dev/tty")


def test_the_master_of_a_terminal_is_not_opened_again(make):
    master, slave = pty.openpty()
    guest = make(master, own=(slave,))
    assert isinstance(guest.files.get(0), SharedTerminal)
    assert guest.raw("read", 0, BUFFER, 10) is WAITING
    os.write(slave, b"to the master")
    while guest.task.call is not None:
        guest.machine.go(0.05)
    assert guest.task.vcpu.result == 10


def test_pipes_keep_their_mode_for_the_others_who_have_them(make):
    (r1, w1), (r2, w2) = os.pipe(), os.pipe()
    guest = make(r1, w2, own=(w1, r2))
    assert guest.raw("read", 0, BUFFER, 10) is WAITING
    os.write(w1, b"in")
    guest.machine.go()
    assert guest.task.vcpu.result == 2
    guest.write(1, b"out")
    assert os.read(r2, 10) == b"out"
    assert not (fcntl(r1, F_GETFL) | fcntl(w2, F_GETFL)) & os.O_NONBLOCK


def test_a_slow_reader_makes_the_guest_wait(make):
    reader, writer = os.pipe()
    guest = make(os.open("/dev/null", os.O_RDONLY), writer, own=(reader,))
    total = 0
    while (result := guest.raw("write", 1, BUFFER, 0x5000)) is not WAITING:
        total += result
    while guest.task.call is not None:
        os.read(reader, 4096)
        guest.machine.go()
    assert guest.task.vcpu.result == 0x5000


@pytest.mark.parametrize("kind", [SharedStream, Fifo])
def test_without_proc_a_pipe_is_polled_first(make, monkeypatch, kind):
    from skete.kernel.files import inherited
    if kind is SharedStream:
        monkeypatch.setattr(inherited, "_open_again", lambda fd, flags: -1)
    (r1, w1), (r2, w2) = os.pipe(), os.pipe()
    guest = make(r1, w2, own=(w1, r2))
    assert type(guest.files.get(0)) is kind
    assert guest.raw("read", 0, BUFFER, 10) is WAITING
    os.write(w1, b"x")
    guest.machine.go()
    assert guest.task.vcpu.result == 1
    guest.mm.write(BUFFER, bytes(range(256)) * 0x50)
    got = b""
    result = guest.raw("write", 1, BUFFER, 0x5000)
    while result is WAITING or guest.task.call is not None:
        got += os.read(r2, 4096)
        guest.machine.go()
        result = None
    while len(got) < 0x5000:
        got += os.read(r2, 4096)
    assert got == bytes(range(256)) * 0x50
    while guest.raw("write", 1, BUFFER, 0x5000) is not WAITING:
        pass
    while guest.task.call is not None:
        os.read(r2, 65536)
        guest.machine.go()


def test_a_file_shares_its_offset_with_the_shell(make, tmp_path):
    fd = os.open(tmp_path / "log", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"before\n")
    guest = make(os.open("/dev/null", os.O_RDONLY), fd)
    guest.write(1, b"guest\n")
    os.write(fd, b"after\n")
    assert (tmp_path / "log").read_bytes() == b"before\nguest\nafter\n"
    guest.fcntl(1, 4, os.O_NONBLOCK)
    assert not fcntl(fd, F_GETFL) & os.O_NONBLOCK
    copy = guest.open("/dev/stdout", os.O_WRONLY | os.O_APPEND)
    guest.write(copy, b"again\n")
    assert (tmp_path / "log").read_bytes().endswith(b"after\nagain\n")


def test_sockets_take_msg_dontwait(make):
    import socket
    ours, theirs = socket.socketpair()
    guest = make(os.dup(theirs.fileno()), os.dup(theirs.fileno()))
    assert isinstance(guest.files.get(0), SocketStream)
    assert guest.raw("read", 0, BUFFER, 10) is WAITING
    ours.send(b"hello")
    guest.machine.go()
    assert guest.mm.read(BUFFER, guest.task.vcpu.result) == b"hello"
    guest.write(1, b"back")
    assert ours.recv(10) == b"back"
    ours.close()
    assert guest.read(0) == b""
    assert not fcntl(theirs.fileno(), F_GETFL) & os.O_NONBLOCK
    theirs.close()


def test_a_closed_descriptor_is_a_hole(descriptors):
    fd = os.dup(0)
    os.close(fd)
    assert open_stdio((fd,)) == [None]
    guest = Guest(fds=(fd,))
    assert guest.open("/dev/null") == 0
    guest.close()


def test_ttyname_finds_dev_tty(terminal):
    """What ttyname(3) does: the link of descriptor 0, and whether that is the same file."""
    guest, master, slave = terminal
    name = guest.readlink("/proc/self/fd/0")
    by_name, by_descriptor = guest.stat(name), os.fstat(slave)
    assert (by_name.dev, by_name.ino, by_name.rdev) == (
        by_descriptor.st_dev, by_descriptor.st_ino, by_descriptor.st_rdev)
