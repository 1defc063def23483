"""Every guest program passes natively, and then under each engine with the same output and the same status.

The guests are tests/guests/*.c, built with the host's own C library where it has one: binaries that nothing of ours
went into.
"""
import subprocess
from pathlib import Path

import pytest

from tests.conftest import skip_lacking

#: what these print differs from run to run, or by who runs them: they are for other tests
NOT_COMPARED = {"calls", "echo_server", "extensions", "fault", "identity", "identity_files", "spin"}

NAMES = sorted(path.stem for path in (Path(__file__).resolve().parent.parent / "guests").glob("*.c")
               if path.stem not in NOT_COMPARED)


@pytest.mark.parametrize("name", NAMES)
def test_guest(name, guests, engine_name, able, skete, tmp_path):
    able(name)
    program = guests(name)
    native, monitored = tmp_path / "native", tmp_path / "monitored"
    native.mkdir()
    monitored.mkdir()
    on_host = subprocess.run([program], cwd=native, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60)
    skip_lacking(on_host)
    assert on_host.returncode == 0, f"{name} fails natively:\n{on_host.stdout}{on_host.stderr}"
    guest = skete("run", "--engine", engine_name, "--timeout", "60", "--mount", f"{monitored}:/work", "--cwd", "/work",
                  program, timeout=90)
    assert guest.stdout == on_host.stdout, guest.stderr
    assert guest.returncode == on_host.returncode, guest.stderr
