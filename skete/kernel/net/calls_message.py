"""System calls that move messages: send, recv and their kin."""
from __future__ import annotations

from errno import EDESTADDRREQ, EINTR, EINVAL, EISCONN, EMSGSIZE, ENOTCONN, EPERM
from os import close
from select import EPOLLIN, EPOLLOUT, EPOLLPRI
from time import monotonic_ns

from skete.abi.fcntl import MAX_RW_COUNT, O_NONBLOCK
from skete.abi.socket import (AF_UNIX, MMSGHDR_SIZE, MSG_CMSG_CLOEXEC, MSG_CONFIRM, MSG_CTRUNC, MSG_DONTROUTE,
                              MSG_DONTWAIT, MSG_EOR, MSG_ERRQUEUE, MSG_MORE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC,
                              MSG_WAITALL, MSG_WAITFORONE, MSGHDR, MSGHDR_SIZE, SOCK_DGRAM, SOCKADDR_MAX, UIO_MAXIOV)
from skete.kernel.files.transfer import broken_pipe, interrupted, iovec, spread
from skete.kernel.net import address as sockaddr
from skete.kernel.net.control import Sent, deliver, parse
from skete.kernel.net.local import LOOPBACK
from skete.kernel.net.socket import Socket, get
from skete.kernel.outcome import READY, SIGNAL, TIMEOUT, Restart
from skete.kernel.row import ADDR, FD, I32, SIZE, U32, Row
from skete.kernel.time.timespec import read_timespec

__all__ = ["ROWS"]

_SEND = MSG_OOB | MSG_DONTROUTE | MSG_EOR | MSG_CONFIRM | MSG_MORE
_RECEIVE = MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE
#: room for what the host says with a message: our ticket, times, and what IP tells of a datagram
_CONTROL = 512


class _Message:
    """struct msghdr. pieces: the iovec;  name: guest's address of it, and its length"""
    __slots__ = ("name", "name_length", "pieces", "control", "control_length")

    def __init__(self, name: int, name_length: int, pieces: list, control: int = 0, control_length: int = 0):
        self.name, self.name_length, self.pieces = name, name_length, pieces
        self.control, self.control_length = control, control_length

    @classmethod
    def read(cls, task, addr: int) -> "_Message":
        """EFAULT EINVAL EMSGSIZE"""
        name, length, iov, count, control, control_length, _ = MSGHDR.unpack(task.mm.read(addr, MSGHDR_SIZE))
        if count > UIO_MAXIOV:
            raise OSError(EMSGSIZE, f"{count} pieces")
        length -= (length & 0x8000_0000) << 1
        if length < 0:
            raise OSError(EINVAL, f"an address of {length} bytes")
        return cls(name, min(length, SOCKADDR_MAX) if name else 0, iovec(task, iov, count), control, control_length)


# sending

def sendto(task, fd: int, addr: int, size: int, flags: int, name: int, length: int):
    """sendto(2), and with no name send(2): bytes sent. EAGAIN ECONNRESET EDESTADDRREQ EMSGSIZE ENOTCONN EPIPE ..."""
    if name and not 0 <= length <= SOCKADDR_MAX:
        raise OSError(EINVAL, f"an address of {length} bytes")
    return _send(task, get(task, fd), _Message(name, length if name else 0, [(addr, min(size, MAX_RW_COUNT))]), flags)


def sendmsg(task, fd: int, addr: int, flags: int):
    """sendmsg(2): bytes sent. EINVAL ENOBUFS EPERM ETOOMANYREFS and those of sendto"""
    s = get(task, fd)
    return _send(task, s, _Message.read(task, addr), flags)


def sendmmsg(task, fd: int, addr: int, count: int, flags: int):
    """sendmmsg(2): how many messages were sent; an error only where none was."""
    s, done = get(task, fd), 0
    try:
        while done < min(count, UIO_MAXIOV):
            sent = _send(task, s, _Message.read(task, addr), flags)
            if hasattr(sent, "send"):
                sent = yield from sent
            task.mm.write_u32(addr + MSGHDR_SIZE, sent)
            addr += MMSGHDR_SIZE
            done += 1
    except OSError:
        if not done:
            raise
    return done


def _send(task, s: Socket, message: _Message, flags: int):
    where = sockaddr.read(task.mm, message.name, message.name_length) if message.name_length else b""
    sent = parse(task, s, message.control, message.control_length)
    target = _target(task, s, where)
    ticket = ()
    if sent is not None and (sent.files is not None or sent.creds is not None):
        ticket = (s.net.transit.post(sent.files or [], sent.creds or (task.process.pid, task.creds.uid, task.creds.gid)),)
    done = 0
    try:
        done = _once(task, s, message.pieces, 0, flags, ticket, sent, target)
        if not s.is_stream or flags & MSG_DONTWAIT or s.flags & O_NONBLOCK or done == _size(message.pieces):
            _close(s, ticket, True)
            return done
    except BlockingIOError:
        if flags & MSG_DONTWAIT or s.flags & O_NONBLOCK:
            _close(s, ticket, False)
            raise
    except BaseException:
        _close(s, ticket, False)
        raise
    return _send_later(task, s, message.pieces, done, flags, ticket, sent, target, bool(where))


def _target(task, s: Socket, where: bytes):
    """The host's address for a datagram, None where it goes to the peer. EISCONN and the domain's"""
    if not where or s.is_stream and s.family != AF_UNIX and s.domain is not LOOPBACK:
        return None         # TCP takes no notice
    if s.connects:
        if s.is_stream and s.family == AF_UNIX:
            s.sock.getpeername()        # ENOTCONN rather than EISCONN
        raise OSError(EISCONN, "an address for a connection")
    try:
        return s.domain.target(task, s, where)
    except ConnectionRefusedError:
        if s.domain is LOOPBACK:
            return b""
        raise


def _once(task, s: Socket, pieces: list, done: int, flags: int, ticket: tuple, sent: Sent | None, target) -> int:
    """One try. EPIPE with SIGPIPE"""
    views = spread(task, pieces, False, done) if _size(pieces) > done else []
    if target == b"":
        return _size(pieces)    # a datagram to a port where nobody is
    try:
        return s.send(views, flags & _SEND, ticket if not done else (), tuple(sent.host) if sent else (), target)
    except BrokenPipeError:
        if s.is_stream and not flags & MSG_NOSIGNAL:
            broken_pipe(task)
        raise
    except OSError as error:
        if s.domain is LOOPBACK and s.kind == SOCK_DGRAM:
            if error.errno == EPERM:
                return _size(pieces)        # it is connected to somebody else: UDP drops what comes from others
            if error.errno == ENOTCONN:
                raise OSError(EDESTADDRREQ, "not connected") from None
        raise


def _send_later(task, s: Socket, pieces: list, done: int, flags: int, ticket: tuple, sent: Sent | None, target,
                unconnected: bool):
    s.hold()
    began_ns, wait, kept = monotonic_ns(), s.waits(EPOLLOUT), done > 0
    try:
        while True:
            if unconnected:
                wait = s.waits_for_peer(began_ns)
            why = yield wait
            if why is SIGNAL:
                if done:
                    return done
                raise OSError(EINTR, "") if s.send_ns else Restart()
            try:
                done += _once(task, s, pieces, done, flags, ticket, sent, target)
                kept = True
                if not s.is_stream or done == _size(pieces):
                    return done
            except BlockingIOError:
                over = why is TIMEOUT and not unconnected or s.send_ns and monotonic_ns() - began_ns >= s.send_ns
                if over and not done:
                    raise
                if over:
                    return done
    except OSError:
        if done:
            return done
        raise
    finally:
        _close(s, ticket, kept)
        s.drop()


def _close(s: Socket, ticket: tuple, kept: bool) -> None:
    """The host has our ticket, or (not kept) will not get it."""
    if ticket:
        if not kept:
            s.net.transit.withdraw(ticket[0])
        close(ticket[0])


def _size(pieces: list) -> int:
    return sum([length for _, length in pieces])


# receiving

def recvfrom(task, fd: int, addr: int, size: int, flags: int, name: int, length_at: int):
    """recvfrom(2), and with no name recv(2): bytes received, 0 at the end. EAGAIN ECONNREFUSED EINTR ENOTCONN ..."""
    s = get(task, fd)
    pieces = [(addr, min(size, MAX_RW_COUNT))]

    def finish(count: int, found: list, came: int, source) -> int:
        # What came with it first, or descriptors on their way would stay there where the name cannot be written.
        if found:
            deliver(task, s, found, flags, 0, 0)
        if name:
            sockaddr.write(task.mm, name, length_at, _source(s, source))
        return count
    return _receive(task, s, pieces, flags, finish)


def recvmsg(task, fd: int, addr: int, flags: int):
    """recvmsg(2): bytes received; the header takes name, control data and flags. EMSGSIZE and those of recvfrom"""
    return _receive_message(task, get(task, fd), addr, flags)


def _receive_message(task, s: Socket, addr: int, flags: int):
    message = _Message.read(task, addr)

    def finish(count: int, found: list, came: int, source) -> int:
        mm = task.mm
        used, truncated = deliver(task, s, found, flags, message.control, message.control_length)
        if message.name:
            source_name = _source(s, source)
            if source_name:
                mm.write(message.name, source_name[:message.name_length])
            mm.write_u32(addr + 8, len(source_name))
        mm.write_u64(addr + 40, used)
        # What the host truncated was room that we did not give it.
        mm.write_u32(addr + 48, came & ~(MSG_CMSG_CLOEXEC | MSG_CTRUNC | MSG_DONTWAIT) | truncated
                     | flags & MSG_CMSG_CLOEXEC)
        return count
    return _receive(task, s, message.pieces, flags, finish)


def recvmmsg(task, fd: int, addr: int, count: int, flags: int, timeout: int):
    """recvmmsg(2): how many messages came; the timeout is looked at after each, as on Linux."""
    s, done, deadline_ns = get(task, fd), 0, None
    if timeout:
        deadline_ns = monotonic_ns() + read_timespec(task.mm, timeout)
    try:
        while done < min(count, UIO_MAXIOV):
            each = flags & ~MSG_WAITFORONE | (MSG_DONTWAIT if done and flags & MSG_WAITFORONE else 0)
            came = _receive_message(task, s, addr, each)
            if hasattr(came, "send"):
                came = yield from came
            task.mm.write_u32(addr + MSGHDR_SIZE, came)
            addr += MMSGHDR_SIZE
            done += 1
            if deadline_ns is not None and monotonic_ns() >= deadline_ns:
                break
    except OSError:
        if not done:
            raise
    return done


def _source(s: Socket, source) -> bytes:
    """The sender's name; a connection has none to tell."""
    return b"" if s.connects else s.domain.source(s, source)


def _receive(task, s: Socket, pieces: list, flags: int, finish):
    """Receive once, or wait for it. ``finish(count, control, flags, host address)`` says what the call returns."""
    whole = flags & MSG_WAITALL and s.is_stream and not flags & (MSG_PEEK | MSG_DONTWAIT) and not s.flags & O_NONBLOCK
    try:
        result = _take(task, s, pieces, 0, flags)
        if not whole or not 0 < result[0] < _size(pieces):
            return finish(*result)
    except BlockingIOError:
        if flags & (MSG_DONTWAIT | MSG_ERRQUEUE) or s.flags & O_NONBLOCK:
            raise
        result = None
    return _receive_later(task, s, pieces, flags, finish, result, whole)


def _take(task, s: Socket, pieces: list, done: int, flags: int) -> tuple:
    size = _size(pieces)
    if s.is_stream and not size:
        return s.receive([], flags & _RECEIVE & ~MSG_TRUNC, _CONTROL)
    return s.receive(spread(task, pieces, True, done) if size else [], flags & _RECEIVE, _CONTROL)


def _receive_later(task, s: Socket, pieces: list, flags: int, finish, result, whole: bool):
    s.hold()
    wait = s.waits(EPOLLPRI if flags & MSG_OOB else EPOLLIN)
    done, control, came, source = result or (0, [], 0, None)
    try:
        while True:
            why = yield wait
            if why is SIGNAL and not done:
                raise interrupted(wait)
            if why is READY or why is TIMEOUT:
                try:
                    count, found, came, source = _take(task, s, pieces, done, flags)
                    done += count
                    control += found
                    if not whole or not count or done >= _size(pieces):
                        return finish(done, control, came, source)
                    continue
                except BlockingIOError:
                    if why is READY:
                        continue
                    if not done:
                        raise
                except OSError:
                    if not done:
                        raise
            return finish(done, control, came, source)
    finally:
        s.drop()


_SENDS = "no MSG_ZEROCOPY, MSG_FASTOPEN; a full Unix datagram socket is tried again every 2 ms by senders that " \
         "are not connected to it"
_RECEIVES = "MSG_WAITALL with MSG_PEEK returns what is there"
ROWS = (
    Row(44, sendto, (FD, ADDR, SIZE, U32, ADDR, I32), _SENDS),
    Row(45, recvfrom, (FD, ADDR, SIZE, U32, ADDR, ADDR), _RECEIVES),
    Row(46, sendmsg, (FD, ADDR, U32), _SENDS + "; control data: SCM_RIGHTS, SCM_CREDENTIALS, TOS, TTL, addresses"),
    Row(47, recvmsg, (FD, ADDR, U32), _RECEIVES),
    Row(299, recvmmsg, (FD, ADDR, U32, U32, ADDR), _RECEIVES),
    Row(307, sendmmsg, (FD, ADDR, U32, U32), _SENDS),
)
