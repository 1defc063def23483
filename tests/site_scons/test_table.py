"""The table of verdicts on terminals of several widths, and where there is none."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[2] / "site_scons"
SHOW = "import json, sys; from steps.table import show; show(json.loads(sys.argv[1]))"


def verdict(app: str, engine: str = "process") -> dict:
    return {"app": app, "class": "W", "threads": 4, "engine": engine, "status": "verified", "calls": 23456,
            "time": {"guest_s": 123.456, "monitor_s": 1.234}, "reported": {"seconds": 122.25, "mops": 12345.6},
            "by_hand": f"run {app}"}


def shown(verdicts: list[dict], columns: int) -> list[str]:
    """The lines on a terminal, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    child = subprocess.Popen([sys.executable, "-c", SHOW, json.dumps(verdicts)], stdin=theirs, stdout=theirs, stderr=theirs,
                             env={**environment, "PYTHONPATH": str(SITE), "TERM": "xterm"})
    os.close(theirs)
    data = b""
    try:
        while piece := os.read(ours, 4096):
            data += piece
    except OSError:
        pass        # EIO: the other side is closed
    os.close(ours)
    assert child.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", data.decode()).splitlines()


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_cell_is_cut_short(columns):
    text = "\n".join(shown([verdict("parsec/blackscholes"), verdict("npb/bt")], columns))
    assert "…" not in text and "parsec/blackscholes  W x4" in text
    for cell in ("verified", "123.5 s", "1.234 s", "23456", "122.25 s", "12346", "process"):
        assert text.count(cell) >= 1, cell


def test_the_engine_is_below_where_there_is_no_room_for_it():
    lines = shown([verdict("parsec/blackscholes")], 80)
    assert max(map(len, lines)) <= 80
    assert any(line.strip() == "engine process" for line in lines)
    assert not any("engine process" in line for line in shown([verdict("parsec/blackscholes")], 120))


def test_engines_that_differ_stay_a_column():
    lines = shown([verdict("npb/bt"), verdict("npb/bt", "kvm")], 60)
    assert [line.split()[3] for line in lines if line.strip().startswith("npb/bt") and ":" not in line] == ["process", "kvm"]


def test_plain_columns_without_a_terminal():
    done = subprocess.run([sys.executable, "-c", SHOW, json.dumps([verdict("npb/bt")])], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(SITE)}, timeout=60)
    assert done.stdout.splitlines()[1].split() == \
        "npb/bt W x4 process verified 123.5 s 1.234 s 23456 122.25 s 12346".split()
