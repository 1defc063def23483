"""The compiled gate: found beside its source, or compiled there (or in the cache) on first use. The stub too."""
from __future__ import annotations

import os
import struct

from skete.engine import EngineError
from skete.engines.gate.layout import GATE_BASE, GATE_PARTS, PARTS, macros

__all__ = ["FLAGS", "SOURCES", "compiled", "gate"]

_HERE = os.path.dirname(os.path.abspath(__file__))
#: what whoever links the gate has to compile, and with what
SOURCES = tuple(os.path.join(_HERE, name) for name in ("fast.S", "layout.py", "code.py"))
FLAGS = ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096", "-Wl,-z,noexecstack",
         f"-Wl,--section-start=.fast={GATE_BASE:#x}", *macros()]

_ELF, _SEGMENT = struct.Struct("<16s2HI3QI6H"), struct.Struct("<2I6Q")
_PAGE = 4096


def gate(program: str = "") -> tuple:
    """(the page of code, the addresses GATE_PARTS) of a program that has the gate in
    it, or of the gate alone. EngineError where it has to be compiled and cannot be."""
    with open(program or compiled("the gate", "gate", SOURCES, [*FLAGS, "-Wl,-e,fast", SOURCES[0]]), "rb") as file:
        data = file.read()
    header = _ELF.unpack_from(data)
    for at in range(header[5], header[5] + header[9] * header[10], header[9]):
        kind, _, offset, address, _, size, _, _ = _SEGMENT.unpack_from(data, at)
        if kind == 1 and address <= GATE_BASE < address + size:
            at = offset + GATE_BASE - address
            page = data[at:min(at + _PAGE, offset + size)]
            return page, struct.unpack_from(f"<{PARTS}Q", page, GATE_PARTS - GATE_BASE)
    raise EngineError(f"{program}: has no gate; delete it, it is compiled again")


def compiled(what: str, name: str, sources: tuple, arguments: list) -> str:
    """Path of an up-to-date file, compiled with these arguments. EngineError where it is missing and cannot be.

    what: for messages;  sources: what it depends on; it is looked for in __pycache__ beside the first
    """
    newest = max(os.stat(path).st_mtime_ns for path in sources)
    places = [os.path.join(os.path.dirname(sources[0]), "__pycache__", name), os.path.join(_cache(), name)]
    for path in places:
        try:
            if os.stat(path).st_mtime_ns >= newest:
                return path
        except FileNotFoundError:
            pass
    why = ""
    for path in places:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _compile(what, path, arguments)
            return path
        except OSError as error:
            why = str(error)
    raise EngineError(f"cannot store {what} in {' or '.join(places)}: {why}")


def _cache() -> str:
    base = os.environ.get("SKETE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "skete")
    return os.path.join(base, "monitor")


def _compile(what: str, path: str, arguments: list) -> None:
    import subprocess
    temporary = f"{path}.{os.getpid()}"
    command = [os.environ.get("CC", "cc"), *arguments, "-o", temporary]
    with open(temporary, "wb"):
        pass                        # where this place cannot be written, say so before blaming the compiler
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise EngineError(f"{what} does not compile:\n  {' '.join(command)}\n{done.stderr}")
        os.replace(temporary, path)
    except FileNotFoundError:
        raise EngineError(f"{what} has to be compiled once, and there is no {command[0]!r}; "
                          "install one: apt-get install gcc") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
