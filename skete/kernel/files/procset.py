"""The files of /proc/PID that can be written to: comm, coredump_filter, oom_adj, oom_score_adj, timerslack_ns. proc(5).

The settings are kept, shown and inherited; nothing here ever kills for want of memory, or dumps it.
"""
from __future__ import annotations

from errno import EACCES, EINVAL, EPERM

from skete.kernel.files import pseudo
from skete.kernel.files.proc import Private

__all__ = ["comm", "coredump_filter", "oom_adj", "oom_score_adj", "timerslack_ns"]


def _number(data: bytes, base: int = 0) -> int:
    """What is written, as kstrtoint() takes it. EINVAL"""
    text = data.strip(b" \t\n\0")
    if base == 0 and text[:1] == b"0" and text[1:2] not in (b"", b"x", b"X"):
        base = 8
    try:
        if b"_" in text:
            raise ValueError
        return int(text, base)
    except ValueError:
        raise OSError(EINVAL, f"{text!r} is no number") from None


class Setting(Private, pseudo.Setting):
    """One of a process, and so its user's."""

    def __init__(self, process, produce, accept, mode: int = 0o644):
        super().__init__(produce, accept, mode)
        self.process = process


def comm(thread) -> Setting:
    """A thread's name, which another thread of its process may set. EINVAL"""
    def accept(task, data: bytes) -> None:
        if task.process is not thread.process:
            raise OSError(EINVAL, "another process")
        thread.name = data[:15].partition(b"\0")[0]
    return Setting(thread.process, lambda task: thread.name + b"\n", accept)


def oom_score_adj(process) -> Setting:
    def accept(task, data: bytes) -> None:
        value = _number(data)
        if not -1000 <= value <= 1000:
            raise OSError(EINVAL, f"{value}")
        _adjust(process, value)
    return Setting(process, lambda task: b"%d\n" % process.prctl.get("oom_score_adj", 0), accept)


def _adjust(process, value: int) -> None:
    if value < 0:
        raise OSError(EACCES, "takes CAP_SYS_RESOURCE, which nobody has")
    process.prctl["oom_score_adj"] = value


def oom_adj(process) -> Setting:
    """The older form of the same, from -17 to 15."""
    def accept(task, data: bytes) -> None:
        value = _number(data)
        if not -17 <= value <= 15:
            raise OSError(EINVAL, f"{value}")
        _adjust(process, 1000 if value == 15 else value * 1000 // 17)

    def show(task) -> bytes:
        value = process.prctl.get("oom_score_adj", 0)
        return b"%d\n" % (15 if value == 1000 else value * 17 // 1000)
    return Setting(process, show, accept)


def coredump_filter(process) -> Setting:
    def accept(task, data: bytes) -> None:
        process.prctl["coredump_filter"] = _number(data) & 0x1ff
    return Setting(process, lambda task: b"%08x\n" % process.prctl.get("coredump_filter", 0x33), accept)


def timerslack_ns(process) -> Setting:
    def accept(task, data: bytes) -> None:
        if task.process is not process:
            raise OSError(EPERM, "takes CAP_SYS_NICE, which nobody has")
        value = _number(data)
        if value < 0:
            raise OSError(EINVAL, f"{value}")
        process.prctl["timerslack"] = value or 50_000
    return Setting(process, lambda task: b"%d\n" % process.prctl.get("timerslack", 50_000), accept, 0o666)
