"""A host thread that sleeps in select(2) for the monitor's, while that one is in a guest and cannot."""
from __future__ import annotations

import os
import select
import _signal
import _thread
from time import monotonic

__all__ = ["ALL", "Watcher"]

#: every signal that can be blocked; 32 and 33 are the C library's
ALL = frozenset((*range(1, 32), *range(34, 65)))
#: how much earlier than an armed deadline a new one may be without the watcher being told, in seconds
_CLOSE_ENOUGH = 0.0005


class Watcher:
    """Calls ``due`` in its own thread when a select(2) of the monitor's would have returned.

    It stays armed when the monitor has come out of the guest for another reason: being told costs a switch between
    threads. A subclass says what is to be done, and how often without a reason (TICK_S).
    """
    TICK_S = None

    def __init__(self):
        self.armed, self._fds, self._deadline = False, (), None
        self._closing = False
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        self._poke = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        _thread.start_new_thread(self._main, ())

    def arm(self, deadline: float | None, fds: tuple) -> None:
        """From now on, until one of the descriptors is readable, or time.monotonic() reaches the deadline."""
        if self.armed and fds == self._fds:
            before = self._deadline
            if deadline is None or before is not None and before - _CLOSE_ENOUGH <= deadline:
                return
        self._fds, self._deadline, self.armed = fds, deadline, True
        os.eventfd_write(self._poke, 1)

    def due(self, told: bool) -> None:
        """It is disarmed. told: a descriptor or the deadline was the reason, and not TICK_S."""
        raise NotImplementedError

    def _main(self) -> None:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL)
        while not self._closing:
            timeout, fds, deadline = None, (), self._deadline
            if self.armed:
                timeout, fds = self.TICK_S, self._fds
                if deadline is not None:
                    left = max(0, deadline - monotonic())
                    timeout = left if timeout is None else min(timeout, left)
            try:
                ready = select.select((self._poke, *fds), (), (), timeout)[0]
            except (OSError, ValueError):           # a descriptor that was closed meanwhile: the waiter will see
                ready = (-1,)
            if self._poke in ready:
                os.eventfd_read(self._poke)
                continue
            self.armed = False
            self.due(bool(ready) or timeout == 0)
        self._ended.release()

    def close(self) -> None:
        self._closing = True
        os.eventfd_write(self._poke, 1)
        self._ended.acquire()
        os.close(self._poke)
