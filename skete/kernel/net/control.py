"""Control data of messages: cmsg(3). What a guest sends with one, and what it is told with one it gets."""
from __future__ import annotations

from errno import EBADF, EINVAL, EMFILE, ENOBUFS, EPERM

from skete.abi.fcntl import O_PATH
from skete.abi.socket import (AF_UNIX, CMSGHDR, IPPROTO_IP, IPPROTO_IPV6, MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_PEEK,
                              OPTMEM_MAX, SCM_CREDENTIALS, SCM_MAX_FD, SCM_RIGHTS, SO_RXQ_OVFL, SO_TIMESTAMP,
                              SO_TIMESTAMPNS, SOL_SOCKET, SOL_UDP, UCRED)
from skete.kernel.identity.credentials import SETGID, SETUID
from skete.kernel.net.socket import Socket

__all__ = ["Sent", "deliver", "parse"]

#: what may go out with a datagram: IP_TOS, IP_TTL; IPV6_HOPLIMIT, IPV6_TCLASS; UDP_SEGMENT
_OUT = {(IPPROTO_IP, 1), (IPPROTO_IP, 2), (IPPROTO_IPV6, 52), (IPPROTO_IPV6, 67), (SOL_UDP, 103)}
#: and with --net host the address it comes from: IP_PKTINFO, IPV6_PKTINFO
_OUT_HOST = {(IPPROTO_IP, 8), (IPPROTO_IPV6, 50)}
#: what comes in from the host as it is
_IN = {(SOL_SOCKET, SO_TIMESTAMP), (SOL_SOCKET, SO_TIMESTAMPNS), (SOL_SOCKET, SO_RXQ_OVFL)}


class Sent:
    """Control data of a message to be sent. files: descriptions, None without SCM_RIGHTS; creds: None where not given;
    host: [(level, type, data)] for the host"""
    __slots__ = ("files", "creds", "host")

    def __init__(self):
        self.files = self.creds = None
        self.host = []


def parse(task, s: Socket, addr: int, length: int) -> Sent | None:
    """A guest's control data. EBADF EFAULT EINVAL ENOBUFS EPERM"""
    if not addr or not length:
        return None
    if length > OPTMEM_MAX:
        raise OSError(ENOBUFS, f"{length} bytes of control data")
    data, sent, at = task.mm.read(addr, length), Sent(), 0
    while at + CMSGHDR.size <= length:
        size, level, kind = CMSGHDR.unpack_from(data, at)
        if size < CMSGHDR.size or at + size > length:
            raise OSError(EINVAL, f"control data of {size} bytes")
        _one(task, s, sent, level, kind, data[at + CMSGHDR.size:at + size])
        at += size + 7 & -8
    return sent


def _one(task, s: Socket, sent: Sent, level: int, kind: int, data: bytes) -> None:
    if s.family != AF_UNIX:
        if (level, kind) in _OUT or (level, kind) in _OUT_HOST and s.net.policy == "host":
            if s.net.policy != "none":
                sent.host.append((level, kind, data))
        elif level == SOL_SOCKET and kind not in (SCM_RIGHTS, SCM_CREDENTIALS):
            raise OSError(EINVAL, f"control data {kind}")
        return
    if level != SOL_SOCKET:
        return
    if kind == SCM_RIGHTS:
        numbers = [int.from_bytes(data[i:i + 4], "little", signed=True) for i in range(0, len(data) & -4, 4)]
        sent.files = sent.files or []
        if len(sent.files) + len(numbers) > SCM_MAX_FD:
            raise OSError(EINVAL, f"{len(numbers)} descriptors")
        for fd in numbers:
            file = task.files.get(fd)
            if file.flags & O_PATH and file.poll_fd >= 0:
                raise OSError(EBADF, f"descriptor {fd}")
            sent.files.append(file)
    elif kind == SCM_CREDENTIALS:
        if len(data) != UCRED.size:
            raise OSError(EINVAL, f"credentials of {len(data)} bytes")
        given = UCRED.unpack(data)
        pid, uid, gid = given
        creds = task.creds
        if pid != task.process.pid or uid not in (creds.uid, creds.euid, creds.suid) and not creds.has(SETUID) \
                or gid not in (creds.gid, creds.egid, creds.sgid) and not creds.has(SETGID):
            raise OSError(EPERM, "somebody else's credentials")
        sent.creds = given
    else:
        raise OSError(EINVAL, f"control data {kind}")


class _Room:
    """Guest memory that takes control data. flags: MSG_CTRUNC once something did not fit"""

    def __init__(self, task, addr: int, length: int):
        self.task, self.addr, self.left = task, addr if length else 0, length if addr else 0
        self.used, self.flags = 0, 0

    def put(self, level: int, kind: int, data: bytes) -> None:
        size = CMSGHDR.size + len(data)
        if self.left < CMSGHDR.size:
            self.flags |= MSG_CTRUNC
            return
        if self.left < size:
            self.flags |= MSG_CTRUNC
            size = self.left
        self.task.mm.write(self.addr + self.used, CMSGHDR.pack(size, level, kind) + data[:size - CMSGHDR.size])
        step = min(size + 7 & -8, self.left)
        self.used, self.left = self.used + step, self.left - step


def deliver(task, s: Socket, found: list, flags: int, addr: int, length: int) -> tuple:
    """Write what came with a message: (bytes written, MSG_CTRUNC or 0). found: the host's [(level, type, data)]"""
    room = _Room(task, addr, length)
    files, creds = [], None
    for level, kind, data in found:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
            for i in range(0, len(data) & -4, 4):
                more, who = s.net.transit.take(int.from_bytes(data[i:i + 4], "little"), bool(flags & MSG_PEEK))
                files += more
                creds = creds or who
    try:
        for level, kind, data in found:
            if (level, kind) in _IN or s.family != AF_UNIX and level in (IPPROTO_IP, IPPROTO_IPV6, SOL_UDP):
                room.put(level, kind, data)
        if s.passcred:
            room.put(SOL_SOCKET, SCM_CREDENTIALS, UCRED.pack(*(creds or (0, 65534, 65534))))
        if files:
            _install(task, files, room, bool(flags & MSG_CMSG_CLOEXEC))
    finally:
        for file in files:
            file.drop()
    return room.used, room.flags


def _install(task, files: list, room: _Room, cloexec: bool) -> None:
    """Give the receiver as many as it has room for; the rest is closed."""
    most, fds = max(0, room.left - CMSGHDR.size) // 4, []
    for file in files[:most]:
        try:
            fds.append(task.files.install(file, 0, cloexec))
        except OSError as error:
            if error.errno != EMFILE:
                raise
            break
    if len(fds) < len(files):
        room.flags |= MSG_CTRUNC
    if fds:
        room.put(SOL_SOCKET, SCM_RIGHTS, b"".join([fd.to_bytes(4, "little") for fd in fds]))
