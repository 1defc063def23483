"""/proc/PID/mem: the memory of a process as a file. proc(5)"""
from __future__ import annotations

from errno import EFAULT, EINVAL, EIO

from skete.abi.fcntl import SEEK_CUR, SEEK_SET
from skete.abi.stat import S_IFREG
from skete.kernel.files.proc import Private, looked_into
from skete.kernel.files.pseudo import Entry, MadeUp

__all__ = ["Memory"]


class Memory(Private, Entry):
    """For those who may look into the process."""
    mode = S_IFREG | 0o600

    def __init__(self, process):
        self.process = process

    def grants(self, task, wanted: int) -> bool:
        return Entry.grants(self, task, wanted)

    def open(self, task, path: tuple, flags: int, stat):
        looked_into(task, self.process)
        return _Open(self.process, flags, b"/" + b"/".join(path), stat)


class _Open(MadeUp):
    """An offset is an address. What the process had when this was opened is shown, nothing once that is gone."""
    __slots__ = ("process", "mm")

    def __init__(self, process, flags: int, path: bytes, stat):
        super().__init__(b"", flags, path, stat)
        self.process, self.mm = process, process.mm

    def _move(self, buffers: list, offset: int, writes: bool) -> int:
        """Bytes moved, up to what cannot be accessed. EIO where that is the first"""
        done = 0
        if self.process.status is not None or self.process.mm is not self.mm:
            return 0
        for view in buffers:
            try:
                pieces = self.mm.views(offset + done, len(view), writes)
            except OSError as e:
                if e.errno != EFAULT:
                    raise
                pieces = []
            at = 0
            for piece in pieces:
                here = view[at:at + len(piece)]
                if writes:
                    piece[:] = here
                else:
                    here[:] = piece
                at += len(piece)
            done += at
            if at < len(view):
                if not done:
                    raise OSError(EIO, f"nothing accessible at {offset:#x}")
                break
        return done

    def read(self, buffers: list) -> int:
        done = self._move(buffers, self.position, False)
        self.position += done
        return done

    def pread(self, buffers: list, offset: int, flags: int = 0) -> int:
        return self._move(buffers, offset, False)

    def write(self, buffers: list) -> int:
        done = self._move(buffers, self.position, True)
        self.position += done
        return done

    def pwrite(self, buffers: list, offset: int, flags: int = 0) -> int:
        return self._move(buffers, offset, True)

    def seek(self, offset: int, whence: int) -> int:
        if whence not in (SEEK_SET, SEEK_CUR):
            raise OSError(EINVAL, f"whence {whence}")
        self.position = (offset + (self.position if whence == SEEK_CUR else 0)) & (1 << 64) - 1
        return self.position
