"""What a guest can reach."""
import errno
import socket
import struct

import pytest

from skete.kernel.net.policy import published
from tests.skete.kernel.fake import DATA
from tests.skete.kernel.net.conftest import AF_INET, DATAGRAM, STREAM, inet

NONBLOCK = 0o4000


@pytest.mark.parametrize("text, expected", [
    ("8080:80", {(1, 80): ("127.0.0.1", 8080)}),
    ("53:5353/udp", {(2, 5353): ("127.0.0.1", 53)}),
    ("0.0.0.0:8080:80/tcp", {(1, 80): ("0.0.0.0", 8080)}),
    ("[::1]:8080:80", {(1, 80): ("::1", 8080)}),
])
def test_published_ports_are_read(text, expected):
    assert published([text]) == expected


@pytest.mark.parametrize("text", ["80", "a:b", "1:2:3:4", "0:80", "80:0", "70000:80", "80:70000", "host:1:2", "1:2/icmp"])
def test_what_is_no_published_port_is_refused(text):
    with pytest.raises(ValueError):
        published([text])


def test_a_machine_without_network_has_a_loopback_of_its_own(guest, with_policy):
    server = guest.call("socket", AF_INET, STREAM, 0)
    guest.bind(server, inet(0))
    guest.call("listen", server, 1)
    port = struct.unpack(">H", guest.name(server)[2:4])[0]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
    stranger = with_policy()
    other = stranger.call("socket", AF_INET, STREAM, 0)
    with pytest.raises(ConnectionRefusedError):
        stranger.connect(other, inet(port))
    client = guest.call("socket", AF_INET, STREAM, 0)
    guest.connect(client, inet(port))
    peer = guest.call("accept", server, 0, 0)
    guest.write(client, b"within")
    assert guest.read(peer) == b"within"
    assert guest.name(peer, "getpeername") == guest.name(client)


@pytest.mark.parametrize("policy", ["none", "loopback"])
def test_what_the_policy_does_not_grant_is_out_of_reach(with_policy, policy):
    guest = with_policy(net=policy)
    for kind in (STREAM, DATAGRAM):
        fd = guest.call("socket", AF_INET, kind, 0)
        with pytest.raises(OSError) as refused:
            guest.connect(fd, inet(80, "192.0.2.1"))
        assert refused.value.errno == errno.ENETUNREACH
        with pytest.raises(OSError) as refused:
            guest.bind(fd, inet(0, "192.0.2.1"))
        assert refused.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError) as refused:
        guest.call("sendto", fd, DATA, 1, 0, *guest.address(inet(9, "192.0.2.1")))
    assert refused.value.errno == errno.ENETUNREACH


def test_loopback_all_addresses_means_the_loopback(with_policy):
    guest = with_policy(net="loopback")
    fd = guest.call("socket", AF_INET, STREAM, 0)
    guest.bind(fd, inet(0, "0.0.0.0"))
    s = guest.files.get(fd).sock
    bound_to, device = s.getsockname()[0], s.getsockopt(socket.SOL_SOCKET, 25, 16)
    assert device.rstrip(b"\0") == b"lo" or bound_to == "127.0.0.1"


def test_a_published_port_is_reached_from_the_host_and_from_within(with_policy):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    guest = with_policy(publish=(f"{port}:80",))
    server = guest.call("socket", AF_INET, STREAM, 0)
    guest.bind(server, inet(80, "0.0.0.0"))
    guest.call("listen", server, 5)
    assert guest.name(server) == inet(80, "0.0.0.0")
    with socket.create_connection(("127.0.0.1", port), 2) as client:
        peer = guest.call("accept", server, 0, 0)
        assert guest.name(peer) == inet(80)
        client.sendall(b"from outside")
        assert guest.read(peer) == b"from outside"
    inside = guest.call("socket", AF_INET, STREAM | NONBLOCK, 0)
    assert guest.raw("connect", inside, *guest.address(inet(80))) in (0, -errno.EINPROGRESS)
    assert guest.files.get(inside).sock.getpeername() == ("127.0.0.1", port)


@pytest.mark.parametrize("policy", ["none", "loopback"])
@pytest.mark.parametrize("level, name", [(0, 35), (0, 32), (41, 20)])
def test_multicast_groups_are_the_hosts_network(with_policy, policy, level, name):
    guest = with_policy(net=policy)
    fd = guest.call("socket", 10, DATAGRAM, 0)
    with pytest.raises(OSError) as refused:
        guest.call("setsockopt", fd, level, name, DATA, 20)
    assert refused.value.errno == errno.ENODEV


@pytest.mark.parametrize("family, kind, protocol, code", [
    (18, 3, 0, errno.EAFNOSUPPORT), (17, 3, 0, errno.EPERM), (2, 3, 1, errno.EPERM), (2, 2, 1, errno.EACCES),
    (16, 3, 4, errno.EPROTONOSUPPORT), (16, 1, 0, errno.ESOCKTNOSUPPORT),
    (1, 4, 0, errno.ESOCKTNOSUPPORT), (2, 1, 17, errno.EPROTONOSUPPORT), (1, 1, 5, errno.EPROTONOSUPPORT),
    (-1, 1, 0, errno.EAFNOSUPPORT), (1, 0x11, 0, errno.EINVAL), (1, 11, 0, errno.EINVAL),
])
def test_sockets_that_do_not_exist(guest, family, kind, protocol, code):
    with pytest.raises(OSError) as refused:
        guest.call("socket", family, kind, protocol)
    assert refused.value.errno == code


@pytest.mark.parametrize("call, words", [
    ("bind", (DATA, 12)), ("connect", (DATA, 12)), ("sendto", (DATA, 4, 0, DATA, 12)), ("sendto", (DATA, 4, 0, 0, 0)),
    ("write", (DATA, 4)), ("listen", (1,)), ("accept", (0, 0)),
])
def test_nothing_can_be_asked_by_netlink(guest, call, words):
    fd = guest.call("socket", 16, 3, 0)
    with pytest.raises(OSError) as refused:
        guest.call(call, fd, *words)
    assert refused.value.errno == errno.EOPNOTSUPP
