"""Unix sockets: where their names are, and who finds them."""
import errno
import os
import socket
import stat

import pytest

from tests.skete.kernel.fake import DATA, WAITING
from tests.skete.kernel.net.conftest import AF_INET, AF_UNIX, DATAGRAM, STREAM, unix


def test_a_socket_file_is_the_guests_alone(guest, tmp_path):
    server = guest.call("socket", AF_UNIX, STREAM, 0)
    guest.bind(server, unix(b"s"))
    guest.call("listen", server, 1)
    assert stat.S_ISSOCK(os.stat(tmp_path / "s").st_mode)
    with socket.socket(socket.AF_UNIX) as outside, pytest.raises(ConnectionRefusedError):
        outside.connect(str(tmp_path / "s"))
    host_name = guest.files.get(server).bound.host_name
    assert not os.path.exists(os.path.dirname(host_name))
    client = guest.call("socket", AF_UNIX, STREAM, 0)
    guest.connect(client, unix(b"/data/s"))
    assert guest.name(client, "getpeername") == unix(b"s")


def test_a_hosts_socket_in_a_mount_is_not_reached(guest, tmp_path):
    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(str(tmp_path / "host"))
        outside.listen()
        client = guest.call("socket", AF_UNIX, STREAM, 0)
        with pytest.raises(ConnectionRefusedError):
            guest.connect(client, unix(b"host"))


def test_a_renamed_and_linked_socket_is_found_by_its_inode(guest):
    server = guest.call("socket", AF_UNIX, STREAM, 0)
    guest.bind(server, unix(b"s"))
    guest.call("listen", server, 5)
    guest.call("rename", "s", "t")
    guest.call("symlink", "t", "u")
    for name in (b"t", b"u"):
        guest.connect(guest.call("socket", AF_UNIX, STREAM, 0), unix(name))
    with pytest.raises(FileNotFoundError):
        guest.connect(guest.call("socket", AF_UNIX, STREAM, 0), unix(b"s"))


def test_abstract_names_are_per_machine(guest, with_policy):
    name = b"\1\0\0same"
    for one in (guest, with_policy()):
        fd = one.call("socket", AF_UNIX, DATAGRAM, 0)
        one.bind(fd, name)
        assert one.name(fd) == name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outside:
        with pytest.raises(ConnectionRefusedError):
            outside.connect("\0same")


def test_nothing_is_left_of_sockets_that_come_and_go(guest):
    net = None
    for i in range(50):
        fd = guest.call("socket", AF_UNIX, DATAGRAM, 0)
        guest.bind(fd, b"\1\0\0n%d" % i)
        net = guest.machine.kernel.net
        guest.call("close", fd)
    assert not net.bound


def test_a_full_listener_makes_a_connector_wait_for_accept(guest):
    server = guest.call("socket", AF_UNIX, STREAM, 0)
    guest.bind(server, unix(b"s"))
    guest.call("listen", server, 0)
    guest.connect(guest.call("socket", AF_UNIX, STREAM, 0), unix(b"s"))
    waiting = guest.call("socket", AF_UNIX, STREAM, 0)
    other = guest.machine.thread()
    assert guest.raw("connect", waiting, *guest.address(unix(b"s")), task=other) is WAITING
    guest.call("accept", server, 0, 0)
    guest.machine.go()
    assert other.vcpu.result == 0
    assert guest.call("accept", server, 0, 0) > 0


def test_a_connector_that_waits_is_refused_when_the_listener_goes(guest):
    server = guest.call("socket", AF_UNIX, STREAM, 0)
    guest.bind(server, unix(b"s"))
    guest.call("listen", server, 0)
    guest.connect(guest.call("socket", AF_UNIX, STREAM, 0), unix(b"s"))
    other = guest.machine.thread()
    waiting = guest.call("socket", AF_UNIX, STREAM, 0)
    assert guest.raw("connect", waiting, *guest.address(unix(b"s")), task=other) is WAITING
    guest.call("close", server)
    guest.machine.go()
    assert other.vcpu.result == -errno.ECONNREFUSED


@pytest.mark.parametrize("name", [b"", b"\1", b"\1\0", b"\2\0x", b"\1\0" + b"x" * 109])
def test_what_is_no_unix_address(guest, name):
    fd = guest.call("socket", AF_UNIX, STREAM, 0)
    with pytest.raises(OSError) as refused:
        guest.connect(fd, name)
    assert refused.value.errno == errno.EINVAL


def connected(guest, family):
    """(client, server) of a Unix pair, or of a connection over the machine's own loopback."""
    if family == AF_UNIX:
        return guest.pair()
    listener, client = (guest.call("socket", family, STREAM, 0) for _ in range(2))
    guest.call("listen", listener, 1)
    guest.connect(client, guest.name(listener))
    return client, guest.call("accept", listener, 0, 0)


@pytest.mark.parametrize("family", [AF_UNIX, AF_INET], ids=["unix", "loopback"])
@pytest.mark.parametrize("by, result", [("write", 1), ("sendmsg", 1), ("splice", 1), ("shutdown", 0), ("own", 0),
                                        ("close", 0)])
def test_what_the_far_end_does_wakes_a_reader_and_the_host_is_not_asked(guest, family, by, result):
    near, far = connected(guest, family)
    other = guest.machine.thread()
    assert guest.raw("read", near, DATA + 64, 1, task=other) is WAITING
    assert not guest.machine.kernel.scheduler.fds
    reader, writer = guest.pipe()
    guest.write(writer, b"x")
    {"write": lambda: guest.call("write", far, DATA, 1),
     "sendmsg": lambda: guest.call("sendmsg", far, guest.header(), 0),
     "splice": lambda: guest.call("splice", reader, 0, far, 0, 1, 0),
     "shutdown": lambda: guest.call("shutdown", far, 1),
     "own": lambda: guest.call("shutdown", near, 0),
     "close": lambda: guest.call("close", far)}[by]()
    guest.machine.go()
    assert other.vcpu.result == result
