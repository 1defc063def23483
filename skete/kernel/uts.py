"""What the machine says of itself, and chance: uname(2), sysinfo(2), getrandom(2)."""
from __future__ import annotations

from errno import EINVAL
from struct import pack
from time import monotonic_ns

from skete.kernel.row import ADDR, I32, SIZE, U32, Row

__all__ = ["RELEASE", "ROWS", "VERSION"]

_GRND_NONBLOCK, _GRND_RANDOM, _GRND_INSECURE = 1, 2, 4

#: what uname(2) says: the kernel whose behaviour is followed
RELEASE = b"6.1.0"
VERSION = b"#1 SMP skete"
#: personality(2): uname says i686
_PER_LINUX32 = 8


def uname(task, addr: int) -> int:
    """uname(2): six strings of 65 bytes. EFAULT"""
    config = task.kernel.config
    machine = b"i686" if task.process.persona & 0xff == _PER_LINUX32 else b"x86_64"
    task.mm.write(addr, pack("65s65s65s65s65s65s", b"Linux", config.hostname[:64], RELEASE, VERSION, machine,
                             config.domainname[:64]))
    return 0


def sysinfo(task, addr: int) -> int:
    """sysinfo(2): uptime, memory, processes. EFAULT"""
    kernel = task.kernel
    total = kernel.config.memory or kernel.config.physical()
    used = sum(process.mm.charged for process in kernel.processes.values())
    threads = sum(len(process.tasks) for process in kernel.processes.values())
    uptime_s = (monotonic_ns() - kernel.started_ns) // 1_000_000_000
    task.mm.write(addr, pack("<q3Q6QH6x2QI4x", uptime_s, 0, 0, 0, total, max(0, total - used), 0, 0, 0, 0, threads,
                             0, 0, 1))
    return 0


def getrandom(task, addr: int, size: int, flags: int) -> int:
    """getrandom(2): fill a buffer; how many bytes. EINVAL EFAULT"""
    if flags & ~(_GRND_NONBLOCK | _GRND_RANDOM | _GRND_INSECURE) or \
            flags & (_GRND_RANDOM | _GRND_INSECURE) == _GRND_RANDOM | _GRND_INSECURE:
        raise OSError(EINVAL, f"flags {flags:#x}")
    done = 0
    for view in task.mm.views(addr, min(size, 0x7fff_f000), True):
        for at in range(0, len(view), 1 << 20):
            piece = view[at:at + (1 << 20)]
            piece[:] = task.kernel.config.random(len(piece))
        done += len(view)
    return done


def personality(task, persona: int) -> int:
    """personality(2): any is taken and kept; returns the one before."""
    before = task.process.persona
    if persona != 0xffff_ffff:
        task.process.persona = persona
    return before


ROWS = (
    Row(63, uname, (ADDR,)),
    Row(99, sysinfo, (ADDR,), "load averages, buffers and swap are 0"),
    Row(135, personality, (U32,), "kept; PER_LINUX32 changes what uname says, the rest is without effect"),
    Row(318, getrandom, (ADDR, SIZE, U32)),
)
