"""The narrow waist between the monitor and whatever executes guest code.

An *engine* owns guest-physical memory and makes *address spaces*; an address
space maps pieces of that memory and starts *vcpus*, one per guest thread; a
vcpu runs until a *trap*. An engine moves bytes and reports traps: it never
interprets a system call number. The kernel (``skete.kernel``) never knows which
engine runs it.

Guest-physical memory is one flat buffer, :attr:`Engine.ram`. The kernel decides
which *frame* (an offset into ``ram``, in bytes, page aligned) stands behind
which guest address, so that a guest buffer is a slice of ``ram`` and needs no
copy; the engine only makes the guest's processor see the same mapping.

The monitor is one thread. Exactly one trap is being served at any time, guest
threads run beside it, and a call that has to wait becomes an entry in the
scheduler's lists rather than a blocked host thread. So :meth:`Engine.wait`
reports whichever vcpu trapped first, instead of each vcpu blocking a thread of
its own: no lock is needed anywhere in the kernel, and traps have one order.

This file is on the path of every ``skete run``: it imports nothing.
"""

__all__ = ["AddressSpace", "Died", "Engine", "EngineError", "Facts", "Fault", "Kicked",
           "PAGE", "Regs", "Syscall", "Trap", "Vcpu"]

PAGE = 4096


class EngineError(Exception):
    """The engine itself failed. Never an OSError: it must not reach a guest as an errno.

    address: the guest address at which it did, where there is one;  bias: the program's, for its symbols
    """
    address = None
    bias = 0


class Trap:
    """Why a vcpu stopped. Told apart by class."""
    __slots__ = ()


class Syscall(Trap):
    """The guest executed ``syscall``: its number and the six argument registers.

    nr:    int, the whole of rax, unsigned 64 bit
    words: tuple of six ints, unsigned 64 bit: rdi rsi rdx r10 r8 r9
    """
    __slots__ = ("nr", "words")

    def __init__(self, nr: int, words: tuple):
        self.nr, self.words = nr, words

    def __repr__(self):
        return f"Syscall({self.nr}, {', '.join(map(hex, self.words))})"


class Fault(Trap):
    """The guest's instruction faulted. The fields are those of siginfo_t for it (sigaction(2)).

    signo: SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGTRAP;  code: si_code (SEGV_MAPERR, ...)
    addr:  si_addr;  error, trapno: the processor's own words, for mcontext's err and trapno
    """
    __slots__ = ("signo", "code", "addr", "error", "trapno")

    def __init__(self, signo: int, code: int, addr: int, error: int = 0, trapno: int = 0):
        self.signo, self.code, self.addr, self.error, self.trapno = signo, code, addr, error, trapno

    def __repr__(self):
        return f"Fault(signal {self.signo}, code {self.code}, addr {self.addr:#x})"


class Kicked(Trap):
    """Somebody called :meth:`Vcpu.kick`: this thread has a signal to take, or is to end."""
    __slots__ = ()


class Died(Trap):
    """The address space is gone, with every vcpu in it: the host killed what executed it.

    signo: the host signal that ended it, or 0 when it exited with ``status``.
    """
    __slots__ = ("signo", "status")

    def __init__(self, signo: int, status: int = 0):
        self.signo, self.status = signo, status


class Regs:
    """The integer registers of a stopped vcpu, each unsigned 64 bit. A copy: assign it back to take effect."""
    NAMES = ("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx",
             "rdx", "rax", "rcx", "rsp", "rip", "eflags")
    __slots__ = NAMES

    def __init__(self, **given: int):
        for name in self.NAMES:
            setattr(self, name, given.get(name, 0))

    def __repr__(self):
        return "Regs(" + ", ".join(f"{n}={getattr(self, n):#x}" for n in self.NAMES) + ")"


class Vcpu:
    """One thread of guest execution. All but ``kick`` only while it is stopped at a trap."""

    space: "AddressSpace"
    regs: Regs          # property: reads a copy; assigning writes it back
    fs_base: int        # property: the thread pointer, guest virtual
    gs_base: int

    #: the call being served was posted at the gate: its registers can be had, but at the price of a trap
    posted = False

    @property
    def rip(self) -> int:
        """regs.rip, where that can be had for less."""
        return self.regs.rip

    def fpu(self) -> bytes:
        """The FPU and vector state in the layout of a signal frame (FXSAVE, then XSAVE's areas)."""
        raise NotImplementedError

    def set_fpu(self, state: bytes | None) -> None:
        """Load a state that :meth:`fpu` gave; None is the processor's initial state."""
        raise NotImplementedError

    def resume(self, result: int | None = None) -> None:
        """Let the guest go on. With a result, rax takes it; without, the registers stay as they are."""
        raise NotImplementedError

    def kick(self) -> None:
        """Make a running vcpu stop with Kicked soon. Without effect while it is stopped."""
        raise NotImplementedError

    def end(self) -> None:
        """End this thread for good; it will not trap again. Its address space stays."""
        raise NotImplementedError


class Facts:
    """What the guest's side of an address space may answer without a trap. The kernel says what is true, and says so
    before it stops being; numbers and words mean nothing to the engine. Only where ``AddressSpace.facts`` is one.

    gate: guest address to jump to with the number in rax, the words in their registers, and in rcx the address behind a
        ``syscall`` instruction: it goes there with the answer in rax, or else to that instruction. rcx, r11 and the
        flags are its own.
    numbers: how many system calls it can have something to say about
    """

    gate: int
    numbers: int

    def post(self, numbers) -> None:
        """These calls may be reported without a trap (``Vcpu.posted``), which is faster."""
        raise NotImplementedError

    def answer(self, nr: int, value: int) -> None:
        """This call has this result, which is no error, whatever its words."""
        raise NotImplementedError

    def descriptor(self, nr: int, word: int) -> None:
        """With this second word, the call's result depends on its first word alone: see :meth:`known`."""
        raise NotImplementedError

    def known(self, fd: int, value: int) -> None:
        """The result of that, an error, for this first word. Without effect for large ones."""
        raise NotImplementedError

    def forget(self, fd: int) -> None:
        """It is not known any more, or, with -1, for none."""
        raise NotImplementedError

    def ask(self, nr: int) -> None:
        """This call has no answer any more."""
        raise NotImplementedError

    def clock(self, nr: int, form: str) -> None:
        """This call tells the time. form: "timespec", of the clock in its first word, to the address in its second;
        "timeval", of CLOCK_REALTIME, to the address in its first, where its second is 0; "seconds", of that, as its
        result, where its first word is 0. Where the address cannot be written, and with any other word, it is ours."""
        raise NotImplementedError

    def yields(self, nr: int) -> None:
        """This call lets other threads of the host run and comes back with 0; nobody need hear of it."""
        raise NotImplementedError

    def now(self, clock: int) -> int:
        """What to tell of a host's clock, ns: nothing earlier than what was told before, by us or without us. Only of
        CLOCK_REALTIME, MONOTONIC, BOOTTIME and TAI."""
        raise NotImplementedError

    def many(self, told_apart: bool) -> bool:
        """The space is about to have a second thread. told_apart: the program leaves the FS base to system calls, so that
        a thread may be known by it. Whether threads go on posting calls."""
        raise NotImplementedError


class AddressSpace:
    """One guest address space. Addresses are guest virtual, lengths in bytes, both whole pages.

    A change is in force no later than the next ``resume`` of the thread being served. An engine may remember the code that it
    has executed: text that cannot be written and whose frames got another content is to be protected or mapped again.
    """

    def map(self, start: int, length: int, prot: int, frame: int) -> None:
        """Show ``ram[frame:frame+length]`` at ``start``, replacing what was there. prot: PROT_* bits."""
        raise NotImplementedError

    def unmap(self, start: int, length: int) -> None:
        """Nothing stands at these addresses any more: touching them is a Fault."""
        raise NotImplementedError

    def protect(self, start: int, length: int, prot: int) -> None:
        """Change the protection of what is mapped there."""
        raise NotImplementedError

    def vcpu(self, regs: Regs, fs_base: int = 0, parent: Vcpu | None = None) -> Vcpu:
        """A thread that will start at these registers. ``parent`` is the stopped thread that asked: the
        new one inherits its FPU state, and both run when the parent is resumed. Without one it is the
        space's first thread, stopped: resuming it starts it, and its registers are set, not changed,
        until then. OSError(EAGAIN) where the engine has no room for another thread."""
        raise NotImplementedError

    #: ``fork(parent: Vcpu, regs: Regs, fs_base: int, mappings) -> Vcpu``, or None where the engine has one address
    #: space only. A new space, whose first thread stands stopped at these registers with the FPU state of
    #: ``parent``, a stopped thread of this space. It shows exactly ``mappings``, an iterable of (start, length,
    #: prot, frame, inherited), where ``inherited`` says that this space shows the same there. The new vcpu's space
    #: is its ``space``. OSError(EAGAIN) where there is no room for another; ``parent`` stays stopped in any case.
    fork = None

    #: a :class:`Facts`, or None where the engine has no gate that could answer calls by itself
    facts = None

    def kill(self) -> None:
        """End every thread of the space at once and wait until they are gone."""
        raise NotImplementedError


class Engine:
    """Makes guests. One per machine; closed once, which leaves nothing behind on the host."""

    name: str
    ram: memoryview     # guest-physical memory, format 'B'; sparse: an untouched page costs nothing
    #: (lowest, end): guest addresses that programs may use, page aligned
    user_range: tuple
    #: [(start, end), ...]: ranges inside it that the engine keeps for itself
    reserved: list
    #: whether the monitor's own host process executes the guest: its processor time then includes the guest's
    in_monitor: bool = False
    #: its facts' clocks, once they are told without us
    clocks = None
    #: {number: (calls, errors)} that its facts have answered; complete once it is closed
    answered: dict = {}
    #: how many calls were posted
    posted: int = 0
    #: what the user is to hear of when the run is over
    notes: tuple = ()

    #: ``copy(frame: int, to: int, length: int)`` of frames, or None where it is no faster than copying in ``ram``
    copy = None

    #: ``populate(frame: int, length: int)``: the host is about to copy from these frames and would find pages that are
    #: not mapped on our side yet one by one. None where what a guest has touched is mapped for us too
    populate = None

    #: ``clear(frame: int, length: int)``: frames read as zero from now on, and the host keeps what they use, for somebody
    #: who takes them at once. None where that is not cheaper than ``discard``
    clear = None

    def discard(self, frame: int, length: int) -> None:
        """Give these frames back to the host; they read as zero from now on."""
        raise NotImplementedError

    def space(self) -> AddressSpace:
        """A new, empty address space."""
        raise NotImplementedError

    def wait(self, timeout_s: float | None, wake_fds: tuple = ()) -> tuple | None:
        """The next ``(vcpu, trap)``; ``(space, Died)`` when a space is gone. None when
        ``timeout_s`` (None: no limit) has passed or one of the descriptors ``wake_fds`` is readable."""
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Add to ``notes``. What a guest does often is said once."""
        if text not in self.notes and len(self.notes) < 8:
            self.notes = (*self.notes, text)

    def follow(self, serve, take) -> bool:
        """Take calls that are posted one after the other, as far as they come at once, and answer each with what
        ``serve(vcpu, nr, words)`` returns, an int. Where that is None, the call has been seen to otherwise. A trap that
        comes instead of the next goes to ``take(vcpu, trap)``. Then whether it was so: True; False when nothing comes any
        more, or other things than posted calls have waited long."""
        return False

    def close(self) -> int:
        """Kill what still runs and free everything. Processor time that guests used in all, in ns."""
        raise NotImplementedError
