"""A guest that is root, of a skete that is: it becomes others, and they may what they may natively."""
import os
import subprocess

import pytest


@pytest.fixture
def native(guests, tmp_path):
    """The guest, and what it says natively."""
    if os.geteuid() != 0:
        pytest.skip("it begins as root, and this is none: run the tests as root")
    program = guests("identity")
    done = subprocess.run([program], cwd=tmp_path, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, f"identity fails natively:\n{done.stdout}{done.stderr}"
    return program, done.stdout


def test_root_becomes_others(native, engine_name, skete):
    program, expected = native
    guest = skete("run", "--engine", engine_name, "--timeout", "60", "--user", "0", program, timeout=90)
    assert guest.stdout == expected, guest.stderr
    assert guest.returncode == 0, guest.stderr
