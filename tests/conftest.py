"""What all tests share: guest programs, and running them natively and under the monitor."""
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent
GUESTS = TREE / "tests" / "guests"
sys.path.insert(0, str(TREE))

ENGINES = ("process", "kvm")


class Guests:
    """Compiles tests/guests/NAME.c with the host's C library, once per test session."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, name: str, *flags: str) -> Path:
        program = self.folder / name
        if not program.exists():
            compiler = os.environ.get("CC", "cc")
            if not shutil.which(compiler):
                pytest.skip(f"no C compiler called {compiler}")
            done = subprocess.run(
                [compiler, "-static", "-O1", "-g", "-pthread", "-Wall", *flags, str(GUESTS / f"{name}.c"),
                 "-o", str(program)], capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
        return program


@pytest.fixture(scope="session")
def guests(tmp_path_factory) -> Guests:
    return Guests(tmp_path_factory.mktemp("guests"))


@pytest.fixture(scope="session")
def sysroot() -> Path:
    """The sysroot that `scons test` has built; else the newest one in build/."""
    given = os.environ.get("SKETE_SYSROOT")
    built = [Path(given)] if given else sorted(TREE.glob("build/sysroot/musl-*-x86_64"), key=lambda p: p.stat().st_mtime)
    if not built or not (built[-1] / "bin" / "skete-gcc").exists():
        pytest.skip("there is no sysroot: ./scons builds one")
    return built[-1]


@functools.cache
def _why_not(name: str) -> str:
    from skete import engines
    from skete.engine import EngineError
    try:
        engines.make(name).close()
    except EngineError as error:
        return str(error)
    return ""


@pytest.fixture(params=ENGINES)
def engine_name(request) -> str:
    """Each engine that works here; the others skip with their reason."""
    why = _why_not(request.param)
    if why:
        pytest.skip(f"{request.param} engine: {why}")
    return request.param


@pytest.fixture
def skete():
    """Run `skete ARGS...` as a user would; the subprocess.CompletedProcess, output as text."""
    def run(*args, timeout: float = 60, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([str(TREE / "bin" / "skete"), *map(str, args)], capture_output=True, text=True,
                              timeout=timeout, **kwargs)
    return run
