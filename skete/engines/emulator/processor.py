"""The one emulated processor: made to run ring 3, with hooks for whatever leaves it.

Unicorn knows no page tables in the mode used here (TLB_VIRTUAL): what is not in its TLB it asks us for, page by page, and
keeps until the TLB is flushed. So an address space costs nothing but the pages that are touched.

Two pages of guest-physical memory are ours (memory.OWN_AT), and shown at OWN only while code of ours runs: a few
instructions that enter ring 3 once, and that save and load the floating point state, each up to a ``syscall``.
"""
from __future__ import annotations

import ctypes
import struct

from skete.engine import PAGE, EngineError, Regs
from skete.engines.emulator import library as lib
from skete.engines.emulator.brake import Brake
from skete.engines.emulator.memory import OWN_AT

__all__ = ["Processor"]

OWN = 0xffff_ffff_8000_0000
_DATA = OWN + PAGE
_GDT, _FRAME, _STATE = 0x800, 0x900, 0
_ENTER, _SAVE, _LOAD, _RETURN = 0, 0x10, 0x20, 0x30
_SYSCALL = b"\x0f\x05"
_CODE = {
    _ENTER: b"\x48\xcf",                                                            # iretq
    _SAVE: b"\x48\x0f\xae\x04\x25" + struct.pack("<I", _DATA & 0xffff_ffff) + _SYSCALL,     # fxsave64
    _LOAD: b"\x48\x0f\xae\x0c\x25" + struct.pack("<I", _DATA & 0xffff_ffff) + _SYSCALL,     # fxrstor64
    _RETURN: _SYSCALL,
}
FXSAVE_SIZE = 512

#: x86.h's numbers, in the order of Regs.NAMES
_IDS = (106, 107, 108, 109, 110, 111, 112, 113, 39, 43, 36, 37, 40, 35, 38, 44, 41, 25)
_RAX, _RCX, _R11, _RSP, _EFLAGS = 35, 38, 109, 44, 25
_TF = 0x100
_CR0, _CR4, _GDTR, _FS_BASE, _GS_BASE = 50, 54, 243, 250, 251
_RIP_AT, _FLAGS_AT = 16, 17
#: protection and x87 exceptions that are exceptions; SSE, and its exceptions; FSGSBASE
_CR0_BITS, _CR4_BITS = 0x33, 0x600 | 1 << 16
# Selectors as Linux has them: programs can read cs and ss, and signal frames hold them.
_USER_DS, _USER_CS = 0x2b, 0x33
_CODE3, _DATA3 = 0x00af_fb00_0000_ffff, 0x00cf_f300_0000_ffff


class _Batch:
    """Some registers that are read or written by one call."""

    def __init__(self, ids: tuple):
        self.count = len(ids)
        self.ids = (ctypes.c_int * self.count)(*ids)
        self.values = (ctypes.c_uint64 * self.count)()
        base = ctypes.addressof(self.values)
        self.pointers = (ctypes.c_void_p * self.count)(*(base + 8 * i for i in range(self.count)))


class Processor:
    """regions: of the address space that it shows (show);  vector: the exception that ended ``run``, or -1
    called: whether a system call did;  missed: (page, MEM_READ, MEM_WRITE or MEM_FETCH) of the last page that is not to be had
    text: frames that code may have been translated from"""

    def __init__(self, memory):
        self.library = library = lib.Library()
        self._handle = ctypes.c_void_p()
        library.check(library.open(lib.ARCH_X86, lib.MODE_64, ctypes.byref(self._handle)), "uc_open")
        self.memory = memory
        self.regions = None
        self.vector, self.called, self.missed = -1, False, None
        self.text = set()
        self._port = None               # where a port was about to be used
        self._own = True                # whether our own pages are shown
        self._all = _Batch(_IDS)
        self._settable = _Batch(_IDS[:_RIP_AT] + _IDS[_FLAGS_AT:])
        self._call = _Batch((_RAX, 39, 43, 40, 108, 106, 107, 25, 41))
        self._clobbered = _Batch((_RCX, _R11))
        self._one = ctypes.c_uint64()
        self._one_at = ctypes.byref(self._one)
        ctl = self._ctl
        ctl(lib.SET_CPU_MODEL, ctypes.c_int(lib.CPU_MODEL))
        ctl(lib.USE_EXITS, ctypes.c_int(1))         # and then none: else it would look for code where a run is to end
        ctl(lib.EXITS, ctypes.byref(self._one), ctypes.c_size_t(0))
        ctl(lib.TLB_TYPE, ctypes.c_int(lib.TLB_VIRTUAL))
        memory.show(library, self._handle)
        self._hooks = (lib.TLB_HOOK(self._fill), lib.SYSCALL_HOOK(self._on_syscall), lib.INTR_HOOK(self._on_exception),
                       lib.IN_HOOK(self._on_port), lib.OUT_HOOK(self._on_port))
        self._hook(lib.HOOK_TLB_FILL, self._hooks[0])
        self._hook(lib.HOOK_INSN, self._hooks[1], ctypes.c_int(lib.INS_SYSCALL))
        self._hook(lib.HOOK_INTR, self._hooks[2])
        self._hook(lib.HOOK_INSN, self._hooks[3], ctypes.c_int(lib.INS_IN))
        self._hook(lib.HOOK_INSN, self._hooks[4], ctypes.c_int(lib.INS_OUT))
        self.brake = Brake(library)
        self._hook(lib.HOOK_BLOCK, self.brake.code, at=self.brake.counter)
        self._enter_ring_3()

    def _ctl(self, control: int, *arguments) -> None:
        self.library.check(self.library.ctl(self._handle, ctypes.c_int(control), *arguments), f"uc_ctl {control & 0xff}")

    def _hook(self, kind: int, callback, *more, at: int = 0) -> None:
        hook = ctypes.c_size_t()
        status = self.library.hook_add(self._handle, ctypes.byref(hook), ctypes.c_int(kind), callback, ctypes.c_void_p(at),
                                       ctypes.c_uint64(1), ctypes.c_uint64(0), *more)
        self.library.check(status, "uc_hook_add")

    def _enter_ring_3(self) -> None:
        own = self.memory.own
        for at, code in _CODE.items():
            own[at:at + len(code)] = code
        struct.pack_into("<10Q", own, PAGE + _GDT, 0, 0, 0, 0, 0, _DATA3, _CODE3, 0, 0, 0)
        struct.pack_into("<5Q", own, PAGE + _FRAME, OWN + _RETURN, _USER_CS, 0x202, 0, _USER_DS)
        self._table(_GDTR, _DATA + _GDT, 79)
        self._set(_CR0, _CR0_BITS)
        self._set(_CR4, _CR4_BITS)
        self._set(_RSP, _DATA + _FRAME)
        self._run_own(_ENTER)
        if self._get(_RSP):
            raise EngineError("the emulated processor does not enter ring 3; use --engine process")
        self._table(_GDTR, 0, 0)        # nobody needs it again, and programs are not to find ring 0 in it

    def _table(self, register: int, base: int, limit: int) -> None:
        table = lib.Mmr(0, base, limit, 0)
        self.library.check(self.library.reg_write(self._handle, register, ctypes.byref(table)), "uc_reg_write")

    def _run_own(self, at: int) -> None:
        flags = self._get(_EFLAGS)
        self._set(_EFLAGS, flags & ~_TF)
        self._own = True
        self.run(OWN + at, 1 << 20)
        self._own = False
        self._set(_EFLAGS, flags)
        self.flush_tlb()
        if not self.called:
            raise EngineError(f"the emulated processor stopped in code of the engine's own, at {at:#x}, by exception "
                              f"{self.vector}; use --engine process")

    # ---- what it calls ----

    def _fill(self, handle, page: int, kind: int, entry, _) -> bool:
        """What stands behind a page."""
        regions = self.regions
        found = regions.at(page) if regions is not None else None
        if found is None or not found[2] & (2 if kind == lib.MEM_WRITE else 4 if kind == lib.MEM_FETCH else 7):
            if self._own and OWN <= page <= _DATA:
                entry[0].paddr, entry[0].perms = OWN_AT + page - OWN, lib.PROT_ALL
                return True
            self.missed = page, kind
            return False
        prot, frame = found[2], page + found[3]
        if prot & 4:
            self.text.add(frame)
        # What can be written or executed can be read, as on any x86 without protection keys.
        entry[0].paddr, entry[0].perms = frame, prot | 1
        return True

    def _on_syscall(self, handle, _) -> None:
        self.called = True
        self.library.emu_stop(handle)

    def _on_exception(self, handle, vector: int, _) -> None:
        self.vector = vector
        self.library.emu_stop(handle)

    def _on_port(self, handle, *_) -> int:
        # Unicorn lets ring 3 do it, and what follows up to the next branch. Nothing comes of that: this is where it ends.
        if self._port is None:
            self._port = self.get_rip()
        self.library.emu_stop(handle)
        return 0

    # ---- running ----

    def run(self, rip: int, blocks: int) -> None:
        """Go on there, for so many basic blocks at most."""
        self.brake.left = blocks
        self.vector, self.called, self.missed, self._port = -1, False, None, None
        status = self.library.emu_start(self._handle, rip, 0, 0, 0)
        if self._port is not None:
            self.vector, self.called = 13, False
        elif status:
            if status == lib.ERR_INSN_INVALID:
                self.vector = 6
            elif self.missed is not None:
                self.vector = 14
            else:
                self.library.check(status, f"from {rip:#x} on")

    def stop(self) -> None:
        """End a run that is going on, soon. From any thread; it may be lost where the run is just counting."""
        self.brake.left = 0

    # ---- registers ----

    def system_call(self) -> list:
        """rax, the six words, flags, rip; rcx and r11 become what the instruction leaves in them."""
        batch, clobbered = self._call, self._clobbered
        self.library.reg_read_batch(self._handle, batch.ids, batch.pointers, batch.count)
        values = batch.values[:]
        clobbered.values[0], clobbered.values[1] = values[8], values[7]
        self.library.reg_write_batch(self._handle, clobbered.ids, clobbered.pointers, 2)
        return values

    def get_rip(self) -> int:
        return self._get(_IDS[_RIP_AT]) if self._port is None else self._port

    def set_rax(self, value: int) -> None:
        self._set(_RAX, value)

    def get_regs(self) -> Regs:
        batch = self._all
        self.library.reg_read_batch(self._handle, batch.ids, batch.pointers, batch.count)
        regs = Regs()
        for name, value in zip(Regs.NAMES, batch.values):
            setattr(regs, name, value)
        return regs

    def set_regs(self, regs: Regs) -> None:
        """All but rip, which ``run`` is told."""
        batch = self._settable
        batch.values[:] = [getattr(regs, name) for name in Regs.NAMES if name != "rip"]
        self.library.reg_write_batch(self._handle, batch.ids, batch.pointers, batch.count)

    def get_base(self, gs: bool) -> int:
        return self._get(_GS_BASE if gs else _FS_BASE)

    def set_base(self, gs: bool, address: int) -> None:
        self._set(_GS_BASE if gs else _FS_BASE, address)

    def _get(self, number: int) -> int:
        self._one.value = 0
        self.library.reg_read(self._handle, number, self._one_at)
        return self._one.value

    def _set(self, number: int, value: int) -> None:
        self._one.value = value
        self.library.reg_write(self._handle, number, self._one_at)

    def get_fpu(self) -> bytes:
        """As FXSAVE stores it."""
        self._run_own(_SAVE)
        return bytes(self.memory.own[PAGE:PAGE + FXSAVE_SIZE])

    def set_fpu(self, state: bytes) -> None:
        self.memory.own[PAGE:PAGE + FXSAVE_SIZE] = state
        self._run_own(_LOAD)

    # ---- whole states ----

    def new_context(self) -> ctypes.c_void_p:
        """Room for a state, with the present one in it."""
        context = ctypes.c_void_p()
        self.library.check(self.library.context_alloc(self._handle, ctypes.byref(context)), "uc_context_alloc")
        self.save(context)
        return context

    def save(self, context) -> None:
        self.library.context_save(self._handle, context)

    def restore(self, context) -> None:
        self.library.context_restore(self._handle, context)

    def renew(self, fresh) -> None:
        """Carry over to a state in which nothing has happened yet what programs can see of this one."""
        regs, fs, gs, fpu = self.get_regs(), self.get_base(False), self.get_base(True), self.get_fpu()
        self.restore(fresh)
        self.set_fpu(fpu)
        self.set_base(False, fs)
        self.set_base(True, gs)
        self.set_regs(regs)

    def free(self, context) -> None:
        self.library.context_free(context)

    # ---- what it remembers ----

    def flush_tlb(self) -> None:
        self.library.ctl(self._handle, ctypes.c_int(lib.TLB_FLUSH))

    def flush_code(self) -> None:
        """Forget all translated code: its text may have changed without the processor seeing it."""
        self.text.clear()
        self.library.ctl(self._handle, ctypes.c_int(lib.TB_FLUSH))
        self.flush_tlb()

    def changed(self, frame: int, length: int) -> None:
        """These frames have, or may have, another content."""
        if self.text and any(frame <= text < frame + length for text in self.text):
            self.flush_code()

    def close(self) -> None:
        if self._handle:
            self.library.close(self._handle)
            self._handle = ctypes.c_void_p()
            self.brake.close()
