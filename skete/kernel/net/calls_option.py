"""setsockopt(2), getsockopt(2): which options exist, and whose they are.

What is listed as the host's is passed on as the bytes it is; the host checks size and value. On the loopback of a
machine without network (net.local.Loopback) the options of TCP, UDP and IP mean nothing: net.mirror keeps them.
"""
from __future__ import annotations

from errno import EDOM, EINVAL, ENODATA, ENODEV, ENOPROTOOPT, EOPNOTSUPP, EPERM
from struct import Struct

from skete.abi.socket import (AF_INET6, AF_UNIX, IPPROTO_IP, IPPROTO_IPV6, SO_ACCEPTCONN, SO_BINDTODEVICE,
                              SO_BROADCAST, SO_BUF_LOCK, SO_BUSY_POLL, SO_COOKIE, SO_DEBUG, SO_DOMAIN, SO_DONTROUTE,
                              SO_ERROR, SO_INCOMING_CPU, SO_INCOMING_NAPI_ID, SO_KEEPALIVE, SO_LINGER, SO_LOCK_FILTER,
                              SO_MARK, SO_MAX_PACING_RATE, SO_MEMINFO, SO_NO_CHECK, SO_NOFCS, SO_OOBINLINE,
                              SO_PASSCRED, SO_PEEK_OFF, SO_PEERCRED, SO_PEERGROUPS, SO_PRIORITY, SO_PROTOCOL,
                              SO_RCVBUF, SO_RCVBUFFORCE, SO_RCVLOWAT, SO_RCVTIMEO_NEW, SO_RCVTIMEO_OLD, SO_REUSEADDR,
                              SO_REUSEPORT, SO_RXQ_OVFL, SO_SELECT_ERR_QUEUE, SO_SNDBUF, SO_SNDBUFFORCE, SO_SNDLOWAT,
                              SO_SNDTIMEO_NEW, SO_SNDTIMEO_OLD, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TYPE, SOL_SOCKET,
                              SOL_TCP, SOL_UDP, UCRED)
from skete.kernel.net import mirror
from skete.kernel.net.local import LOOPBACK
from skete.kernel.net.socket import get
from skete.kernel.row import ADDR, FD, I32, Row

__all__ = ["ROWS"]

_INT, _LINGER, _TIMEVAL = Struct("<i"), Struct("<ii"), Struct("<qq")
#: what one option may take, in bytes: enough for TCP_INFO, and Python's own limit
_MOST = 1024
_NS = 1_000_000_000

#: options of the host that a guest may set and read
_SETTABLE = {
    SOL_SOCKET: {SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE,
                 SO_NO_CHECK, SO_PRIORITY, SO_REUSEPORT, SO_RCVLOWAT, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_RXQ_OVFL,
                 SO_PEEK_OFF, SO_INCOMING_CPU, SO_BUSY_POLL, SO_NOFCS, SO_SELECT_ERR_QUEUE, SO_MAX_PACING_RATE,
                 SO_BUF_LOCK},
    # TCP_NODELAY MAXSEG CORK KEEPIDLE KEEPINTVL KEEPCNT SYNCNT LINGER2 DEFER_ACCEPT WINDOW_CLAMP; QUICKACK CONGESTION;
    # THIN_LINEAR THIN_DUPACK USER_TIMEOUT; FASTOPEN TIMESTAMP NOTSENT_LOWAT; SAVE_SYN; NO_COOKIE INQ TX_DELAY
    SOL_TCP: {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 18, 23, 24, 25, 27, 34, 36, 37},
    # UDP_CORK, UDP_SEGMENT UDP_GRO
    SOL_UDP: {1, 103, 104},
    # IP_TOS TTL; RECVOPTS RETOPTS PKTINFO; MTU_DISCOVER RECVERR RECVTTL RECVTOS; FREEBIND; RECVORIGDSTADDR; CHECKSUM
    # BIND_ADDRESS_NO_PORT RECVFRAGSIZE RECVERR_RFC4884; MULTICAST_*; MULTICAST_ALL UNICAST_IF
    IPPROTO_IP: {1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 20, 23, 24, 25, 26, 32, 33, 34, 35, 36, 49, 50},
    # UNICAST_HOPS MULTICAST_IF HOPS LOOP JOIN LEAVE, MTU_DISCOVER MTU RECVERR V6ONLY, MULTICAST_ALL, RECVERR_RFC4884,
    # FLOWINFO_SEND, RECVPKTINFO, RECVHOPLIMIT, RECVHOPOPTS, RECVRTHDR, RECVDSTOPTS, RECVPATHMTU, DONTFRAG, RECVTCLASS
    # TCLASS, AUTOFLOWLABEL, ADDR_PREFERENCES MINHOPCOUNT RECVORIGDSTADDR, UNICAST_IF RECVFRAGSIZE FREEBIND
    IPPROTO_IPV6: {16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 29, 31, 33, 49, 51, 53, 56, 58, 60, 62, 66, 67, 70, 72, 73,
                   74, 76, 77, 78},
}
#: IP_MULTICAST_IF, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP and IPv6's: they make the host talk to its network
_OUTWARD = {(IPPROTO_IP, 32), (IPPROTO_IP, 35), (IPPROTO_IP, 36), (IPPROTO_IPV6, 17), (IPPROTO_IPV6, 20),
            (IPPROTO_IPV6, 21)}
#: those that can only be read: TCP_INFO, IP_MTU
_READABLE = {SOL_SOCKET: {SO_DEBUG, SO_TYPE, SO_ERROR, SO_SNDLOWAT, SO_ACCEPTCONN, SO_LOCK_FILTER, SO_MEMINFO,
                         SO_INCOMING_NAPI_ID, SO_COOKIE}, SOL_TCP: {11}, IPPROTO_IP: {14}}
#: what takes a capability that nobody has
_PRIVILEGED = {SO_DEBUG, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_MARK, SO_BINDTODEVICE}
_V6ONLY = IPPROTO_IPV6, 26


def setsockopt(task, fd: int, level: int, name: int, addr: int, length: int) -> int:
    """setsockopt(2). EBADF EDOM EFAULT EINVAL ENOPROTOOPT ENOTSOCK EPERM"""
    s = get(task, fd)
    if length < 0:
        raise OSError(EINVAL, f"{length} bytes")
    if level == SOL_SOCKET and length < 4 and name != SO_BINDTODEVICE:
        raise OSError(EINVAL, f"{length} bytes")
    ours = _SET.get(name) if level == SOL_SOCKET else None
    known = name in _SETTABLE.get(level, ()) and _has(s, level)
    if ours is None and not known:
        if level == SOL_SOCKET and name in _PRIVILEGED:
            raise OSError(EPERM, "takes a capability")
        raise OSError(EOPNOTSUPP if s.family == AF_UNIX and level != SOL_SOCKET else ENOPROTOOPT,
                      f"option {name} of level {level}")
    if (level, name) == _V6ONLY and s.name:
        raise OSError(EINVAL, "it is bound")
    if (level, name) in _OUTWARD and s.net.policy != "host":
        raise OSError(ENODEV, "beyond what --net grants")
    value = task.mm.read(addr, min(length, _MOST))
    if ours is not None:
        ours(s, value)
    elif s.domain is LOOPBACK and (level != SOL_SOCKET or name in (SO_REUSEADDR, SO_REUSEPORT)):
        if level == SOL_SOCKET:
            s.options[level, name] = value
        else:
            mirror.set(s, level, name, value)
    else:
        s.sock.setsockopt(level, name, value)
    return 0


def _has(s, level: int) -> bool:
    """Whether a socket has options of this level."""
    if level == SOL_SOCKET:
        return True
    if s.family == AF_UNIX:
        return False
    if level in (SOL_TCP, SOL_UDP):
        return s.is_stream == (level == SOL_TCP)
    return level == IPPROTO_IP or s.family == AF_INET6


def _linger(s, value: bytes) -> None:
    if len(value) < 8:
        raise OSError(EINVAL, "no struct linger")
    on, seconds = _LINGER.unpack(value[:8])
    s.sock.setsockopt(SOL_SOCKET, SO_LINGER, value[:8])
    s.linger = bool(on and seconds)


def _passcred(s, value: bytes) -> None:
    if s.family != AF_UNIX:
        raise OSError(EOPNOTSUPP, "no Unix socket")
    s.passcred = bool(_INT.unpack(value[:4])[0])
    s.net.passcred |= s.passcred


def _timeout(value: bytes) -> int:
    """struct timeval as ns; 0 for none."""
    if len(value) < 16:
        raise OSError(EINVAL, "no struct timeval")
    seconds, us = _TIMEVAL.unpack(value[:16])
    if not 0 <= us < 1_000_000:
        raise OSError(EDOM, f"{us} us")
    return max(0, seconds) * _NS + us * 1000 if seconds >= 0 else 1


def _receive_timeout(s, value: bytes) -> None:
    s.receive_ns = _timeout(value)


def _send_timeout(s, value: bytes) -> None:
    s.send_ns = _timeout(value)


_SET = {SO_LINGER: _linger, SO_PASSCRED: _passcred, SO_RCVTIMEO_OLD: _receive_timeout,
        SO_RCVTIMEO_NEW: _receive_timeout, SO_SNDTIMEO_OLD: _send_timeout, SO_SNDTIMEO_NEW: _send_timeout}


def getsockopt(task, fd: int, level: int, name: int, addr: int, length_at: int) -> int:
    """getsockopt(2): write the value, and its length. EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK"""
    s = get(task, fd)
    length = int.from_bytes(task.mm.read(length_at, 4), "little", signed=True)
    if length < 0:
        raise OSError(EINVAL, f"{length} bytes")
    value = _value(s, level, name, min(length, _MOST))[:length]
    if value:
        task.mm.write(addr, value)
    task.mm.write(length_at, len(value).to_bytes(4, "little"))
    return 0


def _value(s, level: int, name: int, length: int) -> bytes:
    if level == SOL_SOCKET:
        ours = _GET.get(name)
        if ours is not None:
            return ours(s)
    if not _has(s, level):
        raise OSError(EOPNOTSUPP, f"level {level}")
    if not (name in _SETTABLE.get(level, ()) or name in _READABLE.get(level, ())) or not _has(s, level):
        raise OSError(ENOPROTOOPT, f"option {name} of level {level}")
    if s.domain is LOOPBACK and (level != SOL_SOCKET or (level, name) in s.options):
        return s.options[level, name] if level == SOL_SOCKET else mirror.get(s, level, name, length)
    return s.sock.getsockopt(level, name, max(1, length))[:length]


def _time(ns: int) -> bytes:
    return _TIMEVAL.pack(ns // _NS, ns % _NS // 1000)


def _peer(s) -> bytes:
    creds = s.peer_creds or (0, 0xffff_ffff, 0xffff_ffff)
    return UCRED.pack(*creds)


def _groups(s) -> bytes:
    if s.peer_creds is None:
        raise OSError(ENODATA, "no peer")
    return b"".join([gid.to_bytes(4, "little") for gid in s.net.kernel.config.groups])


def _acceptconn(s) -> bytes:
    return _INT.pack(s.arrivals is not None)


_GET = {
    SO_TYPE: lambda s: _INT.pack(s.kind),
    SO_DOMAIN: lambda s: _INT.pack(s.family),
    SO_PROTOCOL: lambda s: _INT.pack(s.protocol),
    SO_ACCEPTCONN: _acceptconn,
    SO_LINGER: lambda s: s.sock.getsockopt(SOL_SOCKET, SO_LINGER, 8),
    SO_PASSCRED: lambda s: _INT.pack(s.passcred),
    SO_PEERCRED: _peer,
    SO_PEERGROUPS: _groups,
    SO_BINDTODEVICE: lambda s: b"",
    SO_MARK: lambda s: _INT.pack(0),
    SO_RCVTIMEO_OLD: lambda s: _time(s.receive_ns), SO_RCVTIMEO_NEW: lambda s: _time(s.receive_ns),
    SO_SNDTIMEO_OLD: lambda s: _time(s.send_ns), SO_SNDTIMEO_NEW: lambda s: _time(s.send_ns),
    SO_DEBUG: lambda s: _INT.pack(0),
}

_LEFT_OUT = "no filters (SO_ATTACH_*), no zero copy, no security labels; multicast with --net host only"
ROWS = (
    Row(54, setsockopt, (FD, I32, I32, ADDR, I32), _LEFT_OUT),
    Row(55, getsockopt, (FD, I32, I32, ADDR, ADDR), _LEFT_OUT),
)
