"""An open directory: getdents64 over what the filesystem lists, with the mount points that stand in it.

The position (d_off, and what lseek takes) counts entries. Entries are fetched as far as they are asked for and
remembered until the position is set back to 0, so an offset keeps its meaning however the directory changes
(seekdir(3)), an entry is never listed twice, and listing anew sees what is new (rewinddir(3)).
"""
from __future__ import annotations

import os
from errno import EINVAL, EISDIR, ENOENT, ENOMEM, EROFS

from skete.abi.fcntl import O_DIRECTORY, O_LARGEFILE, SEEK_CUR, SEEK_SET
from skete.abi.stat import DIRENT64, DT_DIR, DT_REG, S_IFDIR, S_IFMT
from skete.kernel.files.description import Description

__all__ = ["OpenDirectory"]

#: One call returns no more than this many bytes, whatever buffer the guest offers: its memory is ours meanwhile.
_MOST = 1 << 18
#: entries that all open directories remember together: some 100 bytes of ours each
_REMEMBERED = 1 << 22


class OpenDirectory(Description):
    """A description on a directory node, which it owns.

    known: the entries that have been asked for;  source: where the others come from
    remembered: ``known`` of all open directories
    """
    remembered = 0
    __slots__ = ("directory", "position", "known", "source")

    def __init__(self, directory, flags: int):
        super().__init__(flags | O_DIRECTORY | O_LARGEFILE, b"/" + b"/".join(directory.path))
        self.directory = directory
        directory.keep = True
        directory.mount.namespace.held.add(directory)
        self.host_fd = getattr(directory, "fd", -1)
        self.position = 0
        self.known, self.source = [], None

    def release(self) -> None:
        self._rewind()
        self.directory.mount.namespace.held.discard(self.directory)
        self.directory.drop()

    @property
    def node(self):
        return self.directory

    @property
    def readonly(self) -> bool:
        return self.directory.mount.readonly

    def _rewind(self) -> None:
        if self.source is not None:
            self.source.close()     # a generator, which may hold a host descriptor
        OpenDirectory.remembered -= len(self.known)
        self.known, self.source = [], None

    def _all(self):
        """Every entry once: . and .., the filesystem's own, then mount points the filesystem has no entry for."""
        directory = self.directory
        namespace = directory.mount.namespace
        mounted = namespace.children(directory.path)
        yield b".", directory.stat(b".").st_ino, DT_DIR
        yield b"..", namespace.parent_ino(directory), DT_DIR
        for name, ino, kind in directory.entries():
            if name in mounted:
                mounted.discard(name)
                kind = _kind(namespace, directory.path + (name,))
            yield name, ino, kind
        for name in sorted(mounted):
            path = directory.path + (name,)
            yield name, namespace.ino(path), _kind(namespace, path)

    def _entry(self, index: int):
        known = self.known
        while index >= len(known):
            if self.source is None:
                self.source = self._all()
            if OpenDirectory.remembered >= _REMEMBERED:
                raise OSError(ENOMEM, f"open directories with {_REMEMBERED} entries")
            entry = next(self.source, None)
            if entry is None:
                return None
            known.append(entry)
            OpenDirectory.remembered += 1
        return known[index]

    def getdents(self, room: int) -> bytes:
        """Whole entries in up to ``room`` bytes; b"" at the end. EINVAL where not even one fits; ENOENT if removed."""
        if not self.directory.alive():
            raise OSError(ENOENT, "the directory has been removed")
        out, used = [], 0
        room = min(room, _MOST)
        while True:
            try:
                entry = self._entry(self.position)
            except OSError:
                if not out:
                    raise
                break
            if entry is None:
                break
            name, ino, kind = entry
            # The name's NUL, then padding to 8 bytes.
            length = DIRENT64.size + len(name) + 8 & -8
            if used + length > room:
                if not out:
                    raise OSError(EINVAL, f"{room} bytes are too few")
                break
            self.position += 1
            out.append(DIRENT64.pack(ino, self.position, length, kind))
            out.append(name.ljust(length - DIRENT64.size, b"\0"))
            used += length
        return b"".join(out)

    def seek(self, offset: int, whence: int) -> int:
        if whence == SEEK_CUR:
            offset += self.position
        elif whence != SEEK_SET:
            raise OSError(EINVAL, f"whence {whence} in a directory")
        if offset < 0:
            raise OSError(EINVAL, f"offset {offset}")
        if offset == 0:
            self._rewind()
        self.position = offset
        return offset

    def read(self, buffers: list) -> int:
        raise OSError(EISDIR, "a directory")

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        raise OSError(EISDIR, "a directory")

    def sync(self, data_only: bool = False) -> None:
        if self.host_fd >= 0:
            os.fsync(self.host_fd)

    def stat(self):
        return self.directory.stat(b".")

    def statfs(self) -> tuple:
        return self.directory.statfs()

    def chmod(self, mode: int) -> None:
        self._changes()
        self.directory.chmod(b".", mode)

    def chown(self, uid: int, gid: int) -> None:
        self._changes()
        self.directory.chown(b".", uid, gid)

    def utime(self, times: tuple | None) -> None:
        self._changes()
        self.directory.utime(b".", times)

    def _changes(self) -> None:
        if self.readonly:
            raise OSError(EROFS, "mounted read-only")


def _kind(namespace, path: tuple) -> int:
    """DT_* of a mount point."""
    mount = namespace.table.get(path)
    if mount is None:
        return DT_DIR
    with mount.place() as place:
        return DT_DIR if place.st.st_mode & S_IFMT == S_IFDIR else DT_REG
