"""An engine over plain memory: skete/engine.py's roles without a processor. Guest "code" is a script of traps.

    machine = Machine()                         # kernel, a process with one task, 64 KiB of memory mapped at DATA
    machine.call(task, NR, a, b, ...)           # -> rax, or the marker WAITING / GONE
    machine.go()                                # let woken calls finish; their rax is then task.vcpu.result

Nothing runs by itself: a vcpu that was resumed is "in the guest" until the test serves its next trap.
"""
import mmap
from errno import ENODEV
from types import SimpleNamespace

from skete.engine import PAGE, AddressSpace, Engine, Fault, Kicked, Regs, Syscall, Vcpu
from skete.kernel.config import Config
from skete.kernel.kernel import Kernel
from skete.kernel.memory.mm import Mm
from skete.kernel.process.process import Process
from skete.kernel.signals import pending

DATA = 0x10_0000        # guest address of the memory that Machine maps, readable and writable
DATA_SIZE = 0x1_0000
WAITING, ENDED = "WAITING", "ENDED"


class FakeVcpu(Vcpu):
    """Records what the kernel did to it. state: "stopped", "running" or "ended"."""

    def __init__(self, space, regs: Regs, fs_base: int = 0):
        self.space, self.fs_base, self.gs_base = space, fs_base, 0
        self._regs = copy(regs)
        self.fpu_state = bytes(512)
        self.state = "stopped"
        self.result = None
        self.kicked = 0

    @property
    def regs(self) -> Regs:
        return copy(self._regs)

    @regs.setter
    def regs(self, regs: Regs) -> None:
        assert self.state == "stopped", f"registers of a vcpu that is {self.state}"
        self._regs = copy(regs)

    def fpu(self) -> bytes:
        return self.fpu_state

    def set_fpu(self, state) -> None:
        self.fpu_state = bytes(512) if state is None else bytes(state)

    def resume(self, result=None) -> None:
        assert self.state == "stopped", f"resume of a vcpu that is {self.state}"
        self.state, self.result = "running", result
        if result is not None:
            assert type(result) is int and -1 << 63 <= result < 1 << 63
            self._regs.rax = result & 0xffff_ffff_ffff_ffff

    def kick(self) -> None:
        if self.state == "running":
            self.kicked += 1

    def end(self) -> None:
        assert self.state == "stopped", f"end of a vcpu that is {self.state}"
        self.state = "ended"


class FakeSpace(AddressSpace):
    """Keeps the page table that the kernel asked for, so that tests can compare it with the vma list."""

    def __init__(self, engine):
        self.engine = engine
        self.pages = {}         # page address -> (prot, frame)
        self.vcpus = []
        self.killed = False
        self.room = 1000

    def map(self, start, length, prot, frame):
        _whole(start, length, frame)
        assert frame + length <= len(self.engine.ram)
        for at in range(0, length, PAGE):
            self.pages[start + at] = (prot, frame + at)

    def unmap(self, start, length):
        _whole(start, length)
        for page in [p for p in self.pages if start <= p < start + length]:
            del self.pages[page]

    def protect(self, start, length, prot):
        _whole(start, length)
        for at in range(start, start + length, PAGE):
            self.pages[at] = (prot, self.pages[at][1])

    def vcpu(self, regs, fs_base=0, parent=None):
        if len(self.vcpus) >= self.room:
            from errno import EAGAIN
            raise OSError(EAGAIN, "no room for another thread")
        vcpu = FakeVcpu(self, regs, fs_base)
        if parent is not None:
            vcpu.fpu_state = parent.fpu_state
            # Both run when the parent is resumed; for a script it is enough that the child runs.
            vcpu.state = "running"
        self.vcpus.append(vcpu)
        return vcpu

    def kill(self):
        self.killed = True
        for vcpu in self.vcpus:
            vcpu.state = "ended"


class FakeEngine(Engine):
    """``size`` bytes of guest-physical memory."""
    name = "fake"

    def __init__(self, size: int = 64 << 20, user_range=(0x1_0000, 0x7fff_ffff_f000), reserved=()):
        # Not a bytearray: this one is zero without being written, and can be made so again.
        self.memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.ram = memoryview(self.memory)
        self.user_range, self.reserved = user_range, list(reserved)
        self.discarded = []

    def discard(self, frame, length):
        _whole(frame, length)
        self.discarded.append((frame, length))
        self.memory.madvise(mmap.MADV_DONTNEED, frame, length)

    def space(self):
        return FakeSpace(self)

    def wait(self, timeout_s, wake_fd):
        raise AssertionError("a test serves its own traps")

    def close(self):
        pass


class File:
    """As much of an open file description as mmap(2) looks at. content: bytes, which a test may change"""
    path = b"/file"

    def __init__(self, content=b"", mode=0o10_0644, readable=True, writable=True):
        self.content, self.mode, self.readable, self.writable = content, mode, readable, writable
        self.refs = 1

    def hold(self):
        self.refs += 1
        return self

    def drop(self):
        self.refs -= 1

    def stat(self):
        return SimpleNamespace(st_mode=self.mode, st_size=len(self.content), st_dev=1, st_ino=id(self))

    def backing(self, prot, shared):
        raise OSError(ENODEV, "a file that nothing can stand on")

    def pread(self, buffers, offset):
        # Short on purpose: a read may be.
        piece = self.content[offset:offset + min(len(buffers[0]), 300_000)]
        buffers[0][:len(piece)] = piece
        return len(piece)


class Machine:
    """A kernel over the fake with one process of one thread, ``task``, and DATA mapped."""

    def __init__(self, files=None, fs=None, engine=None, **config):
        self.engine = engine or FakeEngine()
        self.kernel = Kernel(self.engine, Config(**config))
        kernel = self.kernel
        space = self.engine.space()
        mm = Mm(self.engine, space, kernel.frames, kernel.config.memory, kernel.config.physical())
        self.process = Process(kernel, kernel.new_tid(), space, mm, files, fs)
        self.process.signals = pending.ProcessSignals()
        kernel.processes[self.process.pid] = kernel.first = self.process
        self.mm = mm
        mm.brk_start = mm.brk = 0x40_0000
        mm.add(DATA, DATA_SIZE, 3, top=False)
        self.task = self.thread()

    def thread(self):
        """Another running thread of the process, without going through clone(2)."""
        kernel = self.kernel
        vcpu = self.process.space.vcpu(Regs(rip=0x1_0000, rsp=DATA + DATA_SIZE - 256, eflags=0x202))
        vcpu.state = "running"
        tid = kernel.new_tid() if self.process.tasks else self.process.pid
        return kernel.add(self.process, vcpu, b"fake", tid)

    def trap(self, task, trap):
        """Serve a trap. rax, None (registers as they are), WAITING, or ENDED."""
        vcpu = task.vcpu
        assert vcpu.state == "running", f"{task} is not in the guest but {vcpu.state}"
        vcpu.state, vcpu.result = "stopped", None
        self.kernel.take(task.vcpu, trap)
        if vcpu.state == "ended":
            return ENDED
        if vcpu.state == "stopped":
            assert task.call is not None
            return WAITING
        return vcpu.result

    def call(self, task, nr: int, *words: int):
        """A system call with these words (negative ones as registers hold them)."""
        full = tuple(w & 0xffff_ffff_ffff_ffff for w in words) + (0,) * (6 - len(words))
        return self.trap(task, Syscall(nr, full))

    def kick(self, task):
        """The task's vcpu stops because it was kicked."""
        return self.trap(task, Kicked())

    def fault(self, task, signo, code, addr):
        """The task's instruction faults."""
        return self.trap(task, Fault(signo, code, addr))

    def go(self, seconds: float = 0.0):
        """Let what is ready go on; wait up to ``seconds`` for the next deadline or descriptor first."""
        from select import select
        scheduler = self.kernel.scheduler
        self.kernel.run_ready()
        timeout = scheduler.timeout_s()
        if seconds and not scheduler.ready:
            fds = [scheduler.fd] if scheduler.fd >= 0 else []
            select(fds, [], [], seconds if timeout is None else min(timeout + 0.001, seconds))
            self.kernel.run_ready()


def copy(regs: Regs) -> Regs:
    return Regs(**{name: getattr(regs, name) for name in Regs.NAMES})


def _whole(*numbers):
    assert not any(n % PAGE for n in numbers), f"not whole pages: {numbers}"
