"""The apps, compiled by the wrapper that the build made, without the build."""
import subprocess
from pathlib import Path

import pytest

APPS = Path(__file__).resolve().parents[2] / "apps"
NEWLIB = Path("/usr/include/newlib")
#: in apps/errno: objects of newlib's world, and a program of its own
APART = {"newlib.c", "view.c", "single.c"}
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]


def compile_(*command) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def app(sysroot, tmp_path_factory):
    """``app(name, *more)``: the path of apps/NAME's program; ``more`` are flags and further sources."""
    folder = tmp_path_factory.mktemp("apps")

    def build(name: str, *more) -> Path:
        program = folder / "-".join([name, *(str(word).strip("-").replace("/", "_") for word in more)])
        if not program.exists():
            sources = sorted(path for path in (APPS / name).glob("*.c") if path.name not in APART)
            compile_(sysroot / "bin" / "skete-gcc", *FLAGS, "-o", program, *more, *sources)
        return program
    return build


@pytest.fixture(scope="session")
def newlib_object(tmp_path_factory) -> Path:
    """apps/errno/newlib.c, compiled against newlib's headers and nobody else's."""
    if not NEWLIB.is_dir():
        pytest.skip("newlib's headers are not installed: apt-get install libnewlib-dev")
    target = tmp_path_factory.mktemp("newlib") / "newlib.o"
    own = subprocess.run(["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True).stdout.strip()
    compile_("gcc", *FLAGS, "-fno-pie", "-nostdinc", "-isystem", NEWLIB, "-isystem", own, "-D__DYNAMIC_REENT__", "-c", "-o",
             target, APPS / "errno" / "newlib.c")
    return target


@pytest.fixture
def native():
    """``native(program, *args)``: run it without the monitor."""
    def run(program, *args, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([program, *args], capture_output=True, text=True, timeout=120, **kwargs)
    return run
