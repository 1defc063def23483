"""Control data, and what hostile guests make of it."""
import errno
import os
import struct

import pytest

from tests.skete.kernel.fake import DATA, WAITING
from tests.skete.kernel.net.conftest import CONTROL, HEADER, IOV, OPTION, STREAM

SCM_RIGHTS, SCM_CREDENTIALS, SOL_SOCKET = 1, 2, 1


def cmsg(kind: int, data: bytes, level: int = SOL_SOCKET, length: int | None = None) -> bytes:
    size = 16 + len(data) if length is None else length
    return struct.pack("<Qii", size, level, kind) + data + bytes(-len(data) % 8)


def rights(*fds) -> bytes:
    return cmsg(SCM_RIGHTS, struct.pack(f"<{len(fds)}i", *fds))


def received(guest) -> tuple:
    """(descriptors, flags) that recvmsg left."""
    _, _, _, _, _, length, flags = struct.unpack("<QI4xQQQQI4x", guest.mm.read(HEADER, 56))
    if length < 16:
        return (), flags
    size, level, kind = struct.unpack("<Qii", guest.mm.read(CONTROL, 16))
    assert (level, kind) == (SOL_SOCKET, SCM_RIGHTS)
    return struct.unpack(f"<{size - 16 >> 2}i", guest.mm.read(CONTROL + 16, size - 16)), flags


def test_what_is_passed_is_the_same_description(guest):
    a, b = guest.pair()
    file = guest.files.get(a)
    guest.call("sendmsg", a, guest.header(rights(a)), 0)
    assert file.refs == 2
    guest.call("recvmsg", b, guest.header(room=64), 0)
    (fd,), flags = received(guest)
    assert guest.files.get(fd) is file and not flags
    assert not guest.machine.kernel.net.transit.parcels


def test_a_message_that_is_never_read_gives_back_what_it_carried(guest):
    a, b = guest.pair()
    guest.call("pipe2", OPTION, 0)
    reader, writer = struct.unpack("<ii", guest.mm.read(OPTION, 8))
    file = guest.files.get(writer)
    for _ in range(3):
        guest.call("sendmsg", a, guest.header(rights(writer)), 0)
    guest.call("close", writer)
    assert file.refs == 3
    guest.call("close", b)
    assert file.refs == 0
    assert guest.call("read", reader, DATA, 1) == 0


def test_descriptors_on_their_way_are_limited(guest):
    a, b = guest.pair(2)
    with pytest.raises(OSError) as refused:
        for _ in range(2000):
            a, b = guest.pair(2)
            for _ in range(5):
                guest.call("sendmsg", a, guest.header(rights(a)), 0)
    assert refused.value.errno in (errno.ETOOMANYREFS, errno.EMFILE)
    assert len(os.listdir("/proc/self/fd")) < 3000


@pytest.mark.parametrize("why, control, code", [
    ("a closed descriptor", rights(99), errno.EBADF),
    ("a length below the header's", cmsg(SCM_RIGHTS, b"", length=15), errno.EINVAL),
    ("a length beyond the buffer", cmsg(SCM_RIGHTS, b"", length=99), errno.EINVAL),
    ("a length of 2**63", cmsg(SCM_RIGHTS, b"", length=1 << 63), errno.EINVAL),
    ("more than SCM_MAX_FD", rights(*[0] * 254), errno.EINVAL),
    ("another's credentials", cmsg(SCM_CREDENTIALS, struct.pack("<iII", 1, 0, 0)), errno.EPERM),
    ("short credentials", cmsg(SCM_CREDENTIALS, b"x"), errno.EINVAL),
    ("an unknown type", cmsg(77, b""), errno.EINVAL),
])
def test_control_data_is_refused(guest, why, control, code):
    a, _ = guest.pair()
    with pytest.raises(OSError) as refused:
        guest.call("sendmsg", a, guest.header(control), 0)
    assert refused.value.errno == code, why
    net = guest.machine.kernel.net
    assert not net.transit.parcels


def test_lengths_are_bounded(guest):
    a, _ = guest.pair()
    header = guest.header()
    guest.mm.write(HEADER + 32, struct.pack("<QQ", CONTROL, 1 << 40))
    with pytest.raises(OSError) as refused:
        guest.call("sendmsg", a, header, 0)
    assert refused.value.errno == errno.ENOBUFS
    guest.header()
    guest.mm.write(HEADER + 24, struct.pack("<Q", 1 << 62))
    for call in ("sendmsg", "recvmsg"):
        with pytest.raises(OSError) as refused:
            guest.call(call, a, header, 0)
        assert refused.value.errno == errno.EMSGSIZE
    with pytest.raises(OSError) as refused:
        guest.call("sendto", a, DATA, 1, 0, DATA, -1)
    assert refused.value.errno == errno.EINVAL
    for length in (-1, 1 << 31):
        guest.mm.write_u32(OPTION, length & 0xffff_ffff)
        with pytest.raises(OSError):
            guest.call("getsockopt", a, SOL_SOCKET, 3, DATA, OPTION)
        with pytest.raises(OSError):
            guest.call("getsockname", a, DATA, OPTION)


def test_huge_option_lengths_cost_nothing(guest):
    a, _ = guest.pair()
    guest.mm.write_u32(OPTION, 0x7fff_ffff)
    guest.call("getsockopt", a, SOL_SOCKET, 3, DATA, OPTION)
    assert guest.mm.read_u32(OPTION) == 4


def test_a_blocked_send_goes_on_when_there_is_room(guest):
    a, b = guest.pair()
    thread = guest.machine.thread()
    total = 0
    while (n := guest.raw("sendto", a, DATA, 0x1000, 0x40, 0, 0)) > 0:
        total += n
    assert n == -errno.EAGAIN
    assert guest.raw("sendto", a, DATA, 0x1000, 0, 0, 0, task=thread) is WAITING
    while total > 0:
        total -= guest.call("recvfrom", b, DATA, 0x2000, 0, 0, 0)
    guest.machine.go()
    assert thread.vcpu.result == 0x1000


def test_lingering_does_not_hold_up_the_monitor(with_policy):
    guest = with_policy(net="loopback")
    fd = guest.call("socket", 2, STREAM, 0)
    guest.mm.write(OPTION, struct.pack("<ii", 1, 600))
    guest.call("setsockopt", fd, SOL_SOCKET, 13, OPTION, 8)
    assert guest.files.get(fd).linger
    guest.call("close", fd)


@pytest.mark.parametrize("iov", [IOV, 8])
def test_messages_at_bad_addresses(guest, iov):
    a, _ = guest.pair()
    guest.mm.write(HEADER, struct.pack("<QI4xQQQQI4x", 0, 0, iov, 1, 8, 64, 0))
    guest.mm.write(IOV, struct.pack("<QQ", DATA, 1))
    with pytest.raises(OSError) as refused:
        guest.call("sendmsg", a, HEADER, 0)
    assert refused.value.errno == errno.EFAULT
