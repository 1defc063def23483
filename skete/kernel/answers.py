"""What a guest's side may answer without us, or hand over without a trap: where the engine has a gate
(``AddressSpace.facts``), this says what is true.

Nothing of it is used before the guest comes to the gate: a program that knows of it (AT_SKETE_GATE in its auxiliary
vector), or one in which a call site that trapped often has been rewritten (rewrite.py). A call that an observer or a
handler wants to see is never answered there.
"""
from __future__ import annotations

from errno import ENOTTY
from time import clock_gettime_ns

from skete.abi.ioctls import TIOCGWINSZ
from skete.kernel.memory.mm import PIECE

__all__ = ["Answers"]

_GETPID, _IOCTL, _GETUID, _GETGID, _GETEUID, _GETEGID, _GETPPID, _GETTID = 39, 16, 102, 104, 107, 108, 110, 186
#: gettimeofday time clock_gettime
_CLOCKS = ((96, "timeval"), (201, "seconds"), (228, "timespec"))
_SCHED_YIELD = 24
_NUMBERS = (_GETPID, _IOCTL, _GETUID, _GETGID, _GETEUID, _GETEGID, _GETPPID, _GETTID, _SCHED_YIELD,
            *(nr for nr, _ in _CLOCKS))
#: calls that want the caller's registers, or change its address space, which it has to do itself: mmap mprotect munmap
#: brk rt_sigreturn mremap clone fork vfork execve exit kill sigaltstack arch_prctl tkill exit_group tgkill execveat clone3
_TRAPPING = frozenset((9, 10, 11, 12, 15, 25, 56, 57, 58, 59, 60, 62, 131, 158, 200, 231, 234, 322, 435))


#: bytes of text that are looked through when a second thread begins; a program may map any amount executable
_TEXT = 128 << 20
#: places in it that begin like a wrfsbase, as every fence does: the largest programs have some thousands
_ALIKE = 50_000
#: the third byte of wrfsbase
_FROM_A_REGISTER = [bytes((byte,)) for byte in range(0xd0, 0xd8)]


class Answers:
    """The facts of every process of a machine.

    numbers: calls that may be answered there; empty where somebody wants to see them all
    posted: calls that may come without a trap, where they are not answered
    """

    def __init__(self, kernel):
        seen = any(getattr(observer, "every_call", True) for observer in kernel.observers)
        self.kernel = kernel
        self.posted = ()
        self.numbers = frozenset(nr for nr in _NUMBERS if nr not in kernel.handlers) if not seen else frozenset()

    def publish(self, process) -> None:
        """A process stands in a space that is new."""
        facts = getattr(process.space, "facts", None)
        if facts is None:
            return
        if not self.posted:
            self.posted = frozenset(range(facts.numbers)) - _TRAPPING
        facts.post(self.posted)
        for nr, value in ((_GETPID, process.pid), (_GETPPID, process.ppid)):
            if nr in self.numbers:
                facts.answer(nr, value)
        self.identity(process)
        if _GETTID in self.numbers and len(process.tasks) == 1:
            facts.answer(_GETTID, process.pid)
        if _IOCTL in self.numbers:
            facts.descriptor(_IOCTL, TIOCGWINSZ)
        for nr, form in _CLOCKS:
            if nr in self.numbers:
                facts.clock(nr, form)
        if _SCHED_YIELD in self.numbers:
            facts.yields(_SCHED_YIELD)
        if _gave_up(process):
            self.withhold(process)

    def withhold(self, process) -> None:
        """A thread of it has given up calls: they are to be looked at, every one."""
        facts = getattr(process.space, "facts", None)
        if facts is not None:
            for nr in self.numbers:
                facts.ask(nr)

    def now(self, process, clock: int) -> int:
        """CLOCK_REALTIME, MONOTONIC, BOOTTIME or TAI in ns, never before what the process has been told there."""
        facts = process.space.facts
        return facts.now(clock) if facts is not None else clock_gettime_ns(clock)

    def identity(self, process) -> None:
        """A thread of the process has other ids, or the process is new. Threads that differ have to ask."""
        facts = getattr(process.space, "facts", None)
        if facts is None or not self.numbers or _gave_up(process):
            return
        creds = process.creds
        ids = creds.uid, creds.euid, creds.gid, creds.egid
        alike = all((task.creds.uid, task.creds.euid, task.creds.gid, task.creds.egid) == ids
                    for task in process.tasks.values())
        for nr, value in zip((_GETUID, _GETEUID, _GETGID, _GETEGID), ids):
            if nr in self.numbers:
                facts.answer(nr, value) if alike else facts.ask(nr)

    def adopted(self, process) -> None:
        """A process has another parent."""
        if _GETPPID in self.numbers and process.space.facts is not None and not _gave_up(process):
            process.space.facts.answer(_GETPPID, process.ppid)

    def threads(self, process) -> None:
        """A process is about to have a second thread."""
        facts = process.space.facts
        if facts is not None:
            facts.many(not sets_fs(process.mm))
            facts.ask(_GETTID)

    def no_terminal(self, task, fd: int) -> None:
        """This descriptor is no terminal; what it is open on never becomes one. Forgotten when the descriptor is used
        for something else (FdTable.facts), so not kept where processes share a table."""
        facts, files = getattr(task.process.space, "facts", None), task.files
        if facts is not None and files.refs == 1 and task.process.tables is None and _IOCTL in self.numbers:
            files.facts = facts
            facts.known(fd, -ENOTTY)


def _gave_up(process) -> bool:
    """Whether a thread of it has given up calls: skete.kernel.identity.seccomp."""
    return any(task.seccomp is not None for task in process.tasks.values())


def sets_fs(mm) -> bool:
    """Whether there is a wrfsbase (F3, a REX perhaps, 0F AE /2) in a program's text: threads that hand their FS base on
    could be taken for each other. So it is said of text that is too large to be read, or not here, or has too much that
    looks so. What cannot be written is looked through once, for one program starts many threads."""
    texts = [(vma.start, vma.end, vma.delta, vma.prot & 2) for vma in mm.vmas if vma.prot & 4]
    if any(vma.absent for vma in mm.vmas if vma.prot & 4):
        return True
    known, answer = mm.sets_fs
    if texts != known or any(writable for _, _, _, writable in texts):
        answer = sum(end - start for start, end, _, _ in texts) > _TEXT or any(
            _has_wrfsbase(mm, *text[:3]) for text in texts)
        mm.sets_fs = texts, answer
    return answer


def _has_wrfsbase(mm, start: int, end: int, delta: int) -> bool:
    alike = 0
    for low in range(start, end, PIECE):
        text = mm.ram[max(low - 2, start) + delta:min(low + PIECE + 2, end) + delta].tobytes()
        at = text.find(b"\x0f\xae")
        while at >= 0:
            alike += 1
            if text[at + 2:at + 3] in _FROM_A_REGISTER and b"\xf3" in text[max(at - 2, 0):at] or alike > _ALIKE:
                return True
            at = text.find(b"\x0f\xae", at + 1)
    return False
