"""The table of system calls: every area's rows, merged. What has no row is answered ENOSYS and counted."""
from __future__ import annotations

from skete.kernel import (advice, clock, files, futex, identity, memory, mremap, scheduling, signals, threads, timers,
                          uts)

__all__ = ["SYSCALLS"]

#: {number: Row}
SYSCALLS = {row.nr: row
            for area in (advice, clock, files, futex, identity, memory, mremap, scheduling, signals, threads, timers,
                         uts)
            for row in area.ROWS}
