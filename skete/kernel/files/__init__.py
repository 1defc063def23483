"""The file half of the kernel.

    namespace = Namespace([Mount("/home/me/data", "/data", readonly=True)])
    files, fs = open_files(namespace, fds=(0, 1, 2), cwd=b"/", umask=0o022)
    ... a process lives ...
    files.close_all(); fs.close(); namespace.close()

From the guest inwards: ``fdtable`` (numbers) -> ``description`` (what an open made: host file, stream, terminal,
directory, made-up file) and ``walk`` (paths) -> ``mounts`` (one tree) -> ``node`` (directories of each filesystem:
host folders, made-up trees). The ``calls_*`` modules are the system calls; ``kernel.table`` imports them when one is
made. Descriptions never wait; calls do.
"""
from __future__ import annotations

from skete.kernel.files.fdtable import FdTable
from skete.kernel.files.fs import Fs
from skete.kernel.files.inherited import stdio
from skete.kernel.files.mounts import Mount, Namespace

__all__ = ["FdTable", "Fs", "Mount", "Namespace", "open_files", "stdio"]


def open_files(namespace: Namespace, fds: tuple = (0, 1, 2), cwd: bytes = b"/", umask: int = 0o022) -> tuple:
    """The (FdTable, Fs) of a first process: host descriptors as its 0, 1, 2 ..., a hole where one is closed.

    The first terminal among them becomes its /dev/tty. OSError when ``cwd`` is no directory of the guest.
    """
    fs = Fs(namespace, cwd, umask)
    files = FdTable()
    for fd, description in enumerate(stdio(fds)):
        if description is None:
            continue
        files.replace(fd, description)
        if not hasattr(description, "control"):
            continue
        if namespace.terminal is None:
            namespace.terminal = description.hold()
        elif description.stat().st_rdev == namespace.terminal.stat().st_rdev:
            description.control = namespace.terminal.control
    return files, fs
