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

ENGINES = ("process", "kvm", "emulator")

#: what an engine cannot do: (engine, guest or way) -> why. Such a test is skipped with these words.
UNABLE = {
    ("emulator", "bus"): "Unicorn does not check alignment",
    ("emulator", "contexts"): "Unicorn raises no exceptions of the SSE unit",
    ("emulator", "fast gate"): "it has none",
    ("emulator", "instructions"): "Unicorn takes some for undefined: test_emulator.py has this guest, and which they are",
}

#: command -> the Debian package that has it
PACKAGES = {"busybox": "busybox-static", "ld.gold": "binutils", "ld.lld": "lld", "setarch": "util-linux"}


class Host:
    """What the machine has beside skete. To ask for what it has not skips the test, with the command that installs it.

    pytest names the place that asked: the frames in here are hidden from it.
    """

    @staticmethod
    def lacks(what: str, package: str):
        """Skip the test: the machine has no `what`, which is in Debian's `package`."""
        __tracebackhide__ = True
        pytest.skip(f"{what} is not here: apt-get install {package}")

    def command(self, name: str) -> str:
        """The path of a command."""
        __tracebackhide__ = True
        return shutil.which(name) or self.lacks(name, PACKAGES.get(name, name))

    @functools.cached_property
    def has_libc(self) -> bool:
        """Whether gcc makes static programs with a C library of its own; it answers with a path when it finds the file."""
        found = subprocess.run(["gcc", "-print-file-name=libc.a"], capture_output=True, text=True, timeout=60)
        return os.path.isabs(found.stdout.strip())

    @property
    def gcc(self) -> str:
        """The compiler with the host's own C library, for tests that are about that very library or its headers."""
        __tracebackhide__ = True
        gcc = self.command("gcc")
        return gcc if self.has_libc else self.lacks("the host's C library", "libc6-dev")

    @property
    def cc(self) -> str:
        """The compiler for any C program: $CC, which `scons test` sets to ours where the host has no C library."""
        __tracebackhide__ = True
        return self.command(os.environ["CC"]) if os.environ.get("CC") else self.gcc


#: what a guest exits with where the host's kernel lacks what it is about; it has printed what that is
LACKING = 77


def skip_lacking(on_host: subprocess.CompletedProcess) -> None:
    """Skip the test where the guest, run natively, says that the host's kernel has not what it needs."""
    __tracebackhide__ = True
    if on_host.returncode == LACKING:
        pytest.skip(f"this host's Linux has no {on_host.stdout.strip()}")


class Guests:
    """Compiles tests/guests/NAME.c with the host's C library or, where there is none, with ours; once per test session."""

    def __init__(self, folder: Path, host: Host):
        self.folder, self.host = folder, host

    def __call__(self, name: str, *flags: str) -> Path:
        program = self.folder / name
        if not program.exists():
            unfinished = self.folder / f".{name}.{os.getpid()}"     # the folder is that of several processes: shared_folder
            done = subprocess.run(
                [self.host.cc, "-static", "-O1", "-g", "-pthread", "-Wall", *flags, str(GUESTS / f"{name}.c"),
                 "-o", str(unfinished)], capture_output=True, text=True, timeout=120)
            if "#include <linux/" in done.stderr and not self.host.has_libc:
                self.host.lacks(f"the kernel's header that {name}.c asks for", "libc6-dev")
            assert done.returncode == 0, done.stderr
            unfinished.rename(program)
        return program


@pytest.fixture(scope="session")
def host() -> Host:
    return Host()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """``shared_folder(name)``: a folder of this run of pytest's; where tests run beside each other (pytest -n) their
    processes have it in common, so what is made there is made under another name and renamed."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make(name: str) -> Path:
        folder = base / f"shared-{name}"
        folder.mkdir(exist_ok=True)
        return folder
    return make


@pytest.fixture(scope="session")
def guests(shared_folder, host) -> Guests:
    return Guests(shared_folder("guests"), host)


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


@pytest.fixture(scope="session")
def why_no_engine():
    """``why_no_engine(name)``: why an engine does not work here, or nothing."""
    return _why_not


@pytest.fixture(params=ENGINES)
def engine_name(request) -> str:
    """Each engine that works here; the others skip with their reason."""
    why = _why_not(request.param)
    if why:
        pytest.skip(f"{request.param} engine: {why}")
    return request.param


@pytest.fixture
def able(engine_name):
    """able(what): skip the test where this engine cannot do it, with the reason."""
    def check(what: str) -> None:
        __tracebackhide__ = True
        why = UNABLE.get((engine_name, what))
        if why:
            pytest.skip(f"{engine_name} engine: {why}")
    return check


@pytest.fixture
def skete():
    """Run `skete ARGS...` as a user would; the subprocess.CompletedProcess, output as text."""
    def run(*args, timeout: float = 60, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([str(TREE / "bin" / "skete"), *map(str, args)], capture_output=True, text=True,
                              timeout=timeout, **kwargs)
    return run
