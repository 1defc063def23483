"""An observer of the trap stream that prints what strace(1) prints, in the format of strace 6.1.

Arguments that a call reads are printed when it enters the kernel, those that it
writes when it returns, because only then is there something to see. A line is
written whole where the call returned at once; it is written up to that point
when the call has to wait (:meth:`Strace.waits`), and is closed with
``<unfinished ...>`` when another thread has something to say first.

Guest memory is read through ``task.mm`` and shown in escaped form only. A trace
that cannot be written any more (the reader of its pipe has gone) falls silent;
it never ends the guest.
"""
from __future__ import annotations

import os
import time

from skete.abi.syscalls import NAMES
from skete.observe.observer import Observer
from skete.observe.results import RESULTS, interrupted
from skete.observe.signals import siginfo
from skete.observe.specs import compiled
from skete.observe.values import LATER, LATER_BARE, Call, address, error, quote, signal_name

__all__ = ["Strace"]

COLUMN = 40                 # where the ``=`` stands, counted from 0, prefix included
FORKS = frozenset((56, 57, 58, 435))        # clone fork vfork clone3: a result is a new thread
SIGRETURN = 15
EINTR, ERESTARTSYS = -4, -512


class Strace(Observer):
    """Prints each event of ``kernel.observers``.

    stream: what takes the lines: a host descriptor, or an object with write(str) and flush()
    limit:  bytes of a string, and elements of an array, that are shown (strace -s)
    trace:  set of call numbers to show, or None for all (:func:`skete.observe.select.calls`)
    times:  "" or, as strace's options of these names, "r" (since the call before), "t", "tt", "ttt" (time of day)
    spent:  append the time between entry and return of each call (strace -T)
    """

    def __init__(self, stream=2, limit: int = 32, trace: frozenset | None = None, times: str = "",
                 spent: bool = False):
        self.stream, self.limit, self.trace, self.times, self.spent = stream, limit, trace, times, spent
        self._calls = {}        # tid -> Call in progress
        self._live = set()      # tids that have been seen and have not ended
        self._open = None       # the Call whose line is not complete
        self._line = ""         # what is not written yet of that line
        self._column = 0        # how long the line is, written or not
        self._before = 0        # time of the event before, for "r"

    def entered(self, task, nr: int, words: tuple) -> None:
        """A call begins."""
        tid = task.tid
        if tid not in self._live:
            self._live.add(tid)
        if self.trace is not None and nr & 0xffff_ffff not in self.trace:
            return
        name = NAMES.get(nr) or f"syscall_{nr:#x}"
        call = self._calls[tid] = Call(task, nr, name, words, self.limit)
        call.spec = compiled(name)
        if self.spent:
            call.begun = time.monotonic_ns()
        self._start(tid, f"{name}({self._arguments(call)}")
        self._open = call

    def started(self, task) -> None:
        """A program begins: what a tracer that had started it would have seen."""
        process = task.process
        count = len(process.envp)
        self._whole(task.tid, f"execve({quote(process.exe)}, [{', '.join(map(quote, process.argv))}], "
                    f"{address(process.envp_at)} /* {count} var{'' if count == 1 else 's'} */) = 0")

    def left(self, task, nr: int, words: tuple, result) -> None:
        """It is over."""
        if nr in FORKS and result.__class__ is int and result > 0:
            self._live.add(result)
        call = self._calls.pop(task.tid, None)
        if call is None:
            return
        call.done = True
        if result is None:
            call.result = self._restored(call) if nr == SIGRETURN else None
        else:
            call.result = result if result.__class__ is int else ERESTARTSYS
            if result == EINTR:
                call.result = interrupted(nr, words)
        if self._open is not call:
            self._start(task.tid, f"<... {call.name} resumed>")
        self._finish(call, self._arguments(call) + ")")

    def waits(self, task) -> None:
        """The call of this task is not done at once: show what is known, so that a hang can be seen."""
        if self._open is not None and self._open.task is task:
            self._write()

    def signalled(self, task, signo: int, info) -> None:
        """A signal is about to be taken."""
        self._whole(task.tid, f"--- {signal_name(signo)} {siginfo(info.pack())} ---")

    def exited(self, task, status: tuple) -> None:
        """The thread is no more."""
        call = self._calls.pop(task.tid, None)
        if call is not None:            # a call that had not returned never will
            if self._open is not call:
                self._start(task.tid, f"<... {call.name} resumed>")
            self._finish(call, ")")
        kind, value = status
        self._whole(task.tid, f"+++ killed by {signal_name(value)} +++" if kind == "signalled"
                    else f"+++ exited with {value} +++")
        self._live.discard(task.tid)

    def close(self) -> None:
        """Nothing follows: complete the line that stands open."""
        if self._open is not None:
            self._interrupt(" <detached ...>\n")

    def _arguments(self, call: Call) -> str:
        """The text of the arguments whose turn it is."""
        printers, text = call.spec[0], ""
        while call.at < len(printers):
            printer, word = printers[call.at]
            piece = printer(call, word)
            if piece is LATER:
                text, call.sep = text + call.sep, ""
                break
            if piece is LATER_BARE:
                break
            call.at += 1
            if piece is None:
                call.at = len(printers)
                break
            if piece == "" or piece.startswith(" => "):
                text += piece       # belongs to the argument before
            else:
                text += call.sep + piece
                call.sep = ", "
        return text

    def _restored(self, call: Call) -> int | None:
        """What rax is after rt_sigreturn: the interrupted code's own."""
        vcpu = getattr(call.task, "vcpu", None)
        if vcpu is None:
            return None
        rax = vcpu.regs.rax
        return rax - (1 << 64) if rax >> 63 else rax

    def _finish(self, call: Call, text: str) -> None:
        result = call.result
        if result is None:
            answer = "?"
        elif -4096 < result < 0:
            answer = error(result)
        else:
            form = RESULTS.get(call.spec[1]) if result >= 0 else None
            answer = form(call) if form else str(result)
        if self.spent:
            took = (time.monotonic_ns() - call.begun) // 1000
            answer += f" <{took // 1_000_000}.{took % 1_000_000:06}>"
        pad = " " * max(1, COLUMN - self._column - len(text))
        self._line += f"{text}{pad}= {answer}\n"
        self._open = None
        self._write()

    def _start(self, tid: int, text: str) -> None:
        """Begin a line; the one that stands open is closed as unfinished."""
        if self._open is not None:
            self._interrupt(" <unfinished ...>\n")
        prefix = f"[pid {tid:5}] " if len(self._live) > 1 else ""
        if self.times:
            prefix += self._time() + " "
        self._line = prefix + text
        self._column = len(self._line)

    def _interrupt(self, text: str) -> None:
        self._line += text
        self._open = None
        self._write()

    def _whole(self, tid: int, text: str) -> None:
        self._start(tid, text + "\n")
        self._write()

    def _time(self) -> str:
        if self.times == "r":
            now = time.monotonic_ns() // 1000
            since = now - self._before if self._before else 0
            self._before = now
            return f"{since // 1_000_000:6}.{since % 1_000_000:06}"
        now = time.time_ns() // 1000
        seconds, micro = divmod(now, 1_000_000)
        if self.times == "ttt":
            return f"{seconds}.{micro:06}"
        clock = time.strftime("%H:%M:%S", time.localtime(seconds))
        return clock if self.times == "t" else f"{clock}.{micro:06}"

    def _write(self) -> None:
        text, self._line = self._line, ""
        try:
            if self.stream.__class__ is not int:
                self.stream.write(text)
                self.stream.flush()
            elif self.stream >= 0:
                _write_all(self.stream, text.encode("utf-8", "backslashreplace"))
        except OSError:
            self.stream = -1


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:         # a descriptor that somebody else has made non-blocking
            import select
            select.select([], [fd], [])
