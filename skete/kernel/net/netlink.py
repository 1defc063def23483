"""Netlink sockets, as far as the machine has something to say on them: to whom mq_notify(2) is to tell by one.

The C libraries implement SIGEV_THREAD so: a thread of theirs waits at a netlink socket for what it gave to mq_notify.
Nothing can be asked: a program that wants to know about interfaces finds that out when it binds or sends, and goes on
as on a kernel without netlink.
"""
from __future__ import annotations

from errno import EOPNOTSUPP
from struct import pack

from _socket import socketpair

from skete.abi.socket import AF_NETLINK, AF_UNIX, SOCK_DGRAM
from skete.kernel.net.socket import Socket, credentials

__all__ = ["Netlink", "make"]

#: struct sockaddr_nl of the kernel: family, padding, port, groups
_KERNEL = pack("<HHII", AF_NETLINK, 0, 0, 0)


class _Domain:
    """Where only the kernel speaks."""
    imitates = False

    def own_name(self, s: Socket) -> bytes:
        return _KERNEL          # not bound, it has no number either

    peer_name = own_name

    def source(self, s: Socket, host_name) -> bytes:
        return _KERNEL

    def bind(self, task, s: Socket, where: bytes) -> None:
        raise OSError(EOPNOTSUPP, "nothing can be asked by netlink")

    def connect(self, task, s: Socket, where: bytes) -> int:
        raise OSError(EOPNOTSUPP, "nothing can be asked by netlink")

    def target(self, task, s: Socket, where: bytes):
        raise OSError(EOPNOTSUPP, "nothing can be asked by netlink")


class Netlink(Socket):
    """speaker: the host's socket at whose other end it is"""
    __slots__ = ("speaker",)

    def release(self) -> None:
        super().release()
        self.speaker.close()

    def send(self, views: list, flags: int, tickets: tuple = (), ancillary: tuple = (), target=None) -> int:
        raise OSError(EOPNOTSUPP, "nothing can be asked by netlink")

    def tell(self, data: bytes) -> None:
        """One message from the kernel; it is lost where there is no room, or nobody reads any more."""
        try:
            self.speaker.send(data)
        except OSError:
            pass


def make(task, kind: int, flags: int) -> Netlink:
    """A socket of NETLINK_ROUTE. EMFILE ENFILE"""
    ours, theirs = socketpair(AF_UNIX, SOCK_DGRAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    made = Netlink(task.kernel, theirs, _Domain(), AF_NETLINK, kind, 0, flags, credentials(task))
    made.speaker = ours
    return made
