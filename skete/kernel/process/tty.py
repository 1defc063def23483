"""Job control: which session a terminal controls, and which process group of it is in the foreground.

tty_ioctl(4), credentials(7), setsid(2). A :class:`Control` is what job control knows of one terminal: the user's, or a
pseudo-terminal of the guest's. A process has one or none (``Process.tty``), and passes it on in fork(2).
"""
from __future__ import annotations

from errno import EINVAL, EIO, ENOTTY, EPERM, ESRCH

from skete.abi.signal import SIG_IGN, SIGCONT, SIGHUP, SIGTTIN, SIGTTOU, bit
from skete.kernel.outcome import Restart
from skete.kernel.process.children import members, orphaned
from skete.kernel.signals import pending
from skete.kernel.signals.siginfo import SigInfo

__all__ = ["Control", "leader_ended"]


class Control:
    """session: the sid that the terminal controls, 0 for none;  foreground: the pgid that may read it, 0 for none
    generation: how often it was hung up; what was opened before is dead"""
    __slots__ = ("kernel", "session", "foreground", "generation")

    def __init__(self):
        self.kernel = None
        self.session = self.foreground = self.generation = 0

    # whose it is

    def take(self, process) -> None:
        """It becomes the controlling terminal of a session's leader."""
        self.kernel, process.tty = process.kernel, self
        self.session, self.foreground = process.sid, process.pgid

    def opened(self, process) -> None:
        """open(2) without O_NOCTTY: a leader without a terminal gets this one, where it is nobody's."""
        if process.sid == process.pid and process.tty is None and not self.session:
            self.take(process)

    def acquire(self, process) -> None:
        """TIOCSCTTY. EPERM: no leader, a leader that has one, or somebody else's; nobody here is root enough to steal"""
        leads = process.sid == process.pid
        if leads and self.session == process.sid:
            return
        if not leads or process.tty is not None or self.session:
            raise OSError(EPERM, "cannot become the controlling terminal")
        self.take(process)

    def leave(self, process) -> None:
        """TIOCNOTTY: without a controlling terminal from now on; a leader takes it from the whole session. ENOTTY"""
        if process.tty is not self:
            raise OSError(ENOTTY, "not the controlling terminal")
        process.tty = None
        if process.sid == process.pid:
            self.signal(SIGHUP)
            self.signal(SIGCONT)
            self._clear()

    def hang_up(self) -> None:
        """The other side of a pseudo-terminal has been closed: the leader is told, and the session has none."""
        self.generation += 1
        leader = self.kernel.processes.get(self.session) if self.session else None
        self._clear()
        if leader is not None:
            pending.send_process(leader, SigInfo(SIGHUP))
            pending.send_process(leader, SigInfo(SIGCONT))

    def _clear(self) -> None:
        if self.session:
            for process in self.kernel.processes.values():
                if process.tty is self:
                    process.tty = None
        self.session = self.foreground = 0

    # the foreground

    def signal(self, signo: int) -> None:
        """To all of the foreground group."""
        if self.foreground:
            for process in members(self.kernel, self.foreground):
                pending.send_process(process, SigInfo(signo))

    def group(self, process) -> int:
        """TIOCGPGRP: the foreground group, 0 for none. ENOTTY"""
        if process.tty is not self:
            raise OSError(ENOTTY, "not the controlling terminal")
        return self.foreground

    def sid(self, process) -> int:
        """TIOCGSID: the session. ENOTTY"""
        if process.tty is not self or not self.session:
            raise OSError(ENOTTY, "not the controlling terminal")
        return self.session

    def move(self, process, group: int) -> None:
        """TIOCSPGRP: put a group of the session into the foreground. ENOTTY EINVAL ESRCH EPERM"""
        if process.tty is not self or self.session != process.sid:
            raise OSError(ENOTTY, "not the controlling terminal")
        if group < 0:
            raise OSError(EINVAL, f"group {group}")
        found = members(self.kernel, group)
        if not found:
            raise OSError(ESRCH, f"no process group {group}")
        if not any(p.sid == process.sid for p in found):
            raise OSError(EPERM, f"group {group} is of another session")
        self.foreground = group

    # the background

    def check(self, signo: int) -> None:
        """The task being served reads (SIGTTIN), or writes or changes (SIGTTOU), its controlling terminal.

        In the background, its group is stopped and the call made again when it goes on. One that does not want that
        signal may write all the same, but not read. EIO, also where nobody could ever put it into the foreground
        """
        task = self.kernel.current
        process = task.process
        if process.tty is not self or process.pgid == self.foreground or not self.foreground:
            return
        if task.signals.mask & bit(signo) or process.signals.action(signo).handler == SIG_IGN:
            if signo == SIGTTIN:
                raise OSError(EIO, "in the background")
            return
        if orphaned(self.kernel, process.pgid):
            raise OSError(EIO, "in an orphaned process group")
        for member in members(self.kernel, process.pgid):
            pending.send_process(member, SigInfo(signo))
        task.notify = True          # whichever thread it was sent to, this one does not go on without a look
        raise Restart

    def reading(self) -> None:
        """Before each read by the side that is controlled."""
        if self.session:
            self.check(SIGTTIN)

    def changing(self) -> None:
        """Before each change of its modes."""
        if self.session:
            self.check(SIGTTOU)


def leader_ended(process) -> None:
    """The leader of a session with a terminal has ended: the foreground is told, and the terminal is nobody's."""
    control, process.tty = process.tty, None
    control.signal(SIGHUP)
    control.generation += 1
    control._clear()
