"""What differs between one KVM and another is tried, not guessed from its name; and so is that it works at all.

Whether ``syscall`` enters ring 0 (a software-backed KVM may stay in ring 3), which of the two ways back to ring 3
(processor.py) is faster, what programs read from the time stamp counter, which may be ours or not; and where there are
threads, what it costs that a processor goes from one host thread to another (runner.py), and whether rdfsbase tells them
apart.
"""
from __future__ import annotations

import _thread
from time import monotonic_ns

from skete.engine import EngineError, Regs
from skete.engines.kvm import tables
from skete.engines.kvm.layout import PAGES_AT, STUB_AT

__all__ = ["choose", "moving_ns", "reads_fs"]

_TEXT = 0x40_0000
_PAGE = STUB_AT + 0x2000        # a page of the engine's own that nothing else uses
_LOOP = b"\x0f\x31\x0f\x05\xeb\xfa"      # rdtsc; syscall; jmp back
_READ_FS = bytes.fromhex("f3480faec0 0f05")     # rdfsbase %rax; syscall
_FS_BASE = 0x7f12_3456_7000
_TURNS = 5
_FASTER = 0.9                   # what counts as faster

assert _PAGE < PAGES_AT


def choose(engine) -> tuple:
    """(whether ring 3 needs to write to the port, whether to go back by a frame, (a program's counter, ns of our
    CLOCK_MONOTONIC before and after)). EngineError where nothing works."""
    engine.memory.own[_PAGE:_PAGE + len(_LOOP)] = _LOOP
    space = tables.PageTables(engine.shared)
    space.fill(_TEXT, _TEXT + 4096, _PAGE, tables.flags(5))
    processor = engine.processor()
    open_port = False
    before_ns = monotonic_ns()
    try:
        by_segments, why = _best(processor, space.cr3, False)
        if by_segments is None:
            open_port = True
            engine.shared.show_stub()
            processor.open_port(True)
            by_segments, _ = _best(processor, space.cr3, False)
        if by_segments is None:
            raise EngineError(f"a virtual machine starts, but it cannot execute a system call ({why}); dmesg may say "
                              "why. Use --engine process")
        regs = processor.get_regs()
        counter = regs.rdx << 32 | regs.rax, before_ns, monotonic_ns()
        processor.by_frame = processor.ring == 0 and (
            _best(processor, space.cr3, True)[0] or by_segments) < by_segments * _FASTER
    finally:
        engine.give_back(processor)
        space.close()
    return open_port, processor.by_frame, counter


def _best(processor, cr3: int, by_frame: bool) -> tuple:
    """(ns of the fastest turn or None, why there is none)."""
    processor.by_frame = by_frame
    processor.begin(Regs(rip=_TEXT, rsp=_TEXT, eflags=0x202), cr3, 0, None)
    best = None
    for turn in range(_TURNS):
        start = monotonic_ns()
        processor.prepare(turn)
        why = processor.enter_once()
        if why:
            return None, why
        taken = monotonic_ns() - start
        if turn and (best is None or taken < best):
            best = taken
    return best, ""


def reads_fs(engine) -> bool:
    """Whether rdfsbase tells programs their FS base. CPUID is not asked: a software-backed KVM may not have it there and
    leave it to them all the same."""
    processor = engine.processor()
    if processor is None:
        return False
    engine.memory.own[_PAGE:_PAGE + len(_READ_FS)] = _READ_FS
    space = tables.PageTables(engine.shared)
    space.fill(_TEXT, _TEXT + 4096, _PAGE, tables.flags(5))
    try:
        processor.begin(Regs(rip=_TEXT, rsp=_TEXT, eflags=0x202), space.cr3, _FS_BASE, None)
        processor.prepare(None)
        return not processor.enter_once() and processor.get_regs().rax == _FS_BASE
    finally:
        engine.give_back(processor)
        space.close()


def moving_ns(processor) -> int:
    """What a KVM_RUN costs that does nothing, where another host thread had the processor before; in ns."""
    taken, done = [], _thread.allocate_lock()

    def touch() -> None:
        start = monotonic_ns()
        processor.touch()
        taken.append(monotonic_ns() - start)

    def beside() -> None:
        try:
            touch()
        finally:
            done.release()
    processor.touch()
    done.acquire()
    _thread.start_new_thread(beside, ())
    done.acquire()
    touch()
    return min(taken)           # one of them may have been preempted
