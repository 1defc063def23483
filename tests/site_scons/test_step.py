"""What every step does when a command or the disk will not do: one line, and status 1."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from steps.step import Failure, output_of

SITE = Path(__file__).resolve().parents[2] / "site_scons"


def test_a_command_that_comes_to_no_end_is_stopped():
    with pytest.raises(Failure, match=r"^sleep 600: not finished after 0.1 s$"):
        output_of(["sleep", "600"], timeout_s=0.1)


def test_a_command_that_there_is_not_is_named():
    with pytest.raises(Failure, match="^/no/such cannot be started: No such file or directory$"):
        output_of(["/no/such"])


def test_all_that_a_command_prints_and_its_status():
    assert output_of(["sh", "-c", "echo one; echo two >&2; exit 3"]) == (3, "one\ntwo\n")


@pytest.mark.parametrize("body, said", [
    ("open('/dev/full', 'w').write('x' * 100000)", "No space left on device"),
    ("open('/proc/self/nothing/here/x', 'w')", None),      # no matter of the disk: a mistake of ours keeps its traceback
    ("raise PermissionError(13, 'Permission denied', '/a/file')", "/a/file: Permission denied"),
])
def test_a_disk_that_refuses_is_one_line(body, said):
    done = subprocess.run([sys.executable, "-c", f"from steps import step\nstep.run(lambda words: exec({body!r}))"],
                          cwd=SITE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    if said is None:
        assert "Traceback" in done.stderr
    else:
        assert done.stderr.startswith("skete: ") and said in done.stderr and done.stderr.count("\n") == 1
