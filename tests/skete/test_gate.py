"""The fast gate: all guests again with call sites rewritten the first time that they trap, and what is said about it."""
import json
import os
import subprocess
import sys

import pytest

from skete.engines.gate.clocks import _trusted
from tests.conftest import TREE, skip_lacking
from tests.skete.test_guests import NAMES

#: the command, but with a rewriter that waits for nothing
EAGER = """
import sys
sys.path.insert(0, {tree!r})
from skete.kernel import rewrite
rewrite.EAGER_AFTER = 0
from skete.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def eager():
    def run(*args, timeout: float = 90):
        return subprocess.run([sys.executable, "-c", EAGER.format(tree=str(TREE)), *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    return run


@pytest.mark.parametrize("name", NAMES)
def test_guest_whose_sites_are_rewritten_at_once(name, guests, eager, engine_name, able, tmp_path):
    able("fast gate")
    program = guests(name)
    on_host = subprocess.run([program], cwd=tmp_path, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60)
    skip_lacking(on_host)
    work = tmp_path / "work"
    work.mkdir()
    guest = eager("run", "--engine", engine_name, "--timeout", "60", "--mount", f"{work}:/work", "--cwd", "/work", program)
    assert guest.stdout == on_host.stdout, guest.stderr
    assert guest.returncode == on_host.returncode == 0, guest.stderr


def direct_gcc(libc: str):
    """The compiler of a libc whose system calls are jumps."""
    built = sorted(TREE.glob(f"build/sysroot/{libc}-*-direct/bin/skete-*gcc"), key=lambda path: path.stat().st_mtime)
    if not built:
        pytest.skip(f"no such libc is here: ./scons libc={libc} syscalls=direct builds one")
    return built[-1]


@pytest.fixture(scope="module")
def direct_guests(tmp_path_factory):
    """direct_guests(LIBC, NAME, FLAG...): such a guest, compiled with that libc."""
    folder, made = tmp_path_factory.mktemp("direct"), {}
    for headers in ("linux", "asm-generic", "x86_64-linux-gnu/asm"):       # the kernel's are the host's
        (folder / os.path.basename(headers)).symlink_to(f"/usr/include/{headers}")

    def make(libc, name, *flags):
        if (libc, name, flags) not in made:
            compiler, program = direct_gcc(libc), folder / "".join((libc, name, *flags))
            subprocess.run([compiler, *flags, "-O1", "-pthread", "-I", TREE / "tests" / "guests", "-I", folder, TREE / "tests" / "guests" / f"{name}.c", "-o", program], check=True, timeout=120)
            made[libc, name, flags] = program
        return made[libc, name, flags]
    return make


#: guests that musl, the libc that calls the gate, cannot be the libc of
NOT_MUSL = {"corners_names": "musl's headers and the kernel's both define struct statx",
            "unshare": "musl's clone(3) refuses CLONE_THREAD"}


#: guests that need of a libc what dietlibc has: plain calls, threads, signals, processes, sockets
DIET = ("brk", "corners_locks", "eventfd", "fork", "mmap_race", "redzone", "sockets_waiting")

#: guests whose direct calls run on KVM each time; of the others sites are rewritten there, which leads to the same gate
ON_KVM = {*DIET, "exec", "gate", "post", "signals", "spawn", "telling", "threads", "wait"}


@pytest.mark.parametrize("libc, name, flags", [("musl", name, ()) for name in NAMES] + [("musl", "gate", ("-static-pie",))]
                         + [("dietlibc", name, ()) for name in DIET])
def test_direct_calls(libc, name, flags, direct_guests, skete, engine_name, able, tmp_path):
    able("fast gate")
    if libc == "musl" and name in NOT_MUSL:
        pytest.skip(NOT_MUSL[name])
    if engine_name == "kvm" and name not in ON_KVM and "SKETE_SLOW" not in os.environ:
        pytest.skip("on the process engine its calls are direct, here its sites are rewritten; SKETE_SLOW runs it here too")
    program = direct_guests(libc, name, *flags)
    work = tmp_path / "work"
    work.mkdir()
    on_host = subprocess.run([program], cwd=tmp_path, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60)
    skip_lacking(on_host)
    guest = skete("run", "--engine", engine_name, "--no-rewrite", "--stats", "--timeout", "60",
                  "--mount", f"{work}:/work", "--cwd", "/work", program, timeout=90)
    assert guest.stdout == on_host.stdout, guest.stderr
    assert guest.returncode == on_host.returncode, guest.stderr
    assert name not in ("gate", "post") or "without a trap, 0 call sites rewritten" in guest.stderr


@pytest.fixture
def report(guests, engine_name, able, tmp_path):
    """report(OPTION...): the --json of a guest that makes many calls, and what was on stderr.

    guest: its name, and arguments; gate alone does everything four times and more, `gate again` once
    """
    able("fast gate")
    def run(*options, guest=("gate",)):
        file = tmp_path / "report.json"
        done = subprocess.run([str(TREE / "bin" / "skete"), "run", "--engine", engine_name, "--stats", "--json", file, *options,
                               guests(guest[0]), *guest[1:]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(file.read_text()), done.stderr
    return run


def test_most_calls_are_answered_in_the_guest(report):
    said, text = report()
    assert said["gate"]["answered"] > 10_000
    assert said["gate"]["rewritten"] > 3
    assert f"{said['gate']['answered']} answered in the guest" in text
    # What the gate answers is in the table like everything else.
    assert said["syscalls"]["getpid"]["calls"] > 10_000 < said["syscalls"]["ioctl"]["errors"]


def test_nothing_is_rewritten_where_that_is_asked_for(report):
    said, text = report("--no-rewrite", guest=("gate", "again"))
    assert said["syscalls"]["getppid"]["calls"] > 2_000
    assert said["gate"] == {"answered": 0, "posted": 0, "rewritten": 0, "left": {}}
    assert "answered in the guest" not in text


def test_a_trace_sees_every_call(report, tmp_path):
    said, _ = report("--trace-file", tmp_path / "trace", "--trace-only", "getppid", guest=("gate", "again"))
    assert said["gate"]["answered"] == 0
    assert (tmp_path / "trace").read_text().count("getppid()") == said["syscalls"]["getppid"]["calls"] > 2_000


def test_the_time_is_told_in_the_guest(report):
    if not _trusted():
        pytest.skip("this host's clock is not its processor's counter")
    said, text = report(guest=("telling",))
    assert said["gate"]["answered"] > 5_000
    assert said["syscalls"]["clock_gettime"]["calls"] > 5_000 < said["gate"]["answered"]
    # Those that are told are in the table like everything else.
    calls = sum(said["syscalls"][name]["calls"] for name in ("clock_gettime", "gettimeofday", "time"))
    assert calls > said["gate"]["answered"]


def test_a_trace_sees_the_time_being_asked_for(report, tmp_path):
    said, _ = report("--trace-file", tmp_path / "trace", "--trace-only", "time", guest=("telling",))
    assert said["gate"]["answered"] == 0
    assert (tmp_path / "trace").read_text().count("time(") == said["syscalls"]["time"]["calls"] > 2_000


def test_a_handler_sees_its_calls(guests):
    from skete.machine import Machine
    seen = []
    machine = Machine(os.fspath(guests("gate")), rewrite=True, stdio=(os.open(os.devnull, os.O_RDWR),) * 3, timeout_s=100)
    machine.on("getuid", seen.append)
    result = machine.run()
    assert len(seen) > 8_000 and result.exit_status == 0
    assert result.gate["answered"] > 10_000
