"""The plain values of a trace line: numbers, strings, names of bits, signals and errors, as strace 6.1 prints them.

Whatever comes from the guest passes through :func:`quote`, :func:`hexed` or a
number format, so no control character of a guest's ever reaches the terminal
that shows the trace. Nothing here raises for any word or any memory: what cannot
be read is printed as its address.
"""
from __future__ import annotations

import errno
import os
import time

__all__ = ["LATER", "LATER_BARE", "Call", "address", "bits", "choice", "error", "hexed", "i32", "i64", "mode",
           "number", "quote", "sigmask", "signal_name", "stamp"]

PATH_MAX = 4096
#: A printer returns these while the call has not returned: this argument and those behind it are printed then.
#: The bare one keeps the separator for later, too.
LATER, LATER_BARE = object(), object()

_PLAIN = {9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_SHORT = [_PLAIN.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:o}") for b in range(256)]
_LONG = [_PLAIN.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in range(256)]

SIGNALS = ("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN "
           "TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS RTMIN").split()
SIGNALS += [f"RT_{n}" for n in range(1, 33)]

# What a signal makes of an interrupted call inside Linux (include/linux/errno.h); no program ever sees these.
RESTARTS = {512: "ERESTARTSYS (To be restarted if SA_RESTART is set)", 513: "ERESTARTNOINTR (To be restarted)",
            514: "ERESTARTNOHAND (To be restarted if no handler)", 516: "ERESTART_RESTARTBLOCK (Interrupted by signal)"}


class Call:
    """One system call of one task while it is being printed.

    words: six unsigned registers;  result: rax as a signed int, None before the return and for a call without one
    done: whether the call has returned;  limit: bytes of a string that are shown
    spec: (printers, name of the result's form);  at: the printer whose turn it is;  sep: what stands before its text
    begun: when it was entered, in nanoseconds
    """
    __slots__ = ("task", "mm", "nr", "name", "words", "result", "done", "spec", "at", "limit", "sep",
                 "begun")

    def __init__(self, task, nr: int, name: str, words: tuple, limit: int):
        self.task, self.mm, self.nr, self.name, self.words, self.limit = task, task.mm, nr, name, words, limit
        self.result, self.done, self.spec, self.at, self.sep, self.begun = None, False, (), 0, "", 0

    @property
    def failed(self) -> bool:
        """Whether no result came, or a negative one: nothing was written that could be shown."""
        return self.result is None or self.result < 0

    def read(self, addr: int, length: int) -> bytes | None:
        """Guest memory, or None where it cannot be read in full."""
        try:
            data = self.mm.read(addr, length)
        except OSError:
            return None
        return data if len(data) == length else None

    def unpack(self, layout, addr: int) -> tuple | None:
        """The fields of a ``struct.Struct`` at addr, or None."""
        data = self.read(addr, layout.size) if addr else None
        return None if data is None else layout.unpack(data)

    def string(self, addr: int, limit: int) -> tuple | None:
        """(bytes up to a NUL or the limit, whether the NUL was met), or None where memory ends first."""
        found = b""
        while len(found) < limit:
            room = min(limit - len(found), 4096 - (addr + len(found)) % 4096, 256)
            piece = self.read(addr + len(found), room)
            if piece is None:
                return None
            end = piece.find(0)
            if end >= 0:
                return found + piece[:end], True
            found += piece
        return found, False


def i32(word: int) -> int:
    """A register as the kernel's ``int``."""
    word &= 0xffff_ffff
    return word - 0x1_0000_0000 if word & 0x8000_0000 else word


def i64(word: int) -> int:
    """A register as the kernel's ``long``."""
    return word - 0x1_0000_0000_0000_0000 if word & 0x8000_0000_0000_0000 else word


def number(value: int) -> str:
    """C's %#lx: hexadecimal, but zero is a bare 0."""
    return f"{value:#x}" if value else "0"


def address(addr: int) -> str:
    """A pointer."""
    return f"{addr:#x}" if addr else "NULL"


def mode(value: int) -> str:
    """Permission bits: octal with a leading zero, at least three digits."""
    return f"0{value:02o}"


def quote(data: bytes, more: bool = False) -> str:
    """A C string literal; ``more`` says that it goes on.

    An escape is as short as can be: all three digits only where another octal digit follows.
    """
    text = data.decode("latin-1")
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        text = ""
        last = len(data) - 1
        for at, byte in enumerate(data):
            text += (_LONG if at < last and 48 <= data[at + 1] <= 55 else _SHORT)[byte]
    return f'"{text}"...' if more else f'"{text}"'


def hexed(data: bytes, more: bool = False) -> str:
    """A string literal with every byte in hexadecimal, for what is no text by nature."""
    return '"' + "".join([f"\\x{byte:02x}" for byte in data]) + ('"...' if more else '"')


def bits(table: tuple, value: int) -> str:
    """Names of set bits joined by ``|``. table: (prefix, ((value, name), ...)); a name for 0 comes first there."""
    prefix, entries = table
    if not value:
        return entries[0][1] if entries[0][0] == 0 else "0"
    found, rest = [], value
    for bit, name in entries:
        if bit and rest & bit == bit:
            found.append(name)
            rest &= ~bit
    if not found:
        return f"{value:#x} /* {prefix}??? */"
    if rest:
        found.append(f"{rest:#x}")
    return "|".join(found)


def choice(table: tuple, value: int) -> str:
    """The name of one value of an enumeration."""
    for known, name in table[1]:
        if known == value:
            return name
    return f"{number(value)} /* {table[0]}??? */"


def signal_name(signo: int) -> str:
    """SIGINT, SIGRT_3; a number where no signal has it."""
    return "SIG" + SIGNALS[signo - 1] if 1 <= signo <= 64 else str(signo)


def sigmask(mask: int) -> str:
    """A set of signals; where more than two thirds are in it, ``~`` and those that are not."""
    mark = ""
    if mask.bit_count() >= 42:
        mark, mask = "~", ~mask
    return mark + "[" + " ".join([name for at, name in enumerate(SIGNALS) if mask >> at & 1]) + "]"


def error(result: int) -> str:
    """``-1 ENOENT (No such file or directory)`` of a result in -4095..-1."""
    code = -result
    if code in RESTARTS:
        return "? " + RESTARTS[code]
    name = {95: "EOPNOTSUPP", 35: "EDEADLK"}.get(code) or errno.errorcode.get(code)
    return f"-1 {name} ({os.strerror(code)})" if name else f"-1 (errno {code})"


def stamp(seconds: int, fraction: str = "") -> str:
    """Local time as strace shows it in comments; empty where the calendar ends."""
    try:
        local = time.localtime(seconds)
        return time.strftime("%Y-%m-%dT%H:%M:%S", local) + fraction + time.strftime("%z", local)
    except (OverflowError, ValueError, OSError):
        return ""
