"""One vcpu of KVM's, and how it enters and leaves guest code.

Registers go in and out through the page that is shared with KVM (KVM_CAP_SYNC_REGS), so that a trap costs one ioctl.
A processor that has stopped is in one of three states:

    IN_SYSCALL    at the entry of system calls: the program's rip and flags are in rcx and r11
    IN_FRAME      in ring 0, an exception's: its rip, rsp and flags are in the frame on the stack of ring 0
    IN_USER       in ring 3, or about to be put there: the registers are the program's own

There are two ways back to ring 3: to set the segments from outside along with the registers, or to let the guest
execute iretq on a frame that we write. Which is faster depends on the KVM: ring 0 is emulated by a software-backed one,
while a hardware one is slow at loading segments. ``by_frame`` says which; engine.py tries both.
"""
from __future__ import annotations

import fcntl
import mmap
import os
import struct

from skete.abi import kvm
from skete.engine import EngineError, Regs
from skete.engines.kvm import fpu, layout
from skete.engines.kvm.threads import take_kicks

__all__ = ["IN_FRAME", "IN_SYSCALL", "IN_USER", "Processor"]

IN_USER, IN_SYSCALL, IN_FRAME = 0, 1, 2

_REGS = struct.Struct(kvm.REGS)
_PAIR = struct.Struct("<QQ")
_WORD = struct.Struct("<Q")
_FRAME = struct.Struct("<5Q")
_RAX = kvm.RUN_REGS
_RSP = kvm.RUN_REGS + 48
_RIP = kvm.RUN_REGS + 128           # and eflags
_CS = slice(kvm.RUN_SREGS + kvm.SREGS_CS, kvm.RUN_SREGS + kvm.SREGS_CS + 24)
_SS = slice(kvm.RUN_SREGS + kvm.SREGS_SS, kvm.RUN_SREGS + kvm.SREGS_SS + 24)
_SELECTOR = kvm.RUN_SREGS + kvm.SREGS_CS + 12
_FS_BASE = kvm.RUN_SREGS + kvm.SREGS_FS
_GS_BASE = kvm.RUN_SREGS + kvm.SREGS_GS
_CR2 = kvm.RUN_SREGS + kvm.SREGS_CR2
_CR3 = kvm.RUN_SREGS + kvm.SREGS_CR3
_SREGS = slice(kvm.RUN_SREGS, kvm.RUN_SREGS + kvm.SREGS_SIZE)

_ALL = (kvm.SYNC_REGS | kvm.SYNC_SREGS).to_bytes(8, "little")
_ONLY_REGS = kvm.SYNC_REGS.to_bytes(8, "little")
_DIRTY = slice(kvm.RUN_DIRTY, kvm.RUN_DIRTY + 8)

#: flags that programs can have: no IOPL, VM, VIF or VIP; and IF and the bit that is always set
_FLAGS_MASK, _FLAGS_SET = 0x24_4dd5, 0x202
_FLAGS_RING0 = 2

_PE_MP_ET_NE_WP_AM_PG = 0x8005_0033
_PAE_OSFXSR_OSXMMEXCPT, _CR4_FSGSBASE, _CR4_OSXSAVE = 0x620, 1 << 16, 1 << 18
_SCE_LME_LMA_NXE = 0xd01
_STAR, _LSTAR, _CSTAR, _SFMASK = 0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084
_SYSCALL_CLEARS = 0x4_7700          # TF IF DF IOPL NT AC
_TSC_GROUP, _TSC_OFFSET = 0, 0


def _segment(selector: int, kind: int, dpl: int, code: bool) -> bytes:
    return struct.pack(kvm.SEGMENT, 0, 0xffff_ffff, selector, kind, 1, dpl, not code, 1, code, 1, 0)


_USER_CODE, _USER_DATA = _segment(layout.USER_CS, 11, 3, True), _segment(layout.USER_DS, 3, 3, False)
_KERNEL_CODE, _KERNEL_DATA = _segment(layout.KERNEL_CS, 11, 0, True), _segment(layout.KERNEL_DS, 3, 0, False)
_NULL = struct.pack(kvm.SEGMENT, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)[:-2] + b"\1\0"     # unusable
_FLAT = _segment(0, 3, 3, False)


class Processor:
    """fd, run: the vcpu and its shared page;  state: see above, valid while it is stopped;  ring: 0 or 3, likewise
    back: of IN_SYSCALL: rip, rflags and rsp of the program;  by_frame: which way back
    worker: the thread that runs it, if any;  working: from when it is told to until its stop has been looked at
    inside: from when it is told to until it has stopped;  entered: while it is in KVM_RUN;  entered_ns: the worker's processor time when it last entered"""

    def __init__(self, device, memory, number: int):
        self.device, self.number = device, number
        try:
            self.fd = fcntl.ioctl(device.vm, kvm.KVM_CREATE_VCPU, number)
            self.run = mmap.mmap(self.fd, device.run_size)
            self._set_up(memory)
        except OSError as error:
            raise EngineError(f"/dev/kvm: virtual processor {number}: {error.strerror}") from None
        self.state, self.ring = IN_USER, 3
        self.by_frame = self.used_before = False
        self.back = (0, 0, 0)
        self.worker, self.entered_ns = None, 0
        self.working = self.inside = self.entered = False

    def _set_up(self, memory) -> None:
        fd, device = self.fd, self.device
        fcntl.ioctl(fd, kvm.KVM_SET_CPUID2, device.cpuid)
        base = self.number * layout.PROCESSOR_SIZE
        self._own = memory.own[layout.PROCESSORS_AT + base:layout.PROCESSORS_AT + base + layout.PROCESSOR_SIZE]
        self._stack = layout.PROCESSORS + base + layout.STACK_TOP
        self.open_port(False)
        self._frame_at = layout.PROCESSORS + base + layout.FRAME
        sregs = bytearray(kvm.SREGS_SIZE)
        fcntl.ioctl(fd, kvm.KVM_GET_SREGS, sregs)
        for at in (kvm.SREGS_DS, kvm.SREGS_ES, kvm.SREGS_FS, kvm.SREGS_GS):
            sregs[at:at + 24] = _FLAT
        sregs[kvm.SREGS_CS:kvm.SREGS_CS + 24] = _KERNEL_CODE
        sregs[kvm.SREGS_SS:kvm.SREGS_SS + 24] = _KERNEL_DATA
        struct.pack_into(kvm.SEGMENT, sregs, kvm.SREGS_TR, layout.PROCESSORS + base, layout.TSS_SIZE - 1, layout.TSS,
                         11, 1, 0, 0, 0, 0, 0, 0)
        sregs[kvm.SREGS_LDT:kvm.SREGS_LDT + 24] = _NULL
        struct.pack_into(kvm.DTABLE, sregs, kvm.SREGS_GDT, layout.TABLES, 79)
        struct.pack_into(kvm.DTABLE, sregs, kvm.SREGS_IDT, layout.IDT, layout.VECTORS * 16 - 1)
        cr4 = _PAE_OSFXSR_OSXMMEXCPT | (_CR4_FSGSBASE if device.fsgsbase else 0)
        if device.xsave:
            cr4 |= _CR4_OSXSAVE
        _WORD.pack_into(sregs, kvm.SREGS_CR0, _PE_MP_ET_NE_WP_AM_PG)
        _WORD.pack_into(sregs, kvm.SREGS_CR4, cr4)
        _WORD.pack_into(sregs, kvm.SREGS_EFER, _SCE_LME_LMA_NXE)
        self._template = bytes(sregs)
        msrs = ((_STAR, (layout.USER_CS - 16) << 48 | layout.KERNEL_CS << 32), (_LSTAR, layout.SYSCALL_ENTRY),
                (_CSTAR, 0), (_SFMASK, _SYSCALL_CLEARS))
        fcntl.ioctl(fd, kvm.KVM_SET_MSRS, struct.pack("<II", len(msrs), 0)
                    + b"".join(struct.pack("<IIQ", index, 0, value) for index, value in msrs))
        if device.xsave and device.xcr0:
            fcntl.ioctl(fd, kvm.KVM_SET_XCRS, struct.pack(kvm.XCRS, 1, 0, 0, 0, device.xcr0).ljust(kvm.XCRS_SIZE, b"\0"))
        # In KVM_RUN, and only there, every signal interrupts: struct kvm_signal_mask with an empty set.
        fcntl.ioctl(fd, kvm.KVM_SET_SIGNAL_MASK, struct.pack("<IQ", 8, 0))
        self._area = bytearray(device.xsave_size)
        self._get_area = kvm.KVM_GET_XSAVE if device.xsave_size == kvm.XSAVE_SIZE else kvm.KVM_GET_XSAVE2
        self.run[kvm.RUN_VALID:kvm.RUN_VALID + 8] = _ALL
        self._same_clock()

    def open_port(self, to_ring_3: bool) -> None:
        self._own[:layout.TSS_SIZE] = layout.tss(self._stack, to_ring_3)

    def _same_clock(self) -> None:
        """rdtsc reads what the host's does, on every processor: KVM_VCPU_TSC_OFFSET, Linux 5.16. Else as KVM has it."""
        import array
        value = array.array("Q", [0])
        at, _ = value.buffer_info()
        try:
            fcntl.ioctl(self.fd, kvm.KVM_SET_DEVICE_ATTR, struct.pack(kvm.DEVICE_ATTR, 0, _TSC_GROUP, _TSC_OFFSET, at))
        except OSError:
            pass

    # ---- a thread begins ----

    def begin(self, regs: Regs, cr3: int, fs_base: int, parent: Processor | None) -> None:
        """Everything as for a new thread, which has the vector state and the GS base of its parent."""
        run = self.run
        run[_SREGS] = self._template
        _WORD.pack_into(run, _CR3, cr3)
        _WORD.pack_into(run, _FS_BASE, fs_base)
        self.state, self.ring = IN_USER, 0
        self.set_regs(regs)
        run[_DIRTY] = _ALL
        if parent is not None:
            _WORD.pack_into(run, _GS_BASE, parent.get_base(True))
            self.set_area(parent.area())
        elif self.used_before:
            self.set_area(fpu.initial(self.area()))
        self.used_before = True

    # ---- registers of a stopped processor ----

    def get_regs(self) -> Regs:
        regs = Regs()
        for name, value in zip(kvm.REGS_NAMES, _REGS.unpack_from(self.run, kvm.RUN_REGS)):
            setattr(regs, name, value)
        if self.state == IN_SYSCALL:
            regs.rip, regs.eflags = regs.rcx, regs.r11
        elif self.state == IN_FRAME:
            regs.rip, _, regs.eflags, regs.rsp, _ = _FRAME.unpack_from(self._own, layout.FRAME)
        return regs

    def get_program_rip(self) -> int:
        """rip of get_regs."""
        if self.state == IN_SYSCALL:
            return self.back[0]
        return self.get_rip() if self.state == IN_USER else self.frame()[0]

    def set_regs(self, regs: Regs) -> None:
        _REGS.pack_into(self.run, kvm.RUN_REGS, *[getattr(regs, name) for name in kvm.REGS_NAMES])
        self.state = IN_USER

    def get_base(self, gs: bool) -> int:
        return _WORD.unpack_from(self.run, _GS_BASE if gs else _FS_BASE)[0]

    def set_base(self, gs: bool, address: int) -> None:
        _WORD.pack_into(self.run, _GS_BASE if gs else _FS_BASE, address)
        self.run[_DIRTY] = _ALL

    def area(self) -> bytearray:
        """The XSAVE area: a buffer that the next call fills again."""
        fcntl.ioctl(self.fd, self._get_area, self._area)
        return self._area

    def set_area(self, area) -> None:
        fcntl.ioctl(self.fd, kvm.KVM_SET_XSAVE, area)

    def page_fault_address(self) -> int:
        return _WORD.unpack_from(self.run, _CR2)[0]

    def error_code(self) -> int:
        return _WORD.unpack_from(self._own, layout.FRAME - 8)[0]

    def get_ring(self) -> int:
        """0 or 3: the processor's own."""
        return self.run[_SELECTOR] & 3

    def get_rip(self) -> int:
        """The processor's own."""
        return _WORD.unpack_from(self.run, _RIP)[0]

    def frame(self) -> tuple:
        """rip, cs, rflags, rsp, ss that the last exception pushed."""
        return _FRAME.unpack_from(self._own, layout.FRAME)

    # ---- back to the guest ----

    def prepare(self, result: int | None) -> bool:
        """Make ready to run on in ring 3, rax = result unless it is None. False where rip is no address at all."""
        run = self.run
        if result is not None:
            _WORD.pack_into(run, _RAX, result & 0xffff_ffff_ffff_ffff)
        if self.state == IN_SYSCALL:
            rip, flags, rsp = self.back
        elif self.state == IN_FRAME:
            rip, _, flags, rsp, _ = _FRAME.unpack_from(self._own, layout.FRAME)
        else:
            rip, flags = _PAIR.unpack_from(run, _RIP)
            rsp, = _WORD.unpack_from(run, _RSP)
        if rip >> 47:
            return False
        flags = flags & _FLAGS_MASK | _FLAGS_SET
        if self.by_frame and not self.ring:
            _FRAME.pack_into(self._own, layout.FRAME, rip, layout.USER_CS, flags, rsp, layout.USER_DS)
            _PAIR.pack_into(run, _RIP, layout.IRET, _FLAGS_RING0)
            _WORD.pack_into(run, _RSP, self._frame_at)
            self.state = IN_FRAME
            if run[kvm.RUN_DIRTY] != _ALL[0]:
                run[_DIRTY] = _ONLY_REGS
            return True
        if self.state == IN_FRAME:
            _WORD.pack_into(run, _RSP, rsp)
        _PAIR.pack_into(run, _RIP, rip, flags)
        self.state = IN_USER
        if self.ring:
            if run[kvm.RUN_DIRTY] != _ALL[0]:
                run[_DIRTY] = _ONLY_REGS
            return True
        run[_CS] = _USER_CODE
        run[_SS] = _USER_DATA
        run[_DIRTY] = _ALL
        return True

    def enter_once(self) -> str:
        """Run until a system call. What came instead, or nothing."""
        while True:
            try:
                fcntl.ioctl(self.fd, kvm.KVM_RUN, 0)
                break
            except InterruptedError:
                take_kicks()
        reason, port = struct.unpack_from(kvm.RUN_EXIT, self.run, kvm.RUN_EXIT_REASON)
        self.state, self.ring = IN_SYSCALL, self.get_ring()
        words = _REGS.unpack_from(self.run, kvm.RUN_REGS)
        self.back = words[2], words[11], words[6]
        if (reason, port) == (kvm.KVM_EXIT_IO, layout.PORT_SYSCALL):
            return ""
        name = f"KVM_EXIT_{kvm.EXITS.get(reason, reason)}"
        return f"{name}, port {port}" if reason == kvm.KVM_EXIT_IO else name

    def touch(self) -> None:
        """Enter KVM, and leave it at once."""
        self.run[kvm.RUN_IMMEDIATE_EXIT] = 1
        try:
            fcntl.ioctl(self.fd, kvm.KVM_RUN, 0)
        except InterruptedError:
            pass
        finally:
            self.run[kvm.RUN_IMMEDIATE_EXIT] = 0

    def injecting(self) -> bool:
        """Whether KVM is about to deliver an exception, so that the registers are not a program's between two instructions."""
        events = bytearray(kvm.EVENTS_SIZE)
        fcntl.ioctl(self.fd, kvm.KVM_GET_VCPU_EVENTS, events)
        return bool(events[0] or events[3])

    def close(self) -> None:
        """It has stopped for good."""
        if self.worker is not None:
            self.worker.close()
        self._own.release()
        self.run.close()                # the machine lives as long as this is mapped
        os.close(self.fd)
