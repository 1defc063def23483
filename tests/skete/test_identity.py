"""A guest that is root, of a skete that is: it becomes others, and they may what they may natively."""
import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def natively(guests, tmp_path):
    """natively(name, *folders): the guest, and what it says on the host."""
    def run(name, *folders):
        if os.geteuid() != 0:
            pytest.skip("it begins as root, and this is none: run the tests as root")
        if os.statvfs(tmp_path).f_flag & os.ST_NOSUID or "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
            pytest.skip(f"set-user-id programs do not count in {tmp_path}: give another folder with --basetemp, and run "
                        "the tests where new privileges are allowed")
        program = guests(name)
        done = subprocess.run([program, *folders], cwd=tmp_path, env={}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, f"{name} fails natively:\n{done.stdout}{done.stderr}"
        return program, done.stdout
    return run


def test_root_becomes_others(natively, engine_name, skete):
    program, expected = natively("identity")
    guest = skete("run", "--engine", engine_name, "--timeout", "60", "--user", "0", program, timeout=90)
    assert guest.stdout == expected, guest.stderr
    assert guest.returncode == 0, guest.stderr


def test_files_are_for_those_who_may(natively, engine_name, skete, tmp_path):
    """On a folder of the host, on one that is mounted copy-on-write, and in memory."""
    folders = [tmp_path / name for name in ("native", "written", "below")]
    for folder in folders:
        folder.mkdir(mode=0o700)
    program, expected = natively("identity_files", folders[0])
    guest = skete("run", "--engine", engine_name, "--timeout", "60", "--user", "0", "--mount", f"{folders[1]}:/written",
                  "--mount", f"{folders[2]}:/below:cow", "--tmpfs", "/memory", program, "/written", "/below", "/memory",
                  timeout=90)
    *parts, verdict = expected.splitlines()
    assert guest.stdout.splitlines() == 3 * parts + [verdict], guest.stderr
    assert guest.returncode == 0, guest.stderr
    assert not list(folders[2].iterdir())


def test_who_is_not_root_stays_who_they_are(guests, engine_name, skete, tmp_path):
    """An id that was only told has no power, and what is mounted is looked at as who skete is."""
    (tmp_path / "private").write_text("x")
    (tmp_path / "private").chmod(0o600)
    if not os.path.exists("/bin/busybox"):
        pytest.skip("there is no busybox: apt-get install busybox-static")
    guest = skete("run", "--engine", engine_name, "--timeout", "60", "--mount", f"{tmp_path}:/work", "--mount",
                  "/bin/busybox:/bin/busybox:ro", "--cwd", "/work", "/bin/busybox", "sh", "-c",
                  "/bin/busybox cat private; /bin/busybox id -u; /bin/busybox chroot / /bin/busybox id; echo $?")
    assert guest.stdout == "x1000\n1\n", guest.stderr
