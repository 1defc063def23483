"""Pipes, FIFOs and waiting: who sleeps, who is woken, what is left when a signal comes."""
import os
import struct
from errno import EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EPIPE

import pytest

from skete.abi.fcntl import F_GETPIPE_SZ, F_SETPIPE_SZ
from skete.abi.ioctls import FIONREAD
from skete.abi.signal import SIG_IGN, SIGPIPE, SIGUSR1
from skete.kernel.signals import pending
from skete.kernel.signals.siginfo import SigInfo
from tests.skete.kernel.fake import ENDED, WAITING
from tests.skete.kernel.files.guest import BUFFER, UNMAPPED

IN, OUT, HUP, ERR, NVAL = 1, 4, 16, 8, 32


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno, os.strerror(refused.value.errno)


@pytest.fixture
def ends(guest):
    return guest.pipe()


def ignore(guest, signo):
    guest.task.process.signals.actions[signo] = pending.Action(SIG_IGN)


def handle(guest, signo, flags=0):
    """A handler for it, and its delivery now, to the first task."""
    guest.task.process.signals.actions[signo] = pending.Action(0x1_0000, flags | 0x400_0000, 0x1_0000)
    pending.send_task(guest.task, SigInfo.sent(signo, 0, 1, 1))


def fill(guest, writer):
    flags = guest.fcntl(writer, 3, 0)
    guest.fcntl(writer, 4, os.O_NONBLOCK)
    done = 0
    with pytest.raises(BlockingIOError):
        while True:
            done += guest.write(writer, bytes(4096))
    guest.fcntl(writer, 4, flags)
    return done


def test_what_goes_in_comes_out_and_then_the_end(guest, ends):
    reader, writer = ends
    assert guest.write(writer, b"abc") == 3
    guest.ioctl(reader, FIONREAD, BUFFER)
    assert guest.mm.read_u32(BUFFER) == 3
    assert guest.read(reader, 2) == b"ab"
    guest.call("close", writer)
    assert guest.read(reader) == b"c"
    assert guest.read(reader) == b""


def test_a_pipe_holds_64_kib_and_its_size_can_be_set(guest, ends):
    reader, writer = ends
    assert guest.fcntl(writer, F_GETPIPE_SZ, 0) == 65536 == fill(guest, writer)
    assert guest.fcntl(reader, F_SETPIPE_SZ, 1 << 17) == 1 << 17


def test_a_reader_waits_for_a_writer(guest, ends):
    reader, writer = ends
    other = guest.machine.thread()
    assert guest.raw("read", reader, BUFFER + 64, 10, task=other) is WAITING
    guest.write(writer, b"now")
    guest.machine.go()
    assert other.vcpu.result == 3 and guest.mm.read(BUFFER + 64, 3) == b"now"


@pytest.mark.parametrize("by", ["write", "writev", "splice", "tee", "close"])
def test_whatever_comes_in_wakes_the_reader_and_the_host_is_not_asked(guest, ends, by):
    reader, writer = ends
    first, second = guest.pipe()
    guest.write(second, b"via")
    other = guest.machine.thread()
    assert guest.raw("read", reader, BUFFER + 64, 3, task=other) is WAITING
    assert not guest.machine.kernel.scheduler.fds
    guest.mm.write(BUFFER, b"way")
    guest.mm.write(BUFFER + 16, struct.pack("<QQ", BUFFER, 3))
    {"write": lambda: guest.call("write", writer, BUFFER, 3),
     "writev": lambda: guest.call("writev", writer, BUFFER + 16, 1),
     "splice": lambda: guest.call("splice", first, 0, writer, 0, 3, 0),
     "tee": lambda: guest.call("tee", first, writer, 3, 0),
     "close": lambda: guest.call("close", writer)}[by]()
    guest.machine.go()
    assert other.vcpu.result == (0 if by == "close" else 3)


@pytest.mark.parametrize("by", ["read", "splice", "size", "close"])
def test_whatever_makes_room_wakes_the_writer_and_the_host_is_not_asked(guest, ends, by):
    reader, writer = ends
    fill(guest, writer)
    ignore(guest, SIGPIPE)
    other = guest.machine.thread()
    guest.mm.write(BUFFER, bytes(4096))
    assert guest.raw("write", writer, BUFFER, 4096, task=other) is WAITING
    assert not guest.machine.kernel.scheduler.fds
    target = guest.pipe()[1]
    {"read": lambda: guest.call("read", reader, BUFFER + 4096, 4096),
     "splice": lambda: guest.call("splice", reader, 0, target, 0, 4096, 0),
     "size": lambda: guest.fcntl(reader, F_SETPIPE_SZ, 1 << 17),
     "close": lambda: guest.call("close", reader)}[by]()
    guest.machine.go()
    assert other.vcpu.result == (-EPIPE if by == "close" else 4096)


def test_a_writer_waits_until_all_is_taken(guest, ends):
    reader, writer = ends
    room = fill(guest, writer)
    other = guest.machine.thread()
    guest.mm.write(BUFFER, b"x" * 8000)
    assert guest.raw("write", writer, BUFFER, 8000, task=other) is WAITING
    taken = 0
    while taken < room + 8000:
        guest.machine.go()
        taken += guest.call("read", reader, BUFFER + 0x4000, 4096)
    guest.machine.go()
    assert other.vcpu.result == 8000 and taken == room + 8000


def test_o_nonblock_says_eagain(guest):
    reader, writer = guest.pipe(os.O_NONBLOCK)
    refuses(EAGAIN, guest.read, reader)
    fill(guest, writer)
    refuses(EAGAIN, guest.write, writer, b"x")


def test_two_writers_do_not_mix_even_when_they_have_to_wait(guest, ends):
    reader, writer = ends
    fill(guest, writer)
    tasks = []
    for n, letter in enumerate(b"AB"):
        task = guest.machine.thread()
        at = BUFFER + n * 0x2000
        guest.mm.write(at, bytes([letter]) * 6000)
        guest.mm.write(BUFFER + 0x7000 + 64 * n, struct.pack("<QqQq", at, 3000, at, 3000))
        assert guest.raw("writev", writer, BUFFER + 0x7000 + 64 * n, 2, task=task) is WAITING
        tasks.append(task)
    got = b""
    while len(got) < 65536 + 12000:
        got += guest.mm.read(BUFFER + 0x5000, guest.call("read", reader, BUFFER + 0x5000, 1000))
        guest.machine.go(0.01)
    assert got.lstrip(b"\0") == b"A" * 6000 + b"B" * 6000
    assert [task.vcpu.result for task in tasks] == [6000, 6000]


def test_writing_to_nobody_is_sigpipe_and_epipe(guest, ends):
    reader, writer = ends
    ignore(guest, SIGPIPE)
    guest.call("close", reader)
    refuses(EPIPE, guest.write, writer, b"x")
    assert guest.write(writer, b"") == 0
    guest.task.process.signals.actions.clear()
    assert guest.raw("write", writer, BUFFER, 1) is ENDED
    assert guest.machine.kernel.status == ("signalled", SIGPIPE)
    guest.files.refs = 1


def test_a_waiting_writer_learns_that_the_reader_has_gone(guest, ends):
    reader, writer = ends
    ignore(guest, SIGPIPE)
    fill(guest, writer)
    other = guest.machine.thread()
    assert guest.raw("write", writer, BUFFER, 10, task=other) is WAITING
    guest.call("close", reader)
    guest.machine.go()
    assert other.vcpu.result == -EPIPE


@pytest.mark.parametrize("flags, result", [(0, -EINTR), (0x1000_0000, None)])
def test_a_signal_interrupts_or_restarts(guest, ends, flags, result):
    reader, writer = ends
    assert guest.raw("read", reader, BUFFER, 10) is WAITING
    handle(guest, SIGUSR1, flags)
    guest.machine.go()
    assert guest.task.call is None and guest.task.vcpu.state == "running"
    assert guest.files.get(reader).refs == 1


def test_what_was_written_before_a_signal_is_the_result(guest, ends):
    reader, writer = ends
    guest.mm.write(BUFFER, b"x" * 0x7000)
    fill(guest, writer)
    guest.call("read", reader, BUFFER, 8192)
    assert guest.raw("write", writer, BUFFER, 0x7000) is WAITING
    guest.task.process.signals.actions[SIGUSR1] = pending.Action(SIG_IGN)
    handle(guest, SIGUSR1)
    guest.machine.go()
    assert guest.task.vcpu.state == "running" and guest.files.get(writer).writer is None


def test_memory_unmapped_during_the_wait_is_not_written(guest, ends):
    reader, writer = ends
    other = guest.machine.thread()
    page = guest.mm.add(0x80_0000, 4096, 3).start
    assert guest.raw("read", reader, page, 10, task=other) is WAITING
    guest.mm.remove(page, 4096)
    guest.write(writer, b"secret")
    guest.machine.go()
    assert other.vcpu.result == -EFAULT


def test_a_descriptor_closed_during_the_wait_stays_usable_for_it(guest, ends):
    reader, writer = ends
    other = guest.machine.thread()
    assert guest.raw("read", reader, BUFFER + 64, 10, task=other) is WAITING
    guest.call("close", reader)
    guest.write(writer, b"late")
    guest.machine.go()
    assert other.vcpu.result == 4


def test_a_process_that_ends_while_waiting_gives_everything_back(guest, ends):
    reader, writer = ends
    from skete.kernel.process.exits import end_process
    assert guest.raw("read", reader, BUFFER, 10) is WAITING
    end_process(guest.task.process, ("exited", 0))
    guest.files.refs = 1


def test_fifos_open_when_the_other_side_does(guest, folder):
    other = guest.machine.thread()
    at = guest.string("/data/fifo")
    assert guest.raw("openat", -100, at, os.O_WRONLY, 0, task=other) is WAITING
    reader = guest.open("/data/fifo", os.O_RDONLY | os.O_NONBLOCK)
    while other.call is not None:
        guest.machine.go(0.1)
    writer = other.vcpu.result
    assert writer == 1
    guest.write(writer, b"through")
    assert guest.read(reader) == b"through"
    refuses(EAGAIN, guest.read, reader)


@pytest.mark.parametrize("ours, its", [(os.O_RDONLY, os.O_WRONLY), (os.O_WRONLY, os.O_RDONLY)])
def test_fifos_open_when_a_program_of_the_host_does(guest, folder, ours, its):
    other = guest.machine.thread()
    assert guest.raw("openat", -100, guest.string("/data/fifo"), ours, 0, task=other) is WAITING
    guest.machine.go(0.03)
    assert other.call is not None
    host = os.open(folder / "fifo", its | os.O_NONBLOCK)
    try:
        while other.call is not None:
            guest.machine.go(0.1)
        fd = other.vcpu.result
        if ours == os.O_RDONLY:
            os.write(host, b"through")
            assert guest.read(fd) == b"through"
        else:
            guest.write(fd, b"through")
            assert os.read(host, 10) == b"through"
        assert not guest.machine.kernel.fifos
    finally:
        os.close(host)


def poll(guest, *wanted, timeout=0, task=None):
    guest.mm.write(BUFFER, b"".join(struct.pack("<ihH", fd, events, 0xffff) for fd, events in wanted))
    return guest.raw("poll", BUFFER, len(wanted), timeout, task=task)


def revents(guest, count):
    return [struct.unpack("<ihH", guest.mm.read(BUFFER + 8 * n, 8))[2] for n in range(count)]


def test_poll_tells_what_is_ready(guest, ends):
    reader, writer = ends
    file = guest.open("/data/file")
    assert poll(guest, (reader, IN), (writer, OUT), (file, IN | OUT), (99, IN), (-1, IN)) == 3
    assert revents(guest, 5) == [0, OUT, IN | OUT, NVAL, 0]
    guest.write(writer, b"x")
    guest.call("close", writer)
    assert poll(guest, (reader, IN), (reader, 0)) == 2
    assert revents(guest, 2) == [IN | HUP, HUP]


def test_poll_waits_for_one_of_several(guest, ends):
    a, b = ends, guest.pipe()
    other = guest.machine.thread()
    assert poll(guest, (a[0], IN), (b[0], IN), timeout=-1, task=other) is WAITING
    at = BUFFER + 0x1000
    guest.call("write", b[1], at, 1)
    guest.machine.go()
    assert other.vcpu.result == 1 and revents(guest, 2) == [0, IN]


def test_poll_ends_at_its_timeout_and_at_a_signal(guest, ends):
    assert poll(guest, (ends[0], IN), timeout=20) is WAITING
    while guest.task.call is not None:
        guest.machine.go(0.05)
    assert guest.task.vcpu.result == 0
    assert poll(guest, timeout=10_000) is WAITING
    handle(guest, SIGUSR1, 0x1000_0000)
    guest.machine.go()
    assert guest.task.call is None


def test_poll_refuses(guest):
    refuses(EFAULT, guest.poll, UNMAPPED, 1, 0)
    refuses(EINVAL, guest.poll, BUFFER, 1 << 20, 0)
    guest.mm.write(BUFFER, struct.pack("<qq", 0, 10**9))
    refuses(EINVAL, guest.ppoll, BUFFER + 64, 0, BUFFER, 0, 8)
    guest.mm.write(BUFFER, struct.pack("<qq", 0, 0))
    refuses(EINVAL, guest.ppoll, BUFFER + 64, 0, BUFFER, BUFFER, 4)


def select(guest, count, reads=(), writes=(), timeout=None, task=None):
    guest.mm.write(BUFFER, sum(1 << n for n in reads).to_bytes(128, "little"))
    guest.mm.write(BUFFER + 128, sum(1 << n for n in writes).to_bytes(128, "little"))
    if timeout is not None:
        guest.mm.write(BUFFER + 256, struct.pack("<qq", *timeout))
    return guest.raw("select", count, BUFFER, BUFFER + 128, 0, 0 if timeout is None else BUFFER + 256, task=task)


def bits(guest, which):
    word = int.from_bytes(guest.mm.read(BUFFER + 128 * which, 8), "little")
    return {n for n in range(64) if word >> n & 1}


def test_select_counts_bits_and_clears_the_others(guest, ends):
    reader, writer = ends
    assert select(guest, 10, {reader}, {writer}, (0, 0)) == 1
    assert bits(guest, 0) == set() and bits(guest, 1) == {writer}
    other = guest.machine.thread()
    assert select(guest, 10, {reader}, (), (5, 0), task=other) is WAITING
    guest.call("write", writer, BUFFER + 0x1000, 1)
    guest.machine.go()
    assert other.vcpu.result == 1 and bits(guest, 0) == {reader}
    seconds, us = struct.unpack("<qq", guest.mm.read(BUFFER + 256, 16))
    assert seconds == 4 and us > 0
    assert select(guest, 10, {9}, (), (0, 0)) == -EBADF
    assert select(guest, -1) == -EINVAL


def test_select_does_not_spin_on_a_hang_up_it_was_not_asked_for(guest, ends):
    reader, writer = ends
    guest.call("close", writer)
    guest.mm.write(BUFFER, (1 << reader).to_bytes(128, "little"))
    guest.mm.write(BUFFER + 256, struct.pack("<qq", 0, 100_000))
    assert guest.raw("select", 10, 0, 0, BUFFER, BUFFER + 256) is WAITING
    rounds = 0
    while guest.task.call is not None:
        guest.machine.go(0.2)
        rounds += 1
    assert guest.task.vcpu.result == 0 and rounds < 20
