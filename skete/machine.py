"""The library's face: a machine is one program, what it is granted, and what became of it."""
from __future__ import annotations

import os
from time import monotonic, process_time

from skete import engines, monitor
from skete.engine import EngineError

__all__ = ["Call", "Machine", "Result"]


class Call:
    """A system call as a Python handler sees it. Words are raw registers; memory is the guest's.

    nr, name; words: six ints, unsigned 64 bit; task: the calling thread (skete.kernel.task.Task)
    """
    __slots__ = ("task", "nr", "words")

    def __init__(self, task, nr: int, words: tuple):
        self.task, self.nr, self.words = task, nr, words

    @property
    def name(self) -> str:
        from skete.abi.syscalls import NAMES
        return NAMES.get(self.nr, f"syscall_{self.nr:#x}")

    def read(self, addr: int, length: int) -> bytes:
        """Bytes of guest memory. OSError(EFAULT), which becomes the guest's errno when a handler lets it pass."""
        return self.task.mm.read(addr, length)

    def write(self, addr: int, data: bytes) -> None:
        """Put bytes into guest memory. OSError(EFAULT)"""
        self.task.mm.write(addr, data)

    def text(self, addr: int) -> bytes:
        """The NUL-terminated string at a guest address. OSError(EFAULT), OSError(ENAMETOOLONG)"""
        return self.task.mm.cstr(addr)


class Result:
    """What became of a run.

    kind, code: ("exited", status), ("signalled", signal number) or ("timeout", 124)
    exit_status: what `skete run` exits with: the guest's own, or 128 + signal
    wall_s, guest_s, monitor_s: seconds on the clock, of processor time in the guest, and in the monitor
    syscalls: {name: {"calls", "errors", "seconds"}} where statistics were kept, else {}
    gate: {"answered": calls that the engine's gate answered without a trap, "rewritten": call sites that jump to it,
        "left": {why: call sites that do not, of those that were looked at}}
    unserved: {name: calls} that were answered ENOSYS because nobody serves them
    notes: lines about processes that the engine has killed
    fault: (address of the instruction, address it touched, si_code, load bias) where a fault ended the program, else None
    """
    __slots__ = ("fault", "gate", "kind", "code", "wall_s", "guest_s", "monitor_s", "notes", "syscalls", "unserved")

    @property
    def exit_status(self) -> int:
        return 128 + self.code if self.kind == "signalled" else self.code

    def as_dict(self) -> dict:
        """For JSON; `skete run --json` adds what was run."""
        return {"status": {"kind": self.kind, "code": self.code}, "exit_status": self.exit_status,
                "time": {"wall_s": self.wall_s, "guest_s": self.guest_s, "monitor_s": self.monitor_s},
                "syscalls": self.syscalls, "gate": self.gate, "unserved": self.unserved}


class Machine:
    """One guest program and what it may use.

    program: path on the host of a static ELF file
    args:    what comes after argv[0], which is the program as given
    mounts:  ("HOST:GUEST", or that with :ro, :cow or :cow=LAYER, ...): all of the host's files that it can see
    env:     {name: value}: all of its environment
    cwd:     guest path it starts in
    timeout_s: it is ended after so many seconds
    tmpfs:   ("GUEST" or "GUEST:SIZE", ...): folders in memory, writable, gone at the end
    tars:    ("FILE:GUEST", ...): tar images, read-only
    memory:  bytes of private memory that may be accessible to it; None: as Linux would decide
    stdio:   three host descriptors that become its 0, 1 and 2
    net:     "none", "loopback" (the host's) or "host": what it can reach; with none it has a loopback of its own
    publish: ("[ADDRESS:]HOST:GUEST", "HOST:GUEST/udp", ...): ports of the host that reach ports of its
    rewrite: let call sites that trap often jump to the engine's gate, which answers some calls by itself
    user:    (uid, gid) that it is told are its own. (0, n), where skete runs as root, makes it root of its machine, with
             the power over what was mounted that skete has; else they give it no power
    engine:  a name of skete.engines.NAMES

    give_up: None, or a function that is called in another thread with (kind, code), where the run is to end and a call to the
        host does not come back; the process has to end then
    """
    give_up = None

    def __init__(self, program, args=(), *, engine: str = "process", mounts=(), env=None, cwd: str = "/",
                 timeout_s: float | None = None, memory: int | None = None, stdio: tuple = (0, 1, 2), net: str = "none",
                 publish=(), tmpfs=(), tars=(), rewrite: bool = True,
                 user: tuple = (1000, 1000)):
        self.program = os.fsencode(program)
        self.argv = [self.program, *map(os.fsencode, args)]
        self.envp = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in (env or {}).items()]
        self.engine, self.mounts, self.cwd = engine, tuple(mounts), cwd
        self.timeout_s, self.memory, self.stdio = timeout_s, memory, stdio
        self.net, self.publish = net, tuple(publish)
        self.tmpfs, self.tars = tuple(tmpfs), tuple(tars)
        self.rewrite, self.user = rewrite, user
        if net not in ("none", "loopback", "host"):
            raise ValueError(f"net is none, loopback or host, not {net!r}")
        if self.publish:
            from skete.kernel.net.policy import published
            published(self.publish)
        self.observers = []
        self._handlers = {}

    def on(self, call, handler) -> None:
        """Let ``handler(call: Call) -> int | None`` answer a system call, by name or number, before the kernel does.

        What it returns goes to rax; OSError becomes its errno; None leaves the call to the kernel.
        """
        if isinstance(call, str):
            from skete.abi.syscalls import NUMBERS
            if call not in NUMBERS:
                raise ValueError(f"x86-64 Linux has no system call named {call!r}")
            call = NUMBERS[call]

        def answer(task, nr, words):
            try:
                result = handler(Call(task, nr, words))
            except OSError as error:
                return -error.errno
            # A register has no sign; what is none of either kind the engine would choke on.
            if result is not None and not -1 << 63 <= result < 1 << 63:
                if not 0 <= result < 1 << 64:
                    raise ValueError(f"a handler's result for call {nr} is no 64-bit number: {result:#x}")
                result -= 1 << 64
            return result
        self._handlers[call] = answer

    def watch(self, observer) -> None:
        """Add an observer of every call: a trace, statistics, or your own (inherit from skete.observe.observer)."""
        self.observers.append(observer)

    def run(self) -> Result:
        """Run the program to its end. LoadError, EngineError, OSError (the program or a mount cannot be opened)."""
        from skete.kernel.config import Config
        from skete.kernel.identity.credentials import host_capabilities
        from skete.kernel.files import Mount, Namespace, open_files
        from skete.kernel.kernel import Kernel
        from skete.kernel.process.program import Program, contents
        from skete.loader import load
        engine = engines.make(self.engine)
        started, used = monotonic(), process_time()
        kernel = Kernel(engine, Config(self.memory, *self.user, net=self.net, publish=self.publish,
                                       rewrite=self.rewrite,
                                       capabilities=0 if self.user[0] else host_capabilities()))
        namespace = files = fs = program = None
        try:
            program = Program(_open(self.program), self.program).hold()
            image = load(contents(program), os.fsdecode(self.program), user_range=engine.user_range,
                         reserved=engine.reserved, memory=self.memory or Config.physical(), dynamic=True)
            kernel.observers.extend(self.observers)
            kernel.handlers.update(self._handlers)
            namespace = Namespace([*map(Mount.parse, self.mounts), *map(Mount.parse_tmpfs, self.tmpfs),
                                   *map(Mount.parse_tar, self.tars)])
            files, fs = self._files(namespace, open_files)
            kernel.start(image, self.argv, self.envp, files, fs, program=program,
                         interp=_interpreter(self.program, engine, kernel.config, namespace, image))
            status = monitor.run(engine, kernel, self.timeout_s, self.give_up)
        except EngineError as error:
            error.bias = kernel.first.bias if kernel.first is not None else 0
            raise
        finally:
            amid = kernel.current is not None   # in a call that was ended in the middle: nothing is certain
            try:
                if namespace is not None:
                    _step(namespace.flush, amid)    # what a machine that is ended has in mapped files is in its memory
            finally:
                guest_s = engine.close() / 1e9
            if kernel.status is None and files is not None:
                _step(files.close_all, amid)        # a process that has ended has done so itself
            for opened in (fs, namespace, kernel):
                if opened is not None:
                    _step(opened.close, amid)
            if program is not None:
                _step(program.drop, amid)
        monitor_s = process_time() - used - (guest_s if engine.in_monitor else 0)
        return self._result(engine, kernel, status, monotonic() - started, guest_s, max(monitor_s, 0))

    def _files(self, namespace, open_files) -> tuple:
        try:
            return open_files(namespace, self.stdio, os.fsencode(self.cwd))
        except OSError as error:
            raise ValueError(f"the program cannot start in {self.cwd!r}: {os.strerror(error.errno)} in what was "
                             "mounted; grant it with --mount HOST:GUEST") from None

    def _result(self, engine, kernel, status: tuple, wall_s: float, guest_s: float, monitor_s: float) -> Result:
        result = Result()
        result.kind, result.code = status
        result.wall_s, result.guest_s, result.monitor_s = wall_s, guest_s, monitor_s
        result.syscalls = {}
        for observer in self.observers:
            if engine.answered and not getattr(observer, "every_call", True):
                observer.answered(engine.answered)
            table = getattr(observer, "as_dict", None)
            if table is not None:
                result.syscalls = table()
        result.gate = {"answered": sum(calls for calls, _ in engine.answered.values()),
                       "posted": engine.posted, "rewritten": 0, "left": {}}
        if kernel.rewriter is not None:
            result.gate["rewritten"] = kernel.rewriter.rewritten
            result.gate["left"] = {why: count for why, count in kernel.rewriter.left.items() if count}
        result.notes = engine.notes
        result.unserved = {}
        if kernel.unserved:
            from skete.abi.syscalls import NAMES
            result.unserved = {NAMES.get(nr, f"syscall_{nr:#x}" if nr >= 0 else "others"): count
                               for nr, count in kernel.unserved.items()}
        result.fault = None
        process = kernel.first
        if result.kind == "signalled" and process.fault is not None and process.fault[0].signo == result.code:
            trap, rip = process.fault
            result.fault = rip, trap.addr, trap.code, process.bias
        return result


def _step(close, amid: bool) -> None:
    try:
        close()
    except Exception:
        if not amid:
            raise


def _open(program: bytes) -> int:
    """A descriptor of a regular file. OSError LoadError"""
    host_fd = os.open(program, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)      # a FIFO would wait for somebody to write
    if os.fstat(host_fd).st_mode & 0o17_0000 != 0o10_0000:
        os.close(host_fd)
        from skete.loader import LoadError
        raise LoadError(os.fsdecode(program), "is no regular file, so no program")
    return host_fd


def _interpreter(program: bytes, engine, config, namespace, image):
    """The Image of what a dynamic program names as its interpreter, or None. LoadError where it is not mounted."""
    if image.interp is None:
        return None
    from skete.kernel.process.program import interpreter
    from skete.loader import LoadError
    try:
        return interpreter(engine, config, namespace, image)[0]
    except OSError as error:
        raise LoadError(os.fsdecode(program), f"is dynamic and needs the interpreter {os.fsdecode(image.interp)}, which "
                        f"cannot be had in what is mounted ({os.strerror(error.errno)}); grant it with --mount, or "
                        "link the program with -static") from None
