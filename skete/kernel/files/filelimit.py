"""RLIMIT_FSIZE: a file does not grow beyond it, and who tries gets SIGXFSZ.

The calls ask only where a process has set a limit of any kind, so that a write costs nothing more without one.
"""
from __future__ import annotations

from errno import EFBIG

from skete.abi.fcntl import SEEK_CUR
from skete.abi.signal import SIGXFSZ
from skete.abi.stat import S_IFMT, S_IFREG
from skete.kernel.files.stream import head

__all__ = ["check_size", "room", "within"]

_RLIMIT_FSIZE = 1
_RLIM_INFINITY = (1 << 64) - 1


def within(task, file, views: list, offset: int | None = None) -> list:
    """What of the buffers may be written at the offset, or at the file's own. EFBIG and SIGXFSZ where nothing may"""
    count = sum(map(len, views))
    fits = room(task, file, count, offset)
    return views if fits == count else head(views, fits)


def room(task, file, count: int, offset: int | None = None) -> int:
    """The same of so many bytes: how many."""
    limit = task.process.rlimits[_RLIMIT_FSIZE][0]
    if limit == _RLIM_INFINITY or not count or file.poll_fd >= 0:
        return count
    st = file.stat()
    if st.st_mode & S_IFMT != S_IFREG:
        return count
    at = st.st_size if file.append else file.seek(0, SEEK_CUR) if offset is None else offset
    if at >= limit:
        _refuse(task, at, limit)
    return min(count, limit - at)


def check_size(task, before: int, size: int) -> None:
    """A file of ``before`` bytes is to have ``size``. EFBIG and SIGXFSZ"""
    limit = task.process.rlimits[_RLIMIT_FSIZE][0]
    if size > before and size > limit:
        _refuse(task, size, limit)


def _refuse(task, size: int, limit: int) -> None:
    from skete.kernel.signals.pending import send_task
    from skete.kernel.signals.siginfo import SigInfo
    send_task(task, SigInfo.sent(SIGXFSZ, 0, task.process.pid, task.creds.uid))
    raise OSError(EFBIG, f"to {size}, RLIMIT_FSIZE is {limit}")
