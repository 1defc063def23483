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

_SIGSTOP, _SIGTSTP = 19, 20
#: SIGHUP SIGINT SIGQUIT SIGUSR2 SIGTERM SIGCONT SIGTSTP SIGWINCH: host signals that the guest gets instead of us
_PASSED_ON = (1, 2, 3, 12, 15, 18, _SIGTSTP, 28)


def run(engine, kernel, timeout_s: float | None = None) -> tuple:
    """Serve traps until the first process has ended, or for ``timeout_s`` seconds.

    The kernel's status, ``("exited", code)`` or ``("signalled", signo)``; or TIMEOUT. Nothing runs any more then.
    """
    deadline = None if timeout_s is None else monotonic() + timeout_s
    scheduler = kernel.scheduler
    if not gc.isenabled():      # bin/skete imports without it
        gc.freeze()
        gc.enable()
    with _HostSignals(kernel) as signals:
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
                while not (signals.arrived or kernel.status or scheduler.due()) and engine.follow(kernel.serve):
                    pass
    return kernel.status


class _HostSignals:
    """While the loop runs, the terminal's signals are collected here. ``fds`` become readable when one has come."""

    def __init__(self, kernel):
        self.kernel = kernel
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

    def deliver(self) -> None:
        os.read(self._pipe[0], 4096)
        arrived, self.arrived = self.arrived, []
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
