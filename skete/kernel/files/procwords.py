"""/proc/PID/cmdline and environ: what now stands in memory where execve(2) put the strings. proc(5)."""
from __future__ import annotations

__all__ = ["cmdline", "environ"]

_TITLE_MAX = 4096


def _words(words: list) -> bytes:
    return b"".join(word + b"\0" for word in words)


def cmdline(process) -> bytes:
    """A program changes its title by writing over its arguments and, when it is longer, the environment behind them
    (setproctitle(3)): where the last NUL of the arguments is gone, the title ends at the next one."""
    if process.strings_at is None:
        return _words(process.argv)
    start, end, last = process.strings_at
    try:
        words = process.mm.read(start, end - start)
        if words and words[-1]:
            title = process.mm.read(start, min(last - start, _TITLE_MAX))
            words = title[:title.find(b"\0") + 1] or title
        return words
    except OSError:
        return b""      # it has unmapped its stack


def environ(process) -> bytes:
    if process.strings_at is None:
        return _words(process.envp)
    _, start, end = process.strings_at
    try:
        return process.mm.read(start, end - start)
    except OSError:
        return b""
