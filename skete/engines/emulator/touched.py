"""Which address an instruction touches in a page. Unicorn only says which page it was that it did not get."""
from __future__ import annotations

from skete.engine import PAGE, Regs
from skete.engines import packages

__all__ = ["address"]

_BYTES = 15         # of the longest instruction
_MASK = 0xffff_ffff_ffff_ffff


def address(code: bytes, regs: Regs, fs_base: int, gs_base: int, page: int) -> int:
    """The first byte in this page that the instruction at regs.rip touches. Where that cannot be known, the page's first.

    code: what stands at regs.rip, as much as there is
    """
    if packages.find("iced_x86") is None:
        return page
    from iced_x86 import Decoder, InstructionInfoFactory, MemorySizeExt, Register
    instruction = Decoder(64, code[:_BYTES], ip=regs.rip).decode()
    wide = {getattr(Register, name.upper()): getattr(regs, name) for name in Regs.NAMES if name not in ("rip", "eflags")}
    narrow = {getattr(Register, name): value & 0xffff_ffff for value, name in (
        *((getattr(regs, name), "E" + name[1:].upper()) for name in ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")),
        *((getattr(regs, f"r{n}"), f"R{n}D") for n in range(8, 16)))}
    values = wide | narrow | {Register.FS: fs_base, Register.GS: gs_base}
    for used in InstructionInfoFactory().info(instruction).used_memory():
        segment = values[used.segment] if used.segment in (Register.FS, Register.GS) else 0
        start = (segment + values.get(used.base, 0) + values.get(used.index, 0) * used.scale + used.displacement) & _MASK
        if start < page + PAGE and start + max(MemorySizeExt.size(used.memory_size), 1) > page:
            return max(start, page)
    return page
