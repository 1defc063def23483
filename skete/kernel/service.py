"""Run one system call. The one place where OSError becomes -errno.

Whatever else a handler raises is our own bug and passes through: it must never reach a guest dressed as an errno.
"""
from __future__ import annotations

from errno import ENOSYS

from skete.kernel.outcome import Restart
from skete.kernel.table import LOADED, find

__all__ = ["OTHERS", "advance", "count", "service"]

#: the key in ``kernel.unserved`` for all numbers beyond the first 512
OTHERS = -1


def service(task, nr: int, words: tuple):
    """What the call comes to: rax as a signed int, GONE, KEEP, the Restart class, or a generator that has not begun."""
    row = LOADED.get(nr)
    if row is None:
        # Linux looks at eax alone.
        nr &= 0xffff_ffff
        row = find(nr)
        if row is None:
            count(task.kernel, nr)
            return -ENOSYS
    try:
        return row.call(task, words)
    except OSError as e:
        return -e.errno
    except Restart:
        return Restart


def count(kernel, nr: int) -> None:
    """Note a call that nobody serves. A guest that tries all numbers does not fill our memory with them."""
    unserved = kernel.unserved
    if nr not in unserved and len(unserved) >= 512:
        nr = OTHERS
    unserved[nr] = unserved.get(nr, 0) + 1


def advance(call, reason):
    """Let a waiting call go on. The next Wait, or what it came to, as :func:`service` says it."""
    try:
        return call.send(reason)
    except StopIteration as done:
        return done.value
    except OSError as e:
        return -e.errno
    except Restart:
        return Restart


