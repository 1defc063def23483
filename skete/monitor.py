"""The loop: run, trap, serve, resume. The only file that meets kernel and engine.

The host's signals to the monitor are noted and passed on here too: what a
terminal sends to skete is meant for the guest.
"""
from __future__ import annotations

import gc
import os
from time import monotonic

__all__ = ["TIMEOUT", "run"]

#: run's answer when the deadline passed first
TIMEOUT = ("timeout", 124)

#: how long the call that is being served may go on after the deadline; after a signal that is to end the guest; and where
#: a second one has come
_GRACE_S, _PATIENCE_S, _IMPATIENCE_S = 1, 10, 2

_SIGSTOP, _SIGTSTP = 19, 20
#: SIGHUP SIGINT SIGQUIT SIGUSR2 SIGTERM SIGCONT SIGTSTP SIGWINCH: host signals that the guest gets instead of us
_PASSED_ON = (1, 2, 3, 12, 15, 18, _SIGTSTP, 28)
#: SIGHUP SIGINT SIGQUIT SIGTERM: of these those that want it to end
_ENDING = (1, 2, 3, 15)


def run(engine, kernel, timeout_s: float | None = None, give_up=None) -> tuple:
    """Serve traps until the first process has ended, or for ``timeout_s`` seconds.

    The kernel's status, ``("exited", code)`` or ``("signalled", signo)``; or TIMEOUT. Nothing is served any more then.
    A call that takes too long for that is ended in the middle (skete.watchdog); where that is of no use, ``give_up`` is
    called, in another thread, with what would be the answer.
    """
    if not gc.isenabled():      # bin/skete imports without it
        gc.freeze()
        gc.enable()
    end = _End(None if timeout_s is None else monotonic() + timeout_s, give_up)
    try:
        with _HostSignals(kernel, end) as signals:
            return _loop(engine, kernel, end.deadline, signals)
    except BaseException as error:
        if not end.is_due_to(error):
            raise
        return end.status()
    finally:
        end.close()


def _loop(engine, kernel, deadline: float | None, signals) -> tuple:
    scheduler = kernel.scheduler
    while kernel.status is None:
        if signals.arrived:
            signals.deliver()
        kernel.run_ready()
        if kernel.status is not None:
            break
        if signals.suspends and kernel.first.signals.stopped:
            signals.suspend()
        timeout_s = scheduler.timeout_s()
        if deadline is not None:
            left = deadline - monotonic()
            if left <= 0:
                return TIMEOUT
            timeout_s = left if timeout_s is None else min(left, timeout_s)
        fd = scheduler.fd
        event = engine.wait(timeout_s, signals.fds if fd < 0 else (*signals.fds, fd))
        if event is not None:
            kernel.take(*event)
            # While nothing else is due, what comes meanwhile is served at once.
            while not (signals.arrived or kernel.status or scheduler.due()) and engine.follow(kernel.serve, kernel.take):
                pass
    return kernel.status


class _End:
    """When the run is to be over at the latest, whatever the monitor is at. deadline: a time.monotonic() or None"""

    def __init__(self, deadline: float | None, give_up):
        self.deadline = deadline
        self._give_up, self._watchdog, self._making = give_up, None, False
        self._signo, self._since = 0, 0.0       # of a signal that the loop has yet to see
        if deadline is not None:
            self._watch(deadline + _GRACE_S)

    def _watch(self, when: float | None) -> None:
        if self._watchdog is None:
            if self._making:
                return          # a signal has come while we do, and we are in its handler
            self._making = True
            from skete.watchdog import Watchdog
            self._watchdog = Watchdog(self._in_vain)
        self._watchdog.at(when)

    def asked(self, signo: int) -> None:
        """A signal has come that is to end the guest, and the loop has yet to see it."""
        if self._signo:
            when = self._since + _IMPATIENCE_S
        else:
            self._since = monotonic()
            when = self._since + _PATIENCE_S
        self._signo = signo
        self._watch(when if self.deadline is None else min(when, self.deadline + _GRACE_S))

    def heard(self) -> None:
        """The guest has those signals."""
        if self._signo:
            self._signo = 0
            self._watch(None if self.deadline is None else self.deadline + _GRACE_S)

    def is_due_to(self, error) -> bool:
        """Whether it is the watchdog's exception, or what has become of one."""
        if self._watchdog is None:
            return False
        from skete.watchdog import Overdue
        return isinstance(error, Overdue) or self._watchdog.raised and isinstance(error, Exception)

    def status(self) -> tuple:
        """What has become of the run that was ended."""
        if self._signo and not (self.deadline is not None and self.deadline <= monotonic()):
            return "signalled", self._signo
        return TIMEOUT

    def _in_vain(self) -> None:
        if self._give_up is not None:
            self._give_up(self.status())

    def close(self) -> None:
        """What comes now has nothing to do with the run."""
        if self._watchdog is not None:
            self._watchdog.close()


class _HostSignals:
    """While the loop runs, the terminal's signals are collected here. ``fds`` become readable when one has come."""

    def __init__(self, kernel, end: _End):
        self.kernel, self.end = kernel, end
        self.arrived = []
        self.suspends = False       # Ctrl-Z has been passed on: where it stops the first process, it stops us
        self.fds = ()
        self._before = {}

    def __enter__(self):
        import _signal          # signal.py costs 4 ms to import, for its enums
        try:
            _signal.signal(_PASSED_ON[0], _signal.getsignal(_PASSED_ON[0]))
        except (ValueError, TypeError):
            return self         # not the main thread, or handlers that are not Python's: signals stay the program's
        self._pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.fds = (self._pipe[0],)
        for signo in _PASSED_ON:
            if _signal.getsignal(signo) != 1:       # SIG_IGN: nohup and its like
                self._before[signo] = _signal.signal(signo, self._note)
        return self

    def _note(self, signo: int, frame) -> None:
        self.arrived.append(signo)
        try:
            os.write(self._pipe[1], b"\0")
        except BlockingIOError:
            pass                # full of earlier ones: the loop wakes anyway
        if signo in _ENDING:
            self.end.asked(signo)

    def deliver(self) -> None:
        os.read(self._pipe[0], 4096)
        arrived, self.arrived = self.arrived, []
        self.end.heard()
        for signo in arrived:
            self.suspends = signo == _SIGTSTP
            self.kernel.signal(signo)

    def suspend(self) -> None:
        """Stop, as the program would if it ran without us, so that the user's shell has the terminal back. SIGCONT,
        which lets us go on, is passed on like others."""
        self.suspends = False
        os.kill(os.getpid(), _SIGSTOP)

    def __exit__(self, *_):
        if self.fds:
            import _signal
            for signo, before in self._before.items():
                _signal.signal(signo, before)
            for fd in self._pipe:
                os.close(fd)
