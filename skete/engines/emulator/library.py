"""libunicorn, called with ctypes. The Python package ``unicorn`` only brings the library: importing the package itself would
cost as much again as loading it, and its wrappers three times what the calls do.

Names and numbers are those of unicorn.h and x86.h of Unicorn 2.
"""
from __future__ import annotations

import ctypes
import os

from skete.engine import EngineError
from skete.engines import packages

__all__ = ["Library"]

ARCH_X86, MODE_64 = 4, 8
#: Nehalem: what the translator emulates, which is all of x86-64-v2 and no AVX
CPU_MODEL = 15
HOOK_INTR, HOOK_INSN, HOOK_BLOCK, HOOK_TLB_FILL = 1, 2, 8, 1 << 17
INS_SYSCALL, INS_IN, INS_OUT = 699, 218, 500
MEM_READ, MEM_WRITE, MEM_FETCH = 16, 17, 18
PROT_ALL = 7
TLB_VIRTUAL = 1
ERR_OK, ERR_INSN_INVALID = 0, 10

_WRITE = 1 << 30
USE_EXITS = 4 | 1 << 26 | _WRITE
EXITS = 6 | 2 << 26 | _WRITE
SET_CPU_MODEL = 7 | 1 << 26 | _WRITE
TB_FLUSH = 10 | _WRITE
TLB_FLUSH = 11 | _WRITE
TLB_TYPE = 12 | 1 << 26 | _WRITE

_REMEDY = "install it with `.venv/bin/pip install --require-hashes -r requirements-emulator.txt`, or use --engine process"


class TlbEntry(ctypes.Structure):
    _fields_ = [("paddr", ctypes.c_uint64), ("perms", ctypes.c_int)]


class Mmr(ctypes.Structure):
    """uc_x86_mmr: a descriptor table's register."""
    _fields_ = [("selector", ctypes.c_uint16), ("base", ctypes.c_uint64), ("limit", ctypes.c_uint32),
                ("flags", ctypes.c_uint32)]


_HANDLE, _U64, _INT = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int
SYSCALL_HOOK = ctypes.CFUNCTYPE(None, _HANDLE, _HANDLE)
IN_HOOK = ctypes.CFUNCTYPE(ctypes.c_uint32, _HANDLE, ctypes.c_uint32, _INT, _HANDLE)
OUT_HOOK = ctypes.CFUNCTYPE(None, _HANDLE, ctypes.c_uint32, _INT, ctypes.c_uint32, _HANDLE)
INTR_HOOK = ctypes.CFUNCTYPE(None, _HANDLE, ctypes.c_uint32, _HANDLE)
TLB_HOOK = ctypes.CFUNCTYPE(ctypes.c_bool, _HANDLE, _U64, _INT, ctypes.POINTER(TlbEntry), _HANDLE)

_PROTOTYPES = {
    "uc_open": (_INT, _INT, _HANDLE), "uc_close": (_HANDLE,), "uc_emu_start": (_HANDLE, _U64, _U64, _U64, ctypes.c_size_t),
    "uc_emu_stop": (_HANDLE,),
    "uc_mem_map_ptr": (_HANDLE, _U64, _U64, ctypes.c_uint32, _HANDLE),
    "uc_reg_read": (_HANDLE, _INT, _HANDLE), "uc_reg_write": (_HANDLE, _INT, _HANDLE),
    "uc_reg_read_batch": (_HANDLE, _HANDLE, _HANDLE, _INT), "uc_reg_write_batch": (_HANDLE, _HANDLE, _HANDLE, _INT),
    "uc_context_alloc": (_HANDLE, _HANDLE), "uc_context_free": (_HANDLE,), "uc_context_save": (_HANDLE, _HANDLE),
    "uc_context_restore": (_HANDLE, _HANDLE),
}


class Library:
    """The functions, as attributes without their ``uc_``. EngineError where there is no library."""

    def __init__(self):
        library = _load(_find())
        version = library.uc_version(None, None)
        if version >> 24 != 2:
            raise EngineError(f"unicorn {version >> 24}.{version >> 16 & 0xff} is installed, which is not version 2; {_REMEDY}")
        for name, arguments in _PROTOTYPES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, _INT
            setattr(self, name[3:], function)
        self.ctl = library.uc_ctl               # the rest of its arguments depends on the second
        self.hook_add = library.uc_hook_add     # so does this one's
        self.ctl.restype = self.hook_add.restype = _INT
        library.uc_strerror.restype = ctypes.c_char_p
        self._strerror = library.uc_strerror

    def check(self, status: int, what: str) -> None:
        """EngineError if this is not what success is."""
        if status:
            raise EngineError(f"the emulator failed ({what}): {self._strerror(status).decode()}")


def _find() -> str:
    """The path of the library inside the package ``unicorn``."""
    origin = packages.find("unicorn")
    if origin is None:
        raise EngineError(f"the Python package unicorn is not installed; {_REMEDY}")
    path = os.path.join(os.path.dirname(origin), "lib", "libunicorn.so.2")
    if not os.path.exists(path):
        raise EngineError(f"{path} does not exist: another version of the Python package unicorn is installed; {_REMEDY}")
    return path


def _load(path: str):
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise EngineError(f"{path} cannot be loaded: {error}; {_REMEDY}") from None
