"""What the gate may answer: some pages of words behind a space's slots, written by the kernel.

The guest can write there too. It would deceive nobody but itself: what is counted there is only ever shown.
"""
from __future__ import annotations

from struct import iter_unpack
from time import clock_gettime_ns

from skete.engine import Facts as Contract
from skete.engines.gate.layout import (
    FACT_CLOCK_COUNTS, FACT_CLOCK_NUMBERS, FACT_CLOCKS, FACT_COUNTS, FACT_DESCRIPTOR, FACT_END, FACT_FD_COUNT,
    FACT_FD_NUMBERS, FACT_FDS, FACT_KINDS, FACT_MANY, FACT_MISSED, FACT_NUMBERS, FACT_POST, FACT_SLOT, FACT_TABLE,
    FACT_TABLE_END, FACT_TABLE_ENTRIES, FACT_TABLE_SHIFT, FACT_THREADS, FACT_TIMESPEC, FACT_VALUE, FACT_VALUES,
    FACT_YIELD, FACTS_BASE, GATE_BASE, YIELD_NR)

__all__ = ["Facts", "host_reads_fs"]

#: what a space that is gone is told goes here
_NOWHERE = [0] * (FACT_END // 8)
_FORMS = ("timespec", "timeval", "seconds")
_MISSED, _NUMBERS, _TOLD = (at // 8 for at in (FACT_MISSED, FACT_CLOCK_NUMBERS, FACT_CLOCK_COUNTS))


def host_reads_fs() -> bool:
    """Whether the host's programs may execute rdfsbase: HWCAP2_FSGSBASE in AT_HWCAP2, Linux 5.9."""
    with open("/proc/self/auxv", "rb") as file:
        words = file.read()
    return any(kind == 26 and value & 2 for kind, value in iter_unpack("<QQ", words))


class Facts(Contract):
    """Every change is one aligned store of 8 bytes, so a thread that is in the gate sees the old or the new.

    Wanted of an engine: ``clocks``, None at first; ``begin_clocks()``: :func:`skete.engines.gate.clocks.begin`.
    ``yields``: whether programs can make that one call of the host.
    show: makes the page of clocks seen in the space, soon;  reads_fs(): whether the guest may execute rdfsbase"""
    __slots__ = ("engine", "words", "clocked", "_table", "_descriptor", "_show", "_reads_fs")
    gate = GATE_BASE
    numbers = FACT_NUMBERS

    def __init__(self, engine, memory, show, reads_fs=host_reads_fs):
        self.engine = engine
        self._show, self._reads_fs = show, reads_fs
        self.clocked = False            # it has asked for the time, and sees the page of clocks if there is one
        self.words = memory[:FACT_END].cast("Q")
        self._table = memory[FACT_TABLE:FACT_TABLE_END].cast("Q") if len(memory) >= FACT_TABLE_END else None
        self._descriptor = -1           # the number of the call that depends on a descriptor

    def answer(self, nr: int, value: int) -> None:
        self.words[FACT_VALUES // 8 + nr] = value & 0xffff_ffff_ffff_ffff
        self.words[FACT_KINDS // 8 + nr] = FACT_VALUE

    def descriptor(self, nr: int, word: int) -> None:
        self._descriptor = nr
        self.words[FACT_VALUES // 8 + nr] = word
        self.words[FACT_KINDS // 8 + nr] = FACT_DESCRIPTOR

    def known(self, fd: int, value: int) -> None:
        if 0 <= fd < FACT_FD_NUMBERS:
            self.words[FACT_FDS // 8 + fd] = value & 0xffff_ffff_ffff_ffff

    def forget(self, fd: int) -> None:
        for each in range(FACT_FD_NUMBERS) if fd < 0 else (fd,) if fd < FACT_FD_NUMBERS else ():
            self.words[FACT_FDS // 8 + each] = 0

    def post(self, numbers) -> None:
        for nr in numbers:
            self.words[FACT_KINDS // 8 + nr] = FACT_POST

    def ask(self, nr: int) -> None:
        self.words[FACT_KINDS // 8 + nr] = FACT_POST
        if nr == YIELD_NR:
            self.words[FACT_YIELD // 8] = 0

    def clock(self, nr: int, form: str) -> None:
        number = _FORMS.index(form)
        self.words[_NUMBERS + number] = nr
        self.words[FACT_KINDS // 8 + nr] = FACT_TIMESPEC + number

    def yields(self, nr: int) -> None:
        if nr == YIELD_NR and self.engine.yields:
            self.words[FACT_YIELD // 8] = 1

    def clock_number(self, form: int) -> int:
        """The call of a form: its place in _FORMS."""
        return self.words[_NUMBERS + form] % FACT_NUMBERS

    def now(self, clock: int) -> int:
        if not self.clocked and self.words[_MISSED]:
            self._begin_clocks()
        clocks = self.engine.clocks
        return clocks.now(clock) if clocks is not None else clock_gettime_ns(clock)

    def _begin_clocks(self) -> None:
        self.clocked = True
        if self.engine.clocks is None:
            self.engine.clocks = self.engine.begin_clocks()
        if self.engine.clocks is not None:
            self._show()
            self.words[FACT_CLOCKS // 8] = 1
        else:
            self.post(number for number in map(self.clock_number, range(len(_FORMS))) if number)

    def inherit(self, parent: Facts) -> None:
        """The space has been forked from that one, and sees what it sees."""
        self.clocked = parent.clocked
        self.words[FACT_CLOCKS // 8] = parent.words[FACT_CLOCKS // 8]

    def thread(self, vcpu, alone: bool) -> None:
        """The space has a new thread. Alone, it has all calls that come to the gate; else it is known by its FS base."""
        self.words[FACT_SLOT // 8] = vcpu.address if alone else 0

    def many(self, told_apart: bool) -> bool:
        self.words[FACT_MANY // 8] = 1
        known = told_apart and self._table is not None and self._reads_fs()
        if known:
            self.words[FACT_THREADS // 8] = FACTS_BASE + FACT_TABLE
        return known

    def base(self, vcpu, before: int, now: int) -> None:
        """A thread has another FS base; 0: none. One whose place in the table is taken is not known there."""
        if self._table is None:
            return
        for base, slot in ((before, 0), (now, vcpu.address)):
            at = 2 * ((base >> FACT_TABLE_SHIFT) % FACT_TABLE_ENTRIES)
            if not base or self._table[at + 1] not in (0, vcpu.address):
                continue
            # Whoever looks finds a base with its slot, or none: the thread that this is about does not look now.
            self._table[at + 1], self._table[at] = slot, base if slot else 0

    def close(self) -> None:
        """Add up what was answered, and let go of the memory."""
        answered = self.engine.answered
        first = FACT_COUNTS // 8
        if self._descriptor >= 0 and self.words[FACT_FD_COUNT // 8]:
            count = self.words[FACT_FD_COUNT // 8]
            calls, errors = answered.get(self._descriptor, (0, 0))
            answered[self._descriptor] = calls + count, errors + count
        if any(self.words[first:first + FACT_NUMBERS]):
            for nr, count in enumerate(self.words[first:first + FACT_NUMBERS]):
                if count:
                    calls, errors = answered.get(nr, (0, 0))
                    answered[nr] = calls + count, errors
        for form in range(len(_FORMS)):
            if self.words[_TOLD + form]:
                nr = self.clock_number(form)
                calls, errors = answered.get(nr, (0, 0))
                answered[nr] = calls + self.words[_TOLD + form], errors
        self._show = None
        self.words.release()
        self.words = _NOWHERE
        if self._table is not None:
            self._table.release()
            self._table = None
