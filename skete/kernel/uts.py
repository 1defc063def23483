"""What the machine says of itself, and chance: uname(2), sysinfo(2), getrandom(2), getrlimit(2)."""
from __future__ import annotations

from errno import EINVAL, EPERM, ESRCH
from struct import Struct, pack
from time import monotonic_ns

from skete.kernel.row import ADDR, I32, SIZE, U32, Row
from skete.kernel.sharing import held_files

__all__ = ["ROWS", "RLIM_INFINITY", "limits"]

RLIM_INFINITY = (1 << 64) - 1
_RLIMIT_STACK, _RLIMIT_CORE, _RLIMIT_NPROC, _RLIMIT_NOFILE, _RLIMIT_AS = 3, 4, 6, 7, 9
_RLIMIT_SIGPENDING, _RLIMIT_MSGQUEUE, _RLIMIT_NICE, _RLIMIT_RTPRIO, _RLIMITS = 11, 12, 13, 14, 16
_PAIR = Struct("<QQ")
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


def limits(process) -> list:
    """The resource limits of a process, [soft, hard] by number: Linux's for a first process, with what holds here."""
    if process.rlimits is None:
        unlimited = RLIM_INFINITY
        limits = [[unlimited, unlimited] for _ in range(_RLIMITS)]
        limits[_RLIMIT_STACK][0] = 8 << 20
        limits[_RLIMIT_CORE][0] = 0
        limits[_RLIMIT_NPROC] = [4096, 4096]
        limits[8] = [8 << 20, 8 << 20]
        limits[_RLIMIT_SIGPENDING] = [4096, 4096]
        limits[_RLIMIT_MSGQUEUE] = [819_200, 819_200]
        limits[_RLIMIT_NICE] = [0, 0]
        limits[_RLIMIT_RTPRIO] = [0, 0]
        files = process.files
        if files is not None:
            limits[_RLIMIT_NOFILE] = [files.limit, files.ceiling]
        process.rlimits = limits
    return process.rlimits


def prlimit64(task, pid: int, resource: int, new: int, old: int) -> int:
    """prlimit64(2): get and set a limit. EINVAL EPERM ESRCH EFAULT"""
    process = task.process
    if pid:
        process = task.kernel.processes.get(pid)
        if process is None and pid in task.process.tasks:
            process = task.process
    if not 0 <= resource < _RLIMITS:
        raise OSError(EINVAL, f"resource {resource}")
    given = _PAIR.unpack(task.mm.read(new, 16)) if new else None
    if process is None:
        raise OSError(ESRCH, f"no process {pid}")
    before = tuple(limits(process)[resource])
    if given:
        _set_limit(process, resource, *given)
    if old:
        task.mm.write(old, _PAIR.pack(*before))
    return 0


def _set_limit(process, resource: int, soft: int, hard: int) -> None:
    limit = limits(process)[resource]
    if soft > hard:
        raise OSError(EINVAL, f"soft limit {soft} above hard limit {hard}")
    if hard > limit[1]:
        raise OSError(EPERM, f"hard limit {hard} above {limit[1]}")
    limit[:] = soft, hard
    if resource == _RLIMIT_NOFILE:
        for files in held_files(process):
            files.limit = soft


def getrlimit(task, resource: int, addr: int) -> int:
    """getrlimit(2). EINVAL EFAULT"""
    if not 0 <= resource < _RLIMITS:
        raise OSError(EINVAL, f"resource {resource}")
    task.mm.write(addr, _PAIR.pack(*limits(task.process)[resource]))
    return 0


def setrlimit(task, resource: int, addr: int) -> int:
    """setrlimit(2). EINVAL EPERM EFAULT"""
    given = _PAIR.unpack(task.mm.read(addr, 16))
    if not 0 <= resource < _RLIMITS:
        raise OSError(EINVAL, f"resource {resource}")
    _set_limit(task.process, resource, *given)
    return 0


def personality(task, persona: int) -> int:
    """personality(2): any is taken and kept; returns the one before."""
    before = task.process.persona
    if persona != 0xffff_ffff:
        task.process.persona = persona
    return before


ROWS = (
    Row(63, uname, (ADDR,)),
    Row(97, getrlimit, (U32, ADDR)),
    Row(99, sysinfo, (ADDR,), "load averages, buffers and swap are 0"),
    Row(135, personality, (U32,), "kept; PER_LINUX32 changes what uname says, the rest is without effect"),
    Row(160, setrlimit, (U32, ADDR), "only RLIMIT_FSIZE, RLIMIT_NOFILE and RLIMIT_NPROC act"),
    Row(302, prlimit64, (I32, U32, ADDR, ADDR), "only RLIMIT_FSIZE, RLIMIT_NOFILE and RLIMIT_NPROC act"),
    Row(318, getrandom, (ADDR, SIZE, U32)),
)
