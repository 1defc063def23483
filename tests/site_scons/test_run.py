"""A long run says that it goes on, how long it has, and what the guest said last."""
import subprocess
import sys

import pytest

from steps import run


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
    assert run.last_line(file) == shown


def test_it_tells_while_it_waits(monkeypatch):
    monkeypatch.setattr(run, "TELL_FIRST_S", 0.01)
    told = []
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5); raise SystemExit(3)"])
    assert run.wait(child, 60, told.append) == 3
    assert told and told == sorted(told)


def test_what_takes_too_long_is_killed(monkeypatch):
    monkeypatch.setattr(run, "TELL_FIRST_S", 0.01)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert run.wait(child, 0.2, lambda seconds: None) == 124
    assert child.returncode == -9
