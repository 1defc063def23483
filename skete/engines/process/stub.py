"""The compiled stub, with the gate in it."""
from __future__ import annotations

import os

from skete.engines.gate import code
from skete.engines.gate.layout import STUB_BASE
from skete.engines.process.layout import macros

__all__ = ["find"]

_HERE = os.path.dirname(os.path.abspath(__file__))
_SOURCES = tuple(os.path.join(_HERE, name) for name in ("stub.c", "layout.py", "stub.py"))

_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fPIE", "-fno-stack-protector",
          "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-mgeneral-regs-only", "-fno-builtin",
          "-fno-tree-loop-distribute-patterns", f"-Wl,-Ttext-segment={STUB_BASE:#x}"]


def find() -> str:
    """Path of an up-to-date stub. EngineError where it is missing and cannot be compiled."""
    return code.compiled("the process engine's stub", "stub", _SOURCES + code.SOURCES,
                         [*_FLAGS, *code.FLAGS, *macros(), _SOURCES[0], code.SOURCES[0]])
