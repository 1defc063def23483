"""A tar image in the guest's tree, read-only. Its files are read where they stand in the image."""
from __future__ import annotations

import os
from errno import ENOENT

from skete.abi.stat import S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG
from skete.kernel.files.ram import Content, store_of
from skete.kernel.files.ramfile import RamInode
from skete.kernel.files.tmpfs import Tmpfs

__all__ = ["Tar"]

#: what a compressed image begins with, and the module that undoes it
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ", "lzma"))


class TarContent(Content):
    """The bytes of one file in the image; in frames once it has been mapped shared."""
    __slots__ = ("host_fd", "start")

    def __init__(self, store, quota, host_fd: int, start: int, size: int):
        super().__init__(store, quota, size)
        self.host_fd, self.start = host_fd, start

    def read(self, buffers: list, offset: int) -> int:
        left, done = self.size - offset, 0
        for view in buffers:
            n = min(len(view), left - done)
            if n <= 0:
                break
            got = os.preadv(self.host_fd, [view[:n]], self.start + offset + done)
            done += got
            if got < n:
                break       # the image has been cut off since
        return done

    def map(self, offset: int, length: int) -> list:
        found = super().map(offset, length)
        at = offset
        for frame, n in found:
            view = self.store.engine.ram[frame:frame + n]
            self.read([view], at)
            at += n
        return found


class Tar(Tmpfs):
    """image: path of a tar file on the host, plain or compressed by gzip, bzip2 or xz;  guest: where it is shown

    OSError where it cannot be opened; ValueError where it is none.
    """

    def __init__(self, image, guest):
        super().__init__(guest, mode=0o755)
        self.readonly, self.image = True, os.fsencode(image)
        self.host_fd = -1

    def attach(self, namespace, path: tuple) -> None:
        super().attach(namespace, path)
        self.host_fd = _open(self.image)
        import tarfile
        try:
            with open(self.host_fd, "rb", closefd=False) as file, tarfile.open(fileobj=file, mode="r:") as image:
                for member in image:
                    self._add(member)
        except BaseException as error:
            self.close()
            if isinstance(error, tarfile.TarError):
                raise ValueError(f"{os.fsdecode(self.image)}: is no tar image: {error}") from None
            raise

    def _add(self, member) -> None:
        names = [n for n in os.fsencode(member.name).split(b"/") if n not in (b"", b".")]
        if b".." in names:
            raise ValueError(f"{os.fsdecode(self.image)}: {member.name}: leaves the image")
        root = self._root.inode
        if not names:
            root.mode = S_IFDIR | member.mode & 0o7777
            return
        folder = root
        for name in names[:-1]:
            folder = folder.children.get(name) or self._put(folder, name, S_IFDIR | 0o755, member)
            if folder.children is None:
                raise ValueError(f"{os.fsdecode(self.image)}: {member.name}: below what is no folder")
        name = names[-1]
        if member.isdir():
            there = folder.children.get(name)
            if there is None or there.children is None:
                self._put(folder, name, S_IFDIR, member)
        elif member.issym():
            self._put(folder, name, S_IFLNK, member).text = os.fsencode(member.linkname)
        elif member.islnk():
            inode = self._find(os.fsencode(member.linkname))
            if inode is not None:
                folder.children[name] = inode
                inode.nlink += 1
        elif member.isreg():
            inode = self._put(folder, name, S_IFREG, member)
            inode.content = (member.offset_data, member.size)       # a Content once there is a machine
        elif member.isfifo():
            self._put(folder, name, S_IFIFO, member)

    def _put(self, folder: RamInode, name: bytes, kind: int, member) -> RamInode:
        mode = kind if kind & 0o7777 else kind | (0o777 if kind == S_IFLNK else member.mode & 0o7777)
        inode = folder.children[name] = LazyInode(self, mode)
        inode.atime_ns = inode.mtime_ns = inode.ctime_ns = int(member.mtime) * 1_000_000_000
        if inode.children is not None:
            inode.parent = folder
            folder.nlink += 1
        return inode

    def _find(self, path: bytes) -> RamInode | None:
        inode = self._root.inode
        for name in path.split(b"/"):
            if name in (b"", b"."):
                continue
            inode = (inode.children or {}).get(name)
            if inode is None:
                return None
        return inode

    def close(self) -> None:
        super().close()
        if self.host_fd >= 0:
            os.close(self.host_fd)
            self.host_fd = -1


class LazyInode(RamInode):
    """An inode of the image. Its content knows the machine's memory, which does not exist when the image is read."""
    __slots__ = ("mount", "_content")

    def __init__(self, mount: Tar, mode: int):
        self.mount, self._content = mount, None
        super().__init__(mount.number(), mode, (1000, 1000))

    # Everything in an image belongs to the machine's first user, who is not known yet when it is read.
    @property
    def uid(self) -> int:
        task = self.mount.namespace.task
        return task.kernel.config.uid if task is not None else 1000

    @property
    def gid(self) -> int:
        task = self.mount.namespace.task
        return task.kernel.config.gid if task is not None else 1000

    @uid.setter
    def uid(self, uid: int) -> None:
        """It is as said."""

    @gid.setter
    def gid(self, gid: int) -> None:
        """It is as said."""

    @property
    def content(self):
        if type(self._content) is tuple:
            task = self.mount.namespace.task
            if task is None:
                raise OSError(ENOENT, "no machine yet")
            self._content = TarContent(store_of(task), self.mount.quota, self.mount.host_fd, *self._content)
        return self._content

    @content.setter
    def content(self, content) -> None:
        self._content = content


def _open(image: bytes) -> int:
    """A descriptor of the plain image, unpacked into memory where it is compressed. OSError"""
    fd = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    head = os.pread(fd, 6, 0)
    for magic, module in _COMPRESSED:
        if head.startswith(magic):
            from importlib import import_module
            from shutil import copyfileobj
            plain = os.memfd_create("skete-tar", os.MFD_CLOEXEC)
            with open(fd, "rb") as packed, import_module(module).open(packed) as source, \
                    open(plain, "wb", closefd=False) as target:
                copyfileobj(source, target)
            os.lseek(plain, 0, os.SEEK_SET)
            return plain
    return fd
