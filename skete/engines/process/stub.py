"""The compiled stub: found beside its source, or compiled there (or in the cache) on first use."""
from __future__ import annotations

import os

from skete.engine import EngineError
from skete.engines.process.layout import GATE_BASE, STUB_BASE, macros

__all__ = ["find"]

_HERE = os.path.dirname(os.path.abspath(__file__))
_SOURCES = tuple(os.path.join(_HERE, name) for name in ("stub.c", "layout.py", "stub.py"))

_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fPIE", "-fno-stack-protector",
          "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-mgeneral-regs-only", "-fno-builtin",
          "-fno-tree-loop-distribute-patterns", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none",
          "-Wl,-z,max-page-size=4096", "-Wl,-z,noexecstack", f"-Wl,-Ttext-segment={STUB_BASE:#x}",
          f"-Wl,--section-start=.fast={GATE_BASE:#x}"]


def find() -> str:
    """Path of an up-to-date stub. EngineError where it is missing and cannot be compiled."""
    newest = max(os.stat(path).st_mtime_ns for path in _SOURCES)
    places = [os.path.join(_HERE, "__pycache__", "stub"), os.path.join(_cache(), "stub")]
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
            _compile(path)
            return path
        except OSError as error:
            why = str(error)
    raise EngineError(f"cannot store the compiled stub in {' or '.join(places)}: {why}")


def _cache() -> str:
    base = os.environ.get("SKETE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "skete")
    return os.path.join(base, "monitor")


def _compile(path: str) -> None:
    import subprocess
    temporary = f"{path}.{os.getpid()}"
    command = [os.environ.get("CC", "cc"), *_FLAGS, *macros(), _SOURCES[0], "-o", temporary]
    with open(temporary, "wb"):
        pass                        # where this place cannot be written, say so before blaming the compiler
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise EngineError(f"the process engine's stub does not compile:\n  {' '.join(command)}\n{done.stderr}")
        os.replace(temporary, path)
    except FileNotFoundError:
        raise EngineError(f"the process engine needs a C compiler once, and there is no {command[0]!r}; "
                          "install one: apt-get install gcc") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
