"""``skete engines``: which engines work here, why the others do not, and what they cost. Takes about a second."""
from __future__ import annotations

import sys
from time import monotonic, perf_counter_ns

from skete import engines
from skete.engine import EngineError, Regs, Syscall

__all__ = ["report", "survey"]

_TEXT = 0x40_0000
#: mov $39, %eax; syscall; jmp back: a call for ever, answered here and not by a kernel
_LOOP = b"\xb8\x27\0\0\0\x0f\x05\xeb\xf7"
_STARTS = 3
_CALLS_S = 0.25


def report(json: bool = False) -> int:
    """Print the survey; the exit status: 0 where at least one engine works."""
    rows = [survey(name) for name in engines.NAMES]
    if json:
        from json import dumps
        sys.stdout.write(dumps({"schema": 1, "engines": rows}, indent=1) + "\n")
    else:
        sys.stdout.write(_table(rows))
    return 0 if any(row["works"] for row in rows) else 1


def survey(name: str) -> dict:
    """name; works; why: one line where it does not, else ""; start_ms: from nothing to the guest's first system call,
    and call_us: of one that Python answers at once. Both are the best of several, None where it does not work."""
    row = {"name": name, "works": False, "why": "", "start_ms": None, "call_us": None}
    try:
        starts = []
        for _ in range(_STARTS):
            start_ns, call_ns = _measure(name, _CALLS_S / _STARTS)
            starts.append(start_ns)
            row["call_us"] = round(min(call_ns / 1e3, row["call_us"] or 1e9), 2)
        row.update(works=True, start_ms=round(min(starts) / 1e6, 2))
    except EngineError as error:
        row.update(why=str(error), call_us=None)
    return row


def _measure(name: str, seconds: float) -> tuple:
    """(ns to start, ns of one call)."""
    begun = perf_counter_ns()
    engine = engines.make(name)
    try:
        engine.ram[0x1000:0x1000 + len(_LOOP)] = _LOOP
        space = engine.space()
        space.map(_TEXT, 0x1000, 5, 0x1000)
        vcpu = space.vcpu(Regs(rip=_TEXT, rsp=_TEXT, eflags=0x202))
        vcpu.resume()
        _call(engine)
        started = perf_counter_ns()
        end, calls = monotonic() + seconds, 0
        while monotonic() < end:
            for _ in range(50):
                vcpu.resume(0)
                engine.wait(10)
            calls += 50
        return started - begun, (perf_counter_ns() - started) / calls
    finally:
        engine.close()


def _call(engine) -> None:
    event = engine.wait(10)
    if event is None or type(event[1]) is not Syscall:
        raise EngineError(f"a guest that makes one system call came back with {event and event[1]!r}")


def _table(rows: list) -> str:
    lines = [("engine", "works", "null call", "start")]
    for row in rows:
        if row["works"]:
            lines.append((row["name"], "yes", f"{row['call_us']:.1f} us", f"{row['start_ms']:.1f} ms"))
        else:
            lines.append((row["name"], "no", "-", "-"))
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    text = "".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}\n" for a, b, c, d in lines)
    return text + "".join(f"{row['name']}: {row['why']}\n" for row in rows if not row["works"])
