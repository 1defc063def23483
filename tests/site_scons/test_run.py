"""A long run says that it goes on, how long it has, and what the guest said last."""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from steps import progress, run

SITE = Path(__file__).resolve().parents[2] / "site_scons"


@pytest.mark.parametrize("output, shown", [
    (b"", ""),
    (b"\n\n", ""),
    (b" Time step   20\n", "Time step   20"),
    (b" one\n Time step   40", "Time step   40"),
    (b"bell \x07 and \x1b[2J\n", "bell ? and ?[2J"),
    (b"x" * 5000, "x" * 60),
    (b"\xff\xfe\n", "\ufffd\ufffd"),
])
def test_the_last_line_is_short_and_printable(tmp_path, output, shown):
    file = tmp_path / "out"
    file.write_bytes(output)
    assert progress.last_line(file) == shown


@pytest.fixture
def told(tmp_path):
    """A Progress over a file with one line; `seconds` has what was told."""
    (tmp_path / "out").write_bytes(b" time step   20\n")

    class Told(progress.Progress):
        def tell(self, seconds):
            self.seconds.append(seconds)
            super().tell(seconds)
    made = Told("npb/xx", tmp_path / "out", False)
    made.pause, made.seconds = 0.01, []
    return made


def test_it_tells_while_it_waits(told, capsys):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5); raise SystemExit(3)"])
    assert run.wait(child, 60, told) == 3
    assert told.seconds and told.seconds == sorted(told.seconds)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["         npb/xx: running for 0 s, last: time step   20"] * len(told.seconds)
    assert told.pause == min(0.01 * 2 ** len(lines), progress.TELL_EVERY_S)


def test_what_takes_too_long_is_killed(told):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert run.wait(child, 0.2, told) == 124
    assert child.returncode == -9


LIVE = """
import sys
from pathlib import Path
from steps import progress
assert progress.live()
told = progress.Progress("npb/xx", Path(sys.argv[1]), True)
told.tell(1)
told.tell(2)
told.clear()
print("after")
"""


def test_on_a_terminal_it_is_one_line_that_leaves_nothing(tmp_path):
    (tmp_path / "out").write_bytes(b" time step   20\n")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    subprocess.run([sys.executable, "-c", LIVE, tmp_path / "out"], stdin=theirs, stdout=theirs, check=True, timeout=60,
                   env={**os.environ, "PYTHONPATH": str(SITE), "TERM": "xterm"})
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    lines = [line for line in said.replace("\x1b[K", "").split("\r") if line.strip()]
    assert lines == ["         npb/xx: running for 1 s, last: "[:39], "         npb/xx: running for 2 s, last: "[:39], "after"]
    assert said.count("\n") == 1 and said.endswith("\r\x1b[Kafter\r\n")
