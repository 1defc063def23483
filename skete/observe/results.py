"""Results that are not plain decimal numbers: ``form(call) -> text`` for a call that has succeeded."""
from __future__ import annotations

from struct import Struct

from skete.observe.args import fd_set, open_flags, personality
from skete.observe.flags import table
from skete.observe.structs import STRUCTS
from skete.observe.values import bits, choice, i32, mode, number, signal_name, stamp

__all__ = ["RESULTS", "interrupted"]

_POLLFD = Struct("<ihh")


def _left(call, at):
    """What select and ppoll have left of the timeout in a word, as one more part of the note."""
    return [] if not call.words[at] else \
        ["left " + STRUCTS["timeval" if call.name == "select" else "timespec"](call, call.words[at])]


def _poll(call):
    """How many, and which with what; ``(Timeout)`` for none."""
    if not call.result:
        return "0 (Timeout)"
    ready = []
    for at in range(min(call.words[1] & 0xffff_ffff, 4096)):
        entry = call.unpack(_POLLFD, call.words[0] + 8 * at)
        if entry is None:
            break
        if entry[2]:
            if len(ready) == call.limit:
                ready.append("...")
                break
            ready.append(f"{{fd={entry[0]}, revents={bits(table('POLL'), entry[2] & 0xffff)}}}")
    parts = [f"[{', '.join(ready)}]"] + (_left(call, 2) if call.name == "ppoll" else [])
    return f"{call.result} ({', '.join(parts)})"


def _select(call):
    if not call.result:
        return "0 (Timeout)"
    nfds = i32(call.words[0])
    sets = [(label, fd_set(call, call.words[at], nfds)) for label, at in (("in", 1), ("out", 2), ("except", 3))
            if call.words[at]]
    parts = [f"{label} {members}" for label, members in sets if members != "[]"] + _left(call, 4)
    return f"{call.result} ({', '.join(parts)})" if parts else str(call.result)


def _fcntl(call):
    command = call.words[1] & 0xffff_ffff
    if command == 3:
        return f"{number(call.result)} (flags {open_flags(call.result)})"
    if command == 1 and call.result:
        return f"{number(call.result)} (flags {bits(table('FD'), call.result)})"
    return str(call.result)


def _prctl(call):
    if call.words[0] & 0xffff_ffff == 3:
        return f"{call.result} ({choice(table('SUID_DUMP'), call.result)})"
    return str(call.result)


def _sched(call):
    return f"{call.result} ({choice(table('SCHED'), call.result)})"


def _membarrier(call):
    if call.words[0] & 0xffff_ffff or not call.result:
        return str(call.result)
    return f"{number(call.result)} ({bits(table('MEMBARRIER'), call.result)})"


def _time(call):
    date = stamp(call.result)
    return f"{call.result} ({date})" if date else str(call.result)


def _signal(call):
    return f"{call.result} ({signal_name(call.result)})"


def _persona(call):
    return f"{number(call.result)} ({personality(call.result)})"


RESULTS = {
    "hex": lambda call: f"{call.result:#x}" if call.result else "NULL",
    "octal": lambda call: mode(call.result), "poll": _poll, "select": _select, "fcntl": _fcntl, "prctl": _prctl,
    "sched": _sched, "membarrier": _membarrier, "time": _time, "signal": _signal, "persona": _persona,
}

# Calls that answer EINTR only when a signal's handler has run. Inside Linux they then return a code by which the way
# back to user space decides whether to restart them, and that code is what a tracer sees.
_RESTARTBLOCK = frozenset((7, 35, 202, 230))            # poll nanosleep futex clock_nanosleep
_RESTARTNOHAND = frozenset((23, 34, 130, 270, 271))     # select pause rt_sigsuspend pselect6 ppoll
TIMER_ABSTIME = 1


def interrupted(nr: int, words: tuple) -> int:
    """What strace sees of a call that is about to return EINTR."""
    if nr in _RESTARTNOHAND or nr == 230 and words[1] & TIMER_ABSTIME:
        return -514
    return -516 if nr in _RESTARTBLOCK else -4
