"""Host threads beside the monitor's: one for each processor once there are two, and one that ends a wait.

All of them block every signal. KICK ends a KVM_RUN, and nothing else: it is blocked wherever skete's threads run, while
KVM_RUN runs with an empty mask (KVM_SET_SIGNAL_MASK), so a kick that comes too early stays pending and ends the next
one at once. That is why there is neither a handler nor a race.
"""
from __future__ import annotations

import _signal
import _thread

from skete.engines import watcher
from skete.engines.watcher import ALL

__all__ = ["HostSignals", "KICK", "Watcher", "Worker", "kick", "take_kicks"]

#: SIGRTMAX: nobody else's, we hope
KICK = 64


def kick(ident: int) -> None:
    """End the KVM_RUN that this thread is in, or its next one."""
    _signal.pthread_kill(ident, KICK)


def take_kicks() -> None:
    """Those that have come to the calling thread and are still pending are done with."""
    while _signal.sigtimedwait((KICK,), 0) is not None:
        pass


#: SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGSEGV SIGSTOP: never held back
_HELD = ALL - {4, 5, 6, 7, 8, 9, 11, 19}


class HostSignals:
    """The signal mask of the monitor's thread, for all engines that have been made in it.

    KICK is blocked while there is one. ``hold`` blocks the others as well: they come in during KVM_RUN then, and end
    it; elsewhere one could come just before it and be missed. ``let`` lets their handlers run.
    """

    _of_threads = {}

    def __init__(self):
        self.before = _signal.pthread_sigmask(_signal.SIG_BLOCK, (KICK,))
        self.engines = 0
        self.held = False

    @classmethod
    def of_this_thread(cls) -> HostSignals:
        """One engine more is made in this thread."""
        ident = _thread.get_ident()
        signals = cls._of_threads.get(ident)
        if signals is None:
            signals = cls._of_threads[ident] = cls()
        signals.engines += 1
        return signals

    def hold(self) -> None:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD)
        self.held = True

    def let(self) -> None:
        self.held = False
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.before | {KICK})

    def close(self) -> None:
        """One engine less; after the last one the mask is what it was."""
        self.engines -= 1
        if not self.engines:
            take_kicks()
            self._of_threads.pop(_thread.get_ident(), None)
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self.before)


class Worker:
    """The thread that runs one processor. ``go`` lets it run until it stops; then it calls ``stopped(vcpu, trap)``.

    execute(vcpu): KVM_RUN and what follows, until there is a trap, which it returns.
    """

    def __init__(self, execute, stopped):
        self._execute, self._stopped = execute, stopped
        self._start, self._ended = _thread.allocate_lock(), _thread.allocate_lock()
        self._start.acquire()
        self._ended.acquire()
        self._vcpu = None
        self.ident = _thread.start_new_thread(self._main, ())

    def go(self, vcpu) -> None:
        self._vcpu = vcpu
        self._start.release()

    def _main(self) -> None:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, ALL)
        try:
            while True:
                self._start.acquire()
                vcpu = self._vcpu
                if vcpu is None:
                    break
                try:
                    trap = self._execute(vcpu)
                except BaseException as error:      # the monitor's thread raises it
                    trap = error
                self._stopped(vcpu, trap)
        finally:
            self._ended.release()

    def close(self) -> None:
        """End the thread; its processor has stopped."""
        self._vcpu = None
        self._start.release()
        self._ended.acquire()


class Watcher(watcher.Watcher):
    """Kicks a thread that is in KVM_RUN. One that comes for nothing only costs it a look around."""

    def __init__(self, ident: int):
        self._ident = ident
        super().__init__()

    def due(self, told: bool) -> None:
        kick(self._ident)
