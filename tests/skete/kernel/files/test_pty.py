"""Pseudo-terminals over the fake engine: what the guest program tests/guests/pty.c cannot see."""
import os
from errno import EINVAL, EIO, ENOENT, ENOSPC

import pytest

from skete.abi import ioctls
from skete.abi.fcntl import O_NOCTTY, O_RDWR
from skete.abi.signal import SIGINT
from skete.kernel.files.pty import MOST
from skete.kernel.process.tty import Control
from tests.skete.kernel.files.guest import BUFFER, Guest


@pytest.fixture
def guest():
    if not os.path.exists("/dev/ptmx"):
        pytest.skip("this host has no /dev/ptmx")
    guest = Guest()
    yield guest
    guest.close()


def unlock(guest, master: int) -> str:
    guest.mm.write_u32(BUFFER, 0)
    guest.ioctl(master, ioctls.TIOCSPTLCK, BUFFER)
    guest.ioctl(master, ioctls.TIOCGPTN, BUFFER)
    return f"/dev/pts/{guest.mm.read_u32(BUFFER)}"


def test_numbers_are_the_machines_own_and_used_again(guest):
    masters = [guest.open("/dev/ptmx", O_RDWR) for _ in range(3)]
    assert [unlock(guest, master) for master in masters] == ["/dev/pts/0", "/dev/pts/1", "/dev/pts/2"]
    guest.call("close", masters[1])
    with pytest.raises(OSError) as refused:
        guest.open("/dev/pts/1", O_RDWR)
    assert refused.value.errno == ENOENT
    assert unlock(guest, guest.open("/dev/ptmx", O_RDWR)) == "/dev/pts/1"


def test_a_machine_has_so_many_and_gives_them_back(guest, descriptors):
    masters = [guest.open("/dev/ptmx", O_RDWR) for _ in range(MOST)]
    with pytest.raises(OSError) as refused:
        guest.open("/dev/ptmx", O_RDWR)
    assert refused.value.errno == ENOSPC
    for master in masters:
        guest.call("close", master)
    assert not guest.namespace.ptys


def test_a_leader_that_opens_one_has_it_unless_it_says_o_noctty(guest):
    name = unlock(guest, guest.open("/dev/ptmx", O_RDWR))
    process = guest.task.process
    guest.open(name, O_RDWR | O_NOCTTY)
    assert process.tty is None
    guest.open(name, O_RDWR)
    assert process.tty is not None and process.tty.session == process.sid


@pytest.mark.parametrize("written, sent", [(b"\x03", 1), (b"ab\x03cd", 1), (b"\x16\x03", 0), (b"\x16\x16\x03", 1)])
def test_the_interrupt_character_is_a_signal_where_it_is_not_quoted(guest, monkeypatch, written, sent):
    master = guest.open("/dev/ptmx", O_RDWR)
    guest.open(unlock(guest, master), O_RDWR)
    seen = []
    monkeypatch.setattr(Control, "signal", lambda control, signo: seen.append(signo))
    guest.write(master, written)
    assert seen == [SIGINT] * sent


def test_a_signal_by_request_is_one_of_three(guest):
    master = guest.open("/dev/ptmx", O_RDWR)
    with pytest.raises(OSError) as refused:
        guest.ioctl(master, ioctls.TIOCSIG, 9)
    assert refused.value.errno == EINVAL


def test_a_locked_one_cannot_be_opened(guest):
    guest.open("/dev/ptmx", O_RDWR)
    with pytest.raises(OSError) as refused:
        guest.open("/dev/pts/0", O_RDWR)
    assert refused.value.errno == EIO
