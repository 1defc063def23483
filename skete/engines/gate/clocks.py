"""Clocks that the gate tells by itself: what the host's said a moment ago, and how fast they run.

A row for each clock stands in a page that every space of a machine can read (fast.S has the reader). It is filled in when
somebody asks that clock and the gate could not say, or comes with a trap, and it holds for WINDOW_NS; then the next to ask
comes to us. So there is no timer, and a guest that does not ask costs nothing.

*Never ahead.* A sample is a reading of the host's clock between two of the processor's counter, and is taken as if it had
been read at the second. The rate is the least that two samples allow, and a little less, for the host may slow its clock
down. So what the gate tells is behind the host's clock, by less than MOST_NS, and whoever comes to us is told what is not
earlier than anything that was told before. Where the host changes the rate of its clock (adjtimex(2)) by more than a few
ppm, the gate may be ahead after all, by that much of a window; then we tell the latest that it may have told, and measure
anew. A clock that was set (CLOCK_REALTIME) is told as it was before for the rest of a window.

Rates are measured on CLOCK_MONOTONIC, with which all the others go.

*Two and two are one.* CLOCK_BOOTTIME is CLOCK_MONOTONIC on a host that never slept, and CLOCK_TAI is CLOCK_REALTIME and some
whole seconds. Programs see that exactly, so each pair has one sample, and its rows are filled in together. Where two are
further apart than that, as after a sleep, the second one is not told here.
"""
from __future__ import annotations

import os
from struct import Struct
from time import CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_TAI

from skete.engines.gate.layout import (
    GATE_BASE, ROW_COUNTER, ROW_NS, ROW_RATE, ROW_SECONDS, ROW_SIZE, ROW_TAG, ROW_WINDOW, SAMPLE_CLOCK, SAMPLE_COUNTER,
    SAMPLE_ENOUGH)

__all__ = ["CLOCKS", "MOST_NS", "WINDOW_NS", "Clocks", "begin"]

#: the clocks, in the order of their rows
CLOCKS = (CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI)
_SETTABLE = frozenset((CLOCK_REALTIME, CLOCK_TAI))

#: how long a row holds at most, and how far behind it may be at its end
WINDOW_NS, MOST_NS = 10_000_000, 900
#: the rate is taken too slow by one part in 2**17, 8 ppm: 76 ns of a window; the rest is what samples may be off
_SLOWER, _WIDEST_NS = 17, MOST_NS - 100
#: a rate that is none: a counter of more than 10 GHz (or less than 1), or one part in 2**10 off the one before
_SLOWEST, _ODD = (1 << 64) // 10, 10
#: a rate is measured over so long, at least and at most; when a sample is so old, another is kept to measure from next
_SHORT_NS, _LONG_NS, _KEEP_NS = 2_000_000, 1_000_000_000, 100_000_000
#: a clock that goes back by more than this has been set
_SET_NS = 1_000_000
#: what a clock is told from, with how many ns its difference from that is a multiple of, 0: there is none
_FROM = {CLOCK_REALTIME: CLOCK_REALTIME, CLOCK_TAI: CLOCK_REALTIME, CLOCK_MONOTONIC: CLOCK_MONOTONIC,
         CLOCK_BOOTTIME: CLOCK_MONOTONIC}
_OTHER = {CLOCK_REALTIME: (CLOCK_TAI, 1_000_000_000), CLOCK_MONOTONIC: (CLOCK_BOOTTIME, 0)}
#: two that are looked at one after the other are no further from such a multiple
_APART_NS = 1_000_000

_TRIES = 8
_SECOND = 1_000_000_000
_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_PR_GET_TSC, _PR_TSC_ENABLE = 25, 1

_GIVEN = Struct("<4Q").pack_into             # from SAMPLE_CLOCK: clock, tries, enough, width
_GIVES = Struct("<QQqq").unpack_from         # from SAMPLE_WIDTH: width, counter, seconds, ns
_GIVES_AT = SAMPLE_COUNTER - 8
_TAG, _COUNTER, _WINDOW, _RATE, _NS, _SECONDS = (
    at // 8 for at in (ROW_TAG, ROW_COUNTER, ROW_WINDOW, ROW_RATE, ROW_NS, ROW_SECONDS))

assert (SAMPLE_CLOCK, SAMPLE_ENOUGH, _GIVES_AT) == (8, 24, 32)


class Clocks:
    """words: the page of rows;  sampler: see :func:`_sampler`
    seen: None, or (counter, ns before, ns after): what a guest has read from its counter, between two looks at our
    CLOCK_MONOTONIC. Unless that is our counter, no clock is told."""

    def __init__(self, words, sampler: tuple, seen: tuple | None = None):
        self._words = words
        self._take, self._block, self._kept = sampler
        self._enough = 0                # ticks that a sample takes, if all goes well
        self._seen = seen
        self._from = self._next = None  # samples of CLOCK_MONOTONIC: (counter, ns, width)
        self._known = 0                 # the rate that was measured last
        self._looked_ns = 0             # when we looked whether the host still trusts its counter
        self.works = True
        #: clock that others are told from -> [counter, ns, rate, window]: what its row holds
        self._rows = {clock: [0, 0, 0, 0] for clock in _OTHER}

    def now(self, clock: int) -> int:
        """The time of one of CLOCKS in ns; from here on the gate tells it for a while, if it can."""
        base = _FROM[clock]
        other, step = _OTHER[base]
        row = self._rows[base]
        counter, said, rate, window = row
        words, places = self._words, [CLOCKS.index(each) * ROW_SIZE // 8 for each in (base, other)]
        # No thread tells what these rows say any more, when we look.
        for at in places:
            words[at + _WINDOW] = 0
            words[at + _TAG] += 1
        _, other_ns, _ = self.sample(other)
        sample = now, ns, width = self.sample(base)
        apart = other_ns - ns
        whole = (apart + step // 2) // step * step if step else 0
        known = abs(apart - whole) < _APART_NS
        if window:
            said += (min(max(now - counter, 0), window) * rate) >> 64
        back = said - ns
        if back > 0:
            if back <= _SET_NS or clock not in _SETTABLE:
                ns = said
            if back <= _SET_NS:
                self._from = self._next = None      # the rate must have changed
        rate, window = self._rate(sample if base == CLOCK_MONOTONIC else self.sample(CLOCK_MONOTONIC), width)
        row[:] = now, ns, rate, window
        for at, told in zip(places, (ns, ns + whole)):
            words[at + _COUNTER], words[at + _RATE] = now, rate
            seconds = told // _SECOND
            words[at + _SECONDS], words[at + _NS] = seconds & 0xffff_ffff_ffff_ffff, told - seconds * _SECOND
            words[at + _TAG] += 1
        words[places[0] + _WINDOW] = window
        if known:
            words[places[1] + _WINDOW] = window
        return ns if clock == base else ns + whole if known else other_ns

    def sample(self, clock: int) -> tuple:
        """(counter, ns, width): the clock said that some time in the ``width`` ticks before."""
        block = self._block
        _GIVEN(block, SAMPLE_CLOCK, clock, _TRIES, self._enough, -1 & 0xffff_ffff_ffff_ffff)
        self._take()
        width, counter, seconds, ns = _GIVES(block, _GIVES_AT)
        if not self._enough or width < self._enough * 4 // 5:
            self._enough = width * 5 // 4
        return counter, seconds * _SECOND + ns, width

    def _rate(self, sample: tuple, width: int) -> tuple:
        """(ns in a tick, times 2**64, and for how many ticks that will do), for a row whose sample is ``width`` wide;
        (0, 0) where that is not known yet."""
        counter, ns, own = sample
        since = self._from
        if since is not None and ns - since[1] > _LONG_NS:
            since, self._next = self._next, None
            if since is not None and ns - since[1] > _LONG_NS:
                since = None
            self._from = since
        if since is None or counter <= since[0]:
            self._from, self._next = sample, None
            return 0, 0
        passed = ns - since[1]
        if passed < _SHORT_NS or not self.works:
            return 0, 0
        ticks = counter - since[0]
        rate = (passed << 64) // (ticks + since[2])
        rate -= rate >> _SLOWER
        known, self._known = self._known, rate
        if rate >> 64 or rate < _SLOWEST or known and abs(rate - known) > known >> _ODD:
            # The host has slept meanwhile, and one of the two has not.
            self._known, self._from, self._next = 0, sample, None
            return 0, 0
        if ns - (self._next or since)[1] >= _KEEP_NS:
            if self._next is not None:
                self._from = self._next
            self._next = sample
        if ns - self._looked_ns > _SECOND:
            self._looked_ns = ns
            self.works = _trusted() and self._same(counter, ns, rate)
        if (width + own + since[2]) * rate >> 64 > _WIDEST_NS or not self.works:
            return 0, 0
        return rate, min(ticks, (WINDOW_NS << 64) // rate)

    def _same(self, counter: int, ns: int, rate: int) -> bool:
        """Whether the guest's counter is ours: if it is not, they are as far apart as the host has been up, or a good part
        of that. So a comparison that leaves room for all that we do not know of a time long ago will do."""
        if self._seen is None:
            return True
        guest, before_ns, after_ns = self._seen
        passed = (counter - guest) * rate >> 64
        room = 1_000_000 + (ns - before_ns) // 1000
        return ns - after_ns - room <= passed <= ns - before_ns + room


def begin(page: bytes, parts: tuple, words, seen: tuple | None = None) -> Clocks | None:
    """Clocks for the gate whose code is ``page``; None where the host's counter does not tell its clock, or may not be
    looked at, or where we may not execute the code."""
    if not _trusted():
        return None
    try:
        sampler = _sampler(page, parts[6])
    except (OSError, ImportError, AttributeError):
        return None
    return Clocks(words, sampler, seen) if sampler else None


def _trusted() -> bool:
    """Whether the host takes its clock from the counter: then it is the same on all processors and runs evenly."""
    try:
        with open(_SOURCE, "rb") as file:
            return file.read().strip() == b"tsc"
    except OSError:
        return False


def _sampler(page: bytes, address: int) -> tuple | None:
    """(a function that takes a sample; its struct; what has to be kept for it), None where the counter is switched off.
    Costs some ms, for ctypes."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    enabled = ctypes.c_int(0)
    if libc.prctl(_PR_GET_TSC, ctypes.byref(enabled), 0, 0, 0) or enabled.value != _PR_TSC_ENABLE:
        return None
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
    fd = os.memfd_create("skete-gate", os.MFD_CLOEXEC)
    try:
        os.write(fd, page)
        code = libc.mmap(None, len(page), 5, 2, fd, 0)      # PROT_READ | PROT_EXEC, MAP_PRIVATE
    finally:
        os.close(fd)
    if code in (None, ctypes.c_void_p(-1).value):
        return None
    block = ctypes.create_string_buffer(64)
    Struct("<Q").pack_into(block, 0, ctypes.cast(libc.clock_gettime, ctypes.c_void_p).value)
    # PYFUNCTYPE, which keeps the interpreter's lock: giving it away would cost more than the sample.
    function = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(code + address - GATE_BASE)
    at = ctypes.c_void_p(ctypes.addressof(block))
    return lambda: function(at), memoryview(block).cast("B"), (block, libc)
