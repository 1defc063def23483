"""The kernel of one machine: its processes, and what becomes of each trap.

    kernel = Kernel(engine, Config())
    task = kernel.start(image, argv, envp, files, fs)
    while kernel.status is None:
        kernel.run_ready()
        event = engine.wait(kernel.scheduler.timeout_s(), kernel.scheduler.fd)
        if event: kernel.take(*event)

Everything runs in the monitor's one thread. A task is in one of three places: in the guest (the engine runs it),
being served (``kernel.current``), or in a call that waits (``task.call`` is its generator). On every way back to the
guest, and nowhere else, pending signals are delivered (``task.notify`` says that there may be some).
"""
from __future__ import annotations

from time import monotonic_ns

from skete.engine import PAGE, Died, Fault, Kicked, Regs, Syscall
from skete.kernel.config import Config
from skete.kernel.identity import credentials
from skete.kernel.memory.frames import Frames
from skete.kernel.memory.mm import STACK_GROWN, STACK_SIZE, STACK_TOP, Mm, page_up
from skete.kernel.outcome import GONE, KEEP, READY, SIGNAL, TIMEOUT, Restart, Wait
from skete.kernel.process import exits
from skete.kernel.process.process import Process
from skete.kernel.process.sharing import held_files, let_go
from skete.kernel.scheduler import Scheduler
from skete.kernel.service import advance, service
from skete.kernel.signals import delivery, pending
from skete.kernel.signals.siginfo import SigInfo
from skete.kernel.task import Task

__all__ = ["Kernel"]

_Generator = type((lambda: (yield))())
#: SIGINT SIGQUIT SIGTSTP SIGWINCH: what a terminal sends to its foreground process group
_TERMINAL = (2, 3, 20, 28)
#: execve, execveat: they set all registers, and have a result all the same
_EXECUTES = (59, 322)


class Kernel:
    """Pure state plus host calls; knows of its engine only what skete/engine.py says.

    processes: {pid: Process}, living ones;  zombies: {pid: Process} that nobody has waited for
    tasks: {vcpu: Task}, living threads;  current: the task being served, or None
    status: None while the first process lives, then ("exited", code) or ("signalled", signo)
    unserved: {nr: calls answered ENOSYS for want of a row}; see service.count
    creds: what the first process begins with (skete.kernel.identity.credentials)
    service: serves a call; another one (skete.kernel.identity.worn) once somebody is not who the first process was
    observers: told of every call and signal; skete.observe.observer.Observer says what each method gets
    handlers: {nr: callable(task, nr, words) -> int | None}, asked first; None leaves the call to us
    """

    def __init__(self, engine, config: Config | None = None):
        self.engine = engine
        self.config = config or Config()
        self.creds = credentials.first(self.config)
        self.service = service
        self.scheduler = Scheduler()
        self.frames = Frames(0, len(engine.ram) & -4096, engine.discard, engine.clear)
        self.processes = {}
        self.zombies = {}
        self.tasks = {}
        self.current = None
        self.first = self.fs = None     # the first process, and the file system that it began with
        self.status = None
        self.unserved = {}
        self.observers = []
        self.handlers = {}
        self.futexes = {}           # skete.kernel.futex.futex: key -> Queue
        self.pi = None              # futex.futex_pi: the queues of locks that have an owner, once there are some
        self.driven = None          # skete.kernel.files.sigio: what tells by signals, once something does
        self.signalfds = None       # skete.kernel.events.signalfd.Signalfds, once there is one
        self.texts = None           # skete.kernel.memory.texts.Texts, once a program has been executed
        self.net = None             # skete.kernel.net.net.Net, once there is a socket
        self.store = None           # skete.kernel.files.ram: the files whose content is memory, once there are some
        self.fifos = {}             # skete.kernel.files.fifo: who waits for the other side of one
        self.mapped_files, self.mapped_most = None, 0   # memory.filemap: (device, inode) of files that are mapped
        self.segments = {}          # skete.kernel.ipc.sysv_shm: {id: Segment}
        self.semaphores = self.messages = None      # skete.kernel.ipc.sysv.Registry of each, once there are some
        self.mqueues = None         # skete.kernel.ipc.mqueue.Mqueues, once there is a queue
        self.answers = self.rewriter = None         # skete.kernel.answers, rewrite: where the engine has a gate
        self.asked = ()             # calls that the rewriter is told of
        self.next_tid = self.config.first_pid
        self.started_ns = monotonic_ns()

    # a process to begin with

    def start(self, image, argv: list, envp: list, files=None, fs=None, exe: bytes | None = None, program=None,
              interp=None) -> Task:
        """Make a process that executes ``image`` (skete.loader.load) and let it run.

        argv, envp: lists of bytes;  files, fs: its descriptor table and view of the file system
        exe: the path it was started by, for AT_EXECFN; argv[0] when None.  OSError: ENOMEM E2BIG
        program: a Description of the program's file, for /proc/self/exe; this takes it over
        interp: the Image of the interpreter that a dynamic program names
        """
        self.scheduler.open()
        space = self.engine.space()
        mm = Mm(self.engine, space, self.frames, self.config.memory, self.config.physical())
        process = Process(self, self.new_tid(), space, mm, files, fs)
        process.signals = pending.ProcessSignals()
        process.started_ns = monotonic_ns()
        process.exe = exe if exe is not None else argv[0] if argv else b""
        process.argv, process.envp = list(argv), list(envp)
        process.program = program.hold() if program is not None else None
        if process.creds.wear is not None:
            from skete.kernel.identity import worn
            worn.begin(self)
        sp = self.load(mm, image, process, interp)
        vcpu = space.vcpu(Regs(rip=(interp or image).entry, rsp=sp, eflags=0x202))
        task = self.add(process, vcpu, process.exe.rpartition(b"/")[2][:15], process.pid)
        self.processes[process.pid] = process
        if self.first is None:
            self.first, self.fs = process, fs
            terminal = fs.namespace.terminal if fs is not None else None
            if terminal is not None:
                terminal.control.take(process)
        if getattr(space, "facts", None) is not None:
            self._use_gate(process)
        for observer in self.observers:
            observer.started(task)
        vcpu.resume()
        return task

    def _use_gate(self, process: Process) -> None:
        if self.answers is None:
            from skete.kernel.answers import Answers
            self.answers = Answers(self)
        self.answers.publish(process)
        if self.rewriter is None and self.config.rewrite:
            from skete.kernel.rewrite import Rewriter
            self.asked = self.answers.posted
            self.rewriter = Rewriter(self.asked)

    def load(self, mm: Mm, image, process, interp=None, texts: tuple = (None, None), secure: bool = False) -> int:
        """Map a program, its interpreter and its stack; the stack pointer it begins with. ENOMEM E2BIG

        texts: for each of the two what skete.kernel.memory.texts has of its pages, or None;  secure: AT_SECURE
        """
        from skete.loader import host_auxv, stack
        config, creds = self.config, process.creds
        for part, text in zip((image, interp) if interp is not None else (image,), texts):
            for m in part.mappings:
                mm.remove(m.start, m.length)
                if text is not None and m.offset is not None and not m.prot & 2:
                    mm.show(m.start, m.length, m.prot, self.texts.frame(text, m), part.name)
                    continue
                mm.add(m.start, m.length, m.prot, name=part.name if m.offset is not None else "", top=False)
                if len(m.content):
                    at = mm.vmas.at(m.start).delta + m.start
                    mm.ram[at:at + len(m.content)] = m.content
        mm.brk_start = mm.brk = image.brk
        facts = getattr(process.space, "facts", None)
        size = limit = STACK_SIZE
        if process.rlimits is not None:
            from skete.kernel.process.rlimits import stack_size
            size, limit = stack_size(process)
        start = stack(image, process.argv, process.envp, host=config.auxv or host_auxv(), random=config.random(16),
                      execfn=process.exe, ids=(creds.uid, creds.euid, creds.gid, creds.egid), secure=secure,
                      base=interp.bias if interp is not None else 0, gate=facts.gate if facts is not None else 0,
                      top=STACK_TOP, size=limit)
        size = max(size, page_up(len(start.data)) + PAGE)
        mm.add(STACK_TOP - size, size, 7 if image.exec_stack else 3, name="[stack]", grows_down=True)
        mm.ungrown = max(0, size - page_up(len(start.data)) - STACK_GROWN)
        mm.write(start.sp, start.data)
        process.auxv, process.bias, process.envp_at = start.auxv, image.bias, start.sp + 8 * (len(process.argv) + 2)
        process.strings_at = start.arg_start, start.arg_end, start.env_end
        return start.sp

    def signal(self, signo: int) -> None:
        """A signal from outside: what the terminal sends is for the foreground group, all else for the first
        process."""
        first = self.first
        if first is None:
            return
        targets = [first]
        if signo in _TERMINAL and len(self.processes) > 1:
            terminal = first.fs.namespace.terminal if first.fs is not None else None
            group = terminal.control.foreground if terminal is not None else 0
            targets = [p for p in self.processes.values() if p.pgid == (group or first.pgid)]
        for process in targets:
            pending.send_process(process, SigInfo(signo))

    def close(self) -> None:
        """Close what is open on the host. The engine may be closed already."""
        for process in self.processes.values():
            for files in held_files(process):
                files.close_all()
            let_go(process)
            for vma in process.mm.vmas:
                vma.source = None
            if process.program is not None and process is not self.first:
                process.program.drop()
        if self.first is not None and self.first.program is not None:
            self.first.program.drop()
        self.processes.clear()
        if self.net is not None:
            self.net.close()
        self.scheduler.close()

    def new_tid(self) -> int:
        """A number for a new thread or process."""
        tid = self.next_tid
        self.next_tid += 1
        return tid

    def add(self, process: Process, vcpu, name: bytes, tid: int) -> Task:
        """A new thread of ``process`` on a vcpu that has not run yet."""
        task = Task(tid, process, vcpu, name)
        task.signals = pending.TaskSignals()
        task.started_ns = monotonic_ns()
        process.tasks[tid] = task
        self.tasks[vcpu] = task
        return task

    # traps

    def take(self, source, trap) -> None:
        """What Engine.wait reported: ``source`` is a vcpu, or a space with Died. Serve it, and let the task go on, wait or
        end. Ours alone to call ``vcpu.resume``."""
        task = self.tasks.get(source)
        if task is None:
            if type(trap) is Died:
                exits.died(self, source, trap)
            return
        self.current = task
        if type(trap) is Syscall:
            if trap.nr in self.asked and not task.vcpu.posted:
                self.rewriter.trapped(task, trap.nr)
            result = self._observed(task, trap) if self.observers or self.handlers or task.seccomp is not None \
                else self.service(task, trap.nr, trap.words)
            if type(result) is int:
                if not task.notify:
                    task.vcpu.resume(result)
                else:
                    self._settle(task, trap, result, told=True)
            else:
                self._settle(task, trap, result)
        elif type(trap) is Fault:
            delivery.fault(task, trap)
            self._return(task, None, None)
        elif type(trap) is Kicked:
            self._return(task, None, None)
        else:
            exits.died(self, task.process.space, trap)
        self.current = None

    def serve(self, vcpu, nr: int, words: tuple) -> int | None:
        """The same for a call that was posted: its result, and nothing else is due before the guest goes on; or None, when
        what became of it has been seen to."""
        task = self.tasks.get(vcpu)
        if task is None or self.observers or self.handlers or task.seccomp is not None:
            return self.take(vcpu, Syscall(nr, words))
        self.current = task
        result = self.service(task, nr, words)
        if type(result) is int and not task.notify:
            self.current = None
            scheduler = self.scheduler
            if not (scheduler.ready or scheduler.heap or scheduler.fds) or not scheduler.due():
                return result
            return vcpu.resume(result)
        self._settle(task, Syscall(nr, words), result, told=True)
        self.current = None

    def run_ready(self) -> None:
        """Let the calls that were woken go on, and fire the timers that are due."""
        scheduler = self.scheduler
        scheduler.poll()
        while scheduler.ready:
            ready, scheduler.ready = scheduler.ready, []
            for task, reason in ready:
                if task.dead:
                    continue
                if reason is SIGNAL and not pending.deliverable(task):
                    # Another thread took the signal meanwhile: Linux restarts the call, we never left it. What it waits
                    # for may have come and gone unseen while it was in no queue.
                    waited = task.waited
                    if waited.queue is None and waited.host_fd < 0:
                        scheduler.block(task, waited)
                        continue
                    reason = READY
                self.current = task
                call, trap = task.call, task.trap
                task.call = task.trap = None
                self._settle(task, trap, advance(call, reason), call, task.told)
                self.current = None

    def _observed(self, task: Task, trap):
        nr, words = trap.nr, trap.words
        for observer in self.observers:
            observer.entered(task, nr, words)
        handler = self.handlers.get(nr)
        result = None
        if task.seccomp is not None:
            from skete.kernel.identity.seccomp import judge
            result = judge(task, nr, words)
        if result is None and handler is not None:
            try:
                result = handler(task, nr, words)
            except OSError as e:
                result = -e.errno
        if result is None:
            result = self.service(task, trap.nr, trap.words)
        if type(result) is int and not task.dead:
            self._left(task, trap, result)
        return result

    def _settle(self, task: Task, trap: Syscall, result, call=None, told: bool = False) -> None:
        """Go on from what a call came to: back to the guest, asleep, or gone. told: the observers know the result."""
        if type(result) is _Generator:
            call, result = result, advance(result, None)
        while isinstance(result, Wait):
            if task.notify and result.interruptible and pending.deliverable(task):
                task.waited = result
                result = advance(call, SIGNAL)
                continue
            if result.deadline_ns is not None and result.deadline_ns <= monotonic_ns() and result.host_fd < 0:
                result = advance(call, TIMEOUT)
                continue
            task.call, task.trap, task.told = call, trap, told
            for observer in self.observers:
                observer.waits(task)
            self.scheduler.block(task, result)
            return
        if task.dead or result is GONE:
            return
        if task.again is not None:
            # rt_sigreturn has come back to where a call was interrupted: that call is made now.
            trap, task.again = task.again, None
            return self._return(task, trap, Restart)
        if self.observers and trap is not None and not told and result is not Restart:
            self._left(task, trap, result if result is not KEEP else 0 if trap.nr in _EXECUTES else None)
        self._return(task, trap, result)

    def _left(self, task: Task, trap: Syscall, result) -> None:
        for observer in self.observers:
            observer.left(task, trap.nr, trap.words, result)

    def _return(self, task: Task, trap: Syscall | None, result) -> None:
        """Back to the guest with rax = result (None or KEEP: registers as they are), signals first."""
        if task.notify:
            result = delivery.deliver(task, trap, result)
            if task.dead:
                return
            if type(result) is _Generator:
                return self._settle(task, trap, result, told=True)
        if result is Restart:
            # No handler ran: the call is made again and the guest never knows.
            return self._settle(task, trap, self.service(task, trap.nr, trap.words))
        task.vcpu.resume(result if type(result) is int else None)
