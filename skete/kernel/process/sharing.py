"""Descriptor tables, and file systems (working directory, umask), of the threads of a process.

Nearly always all threads have the same. One that has called unshare(2), or that was cloned without CLONE_FILES or
CLONE_FS, has its own from then on. The process holds each of them once, as long as one of its threads has it:
``process.tables`` and ``process.systems`` say which, and are None while there is one. ``process.files`` and
``process.fs`` are the first thread's, as /proc/PID shows them, or some other's once that has ended.
"""
from __future__ import annotations

__all__ = ["held_files", "let_go", "own_files", "own_fs", "settle"]


def held_files(process) -> list:
    """Every descriptor table of a process."""
    return process.tables or ([process.files] if process.files is not None else [])


def own_files(task) -> None:
    """Give a thread a descriptor table that nobody else has: a copy, where it shares its own."""
    files = task.files
    if files is not None and (files.refs > 1 or _shared(task, "files")):
        task.files = files.fork()
        settle(task.process)


def own_fs(task) -> None:
    """The same for working directory and umask."""
    fs = task.fs
    if fs is not None and (fs.refs > 1 or _shared(task, "fs")):
        task.fs = fs.fork()
        settle(task.process)


def _shared(task, what: str) -> bool:
    mine = getattr(task, what)
    return any(getattr(other, what) is mine for other in task.process.tasks.values() if other is not task)


def settle(process) -> None:
    """A thread has others now, or has ended: let go of what no thread has any more."""
    tables, systems = held_files(process), _held_systems(process)
    first = process.leader or next(iter(process.tasks.values()))
    used = _distinct(task.files for task in process.tasks.values())
    process.files, process.tables = first.files, used if len(used) > 1 else None
    for table in tables:
        if table not in used:
            table.close_all()
    if process.tables:
        for table in used:
            table.forget_facts()        # the gate does not know which thread asks
    used = _distinct(task.fs for task in process.tasks.values())
    process.fs, process.systems = first.fs, used if len(used) > 1 else None
    for fs in systems:
        if fs not in used:
            _close(process, fs)


def let_go(process) -> None:
    """The process ends: its file systems are not needed any more. What the machine began with is its to close."""
    for fs in _held_systems(process):
        _close(process, fs)


def _close(process, fs) -> None:
    if process is not process.kernel.first or fs is not process.kernel.fs:
        fs.close()


def _held_systems(process) -> list:
    return process.systems or ([process.fs] if process.fs is not None else [])


def _distinct(items) -> list:
    return [item for item in {id(item): item for item in items}.values() if item is not None]
