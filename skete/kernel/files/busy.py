"""ETXTBSY: a file that is open for writing is not executed, and a program that runs is not opened for writing.

Nothing is counted while files are opened and closed. Who asks looks through what the processes have open, and execute,
which is little.
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
    key = st.st_ino, st.st_dev
    if any(_key(process) == key for process in kernel.processes.values()):
        raise OSError(ETXTBSY, "a program that runs")


def _key(process) -> tuple | None:
    if process.program_key is None and process.program is not None:
        st = process.program.stat()
        process.program_key = st.st_ino, st.st_dev
    return process.program_key


def _same(one, other) -> bool:
    return (one.st_ino, one.st_dev) == (other.st_ino, other.st_dev)
