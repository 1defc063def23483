"""TCP and UDP of the host, under the machine's policy: ``--net loopback`` or ``host``, and published ports.

With ``loopback`` every socket is bound to the host's device "lo", so that a port on all addresses is one on the
loopback only, and the host's kernel sees to it; addresses are checked besides, for the errno's sake.
"""
from __future__ import annotations

import os
from errno import EADDRNOTAVAIL, ENETUNREACH

from skete.abi.socket import AF_INET, IPPROTO_IPV6, SO_BINDTODEVICE, SO_REUSEADDR, SOCK_DGRAM, SOL_SOCKET
from skete.kernel.net import address as sockaddr
from skete.kernel.net.net import new_socket
from skete.kernel.net.socket import Socket

__all__ = ["INET", "Inet", "disconnect"]

_V6ONLY = 26


class Inet:
    """AF_INET and AF_INET6. Without state."""
    imitates = False

    def make(self, net, family: int, kind: int):
        """A host socket as the policy has it. EAFNOSUPPORT EMFILE"""
        made = new_socket(family, kind)
        if net.policy != "host":
            self._confine(made)
        return made

    @staticmethod
    def _confine(made) -> None:
        try:
            made.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, b"lo\0")
        except OSError:
            pass        # a host before Linux 5.7: bind() below takes the loopback's address instead

    @staticmethod
    def _confined(s: Socket) -> bool:
        return bool(s.sock.getsockopt(SOL_SOCKET, SO_BINDTODEVICE, 16).rstrip(b"\0"))

    def take_over(self, s: Socket) -> None:
        """Make a socket of the machine's own loopback one of the host: it is about to be bound to a published port.

        Its host descriptor keeps its number, so whoever waits for it finds it; epoll has to be told.
        """
        made = new_socket(s.family, s.kind)
        for (level, name), value in s.options.items():
            if (level, name) in ((SOL_SOCKET, SO_REUSEADDR), (IPPROTO_IPV6, _V6ONLY)):
                made.setsockopt(level, name, value)
        s.sock.detach()
        os.dup2(made.fileno(), s.host_fd, False)
        made.close()
        s.sock, s.domain = new_socket(s.family, s.kind, 0, s.host_fd), self
        for instance in s.watchers or ():
            instance.renew(s)

    def _reachable(self, s: Socket, ip: bytes) -> bool:
        return s.net.policy == "host" or sockaddr.is_loopback(ip)

    def bind(self, task, s: Socket, where: bytes) -> None:
        """EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EINVAL"""
        parts = sockaddr.unpack(s.family, where)
        ip, port = parts[:2]
        any_ip = sockaddr.is_any(ip)
        published = s.net.published.get((s.kind, port))
        if not any_ip and not self._reachable(s, ip):
            raise OSError(EADDRNOTAVAIL, "beyond what --net grants")
        if published is not None:
            self._publish(s, published)
            s.net.serving[s.kind, port] = s
            s.name = where[:16 if s.family == AF_INET else 28]
            return
        if any_ip and s.net.policy != "host" and not self._confined(s):
            parts = (sockaddr.LOOPBACK4 if s.family == AF_INET else sockaddr.LOOPBACK6, *parts[1:])
        s.sock.bind(sockaddr.to_host(s.family, parts))

    @staticmethod
    def _publish(s: Socket, published: tuple) -> None:
        host, port = published
        # From anywhere that the user's address can be reached, not the loopback alone.
        if s.net.policy != "host":
            try:
                s.sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, b"")
            except OSError:
                pass
        if s.family == AF_INET and ":" in host:
            raise OSError(EADDRNOTAVAIL, "published at an IPv6 address")
        if s.family != AF_INET and ":" not in host:
            s.sock.setsockopt(IPPROTO_IPV6, _V6ONLY, 0)
            host = "::ffff:" + host
        s.sock.bind((host, port))

    def check(self, s: Socket, parts: tuple) -> tuple:
        """A destination that the policy allows, for _socket. ENETUNREACH"""
        ip, port = parts[:2]
        serving = s.net.serving.get((s.kind, port))
        if serving is not None and serving.refs > 0 and (sockaddr.is_any(ip) or sockaddr.is_loopback(ip)):
            # One of the machine's own published ports has another number on the host.
            host, port = s.net.published[s.kind, port]
            return (host, port) if s.family == AF_INET or ":" in host else ("::ffff:" + host, port)
        if sockaddr.is_any(ip):
            parts = (sockaddr.LOOPBACK4 if s.family == AF_INET else sockaddr.LOOPBACK6, *parts[1:])
        elif not self._reachable(s, ip):
            raise OSError(ENETUNREACH, "beyond what --net grants")
        return sockaddr.to_host(s.family, parts)

    def connect(self, task, s: Socket, where: bytes) -> int:
        """EINPROGRESS EALREADY EISCONN and the network's"""
        if s.kind == SOCK_DGRAM and sockaddr.family_of(where) == 0:
            disconnect(s)
            return 0
        error = s.sock.connect_ex(self.check(s, sockaddr.unpack(s.family, where)))
        if error:
            raise OSError(error, "connect")
        return 0

    def listen(self, task, s: Socket, backlog: int) -> None:
        s.sock.listen(backlog)
        if s.arrivals is None:
            s.arrivals = []

    def accept(self, task, s: Socket, flags: int) -> Socket:
        host_fd, _ = s.sock._accept()
        made = Socket(task.kernel, new_socket(s.family, s.kind, 0, host_fd), self, s.family, s.kind, s.protocol, flags,
                      s.creds)
        if s.name:
            # A published port: what the guest knows is its own.
            made.name = sockaddr.pack(s.family, sockaddr.unpack(s.family, self._host_name(made))[0],
                                      sockaddr.unpack(s.family, s.name)[1])
        return made

    @staticmethod
    def _host_name(s: Socket) -> bytes:
        return sockaddr.from_host(s.family, s.sock.getsockname())

    def own_name(self, s: Socket) -> bytes:
        return s.name or self._host_name(s)

    def peer_name(self, s: Socket) -> bytes:
        return sockaddr.from_host(s.family, s.sock.getpeername())

    def source(self, s: Socket, host_name) -> bytes:
        return sockaddr.from_host(s.family, host_name) if host_name else b""

    def target(self, task, s: Socket, where: bytes) -> tuple:
        return self.check(s, sockaddr.unpack(s.family, where))


def disconnect(s: Socket) -> None:
    """connect(2) to AF_UNSPEC, which Python has no call for."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(s.host_fd, bytes(16), 16) < 0:
        raise OSError(ctypes.get_errno(), "connect")


INET = Inet()
