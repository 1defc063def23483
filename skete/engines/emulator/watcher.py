"""Ends a slice of a guest that computes, when the monitor's thread has something else to do."""
from __future__ import annotations

import os
import select
import _signal
import _thread
from time import monotonic, sleep

__all__ = ["Watcher"]

#: a signal to the monitor waits so long at most for Python to look at it, in s
TICK_S = 0.01
#: how much earlier than an armed deadline a new one may be without the watcher being told, in s
_CLOSE_ENOUGH = 0.0005
_AGAIN_S = 0.001
_ALL = frozenset((*range(1, 32), *range(34, 65)))


class Watcher:
    """A host thread that calls ``stop`` when a descriptor is readable, a deadline has come, and every TICK_S.

    It stays armed when the slice has ended for another reason: being told costs a switch between threads. Where it wakes
    outside of any slice it is disarmed, and sleeps.
    """

    def __init__(self, stop):
        self.inside = False         # whether a slice is going on
        self._stop = stop
        self._armed, self._fds, self._deadline = False, (), None
        self._closing = False
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        self._poke = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        _thread.start_new_thread(self._main, ())

    def arm(self, deadline: float | None, fds: tuple) -> None:
        """A slice begins."""
        self.inside = True          # before we look whether it is armed: _main goes the other way round
        if self._armed and fds == self._fds:
            before = self._deadline
            if deadline is None or before is not None and before - _CLOSE_ENOUGH <= deadline:
                return
        self._fds, self._deadline, self._armed = fds, deadline, True
        os.eventfd_write(self._poke, 1)

    def _main(self) -> None:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _ALL)
        while not self._closing:
            timeout, fds, deadline = None, (), self._deadline
            if self._armed:
                timeout, fds = TICK_S, self._fds
                if deadline is not None:
                    timeout = min(timeout, max(0, deadline - monotonic()))
            try:
                ready = select.select((self._poke, *fds), (), (), timeout)[0]
            except (OSError, ValueError):           # a descriptor that was closed meanwhile: the waiter will see
                ready = (-1,)
            if self._poke in ready:
                os.eventfd_read(self._poke)
                continue
            self._armed = False
            if self.inside:
                # One that comes before the slice has quite begun is lost. Hence the ticks, and hence again soon.
                self._armed = True
                self._stop()
                if ready or timeout == 0:
                    sleep(_AGAIN_S)
        self._ended.release()

    def close(self) -> None:
        self._closing = True
        os.eventfd_write(self._poke, 1)
        self._ended.acquire()
        os.close(self._poke)
