"""What the descriptors of this package share: an anonymous inode, and a host descriptor to wait on."""
from __future__ import annotations

import os
from errno import EFAULT, EINVAL, ENXIO

from skete.abi.fcntl import O_CLOEXEC, O_RDWR
from skete.abi.stat import ANON_INODE_FS_MAGIC, ST_VALID
from skete.kernel.files.description import Description

__all__ = ["Anonymous", "fill", "install"]

_PAGE = 4096


class Anonymous(Description):
    """kind: what /proc/self/fd shows, "anon_inode:[eventfd]"."""
    __slots__ = ()
    kind = b""
    least = 8

    def __init__(self, host_fd: int, flags: int):
        super().__init__(flags | O_RDWR, b"anon_inode:" + self.kind, host_fd, host_fd)

    def release(self) -> None:
        os.close(self.host_fd)

    def read_nowhere(self, count: int) -> int:
        """What is read is gone, and nobody has it; where there is nothing, that is said first."""
        self.read([memoryview(bytearray(min(count, _PAGE)))])
        raise OSError(EFAULT, "a bad buffer")

    def seek(self, offset: int, whence: int) -> int:
        return 0        # noop_llseek: no offset, but no error either

    def stat(self):
        return os.fstat(self.host_fd)

    def statfs(self) -> tuple:
        return (ANON_INODE_FS_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255, 4096, ST_VALID)

    def fcntl(self, command: int, arg):
        raise OSError(EINVAL, f"fcntl {command}")

    def reopen(self, flags: int):
        raise OSError(ENXIO, "no file")


def install(task, file, flags: int) -> int:
    """Give a new description a descriptor; it is released where there is none. EMFILE"""
    file.hold()
    try:
        return task.files.install(file, 0, bool(flags & O_CLOEXEC))
    finally:
        file.drop()


def fill(buffers: list, data: bytes) -> int:
    """Put data into the guest's buffers, as much as fits; the bytes put."""
    done = 0
    for view in buffers:
        part = data[done:done + len(view)]
        view[:len(part)] = part
        done += len(part)
    return done
