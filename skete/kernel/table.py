"""The table of system calls: every area's rows, merged. What has no row is answered ENOSYS and counted."""
from __future__ import annotations

from skete.kernel import futex

__all__ = ["SYSCALLS"]

#: {number: Row}
SYSCALLS = {row.nr: row for area in (futex,) for row in area.ROWS}
