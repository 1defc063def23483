"""/dev/kvm: opened, and asked for what the engine needs. Each thing that can be missing is one line with its remedy."""
from __future__ import annotations

import fcntl
import os
import struct

from skete.abi import kvm
from skete.engine import EngineError

__all__ = ["Device"]

_PATH = "/dev/kvm"
_NEEDED = {kvm.KVM_CAP_USER_MEMORY: "USER_MEMORY", kvm.KVM_CAP_EXT_CPUID: "EXT_CPUID", kvm.KVM_CAP_XSAVE: "XSAVE",
           kvm.KVM_CAP_XCRS: "XCRS", kvm.KVM_CAP_SYNC_REGS: "SYNC_REGS"}
_CPUID_ROOM = 256
#: x87 SSE AVX, and AVX-512's three. MPX is gone, PKRU needs CR4.PKE, AMX a permission: none of them.
_AVX512 = 0xe0
_FEATURES = 0x7 | _AVX512


class Device:
    """An open /dev/kvm and one machine made by it.

    fd, vm: descriptors;  run_size: bytes of a vcpu's shared page;  slots: memory slots there are
    processors: vcpus there can be;  cpuid: struct kvm_cpuid2, the host's own as far as KVM supports it
    xcr0: the vector state that programs have;  xsave: whether it has to be switched on, in the guest's own XCR0 (a
    software-backed KVM leaves programs the host's, and says nothing of XSAVE);  xsave_size: bytes of KVM's XSAVE area, 4096 or more
    frame_size: bytes that the state in xcr0 takes in memory;  address_bits: of a guest-physical address
    fsgsbase: whether programs may write their FS and GS bases themselves
    """

    def __init__(self):
        self.vm = -1
        self.fd = _open()
        try:
            self._check()
            self.vm = self._ioctl("KVM_CREATE_VM", self.fd, kvm.KVM_CREATE_VM, 0)
            self._read_cpuid()
        except BaseException:
            self.close()
            raise

    def _ioctl(self, name: str, fd: int, request: int, argument):
        try:
            return fcntl.ioctl(fd, request, argument)
        except OSError as error:
            raise EngineError(f"{_PATH}: {name}: {error.strerror}; is another hypervisor using the processor's "
                              "virtualisation? (dmesg says more)") from None

    def _check(self) -> None:
        try:
            version = fcntl.ioctl(self.fd, kvm.KVM_GET_API_VERSION, 0)
        except OSError:
            version = None
        if version != kvm.API_VERSION:
            raise EngineError(f"{_PATH} speaks version {version} of the interface, not {kvm.API_VERSION}: "
                              "it needs a Linux kernel of 4.17 or later")
        missing = [name for number, name in _NEEDED.items() if not self._extension(number)]
        if missing:
            raise EngineError(f"{_PATH} lacks KVM_CAP_{', KVM_CAP_'.join(missing)}: "
                              "update the kernel to Linux 4.17 or later")
        if self._extension(kvm.KVM_CAP_SYNC_REGS) & 3 != 3:
            raise EngineError(f"{_PATH}: KVM_CAP_SYNC_REGS without REGS and SREGS: update the kernel to Linux 4.17")
        self.run_size = fcntl.ioctl(self.fd, kvm.KVM_GET_VCPU_MMAP_SIZE, 0)
        self.slots = self._extension(kvm.KVM_CAP_NR_MEMSLOTS) or 32
        self.processors = self._extension(kvm.KVM_CAP_MAX_VCPUS) or 4
        self.xsave_size = max(self._extension(kvm.KVM_CAP_XSAVE2), kvm.XSAVE_SIZE)

    def _extension(self, number: int) -> int:
        return fcntl.ioctl(self.fd, kvm.KVM_CHECK_EXTENSION, number)

    def _read_cpuid(self) -> None:
        table = bytearray(8 + _CPUID_ROOM * kvm.CPUID_ENTRY_SIZE)
        struct.pack_into("<I", table, 0, _CPUID_ROOM)
        self._ioctl("KVM_GET_SUPPORTED_CPUID", self.fd, kvm.KVM_GET_SUPPORTED_CPUID, table)
        count, = struct.unpack_from("<I", table)
        self.cpuid = table[:8 + count * kvm.CPUID_ENTRY_SIZE]     # mutable: ioctl takes bytes only up to 1024
        leaves = {}
        for at in range(8, len(self.cpuid), kvm.CPUID_ENTRY_SIZE):
            function, index, _, *values = struct.unpack_from(kvm.CPUID_ENTRY, self.cpuid, at)
            leaves[function, index] = values
        nothing = [0, 0, 0, 0]
        if not leaves.get((0x8000_0001, 0), nothing)[3] >> 29 & 1:
            raise EngineError(f"{_PATH}: no 64-bit guests on this processor; use --engine process")
        self.address_bits = leaves.get((0x8000_0008, 0), [36])[0] & 0xff
        self.fsgsbase = leaves.get((7, 0), nothing)[1] & 1
        self.xcr0, self.frame_size = 0, 512
        self.xsave = leaves.get((1, 0), nothing)[2] >> 26 & 1
        if (13, 0) in leaves:
            self._choose_features(leaves)

    def _choose_features(self, leaves: dict) -> None:
        xcr0 = leaves[13, 0][0] & _FEATURES
        if not xcr0 & 4 or xcr0 & _AVX512 != _AVX512:
            xcr0 &= ~_AVX512
        self.xcr0 = xcr0
        # CPUID leaf 13: eax bytes of each component, at ebx; the first two and the header take 576
        self.frame_size = max([576] + [leaves[13, n][0] + leaves[13, n][1] for n in range(2, 8)
                                       if xcr0 >> n & 1 and (13, n) in leaves])

    def close(self) -> None:
        for fd in (self.vm, self.fd):
            if fd >= 0:
                os.close(fd)
        self.vm = self.fd = -1


def _open() -> int:
    try:
        return os.open(_PATH, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        why = ("there is no /dev/kvm: load KVM (modprobe kvm_intel or kvm_amd), switch virtualisation on in the "
               "firmware, or pass the device into this container; --engine process needs none of it")
    except PermissionError:
        why = ("no permission to open /dev/kvm: sudo usermod -aG kvm $USER, then log in again; "
               "--engine process needs none")
    except OSError as error:
        why = f"{_PATH}: {error.strerror}: load KVM (modprobe kvm_intel or kvm_amd), or use --engine process"
    raise EngineError(why)
