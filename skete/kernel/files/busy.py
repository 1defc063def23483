"""ETXTBSY: a file that is open for writing is not executed, and a program that runs is not opened for writing.

Nothing is counted while files are opened and closed. Who asks looks through what the processes have open, which are few;
and only a file with an x bit can be a program that runs, so most opens for writing do not ask.
"""
from __future__ import annotations

from errno import ETXTBSY

__all__ = ["not_executed", "not_written"]


def not_written(kernel, st) -> None:
    """The file is going to be executed. ETXTBSY"""
    for table in {task.files for process in kernel.processes.values() for task in process.tasks.values()}:
        if table is None:
            continue
        for file in table.slots:
            # A memfd has no mount, and Linux does not count who made it as one who writes.
            if file is not None and file.writable and file.poll_fd < 0 and getattr(file, "mount", None) is not None \
                    and _same(file.stat(), st):
                raise OSError(ETXTBSY, "open for writing")


def not_executed(kernel, st) -> None:
    """The file is going to be written. ETXTBSY"""
    if st.st_mode & 0o111 and any(process.program is not None and _same(process.program.stat(), st)
                                  for process in kernel.processes.values()):
        raise OSError(ETXTBSY, "a program that runs")


def _same(one, other) -> bool:
    return (one.st_ino, one.st_dev) == (other.st_ino, other.st_dev)
