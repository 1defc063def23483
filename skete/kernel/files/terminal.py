"""Terminals: the one that the user granted by starting the monitor on it, and what all terminals share.

Only the requests named here reach the host. TIOCSTI is not among them: it would type commands into the user's shell.
Line discipline and modes are the host's; sessions and process groups are the guest's own (skete.kernel.process.tty).
"""
from __future__ import annotations

from errno import EIO, ENOTTY, EPERM
from fcntl import ioctl as host_ioctl

from skete.abi.ioctls import FIONREAD, TCFLSH, TCGETA, TCGETS, TCGETS2, TCSBRK, TCSBRKP, TCSETA, TCSETAF, TCSETAW, \
    TCSETS, TCSETS2, TCSETSF, TCSETSF2, TCSETSW, TCSETSW2, TCXONC, TERMIO_SIZE, TERMIOS2_SIZE, TERMIOS_SIZE, \
    TIOCGETD, TIOCGPGRP, TIOCGSID, TIOCGWINSZ, TIOCNOTTY, TIOCOUTQ, TIOCSCTTY, TIOCSPGRP, TIOCSTI, TIOCSWINSZ, \
    WINSIZE_SIZE
from skete.abi.signal import SIGTTOU
from skete.abi.termios import C_LFLAG, C_LFLAG_AT, TOSTOP
from skete.kernel.files.stream import SharedStream, Stream
from skete.kernel.process.tty import Control

__all__ = ["SharedTerminal", "Terminal", "tty_ioctl"]

#: What the host answers into guest memory: request -> bytes
_READS = {TCGETS: TERMIOS_SIZE, TCGETS2: TERMIOS2_SIZE, TCGETA: TERMIO_SIZE, TIOCGWINSZ: WINSIZE_SIZE,
          TIOCOUTQ: 4, FIONREAD: 4, TIOCGETD: 4}
#: What the host takes from guest memory
_WRITES = {TCSETS: TERMIOS_SIZE, TCSETSW: TERMIOS_SIZE, TCSETSF: TERMIOS_SIZE, TCSETS2: TERMIOS2_SIZE,
           TCSETSW2: TERMIOS2_SIZE, TCSETSF2: TERMIOS2_SIZE, TCSETA: TERMIO_SIZE, TCSETAW: TERMIO_SIZE,
           TCSETAF: TERMIO_SIZE, TIOCSWINSZ: WINSIZE_SIZE}
#: What takes a small number in place of a pointer. TCSBRK 1 is tcdrain(3).
_NUMBERS = (TCSBRK, TCSBRKP, TCXONC, TCFLSH)


def tty_ioctl(terminal: Stream, task, request: int, arg: int, slave: bool = True) -> int:
    """One request to a terminal. ENOTTY for those not served, EFAULT, EPERM, EIO

    slave: False for the master of a pseudo-terminal, which nobody's job control holds back
    """
    size = _READS.get(request)
    if size is not None:
        views = task.mm.views(arg, size, True)
        if len(views) == 1 and len(views[0]) == size:
            host_ioctl(terminal.host_fd, request, views[0])     # straight into guest memory
        else:
            task.mm.write(arg, host_ioctl(terminal.host_fd, request, bytes(size)))
        return 0
    control = terminal.control
    size = _WRITES.get(request)
    if size is not None:
        if slave and request != TIOCSWINSZ:
            control.changing()
        host_ioctl(terminal.host_fd, request, task.mm.read(arg, size))
        return 0
    if request in _NUMBERS:
        if slave:
            control.changing()
        host_ioctl(terminal.host_fd, request, arg & 0xffff)
        return 0
    process = task.process
    if request == TIOCGPGRP:
        task.mm.write_u32(arg, control.group(process) if slave else control.foreground)
    elif request == TIOCSPGRP:
        if process.tty is control:
            control.changing()
        group = task.mm.read_u32(arg)
        control.move(process, group - (group >> 31 << 32))
    elif request == TIOCGSID:
        task.mm.write_u32(arg, control.sid(process) if slave else control.session)
    elif request == TIOCSCTTY:
        control.acquire(process)
    elif request == TIOCNOTTY:
        control.leave(process)
    elif request == TIOCSTI:
        raise OSError(EPERM, "typing for the user")
    else:
        raise OSError(ENOTTY, f"ioctl {request:#x}")
    return 0


class _Controlled:
    """What a terminal does beyond a stream: it asks job control first, and is dead once it was hung up.

    control: the skete.kernel.process.tty.Control of the terminal;  born: its generation when this was opened
    """
    __slots__ = ()
    tells = True

    def read(self, buffers: list) -> int:
        if self.control.generation != self.born:
            return 0
        self.control.reading()
        return super().read(buffers)

    def write(self, buffers: list) -> int:
        control = self.control
        if control.generation != self.born:
            raise OSError(EIO, "hung up")
        # Only who writes from the background pays for a look at the modes.
        if control.session and control.kernel.current.process.pgid != control.foreground \
                and C_LFLAG.unpack_from(host_ioctl(self.host_fd, TCGETS, bytes(TERMIOS_SIZE)), C_LFLAG_AT)[0] & TOSTOP:
            control.check(SIGTTOU)
        return super().write(buffers)

    def ioctl(self, task, request: int, arg: int) -> int:
        if self.control.generation != self.born:
            raise OSError(ENOTTY if request == TIOCSPGRP else EIO, "hung up")
        return tty_ioctl(self, task, request, arg)


class Terminal(_Controlled, Stream):
    __slots__ = ("control", "born")

    def __init__(self, host_fd: int, flags: int, path: bytes, control: Control | None = None):
        super().__init__(host_fd, flags, path)
        self.control = control or Control()
        self.born = self.control.generation


class SharedTerminal(_Controlled, SharedStream):
    """The same, where the terminal cannot be opened once more."""
    __slots__ = ("control", "born")

    def __init__(self, host_fd: int, flags: int, path: bytes):
        super().__init__(host_fd, flags, path)
        self.control, self.born = Control(), 0
