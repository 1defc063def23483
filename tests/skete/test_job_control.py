"""Keys typed at the terminal that skete was started on: they are the guest's, as they would be without us."""
import os
import pty
import select
import signal
import time
from pathlib import Path

import pytest

BUSYBOX = "/bin/busybox"
SKETE = Path(__file__).resolve().parents[2] / "bin" / "skete"


class Session:
    """A command on a terminal of its own, whose session it leads."""

    def __init__(self, *argv):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.execv(argv[0], [os.fspath(word) for word in argv])
            finally:
                os._exit(127)
        self.seen = b""
        self.status = None

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, text: bytes, count: int = 1) -> None:
        """Wait until this has been printed so often."""
        deadline = time.monotonic() + 60
        while self.seen.count(text) < count:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen!r}"
            if select.select((self.master,), (), (), 1)[0]:
                try:
                    self.seen += os.read(self.master, 4096)
                except OSError:
                    break               # EIO: everybody has closed the terminal
        assert self.seen.count(text) >= count, f"no {text!r} in {self.seen!r}"

    def wait(self, options: int = 0) -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, options | os.WNOHANG)
            if pid:
                if not os.WIFSTOPPED(status):
                    self.status = status
                return status
            if select.select((self.master,), (), (), 0.02)[0]:
                try:
                    self.seen += os.read(self.master, 4096)
                except OSError:
                    time.sleep(0.02)
        raise AssertionError(f"it does not end: {self.seen!r}")

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)


@pytest.fixture
def session():
    made = []

    def make(*argv):
        made.append(Session(*argv))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def busybox(session, engine_name):
    """Start an applet on a terminal."""
    if not Path(BUSYBOX).exists():
        pytest.skip("there is no busybox: apt-get install busybox-static")
    return lambda *argv: session(SKETE, "run", "--engine", engine_name, "--timeout", "120", "--mount", "/bin:/bin:ro",
                   "--env", "PATH=/bin", "--env", "PS1=ready> ", BUSYBOX, *argv)


def test_a_shell_controls_its_jobs(busybox):
    shell = busybox("sh", "-i")
    shell.until(b"ready> ")
    shell.type(b"busybox sh -c 'echo in the; echo fore\"\"ground; sleep 1000'\n")
    shell.until(b"foreground")          # which the echo of what was typed does not hold
    shell.type(b"\x1a")
    shell.until(b"Stopped")
    shell.until(b"ready> ", 2)
    shell.type(b"jobs; kill -INT %1; fg\n")
    shell.until(b"ready> ", 3)
    shell.type(b"busybox cat &\n")
    shell.until(b"ready> ", 4)
    while b"tty input" not in shell.seen:
        before = shell.seen.count(b"ready> ")
        shell.type(b"\n")
        shell.until(b"ready> ", before + 1)
    shell.type(b"kill -9 %1\n")
    while b"Killed" not in shell.seen:
        before = shell.seen.count(b"ready> ")
        shell.type(b"\n")
        shell.until(b"ready> ", before + 1)
    shell.type(b"exit 7\n")
    status = shell.wait()
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7, shell.seen


def test_ctrl_z_stops_skete_where_it_stops_the_program(busybox):
    run = busybox("cat")
    run.type(b"one\n")
    run.until(b"one\r\n", 2)            # the terminal's echo, and the program's
    run.type(b"\x1a")
    status = run.wait(os.WUNTRACED)
    assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP, run.seen
    os.kill(run.pid, signal.SIGCONT)
    run.type(b"two\n")
    run.until(b"two\r\n", 2)
    run.type(b"\x03")
    status = run.wait()
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 130, run.seen
