"""What the sockets of one machine share: the policy, who is bound where, and what is on its way between them."""
from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_STREAM, socket

from skete.kernel.net.policy import published
from skete.kernel.net.rights import Transit

__all__ = ["Bound", "Net", "of"]

#: Host names of closed sockets that are remembered, for datagrams of theirs that have not been read.
_REMEMBERED = 4096
#: Where a socket can be bound for a moment
_FOLDERS = (b"/dev/shm", b"/tmp", b"/var/tmp")


class Bound:
    """A socket of the guest that others can be connected to.

    key: what it is found by;  socket: the description;  host_name: what the host calls it
    inode_fd: descriptor of the host's inode, with O_PATH
    """
    __slots__ = ("key", "socket", "host_name", "inode_fd")

    def __init__(self, key: tuple, socket, host_name: bytes, inode_fd: int):
        self.key, self.socket, self.host_name, self.inode_fd = key, socket, host_name, inode_fd

    @property
    def path(self) -> bytes:
        """Where the host finds it."""
        return b"/proc/self/fd/%d" % self.inode_fd


class Net:
    """policy: "none", "loopback" or "host";  published: {(SOCK_*, guest port): (host address, host port)}
    serving: {(SOCK_*, guest port): Socket} of the published ports that are bound
    bound: {key: Bound};  names: {host name: guest's name of it};  passcred: some socket wants to know who writes
    """

    def __init__(self, kernel):
        self.kernel = kernel
        self.policy = kernel.config.net
        self.published = published(kernel.config.publish)
        self.bound, self.names, self.serving = {}, {}, {}
        self.transit = Transit()
        self.passcred = False
        self.next_port = 32768 + int.from_bytes(kernel.config.random(2), "little") % 16384
        self.next_name = 0

    def close(self) -> None:
        """Let go of what is on its way."""
        self.transit.close()

    def bind(self, key: tuple, description, name: bytes) -> None:
        """Bind the host's socket where this machine alone finds it, and note it under ``key`` and ``name``."""
        host_name, inode_fd = _hidden(description.sock)
        description.bound = self.bound[key] = Bound(key, description, host_name, inode_fd)
        description.name = name
        names = self.names
        if len(names) >= _REMEMBERED:
            alive = {bound.host_name for bound in self.bound.values()}
            for old in [old for old in names if old not in alive][:_REMEMBERED // 2]:
                del names[old]
        names[host_name] = name

    def unbind(self, bound: Bound) -> None:
        """Its socket has gone."""
        if self.bound.get(bound.key) is bound:
            del self.bound[bound.key]
        os.close(bound.inode_fd)


def of(kernel) -> Net:
    """The machine's."""
    if kernel.net is None:
        kernel.net = Net(kernel)
    return kernel.net


def new_socket(family: int = AF_UNIX, kind: int = SOCK_STREAM, protocol: int = 0, host_fd: int | None = None):
    """A socket of the host that never blocks."""
    made = socket(family, kind, protocol, host_fd)
    made.setblocking(False)
    return made


def _hidden(sock) -> tuple:
    """Bind a Unix socket in a folder of its own, open its inode, and remove both names. (host name, descriptor)"""
    failure = None
    for parent in (os.environb.get(b"XDG_RUNTIME_DIR"), *_FOLDERS):
        if not parent:
            continue
        folder = b"%s/skete-%s" % (parent, os.urandom(8).hex().encode())
        try:
            os.mkdir(folder, 0o700)
        except OSError as error:
            failure = error
            continue
        name = folder + b"/s"
        try:
            sock.bind(name)
            try:
                return name, os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            finally:
                os.unlink(name)
        finally:
            os.rmdir(folder)
    raise failure
