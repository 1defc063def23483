"""Ends a run whose time is over though the monitor does not come back to its loop, since one call of a guest's takes long.

The loop sees to deadlines and signals between two calls, and calls are short: most copy a piece and say so. Where one is
not, as where a process is forked whose memory is large, this thread raises :class:`Overdue` in the one that serves,
wherever that is. It does so again, since a destructor or a callback of C swallows exceptions. What it cannot end is a
call of the host's that does not come back; then ``give_up`` is called, which for a command ends the process, and every
guest with it.
"""
from __future__ import annotations

import _signal
import _thread
from time import monotonic

from skete.engines.watcher import ALL

__all__ = ["Overdue", "Watchdog"]

#: how often it is tried to end the call, and after how many times ``give_up`` is called
_AGAIN_S, _TRIES = 1.0, 5
#: a lock cannot be waited for longer
_LONGEST_S = 1e6


class Overdue(BaseException):
    """The call that is being served is not to go on. BaseException, so that no handler takes it for an error."""


class Watchdog:
    """Watches the thread that makes it. ``at(when)``, a time.monotonic() or None, says when it is to act; ``close`` ends it,
    in that thread: after it, no Overdue comes any more.

    give_up: called in a thread of ours where that is of no use
    raised: it has acted: whatever ends the run from now on, an Overdue that a callback has swallowed may be behind it
    """

    def __init__(self, give_up=None):
        self._served, self._give_up = _thread.get_ident(), give_up
        self._when, self._over, self._started = None, False, False
        self.raised = False
        self._lock, self._changed = _thread.allocate_lock(), _thread.allocate_lock()
        self._changed.acquire()

    def at(self, when: float | None) -> None:
        self._when = when
        if not self._started:
            if when is None:
                return
            self._started = True
            # It inherits the mask: a signal that came to it would not wake the monitor.
            before = _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL)
            try:
                _thread.start_new_thread(self._main, ())
            finally:
                _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
        self._tell()

    def _tell(self) -> None:
        try:
            self._changed.release()
        except RuntimeError:
            pass                    # it has been told, and has not looked yet

    def _main(self) -> None:
        tries = 0
        while not self._over:
            when = self._when
            left = _LONGEST_S if when is None else when - monotonic()
            if left > 0:
                self._changed.acquire(timeout=min(left, _LONGEST_S))
                tries = 0
                continue
            tries += 1
            if tries > _TRIES and self._give_up is not None:
                self._give_up()
            with self._lock:
                if self._over:
                    return
                if self._when == when:
                    self.raised = True
                    _raise_in(self._served, Overdue)
            self._changed.acquire(timeout=_AGAIN_S)

    def close(self) -> None:
        while True:
            try:
                with self._lock:
                    self._over = True
                if self._started:
                    self._tell()
                if self.raised:
                    _raise_in(self._served, None)
                return
            except Overdue:
                pass                # which was on its way


def _raise_in(thread: int, what) -> None:
    """Raise an exception in a thread, soon; None: one that has not come yet does not."""
    import ctypes               # here, since it costs 5 ms
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(what) if what is not None else None)
