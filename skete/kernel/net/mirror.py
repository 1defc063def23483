"""The options of a socket on the loopback of a machine without network.

Its host's socket is a Unix one, which knows nothing of TCP, UDP and IP. So such a socket has a *mirror* as soon as
somebody asks for an option of theirs: a socket of the host of the right kind that is never bound nor connected, and so
reaches nobody. It knows which options there are, which values they take, and what they are when nobody has set them.
"""
from __future__ import annotations

from _socket import socket

from skete.abi.socket import SOL_SOCKET, SOL_TCP

__all__ = ["get", "set"]

_TCP_MAXSEG, _TCP_INFO = 2, 11
_TCP_ESTABLISHED, _TCP_LISTEN = 1, 10
#: the largest segment on a loopback of 65,536 bytes
_SEGMENT = 65483


def get(s, level: int, name: int, length: int) -> bytes:
    """What the host would answer. ENOPROTOOPT and others"""
    mirror = _of(s)
    if mirror is None:
        return s.options.get((level, name), bytes(4))[:length]
    value = mirror.getsockopt(level, name, max(1, length))[:length]
    connected = s.peer is not None and s.connects
    if (level, name) == (SOL_TCP, _TCP_MAXSEG) and connected and length >= 4:
        return _SEGMENT.to_bytes(4, "little")
    if (level, name) == (SOL_TCP, _TCP_INFO) and value and (connected or s.arrivals is not None):
        return bytes((_TCP_ESTABLISHED if connected else _TCP_LISTEN,)) + value[1:]
    return value


def set(s, level: int, name: int, value: bytes) -> None:
    """Set it, and keep what was set for sockets that inherit it. EINVAL ENOPROTOOPT and others"""
    mirror = _of(s)
    if mirror is not None:
        mirror.setsockopt(level, name, value)
    s.options[level, name] = value


def _of(s):
    """The mirror; None where the host has no such sockets."""
    if s.mirror is None:
        try:
            s.mirror = socket(s.family, s.kind, s.protocol)
        except OSError:
            return None
        for (level, name), value in s.options.items():
            if level != SOL_SOCKET:
                s.mirror.setsockopt(level, name, value)
    return s.mirror
