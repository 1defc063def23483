"""The trace against strace itself: the same calls, the same memory, line for line."""
import io
import os
import pty
import struct
import subprocess
from pathlib import Path

import pytest

from skete.observe.strace import Strace

ARENA = 4096
RECORD = struct.Struct(f"<7Qq{ARENA}s{ARENA}s")
SOURCE = Path(__file__).with_name("calls.c")


class Arena:
    """A fake mm: one readable range."""
    def __init__(self, start):
        self.start, self.data = start, bytes(ARENA)

    def read(self, addr, n):
        at = addr - self.start
        if not 0 <= at <= at + n <= ARENA:
            raise OSError(14, "outside the arena")
        return self.data[at:at + n]


class Task:
    tid, vcpu = 1, None

    def __init__(self, mm):
        self.mm = mm


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, host):
    """(strace's lines, [record, ...], start of the arena)"""
    version = subprocess.run([host.command("strace"), "-V"], capture_output=True, text=True).stdout.split("\n")[0]
    if "version 6.1" not in version:
        pytest.skip(f"the format is that of strace 6.1; here is {version}")
    folder = tmp_path_factory.mktemp("calls")
    program = folder / "calls"
    subprocess.run([host.gcc, "-static", "-O1", "-w", "-o", program, SOURCE], check=True, timeout=60)
    master, slave = pty.openpty()
    try:
        subprocess.run(["strace", "-o", folder / "trace", program, folder / "log", str(slave)], check=True,
                       timeout=60, pass_fds=[slave], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    finally:
        os.close(master)
        os.close(slave)
    lines = (folder / "trace").read_text().splitlines()
    first, last = [at for at, line in enumerate(lines) if line.startswith("getpriority(0x63")]
    log = (folder / "log").read_bytes()
    arena, count = struct.unpack_from("<QQ", log)
    records = [RECORD.unpack_from(log, RECORD.size * (1 + at)) for at in range(count)]
    return lines[first + 1:last], records, arena


def replay(records, arena):
    """The lines of our trace for recorded calls."""
    task, stream = Task(Arena(arena)), io.StringIO()
    trace = Strace(stream)
    for nr, *words, result, before, after in records:
        words = tuple(words)
        task.mm.data = before
        trace.entered(task, nr, words)
        task.mm.data = after
        trace.left(task, nr, words, result)
    return stream.getvalue().splitlines()


def test_every_line_is_straces_own(recorded):
    expected, records, arena = recorded
    assert len(expected) == len(records) > 250
    ours = replay(records, arena)
    wrong = [f"strace: {theirs}\nskete:  {mine}" for theirs, mine in zip(expected, ours) if theirs != mine]
    assert not wrong, f"{len(wrong)} of {len(ours)} lines differ\n" + "\n".join(wrong)
