"""Sockets within the machine: Unix sockets, and the loopback of a machine without network.

Both are Unix sockets of the host that are bound where only this machine finds them (net.Net.bind). A Unix socket's
name is the inode of a socket file in the guest's tree, or abstract; on the loopback it is a port and an address.
What is connected and not accepted yet is noted beside the host's own queue, in the same order: both are changed by one
thread, and what the host has queued it accepts in turn.
"""
from __future__ import annotations

import os
from errno import (EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EINPROGRESS, EINVAL, EISCONN, EMSGSIZE,
                   ENETUNREACH, ENOTCONN, EPERM, EPIPE, EPROTOTYPE)

from skete.abi.fcntl import AT_FDCWD, O_NONBLOCK
from skete.abi.socket import AF_INET, AF_UNIX, SOCK_DGRAM, SOCKADDR_UN_SIZE
from skete.abi.stat import S_IFMT, S_IFSOCK
from skete.kernel.identity.worn import by
from skete.kernel.net import address as sockaddr
from skete.kernel.net.net import new_socket
from skete.kernel.net.socket import Socket, credentials

__all__ = ["LOOPBACK", "Local", "Loopback", "UNIX", "Unix", "make_file"]

#: The data of one UDP datagram over IPv4, in bytes
_UDP_MOST = 65507
_FAMILY = AF_UNIX.to_bytes(2, "little")


class Local:
    """What the two have in common. Without state: a domain is shared by all its sockets.

    imitates: the host's sockets are of another family than the guest's, and answer otherwise in places
    """
    imitates = False

    def connect(self, task, s: Socket, where: bytes) -> int:
        """Connect; 0, or OSError: EAGAIN where the listener has no room now."""
        bound = self.find(task, s, where)
        self.before_connect(task, s)
        error = s.sock.connect_ex(bound.path)
        if error:
            raise OSError(error, "connect")
        s.peer = bound.socket
        if s.connects:
            s.peer_name = self.asked(s, where, bound)
            s.peer_creds = bound.socket.creds
            s.creds = credentials(task)
            bound.socket.arrivals.append((s, s.peer_name))
        return 0

    def before_connect(self, task, s: Socket) -> None:
        """What has to be done first."""

    def asked(self, s: Socket, where: bytes, bound) -> bytes:
        """What the connection's far end is called."""
        return bound.socket.name

    def listen(self, task, s: Socket, backlog: int) -> None:
        """EINVAL EADDRINUSE"""
        s.sock.listen(backlog)
        s.creds = credentials(task)
        if s.arrivals is None:
            s.arrivals = []

    def accept(self, task, s: Socket, flags: int) -> Socket:
        """The next connection. EAGAIN EINVAL"""
        host_fd, _ = s.sock._accept()
        made = Socket(task.kernel, new_socket(AF_UNIX, s.sock.type, 0, host_fd), self, s.family, s.kind, s.protocol,
                      flags, s.creds)
        made.peer, made.name = s.arrivals.pop(0)
        made.peer_creds, made.passcred = made.peer.creds, s.passcred
        made.options = dict(s.options)
        if made.peer.refs > 0:
            made.link(made.peer)
        s.room.wake(1)
        return made

    def own_name(self, s: Socket) -> bytes:
        return s.name

    def peer_name(self, s: Socket) -> bytes:
        """ENOTCONN"""
        if s.peer is None:
            s.sock.getpeername()        # ENOTCONN
            return s.peer_name or self.unnamed(s)
        return s.peer_name if s.peer_name is not None else s.peer.name or self.unnamed(s)

    def source(self, s: Socket, host_name) -> bytes:
        """What the sender of a datagram is called."""
        return s.net.names.get(os.fsencode(host_name) if host_name else b"", b"")

    def target(self, task, s: Socket, where: bytes) -> bytes:
        """The host's address of a datagram's receiver. ECONNREFUSED and others"""
        return self.find(task, s, where).path


class Unix(Local):
    """AF_UNIX."""

    def unnamed(self, s: Socket) -> bytes:
        return _FAMILY

    def own_name(self, s: Socket) -> bytes:
        return s.name or _FAMILY

    def bind(self, task, s: Socket, where: bytes) -> None:
        """Give it a name: a socket file, an abstract name, or (family alone) any. EADDRINUSE EINVAL and a walk's"""
        if len(where) < 2 or len(where) > SOCKADDR_UN_SIZE or where[:2] != _FAMILY:
            raise OSError(EINVAL, "no Unix address")
        net = s.net
        path = where[2:].partition(b"\0")[0]
        if path:
            return net.bind(_make(task, path, bool(s.name)), s, _FAMILY + path + b"\0")
        if s.name:
            raise OSError(EINVAL, "it is bound")
        if len(where) == 2:
            while True:
                where = _FAMILY + b"\0%05x" % (net.next_name & 0xfffff)
                net.next_name += 1
                if ("abstract", where) not in net.bound:
                    break
        if ("abstract", where) in net.bound:
            raise OSError(EADDRINUSE, "the abstract name is taken")
        net.bind(("abstract", where), s, where)

    def before_connect(self, task, s: Socket) -> None:
        if s.passcred and not s.name:
            self.bind(task, s, _FAMILY)

    def find(self, task, s: Socket, where: bytes):
        """The Bound that an address names. ECONNREFUSED EINVAL ENOENT EPROTOTYPE and a walk's"""
        if len(where) <= 2 or len(where) > SOCKADDR_UN_SIZE or where[:2] != _FAMILY:
            raise OSError(EINVAL, "no Unix address")
        key = _look(task, where[2:].partition(b"\0")[0]) if where[2] else ("abstract", where)
        bound = s.net.bound.get(key)
        if bound is None:
            raise OSError(ECONNREFUSED, "nobody is there")
        if bound.socket.kind != s.kind:
            raise OSError(EPROTOTYPE, "a socket of another type")
        if s.connects and bound.socket.arrivals is None:
            raise OSError(ECONNREFUSED, "it does not listen")
        return bound


def _make(task, path: bytes, has_name: bool) -> tuple:
    """Make the socket file; its key. EADDRINUSE EROFS and a walk's; EINVAL for a socket that has a name"""
    from skete.kernel.files.walk import walk
    with by(task), walk(task, AT_FDCWD, path, follow=False) as place:
        if place.st is not None:
            raise OSError(EADDRINUSE, "is there")
        if place.trailing:
            raise OSError(EADDRINUSE, "a slash at the end")
        if has_name:
            raise OSError(EINVAL, "it is bound")
        node = place.writable().parent
        try:
            make_file(node, place.name, 0o777, task.fs.umask)
        except FileExistsError:
            raise OSError(EADDRINUSE, "is there") from None
        return _key(node.stat(place.name))


def make_file(node, name: bytes, mode: int, umask: int) -> None:
    """A socket file in a directory: a name and a mode, which nothing on the host is bound to. EPERM"""
    make = getattr(node, "mksock", None)
    if make is not None:
        return make(name, mode, umask)
    if not hasattr(node, "fd"):
        raise OSError(EPERM, "no sockets in this filesystem")
    from skete.kernel.files.hostdir import under_umask
    under_umask(umask, os.mknod, name, S_IFSOCK | mode, dir_fd=node.fd)


def _look(task, path: bytes) -> tuple:
    """The key of a socket file. ECONNREFUSED and a walk's"""
    from skete.kernel.files.walk import walk
    with by(task), walk(task, AT_FDCWD, path) as place:
        st = place.found()
        if st.st_mode & S_IFMT != S_IFSOCK:
            raise OSError(ECONNREFUSED, "no socket")
        if not place.parent.access(place.name, os.W_OK):
            raise OSError(EACCES, "not writable")
        return _key(st)


def _key(st) -> tuple:
    return "path", st.st_dev, st.st_ino


class Loopback(Local):
    """AF_INET and AF_INET6 of a machine without network: 127.0.0.0/8 and ::1, and nobody else on them.

    A port is found under (kind, port): one Bound, or several with different addresses.
    """
    imitates = True

    def before_receive(self, s: Socket) -> None:
        """ENOTCONN, where a Unix socket says EINVAL"""
        if s.peer is None and s.connects:
            raise OSError(ENOTCONN, "not connected")

    def before_send(self, s: Socket, views: list) -> None:
        """EPIPE, where a Unix socket says ENOTCONN; EMSGSIZE"""
        if s.connects:
            if s.peer is None:
                raise OSError(EPIPE, "not connected")
        elif sum(map(len, views)) > _UDP_MOST:
            raise OSError(EMSGSIZE, "more than a datagram takes")

    def unnamed(self, s: Socket) -> bytes:
        return sockaddr.pack(s.family, bytes(4 if s.family == AF_INET else 16), 0)

    def own_name(self, s: Socket) -> bytes:
        return s.name or self.unnamed(s)

    def bind(self, task, s: Socket, where: bytes) -> None:
        """EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EINVAL"""
        ip, port, _, _ = sockaddr.unpack(s.family, where)
        if s.name:
            raise OSError(EINVAL, "it is bound")
        if not sockaddr.is_any(ip) and not sockaddr.is_loopback(ip):
            raise OSError(EADDRNOTAVAIL, "no address of this machine")
        if (s.kind, port) in s.net.published:
            from skete.kernel.net.inet import INET
            INET.take_over(s)
            return INET.bind(task, s, where)
        self._bind(s, ip, port)

    def _bind(self, s: Socket, ip: bytes, port: int) -> None:
        net = s.net
        if not port:
            for _ in range(65536):
                net.next_port = 32768 + (net.next_port - 32767) % 28232
                if not self._taken(net, s, net.next_port, ip):
                    break
            else:
                raise OSError(EADDRINUSE, "no port is free")
            port = net.next_port
        elif self._taken(net, s, port, ip):
            raise OSError(EADDRINUSE, f"port {port}")
        net.bind(("port", s.kind, port, self._span(s, ip)), s, sockaddr.pack(s.family, ip, port))

    @staticmethod
    def _span(s: Socket, ip: bytes) -> bytes:
        """What of the machine's addresses a socket has: one, b"4" or b"6" for all of a family, b"" for all."""
        if not sockaddr.is_any(ip):
            return sockaddr.plain(ip)
        return b"4" if s.family == AF_INET else b"6" if s.options.get((41, 26), b"\0")[0] else b""

    def _taken(self, net, s: Socket, port: int, ip: bytes) -> bool:
        mine = self._span(s, ip)
        return any(key[:3] == ("port", s.kind, port) and _overlap(key[3], mine) for key in net.bound)

    def before_connect(self, task, s: Socket) -> None:
        if not s.name:
            self._bind(s, sockaddr.LOOPBACK4 if s.family == AF_INET else sockaddr.LOOPBACK6, 0)

    def asked(self, s: Socket, where: bytes, bound) -> bytes:
        return where[:16 if s.family == AF_INET else 28]

    def find(self, task, s: Socket, where: bytes):
        ip, port, _, _ = sockaddr.unpack(s.family, where)
        if sockaddr.is_any(ip):
            ip = sockaddr.LOOPBACK4 if len(sockaddr.plain(ip)) == 4 else sockaddr.LOOPBACK6
        if not sockaddr.is_loopback(ip):
            raise OSError(ENETUNREACH, "this machine has no network")
        ip = sockaddr.plain(ip)
        for span in (ip, b"4" if len(ip) == 4 else b"6", b""):
            bound = s.net.bound.get(("port", s.kind, port, span))
            if bound is not None and (s.kind == SOCK_DGRAM or bound.socket.arrivals is not None):
                return bound
        raise OSError(ECONNREFUSED, f"nobody is at port {port}")

    def connect(self, task, s: Socket, where: bytes) -> int:
        if s.started:
            s.started = False
            return 0        # the host says once that it is done
        if s.connects and (s.peer is not None or s.arrivals is not None):
            raise OSError(EISCONN, "connected, or listening")
        _, port, _, _ = sockaddr.unpack(s.family, where)
        serving = s.net.serving.get((s.kind, port))
        if serving is not None and serving.refs > 0 and not s.name:
            from skete.kernel.net.inet import INET
            INET.take_over(s)
            return INET.connect(task, s, where)
        super().connect(task, s, where)
        if s.connects and s.flags & O_NONBLOCK:
            s.started = True
            raise OSError(EINPROGRESS, "a handshake takes its time")
        return 0

    def listen(self, task, s: Socket, backlog: int) -> None:
        self.before_listen(s)
        super().listen(task, s, max(backlog, 128))

    def before_listen(self, s: Socket) -> None:
        if not s.name:
            self._bind(s, sockaddr.ANY4 if s.family == AF_INET else sockaddr.ANY6, 0)

    def target(self, task, s: Socket, where: bytes) -> bytes:
        self.before_connect(task, s)
        return super().target(task, s, where)

    def source(self, s: Socket, host_name) -> bytes:
        name = super().source(s, host_name)
        if not name:
            return self.unnamed(s)
        return self._seen_by(s, name)

    def _seen_by(self, s: Socket, name: bytes) -> bytes:
        """A name of either family as this socket's family writes it."""
        family = sockaddr.family_of(name)
        ip, port, _, _ = sockaddr.unpack(family, name)
        if sockaddr.is_any(ip):
            ip = sockaddr.LOOPBACK4 if family == AF_INET else sockaddr.LOOPBACK6
        if family == s.family:
            return sockaddr.pack(family, ip, port)
        return sockaddr.pack(s.family, sockaddr.MAPPED + ip if s.family != AF_INET else sockaddr.plain(ip)[:4], port)

    def accept(self, task, s: Socket, flags: int) -> Socket:
        made = super().accept(task, s, flags)
        made.name = self._seen_by(s, made.name)
        made.peer_name = self._seen_by(s, made.peer.name)
        return made


def _overlap(a: bytes, b: bytes) -> bool:
    """Whether two spans have an address in common."""
    if not a or not b:
        return True
    family = [b"4" if x == b"4" or len(x) == 4 else b"6" for x in (a, b)]
    return family[0] == family[1] and (a == b or a in (b"4", b"6") or b in (b"4", b"6"))


UNIX, LOOPBACK = Unix(), Loopback()
