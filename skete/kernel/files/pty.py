"""Pseudo-terminals of the guest's own, pty(7): /dev/ptmx, and /dev/pts with the other sides.

Each is a pseudo-terminal of the host, so line discipline, echo, buffers and hang-ups are Linux's. Two things are ours:
the number, and what the terminal says to processes. The host's has no session, so nobody there would get SIGINT when
an interrupt character is written to the master: the characters that passed are looked at here (:meth:`Master.write`),
by the modes that the host has, as n_tty does.
"""
from __future__ import annotations

import os
from errno import EINVAL, ENOSPC
from fcntl import ioctl as host_ioctl

from skete.abi.fcntl import O_ACCMODE, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR, O_WRONLY
from skete.abi.ioctls import TCGETS, TERMIOS_SIZE, TIOCGPKT, TIOCGPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCGWINSZ, TIOCPKT, \
    TIOCSIG, TIOCSPTLCK, TIOCSWINSZ, WINSIZE_SIZE
from skete.abi.signal import SIGINT, SIGQUIT, SIGTSTP, SIGWINCH
from skete.abi.stat import S_IFCHR
from skete.abi.termios import C_CC_AT, C_LFLAG, C_LFLAG_AT, EXTPROC, ICANON, IEXTEN, ISIG, VINTR, VLNEXT, VQUIT, VSUSP
from skete.kernel.files.pseudo import Entry, Folder, Stat
from skete.kernel.files.stream import Stream
from skete.kernel.files.terminal import Terminal, tty_ioctl
from skete.kernel.process.tty import Control

__all__ = ["Ptmx", "Pts"]

#: pseudo-terminals of one machine at once: each is one of the host's, of which there are 4096
MOST = 64
_MAJOR = 136
_SENDS = ((VINTR, SIGINT), (VQUIT, SIGQUIT), (VSUSP, SIGTSTP))


class Pair:
    """A pseudo-terminal. number: its name in /dev/pts;  master_fd: the host's;  control: what its slaves share"""
    __slots__ = ("namespace", "number", "master_fd", "control", "quoted")

    def __init__(self, namespace, kernel, number: int, master_fd: int):
        self.namespace, self.number, self.master_fd = namespace, number, master_fd
        self.control = Control()
        self.control.kernel = kernel
        self.quoted = False         # the next character is not special: VLNEXT came

    @property
    def rdev(self) -> int:
        return os.makedev(_MAJOR, self.number)

    @property
    def name(self) -> bytes:
        return b"/dev/pts/%d" % self.number

    def stat(self) -> Stat:
        path = (b"dev", b"pts", b"%d" % self.number)
        return Stat(_MODE, self.namespace.inode(path), rdev=self.rdev, now_ns=self.namespace.made_ns)

    def open(self, task, flags: int) -> Slave:
        """The other side. EIO while it is locked"""
        host_fd = host_ioctl(self.master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        if not flags & O_NOCTTY and flags & O_ACCMODE != O_WRONLY:
            self.control.opened(task.process)
        return Slave(self, host_fd, flags)

    def resized(self) -> None:
        self.control.signal(SIGWINCH)


class Master(Stream):
    """What posix_openpt(3) gives."""
    __slots__ = ("pair", "control", "_stat")
    tells = True

    def __init__(self, pair: Pair, flags: int, stat):
        super().__init__(pair.master_fd, flags, b"/dev/ptmx")
        self.pair, self.control, self._stat = pair, pair.control, stat

    def release(self) -> None:
        del self.pair.namespace.ptys[self.pair.number]
        super().release()
        self.control.hang_up()

    def write(self, buffers: list) -> int:
        modes = host_ioctl(self.host_fd, TCGETS, bytes(TERMIOS_SIZE))
        done = super().write(buffers)
        local, = C_LFLAG.unpack_from(modes, C_LFLAG_AT)
        if local & ISIG and not local & EXTPROC:
            self._signal(buffers, done, local, modes[C_CC_AT:])
        return done

    def _signal(self, buffers: list, count: int, local: int, characters: bytes) -> None:
        """Send what the bytes that were taken say to the foreground. A character of 0 is none (_POSIX_VDISABLE)."""
        sends = {characters[at]: signo for at, signo in _SENDS if characters[at]}
        quote = characters[VLNEXT] if local & ICANON and local & IEXTEN else 0
        pair, left = self.pair, count
        for view in buffers:
            for byte in bytes(view[:left]):
                if pair.quoted:
                    pair.quoted = False
                elif byte in sends:
                    self.control.signal(sends[byte])
                elif quote and byte == quote:
                    pair.quoted = True
            left -= len(view)
            if left <= 0:
                return

    def stat(self):
        return self._stat

    def ioctl(self, task, request: int, arg: int) -> int:
        mm, pair = task.mm, self.pair
        if request == TIOCGPTN:
            mm.write_u32(arg, pair.number)
        elif request in (TIOCSPTLCK, TIOCPKT):
            host_ioctl(self.host_fd, request, mm.read(arg, 4))
        elif request in (TIOCGPTLCK, TIOCGPKT):
            mm.write(arg, host_ioctl(self.host_fd, request, bytes(4)))
        elif request == TIOCGPTPEER:
            slave = pair.open(task, arg | O_NOCTTY).hold()
            try:
                return task.files.install(slave, 0, bool(arg & O_CLOEXEC))
            finally:
                slave.drop()
        elif request == TIOCSIG:
            if arg not in (SIGINT, SIGQUIT, SIGTSTP):
                raise OSError(EINVAL, f"signal {arg}")
            self.control.signal(arg)
        else:
            return _resizing(self, task, request, arg, False)
        return 0


class Slave(Terminal):
    """What a program takes for a terminal."""
    __slots__ = ("pair",)

    def __init__(self, pair: Pair, host_fd: int, flags: int):
        super().__init__(host_fd, flags, pair.name, pair.control)
        self.pair = pair

    def stat(self):
        return self.pair.stat()

    def ioctl(self, task, request: int, arg: int) -> int:
        if request == TIOCSWINSZ and self.control.generation == self.born:
            return _resizing(self, task, request, arg, True)
        return super().ioctl(task, request, arg)


def _resizing(side, task, request: int, arg: int, slave: bool) -> int:
    """A request that may give the terminal another size, which its foreground then hears of."""
    if request != TIOCSWINSZ:
        return tty_ioctl(side, task, request, arg, slave)
    before = host_ioctl(side.host_fd, TIOCGWINSZ, bytes(WINSIZE_SIZE))
    tty_ioctl(side, task, request, arg, slave)
    if host_ioctl(side.host_fd, TIOCGWINSZ, bytes(WINSIZE_SIZE)) != before:
        side.pair.resized()
    return 0


_MODE = S_IFCHR | 0o620


class Ptmx(Entry):
    """/dev/ptmx: each open makes a pseudo-terminal."""
    mode, rdev = S_IFCHR | 0o666, os.makedev(5, 2)

    def open(self, task, path: tuple, flags: int, stat) -> Master:
        namespace = task.fs.namespace
        number = next((n for n in range(MOST) if n not in namespace.ptys), None)
        if number is None:
            raise OSError(ENOSPC, f"{MOST} pseudo-terminals")
        master_fd = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        pair = namespace.ptys[number] = Pair(namespace, task.kernel, number, master_fd)
        return Master(pair, flags, stat)


class _Pts(Entry):
    mode = _MODE

    def __init__(self, pair: Pair):
        self.pair, self.rdev = pair, pair.rdev

    def stat(self, task):
        return self.pair.stat()

    def open(self, task, path: tuple, flags: int, stat) -> Slave:
        return self.pair.open(task, flags)


class Pts(Folder):
    """/dev/pts: the pseudo-terminals whose masters are open."""

    def __init__(self):
        super().__init__({b"ptmx": Ptmx()})

    def lookup(self, task, name: bytes) -> Entry | None:
        found = super().lookup(task, name)
        if found is None and name.isdigit() and task is not None and b"%d" % int(name) == name:
            pair = task.fs.namespace.ptys.get(int(name))
            return _Pts(pair) if pair is not None else None
        return found

    def names(self, task) -> list:
        return [*super().names(task), *(b"%d" % number for number in sorted(task.fs.namespace.ptys))]
