"""System calls that make, name and connect sockets."""
from __future__ import annotations

from errno import (EACCES, EAFNOSUPPORT, EAGAIN, EALREADY, EINPROGRESS, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPERM,
                   EPROTONOSUPPORT, ESOCKTNOSUPPORT)
from select import EPOLLIN, EPOLLOUT
from time import monotonic_ns

from skete.abi.fcntl import O_NONBLOCK
from skete.abi.socket import (AF_INET, AF_INET6, AF_MAX, AF_NETLINK, AF_PACKET, AF_UNIX, IPPROTO_ICMP, IPPROTO_IP,
                              IPPROTO_TCP, IPPROTO_UDP, SHUT_RDWR, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_PACKET,
                              SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, SOCK_TYPE_MASK)
from skete.kernel.files.transfer import interrupted
from skete.kernel.net import address as sockaddr
from skete.kernel.net.local import LOOPBACK, UNIX
from skete.kernel.net.net import new_socket, of
from skete.kernel.net.socket import Socket, credentials, get
from skete.kernel.outcome import SIGNAL, TIMEOUT, Wait
from skete.kernel.row import ADDR, FD, I32, Row

__all__ = ["ROWS"]


def _split(kind: int) -> tuple:
    """(type, O_NONBLOCK or 0, close-on-exec). EINVAL"""
    flags = kind & ~SOCK_TYPE_MASK
    if flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK):
        raise OSError(EINVAL, f"flags {flags:#x}")
    return kind & SOCK_TYPE_MASK, flags & SOCK_NONBLOCK, bool(flags & SOCK_CLOEXEC)


def _checked(family: int, kind: int, protocol: int) -> tuple:
    """(type, protocol) of a socket that can be. EACCES EAFNOSUPPORT EINVAL EPERM EPROTONOSUPPORT ESOCKTNOSUPPORT"""
    if not 0 <= family < AF_MAX:
        raise OSError(EAFNOSUPPORT, f"family {family}")
    if kind > SOCK_PACKET:
        raise OSError(EINVAL, f"type {kind}")
    if family == AF_UNIX:
        if protocol not in (0, AF_UNIX):
            raise OSError(EPROTONOSUPPORT, f"protocol {protocol}")
        if kind not in (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW):
            raise OSError(ESOCKTNOSUPPORT, f"type {kind}")
        return SOCK_DGRAM if kind == SOCK_RAW else kind, 0
    if family == AF_PACKET:
        raise OSError(EPERM, "takes CAP_NET_RAW")
    if family == AF_NETLINK:
        if kind not in (SOCK_RAW, SOCK_DGRAM):
            raise OSError(ESOCKTNOSUPPORT, f"type {kind}")
        if protocol:
            raise OSError(EPROTONOSUPPORT, f"protocol {protocol}")
        return kind, 0
    if family not in (AF_INET, AF_INET6):
        raise OSError(EAFNOSUPPORT, f"family {family}")
    if not 0 <= protocol < 256:
        raise OSError(EINVAL, f"protocol {protocol}")
    if kind == SOCK_RAW:
        raise OSError(EPERM if protocol else EPROTONOSUPPORT, "takes CAP_NET_RAW")
    if kind == SOCK_DGRAM and protocol in (IPPROTO_ICMP, 58):
        raise OSError(EACCES, "no group may ping")
    usual = {SOCK_STREAM: IPPROTO_TCP, SOCK_DGRAM: IPPROTO_UDP}.get(kind)
    if usual is None:
        raise OSError(ESOCKTNOSUPPORT, f"type {kind}")
    if protocol not in (IPPROTO_IP, usual):
        raise OSError(EPROTONOSUPPORT, f"protocol {protocol}")
    return kind, usual


def socket(task, family: int, kind: int, protocol: int) -> int:
    """socket(2): a descriptor. EACCES EAFNOSUPPORT EINVAL EMFILE EPERM EPROTONOSUPPORT ESOCKTNOSUPPORT"""
    kind, nonblock, cloexec = _split(kind)
    kind, protocol = _checked(family, kind, protocol)
    task.files.room()
    net = of(task.kernel)
    if family == AF_NETLINK:
        from skete.kernel.net.netlink import make
        return _install(task, make(task, kind, nonblock), cloexec)
    if family == AF_UNIX:
        domain, sock = UNIX, new_socket(AF_UNIX, kind)
    elif net.policy == "none":
        domain, sock = LOOPBACK, new_socket(AF_UNIX, kind)
    else:
        from skete.kernel.net.inet import INET
        domain, sock = INET, INET.make(net, family, kind)
    return _install(task, Socket(task.kernel, sock, domain, family, kind, protocol, nonblock, credentials(task)),
                    cloexec)


def _install(task, s: Socket, cloexec: bool) -> int:
    s.hold()
    try:
        return task.files.install(s, 0, cloexec)
    finally:
        s.drop()


def socketpair(task, family: int, kind: int, protocol: int, addr: int) -> int:
    """socketpair(2): two sockets that are connected; their descriptors go to addr. EOPNOTSUPP and socket's"""
    kind, nonblock, cloexec = _split(kind)
    kind, protocol = _checked(family, kind, protocol)
    if family != AF_UNIX:
        raise OSError(EOPNOTSUPP, "Unix sockets alone come in pairs")
    from _socket import socketpair as host_pair
    ends, fds = [], []
    for sock in host_pair(AF_UNIX, kind):
        sock.setblocking(False)
        ends.append(Socket(task.kernel, sock, UNIX, family, kind, protocol, nonblock, credentials(task)).hold())
    a, b = ends
    a.peer, b.peer, a.peer_creds, b.peer_creds = b, a, b.creds, a.creds
    if a.connects:
        a.link(b)
    try:
        fds.append(task.files.install(a, 0, cloexec))
        fds.append(task.files.install(b, 0, cloexec))
        task.mm.write(addr, fds[0].to_bytes(4, "little") + fds[1].to_bytes(4, "little"))
    except OSError:
        for fd in fds:
            task.files.close(fd)
        raise
    finally:
        a.drop()
        b.drop()
    return 0


def bind(task, fd: int, addr: int, length: int) -> int:
    """bind(2). EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EBADF EFAULT EINVAL ENOTSOCK and a walk's"""
    s = get(task, fd)
    s.domain.bind(task, s, sockaddr.read(task.mm, addr, length))
    return 0


def listen(task, fd: int, backlog: int) -> int:
    """listen(2). EADDRINUSE EBADF EINVAL ENOTSOCK EOPNOTSUPP"""
    s = get(task, fd)
    if not s.connects:
        raise OSError(EOPNOTSUPP, "datagrams do not listen")
    s.domain.listen(task, s, backlog if 0 <= backlog < 4096 else 4096)
    return 0


def connect(task, fd: int, addr: int, length: int):
    """connect(2). EINPROGRESS EALREADY EISCONN ECONNREFUSED ENETUNREACH ETIMEDOUT EAGAIN EINTR and others"""
    s = get(task, fd)
    where = sockaddr.read(task.mm, addr, length)
    if s.domain in (UNIX, LOOPBACK) and where[:2] == bytes(2) and s.kind == SOCK_DGRAM:
        from skete.kernel.net.inet import disconnect
        disconnect(s)
        s.peer = s.peer_name = None
        return 0
    if s.domain is LOOPBACK and where[:2] == bytes(2) and len(where) >= 16 and s.peer is None:
        return 0        # AF_UNSPEC: not connected it is
    sockaddr.family_of(where)
    try:
        return s.domain.connect(task, s, where)
    except OSError as error:
        if error.errno not in (EINPROGRESS, EALREADY, EAGAIN) or s.flags & O_NONBLOCK:
            raise
        return _connecting(task, s, where, error.errno == EAGAIN)


def _connecting(task, s: Socket, where: bytes, no_room: bool):
    """Wait until the other side has answered, or (``no_room``: Unix) until the listener has room."""
    s.hold()
    deadline_ns = monotonic_ns() + s.send_ns if s.send_ns else None
    try:
        while True:
            if no_room:
                wait = Wait(queue=s.domain.find(task, s, where).socket.room, deadline_ns=deadline_ns)
            else:
                wait = Wait(host_fd=s.host_fd, events=EPOLLOUT, deadline_ns=deadline_ns)
            why = yield wait
            if why is SIGNAL:
                raise interrupted(wait)
            try:
                return s.domain.connect(task, s, where)
            except OSError as error:
                # The host says once that it is done; who asks after that has been connected by somebody else.
                if error.errno == EISCONN and not no_room:
                    return 0
                if error.errno not in (EINPROGRESS, EALREADY, EAGAIN):
                    raise
                no_room = error.errno == EAGAIN
            if why is TIMEOUT:
                raise OSError(EAGAIN if no_room else EINPROGRESS, "not in time")
    finally:
        s.drop()


def accept(task, fd: int, addr: int, length_at: int):
    """accept(2). See accept4."""
    return accept4(task, fd, addr, length_at, 0)


def accept4(task, fd: int, addr: int, length_at: int, flags: int):
    """accept4(2): a descriptor for the next connection. EAGAIN EBADF EFAULT EINTR EINVAL EMFILE ENOTSOCK EOPNOTSUPP"""
    if flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK):
        raise OSError(EINVAL, f"flags {flags:#x}")
    s = get(task, fd)
    if not s.connects:
        raise OSError(EOPNOTSUPP, "datagrams are not accepted")
    task.files.room()
    try:
        return _accept(task, s, addr, length_at, flags)
    except BlockingIOError:
        if s.flags & O_NONBLOCK:
            raise
    return _accepting(task, s, addr, length_at, flags)


def _accepting(task, s: Socket, addr: int, length_at: int, flags: int):
    s.hold()
    wait = s.waits(EPOLLIN)
    try:
        while True:
            why = yield wait
            if why is SIGNAL:
                raise interrupted(wait)
            task.files.room()
            try:
                return _accept(task, s, addr, length_at, flags)
            except BlockingIOError:
                if why is TIMEOUT:
                    raise
    finally:
        s.drop()


def _accept(task, s: Socket, addr: int, length_at: int, flags: int) -> int:
    made = s.domain.accept(task, s, flags & SOCK_NONBLOCK).hold()
    try:
        if addr:
            sockaddr.write(task.mm, addr, length_at, made.domain.peer_name(made))
        return task.files.install(made, 0, bool(flags & SOCK_CLOEXEC))
    finally:
        made.drop()


def getsockname(task, fd: int, addr: int, length_at: int) -> int:
    """getsockname(2). EBADF EFAULT EINVAL ENOTSOCK"""
    s = get(task, fd)
    sockaddr.write(task.mm, addr, length_at, s.domain.own_name(s))
    return 0


def getpeername(task, fd: int, addr: int, length_at: int) -> int:
    """getpeername(2). EBADF EFAULT EINVAL ENOTCONN ENOTSOCK"""
    s = get(task, fd)
    sockaddr.write(task.mm, addr, length_at, s.domain.peer_name(s))
    return 0


def shutdown(task, fd: int, how: int) -> int:
    """shutdown(2). EBADF EINVAL ENOTCONN ENOTSOCK"""
    s = get(task, fd)
    if not 0 <= how <= SHUT_RDWR:
        raise OSError(EINVAL, f"how {how}")
    if s.domain is LOOPBACK and s.peer is None and s.arrivals is None:
        raise OSError(ENOTCONN, "has no peer")
    s.sock.shutdown(how)
    if s.far is not None:
        s.readers.wake()
        s.far.readers.wake()
    return 0


_FAMILIES = "AF_UNIX (stream, datagram, seqpacket), AF_INET and AF_INET6 (TCP, UDP) under --net; AF_NETLINK for " \
            "mq_notify alone; the rest: EAFNOSUPPORT"
_NET = "--net none: the machine's own loopback; loopback: the host's; host: all"
ROWS = (
    Row(41, socket, (I32, I32, I32), _FAMILIES),
    Row(42, connect, (FD, ADDR, I32), _NET),
    Row(43, accept, (FD, ADDR, ADDR)),
    Row(48, shutdown, (FD, I32)),
    Row(49, bind, (FD, ADDR, I32), _NET),
    Row(50, listen, (FD, I32)),
    Row(51, getsockname, (FD, ADDR, ADDR)),
    Row(52, getpeername, (FD, ADDR, ADDR)),
    Row(53, socketpair, (I32, I32, I32, ADDR)),
    Row(288, accept4, (FD, ADDR, ADDR, I32)),
)
