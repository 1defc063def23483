"""The apps by themselves: natively, under the monitor, and that they fail where they should."""
import os
import pty
import re
import struct
import subprocess
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

HERE = Path(__file__).parent
APPS = HERE.parents[1] / "apps"
GOLDEN = ["hello", "time", "threads"]
LEFT_OUT = "newlib object: LEFT OUT, the build says why\n"
SHARED = """\
newlib object: shares errno before main, in main and in 8 threads
newlib object: wrote all 1864 bytes of struct _reent and hurt nothing
"""


def expected(name: str) -> str:
    return (APPS / name / "expected.txt").read_text()


@pytest.mark.parametrize("name", GOLDEN)
def test_native(app, native, name):
    done = native(app(name))
    assert (done.returncode, done.stdout, done.stderr) == (0, expected(name), "")


@pytest.mark.parametrize("name", GOLDEN)
def test_monitored(app, skete, engine_name, name):
    done = skete("run", "--engine", engine_name, app(name), timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected(name), "")


def test_time_without_a_vdso(app, native):
    """The app takes the vDSO away before it looks at a clock; told to insist, it fails where there was none."""
    if "[vdso]" not in Path("/proc/self/maps").read_text():
        pytest.skip("this machine's kernel maps no vDSO")
    done = native(app("time"), "vdso")
    assert (done.returncode, done.stdout) == (0, expected("time"))


def test_time_notices_a_libc_that_knows_the_vdso(app, native):
    done = native(app("time", "-Wl,-e,__skete_libc_start"))
    assert done.returncode == 1 and done.stdout.endswith("the libc was told of a vDSO\n")


def test_monitored_time_has_no_vdso_to_take_away(app, skete, engine_name):
    done = skete("run", "--engine", engine_name, app("time"), "vdso", timeout=120)
    assert done.returncode == 1 and done.stdout.endswith("there is no vDSO to take away\n")


def test_errno_native(app, native):
    done = native(app("errno"))
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("\n55 failing calls, each set errno\n"
                                "8 threads failed together 400 times, each saw its own errno\n" + LEFT_OUT)


def test_errno_with_newlib(app, native, newlib_object):
    done = native(app("errno", "-DHAVE_NEWLIB", newlib_object))
    assert done.returncode == 0 and done.stdout.endswith(SHARED), done.stdout


def test_errno_monitored(app, native, skete, engine_name, newlib_object):
    program = app("errno", "-DHAVE_NEWLIB", newlib_object)
    done = skete("run", "--engine", engine_name, program, timeout=120)
    assert (done.returncode, done.stdout) == (0, native(program).stdout)


@pytest.mark.parametrize("flags, found", [
    ([], r"thread \d, round 0: errno is \d+ instead of \d+|thread \d began with errno \d+"),
    (["-DNOBODY_SETS_IT"], r'close\(-1\) set errno to ".*" instead of EBADF'),
])
def test_errno_notices_a_broken_libc(app, native, flags, found):
    done = native(app("errno", *flags, HERE / "one_errno.c"))
    assert done.returncode == 1
    assert re.search(found, done.stdout.splitlines()[-1])


@pytest.fixture
def terminal():
    """The slave side of a terminal of 24 rows and 80 columns."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield slave
    os.close(slave)
    os.close(master)


@pytest.fixture(params=["native", "monitored"])
def run(request, native, skete):
    """``run(program, *args)`` in either way."""
    if request.param == "native":
        return native
    return lambda *words, **kwargs: skete("run", *words, **kwargs)


def test_ioctl_without_a_terminal(app, run):
    done = run(app("ioctl"))
    assert done.returncode == 0, done.stdout
    first, second = done.stdout.splitlines()
    assert first == "ioctl(0, TIOCGWINSZ): ENOTTY"
    calls, cycles, each = re.fullmatch(r"calls=(\d+) cycles=(\d+) cycles_per_call=([\d.]+)", second).groups()
    assert int(calls) == 10000 and abs(int(cycles)/10000 - float(each)) < 0.1 and float(each) > 1


def test_ioctl_on_a_terminal(app, run, terminal):
    done = run(app("ioctl"), "100", stdin=terminal)
    assert done.returncode == 0 and done.stdout.startswith("ioctl(0, TIOCGWINSZ): 24 rows, 80 columns\ncalls=100 ")


def test_ioctl_with_standard_input_closed(app, native):
    done = subprocess.run(["sh", "-c", '"$0" 10 <&-', app("ioctl")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("ioctl(0, TIOCGWINSZ): Bad file descriptor\n")


@pytest.mark.parametrize("calls", ["0", "-1", "ten", "10x", "", "99999999999999999999"])
def test_ioctl_refuses(app, native, calls):
    done = native(app("ioctl"), calls)
    assert done.returncode == 1 and f'"{calls}" is not a number of calls' in done.stdout
