"""An object of newlib's world, as Debian's headers make it without any macro of ours, linked with the patched libc.

What such an object sees with dynamic reentrancy is apps/errno's part (tests/apps/test_apps.py).
"""
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEWLIB = Path("/usr/include/newlib")

EXPECTED = """\
main: 33 34 9, thread's own 1, global 1
streams 1, both globals alike 1
thread: 33 34 9, thread's own 0, global 0
main afterwards: 0
"""


@pytest.mark.skipif(not NEWLIB.is_dir(), reason="newlib's headers are not installed: apt-get install libnewlib-dev")
@pytest.mark.parametrize("flags", [[], ["-static-pie", "-fPIE"]], ids=["static", "static-pie"])
def test_plain_object(sysroot, tmp_path, flags):
    pic = flags[1:] or ["-fno-pie"]
    subprocess.run(["gcc", "-O1", *pic, "-isystem", NEWLIB, "-c", "-o", tmp_path / "plain.o", HERE / "plain.c"], check=True,
                   timeout=60)
    subprocess.run([sysroot / "bin" / "skete-gcc", "-O1", *flags, "-o", tmp_path / "plain", HERE / "plain_main.c",
                    tmp_path / "plain.o"], check=True, timeout=60)
    done = subprocess.run([tmp_path / "plain"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, EXPECTED)


def test_what_the_patches_add_and_what_they_take_away(sysroot):
    """The symbols of the archive: newlib's four, defined once each, and no function that looks into the vDSO."""
    listed = subprocess.run(["nm", "--defined-only", sysroot / "lib" / "libc.a"], capture_output=True, text=True, timeout=60)
    symbols = [line.split()[-1] for line in listed.stdout.splitlines() if len(line.split()) == 3]
    for name in ("__getreent", "__errno", "_impure_ptr", "_global_impure_ptr"):
        assert symbols.count(name) == 1, name
    assert not [name for name in symbols if "vdso" in name]
