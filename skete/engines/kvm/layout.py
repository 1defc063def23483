"""Where things are: guest-physical, guest-virtual, and in the few instructions that ring 0 has.

Guest-physical memory is one sparse file, and an offset in it is a guest-physical address::

    0             the engine's own: page tables, descriptors, one page per processor
    RAM_AT        the kernel's frames, ``Engine.ram``

What lies between is left out: there are fixed addresses below 4 GiB that KVM may claim.

In every address space the engine's things are at the top, in the half that programs cannot use::

    STUB          code of ring 0. There is a software-backed KVM (kvm_pvm) whose ``syscall`` goes to the entry point
                  but leaves the processor in ring 3. Where that is so (trial.py), ring 3 may execute this page and
                  write to PORT_SYSCALL: a program that does it by itself has made a system call, and no more
    TABLES        GDT and IDT
    PROCESSORS    a piece for each: TSS at its start, the stack of ring 0 at its end

Exceptions leave through a port with their vector's number, system calls through PORT_SYSCALL.
"""
from __future__ import annotations

import struct

__all__ = ["gdt", "idt", "stub"]

OWN_SIZE = 2 << 30
RAM_AT = 4 << 30
#: Frames from the top end just where Linux's mmap area and stack do within 2 MiB, so that large pages are possible.
RAM_TAIL = 0x1000
HUGE = 2 << 20

STUB = 0xffff_ee5c_e7e0_0000
TABLES = STUB + 0x1000
PROCESSORS = STUB + 0x1_0000
MAX_PROCESSORS = 1024
PROCESSOR_SIZE = 0x400              # of one's piece of PROCESSORS
IDT = TABLES + 0x800

#: where they are, guest-physical; page tables begin at PAGES_AT. GATE_AT has the code of the gate (engines/gate), GATES_AT
#: for each space GATE_SIZE bytes: the page of its first slot that SLOT_CALL is in, then the facts and the table of threads;
#: SLOTS_AT the same page of further slots
STUB_AT, TABLES_AT, GATE_AT, PROCESSORS_AT, GATES_AT = 0x1000, 0x2000, 0x4000, 0x10_0000, 0x20_0000
SLOTS_AT, PAGES_AT = 0x200_0000, 0x280_0000
#: the gate's page of clocks
CLOCKS_AT = GATE_AT + 0x1000

GATE_SIZE = 0x9000

VECTORS = 32
PORT_SYSCALL = 32
TSS_SIZE = 104 + PORT_SYSCALL // 8 + 2      # its I/O bitmap ends with a byte of ones
ENTRY_SIZE = 16                     # an entry point of the stub
SYSCALL_ENTRY = STUB + VECTORS * ENTRY_SIZE
IRET = SYSCALL_ENTRY + ENTRY_SIZE
STUB_END = STUB + 0x1000

# Selectors as Linux has them: programs can read cs and ss, and signal frames hold them.
KERNEL_CS, KERNEL_DS, USER_DS, USER_CS, TSS = 0x10, 0x18, 0x2b, 0x33, 0x40

#: a processor's piece: offsets
STACK_TOP = PROCESSOR_SIZE - 16
FRAME = STACK_TOP - 40              # what iretq takes: rip cs rflags rsp ss; an error code is 8 below

#: exceptions that push an error code
WITH_ERROR = frozenset((8, 10, 11, 12, 13, 14, 17, 21))
_FROM_RING_3 = frozenset((3, 4))    # int3 and into are programs' to execute


def stub() -> bytes:
    """The code of ring 0: an ``out`` for each way in, and the way back."""
    entries = [bytes((0xe6, port)) for port in range(VECTORS)]     # out %al, $port
    entries += [bytes((0xe6, PORT_SYSCALL)), b"\x48\xcf"]          # and iretq
    return b"".join(entry.ljust(ENTRY_SIZE, b"\xf4") for entry in entries)      # hlt


def gdt() -> bytes:
    """Code and data of both rings. None of 32 bits: programs stay in long mode. The TSS is loaded from outside."""
    code, data = 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff
    ring3 = 3 << 45
    entries = {KERNEL_CS: code, KERNEL_DS: data, USER_DS & ~3: data | ring3, USER_CS & ~3: code | ring3}
    return struct.pack("<10Q", *(entries.get(selector, 0) for selector in range(0, 80, 8)))


def idt() -> bytes:
    """An interrupt gate for each exception; what programs may not raise with ``int n`` is #GP."""
    gates = b""
    for vector in range(VECTORS):
        address = STUB + vector * ENTRY_SIZE
        kind = 0x8e | (0x60 if vector in _FROM_RING_3 else 0)
        gates += struct.pack("<HHBBHII", address & 0xffff, KERNEL_CS, 0, kind, address >> 16 & 0xffff,
                             address >> 32, 0)
    return gates


def tss(stack: int, open_to_ring_3: bool) -> bytes:
    """A task state segment: the stack of ring 0, and which ports ring 3 may write to: PORT_SYSCALL or none."""
    ports = bytearray(b"\xff" * (TSS_SIZE - 104))
    if open_to_ring_3:
        ports[PORT_SYSCALL >> 3] &= ~(1 << (PORT_SYSCALL & 7))
    return struct.pack("<IQ90xH", 0, stack, 104) + ports
