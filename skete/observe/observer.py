"""What an observer of the trap stream is told. A class to inherit from, and the words of the contract."""
from __future__ import annotations

__all__ = ["Observer"]


class Observer:
    """Sits between engine and kernel, looks on, and changes nothing. Override what is of interest.

    ``task`` is a skete.kernel.task.Task: its ``tid``, ``process.pid`` and ``mm.read(addr, n)`` are what an observer
    needs. Every method is called while the task is stopped, so its memory holds still but for other threads.
    """

    __slots__ = ()

    #: False in one that is content with being told at the end how often calls were answered without a trap
    #: (``answered``); for any other, none is
    every_call = True

    def answered(self, counts: dict) -> None:
        """At the end, if not ``every_call``: {number: (calls, errors)} that nobody was told of."""

    def started(self, task) -> None:
        """A process is about to begin: task.process has exe, argv and envp."""

    def entered(self, task, nr: int, words: tuple) -> None:
        """A system call begins. words: six unsigned 64-bit registers."""

    def waits(self, task) -> None:
        """The call cannot be answered yet and is put aside; may come several times before it is answered."""

    def left(self, task, nr: int, words: tuple, result) -> None:
        """The call is over. result: rax as a signed int, negative for an errno; None where it has none (rt_sigreturn and
        execve make all registers new, exit and exit_group do not return); skete.kernel.outcome.Restart where a signal
        interrupts it and Linux would say ERESTARTSYS. The call of a thread that another one ends never gets here:
        see :meth:`exited`."""

    def signalled(self, task, signo: int, info) -> None:
        """A signal is about to be taken: a handler, or what it does by default. info: kernel.siginfo.SigInfo."""

    def exited(self, task, status: tuple) -> None:
        """The thread is no more. status: ("exited", code) or ("signalled", signo)."""
