"""A guest's socket: a description over a non-blocking socket of the host."""
from __future__ import annotations

from errno import EBADF, EINVAL, ENOTSOCK, ENXIO
from fcntl import ioctl as host_ioctl
from select import EPOLLIN, EPOLLOUT
from time import monotonic_ns

from skete.abi.fcntl import IOV_MAX, O_PATH, O_RDWR
from skete.abi.ioctls import FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP
from skete.abi.socket import (AF_UNIX, MSG_CTRUNC, MSG_DONTWAIT, MSG_NOSIGNAL, SCM_RIGHTS, SIOCATMARK, SIOCINQ,
                              SIOCOUTQ, SO_LINGER, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET)
from skete.abi.stat import SOCKFS_MAGIC, ST_VALID
from skete.kernel.files.stream import Stream
from skete.kernel.net.net import of
from skete.kernel.outcome import Wait
from skete.kernel.scheduler import Queue

__all__ = ["Socket", "credentials", "get"]

#: How soon to try again where the host cannot say when there is room: many datagram sockets that write to one
_AGAIN_NS = 2_000_000


class Socket(Stream):
    """One socket.

    sock: the host's (_socket.socket);  domain: what its family does with addresses
    family, kind, protocol: as the guest asked for them
    name: the sockaddr it is bound to, or b"";  bound: net.Bound, where others can be connected to it
    peer: the Socket at the other end, as far as it is known;  peer_name: its sockaddr where that is fixed
    arrivals: of a listening one: who was connected and is not accepted yet, [(Socket, sockaddr it asked for)];
    room: those who wait to be connected
    creds, peer_creds: (pid, uid, gid) of who made it, listened or connected
    receive_ns, send_ns: SO_RCVTIMEO, SO_SNDTIMEO, 0 for none;  linger: whether close(2) would wait
    options: {(level, name): bytes} that are kept here rather than on the host;  mirror: net.mirror's socket, or None
    started: connect(2) has said EINPROGRESS, and not yet that it is done
    far, readers: the connection's other end, where both are Unix sockets of the host and known here: then who waits for
    data stands in ``readers``, and what is done at the other end wakes them (see link)
    """
    __slots__ = ("net", "sock", "domain", "family", "kind", "protocol", "name", "bound", "peer", "peer_name",
                 "arrivals", "room", "creds", "peer_creds", "receive_ns", "send_ns", "linger", "passcred", "options",
                 "mirror", "started", "far", "readers")
    tells = is_socket = True

    def __init__(self, kernel, sock, domain, family: int, kind: int, protocol: int, flags: int, creds: tuple):
        from os import fstat
        host_fd = sock.fileno()
        super().__init__(host_fd, O_RDWR | flags, b"socket:[%d]" % fstat(host_fd).st_ino)
        self.net, self.sock, self.domain = of(kernel), sock, domain
        self.family, self.kind, self.protocol = family, kind, protocol
        self.name = b""
        self.bound = self.peer = self.peer_name = self.arrivals = self.peer_creds = None
        self.room = Queue()
        self.creds = creds
        self.receive_ns = self.send_ns = 0
        self.linger = self.passcred = False
        self.options, self.mirror, self.started = {}, None, False
        self.far = self.readers = None

    @property
    def is_stream(self) -> bool:
        return self.kind == SOCK_STREAM

    @property
    def connects(self) -> bool:
        """Whether it is of a kind that listens and accepts."""
        return self.kind in (SOCK_STREAM, SOCK_SEQPACKET)

    def release(self) -> None:
        if self.linger:
            # close(2) would wait for the other side, and we with it. The host goes on sending all the same.
            self.sock.setsockopt(SOL_SOCKET, SO_LINGER, bytes(8))
        if self.bound is not None:
            self.net.unbind(self.bound)
        self.sock.close()
        self.unlink()
        if self.mirror is not None:
            self.mirror.close()
        self.arrivals = None
        self.room.wake()
        if self.family == AF_UNIX and self.net.transit.parcels:
            self.net.transit.sweep()

    def read(self, buffers: list) -> int:
        return self.receive(buffers, 0)[0]

    def write(self, buffers: list) -> int:
        return self.send(buffers, 0)

    def send(self, views: list, flags: int, tickets: tuple = (), ancillary: tuple = (), target=None) -> int:
        """One sendmsg of the host; bytes taken. tickets: host descriptors to go along; target: host address, or None"""
        if self.domain.imitates:
            self.domain.before_send(self, views)
        control = list(ancillary)
        ticket = None
        if tickets:
            control.append((SOL_SOCKET, SCM_RIGHTS, tickets[0].to_bytes(4, "little")))
        elif self.family == AF_UNIX and self.net.passcred:
            ticket = self._signature()
            if ticket is not None:
                control.append((SOL_SOCKET, SCM_RIGHTS, ticket.to_bytes(4, "little")))
        if len(views) > IOV_MAX:
            views = [b"".join(views)]
        try:
            done = self._send(views, control, flags | MSG_DONTWAIT | MSG_NOSIGNAL, target)
        except BaseException:
            if ticket is not None:
                self.net.transit.withdraw(ticket)
            raise
        finally:
            if ticket is not None:
                from os import close
                close(ticket)
        return done

    def _send(self, views: list, control: list, flags: int, target) -> int:
        if target is not None:
            return self.sock.sendmsg(views, control, flags, target)
        done = self.sock.sendmsg(views, control, flags)
        far = self.far
        if far is not None and far.readers.tasks:
            far.readers.wake()
        return done

    def moved(self) -> None:
        if self.far is not None:
            self.far.readers.wake()

    def link(self, far: "Socket") -> None:
        """This is one end of a connection, and that the other. Waiting for room stays the host's."""
        self.far, self.readers, far.far, far.readers = far, Queue(), self, Queue()

    def unlink(self) -> None:
        """This end is closed. Who waits at the other finds an end, or a reset: it will not wait again."""
        far = self.far
        if far is not None:
            self.far = far.far = None
            far.readers.wake()

    def _signature(self):
        """A ticket that says who writes, for a peer with SO_PASSCRED; None where there are too many."""
        task = self.net.kernel.current
        try:
            return self.net.transit.post([], credentials(task))
        except OSError:
            return None

    def receive(self, views: list, flags: int, control: int = 0) -> tuple:
        """One recvmsg of the host: (bytes, [(level, type, data)], flags, host address). control: room, in bytes"""
        if self.domain.imitates:
            self.domain.before_receive(self)
        if len(views) > IOV_MAX:
            return self._scattered(views, flags, control)
        result = self.sock.recvmsg_into(views, control, flags | MSG_DONTWAIT)
        if result[2] & MSG_CTRUNC and self.net.transit.parcels:
            self.net.transit.sweep()        # a ticket that nobody asked for is gone
        return result

    def _scattered(self, views: list, flags: int, control: int) -> tuple:
        whole = bytearray(sum(map(len, views)))
        result = self.sock.recvmsg_into([whole], control, flags | MSG_DONTWAIT)
        at = 0
        for view in views:
            view[:] = whole[at:at + len(view)]
            at += len(view)
        return result

    def waits(self, events: int) -> Wait:
        timeout_ns = self.send_ns if events & EPOLLOUT else self.receive_ns
        if events == EPOLLIN and self.far is not None:
            return Wait(self.readers, monotonic_ns() + timeout_ns if timeout_ns else None)
        return Wait(host_fd=self.host_fd, events=events,
                    deadline_ns=monotonic_ns() + timeout_ns if timeout_ns else None)

    def waits_for_peer(self, begun_ns: int) -> Wait:
        """The same for an unconnected datagram socket, which is always writable: try again soon."""
        deadline_ns = monotonic_ns() + _AGAIN_NS
        if self.send_ns:
            deadline_ns = min(deadline_ns, begun_ns + self.send_ns)
        return Wait(deadline_ns=deadline_ns)

    def statfs(self) -> tuple:
        return (SOCKFS_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)

    def ioctl(self, task, request: int, arg: int) -> int:
        if request in (SIOCINQ, SIOCOUTQ, SIOCATMARK):
            if request == SIOCINQ and self.arrivals is not None:
                raise OSError(EINVAL, "it listens")
            task.mm.write(arg, host_ioctl(self.host_fd, request, bytes(4)))
            return 0
        if request in (FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP):
            from skete.kernel.files.owner import owner_ioctl
            return owner_ioctl(task, self, request, arg)
        return super().ioctl(task, request, arg)

    def fcntl(self, command: int, arg):
        raise OSError(EINVAL, f"fcntl {command}")

    def reopen(self, flags: int):
        raise OSError(ENXIO, "a socket")


def get(task, fd: int) -> Socket:
    """The socket behind a descriptor. EBADF ENOTSOCK"""
    file = task.files.get(fd)
    if not isinstance(file, Socket):
        if file.flags & O_PATH:
            raise OSError(EBADF, "opened with O_PATH")
        raise OSError(ENOTSOCK, f"descriptor {fd}")
    return file


def credentials(task) -> tuple:
    """struct ucred of a thread: pid, uid, gid."""
    return task.process.pid, task.creds.euid, task.creds.egid
