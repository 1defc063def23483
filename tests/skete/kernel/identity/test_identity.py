"""Ids, limits, processors, names and the rest that is asked and answered at once."""
import os
import struct
from errno import EACCES, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from skete.kernel import table
from skete.kernel.row import ADDR, FD, I32, I64, SIZE, U32
from tests.skete.kernel.fake import DATA, Machine

BAD, ME = 0x5000, 1000
SAME = 0xffff_ffff


@pytest.mark.parametrize("why, name, words, result", [
    ("its pid", "getpid", (), ME), ("its tid", "gettid", (), ME), ("no parent", "getppid", (), 0),
    ("the configured user", "getuid", (), 1000), ("effective", "geteuid", (), 1000), ("group", "getgid", (), 1000),
    ("itself", "setuid", (1000,), 0), ("root", "setuid", (0,), -EPERM), ("-1", "setuid", (-1,), -EINVAL),
    ("root", "setgid", (0,), -EPERM), ("-1", "setgid", (-1,), -EINVAL), ("no change", "setreuid", (SAME, SAME), 0),
    ("root", "setreuid", (SAME, 0), -EPERM), ("no change", "setresuid", (SAME, 1000, SAME), 0),
    ("root", "setresgid", (SAME, 0, SAME), -EPERM), ("never fails", "setfsuid", (0,), 1000),
    ("no groups", "getgroups", (0, 0), 0), ("a negative size", "getgroups", (-1, 0), -EINVAL),
    ("no right", "setgroups", (0, 0), -EPERM), ("a bad pointer", "getresuid", (DATA, DATA, BAD), -EFAULT),
    ("its own group", "getpgid", (0,), ME), ("nobody's group", "getpgid", (4242,), -ESRCH),
    ("its group", "getpgrp", (), ME), ("its session", "getsid", (0,), ME), ("nobody's", "getsid", (4242,), -ESRCH),
    ("leads already", "setsid", (), -EPERM), ("a session leader", "setpgid", (0, 0), -EPERM),
    ("a negative group", "setpgid", (0, -1), -EINVAL), ("nobody", "setpgid", (4242, 0), -ESRCH),
    ("yields", "sched_yield", (), 0), ("policy", "sched_getscheduler", (0,), 0),
    ("nobody", "sched_getscheduler", (4242,), -ESRCH), ("negative", "sched_getscheduler", (-1,), -EINVAL),
    ("fifo", "sched_get_priority_max", (1,), 99), ("other", "sched_get_priority_max", (0,), 0),
    ("fifo", "sched_get_priority_min", (1,), 1), ("unknown", "sched_get_priority_min", (4,), -EINVAL),
    ("nice 0 is 20", "getpriority", (0, 0), 20), ("which 3", "getpriority", (3, 0), -EINVAL),
    ("nobody", "getpriority", (0, 4242), -ESRCH), ("keener", "setpriority", (0, 0, -1), -EACCES),
    ("nothing is available", "membarrier", (0, 0, 0), 0), ("global", "membarrier", (1, 0, 0), -EINVAL),
    ("refused consistently", "rseq", (DATA, 32, 0, 0), -ENOSYS),
    ("a small mask", "sched_getaffinity", (0, 4, DATA), -EINVAL), ("odd", "sched_getaffinity", (0, 12, DATA), -EINVAL),
    ("nobody", "sched_getaffinity", (4242, 8, DATA), -ESRCH), ("bad", "sched_getaffinity", (0, 8, BAD), -EFAULT),
    ("bad", "uname", (BAD,), -EFAULT), ("bad", "sysinfo", (BAD,), -EFAULT), ("bad", "getrandom", (BAD, 8, 0), -EFAULT),
    ("flags", "getrandom", (DATA, 8, 8), -EINVAL), ("both", "getrandom", (DATA, 8, 6), -EINVAL),
    ("none", "getrandom", (DATA, 0, 0), 0), ("all", "getrandom", (DATA, 300, 0), 300),
    ("a BSD", "personality", (6,), 0), ("asking", "personality", (SAME,), 0),
    ("resource 16", "getrlimit", (16, DATA), -EINVAL), ("resource 16", "prlimit64", (0, 16, 0, 0), -EINVAL),
    ("nobody", "prlimit64", (4242, 7, 0, DATA), -ESRCH), ("bad", "prlimit64", (0, 7, BAD, 0), -EFAULT),
    ("option 999", "prctl", (999,), -EINVAL), ("bad name", "prctl", (15, BAD), -EFAULT),
    ("dumpable", "prctl", (3,), 1), ("dumpable 2", "prctl", (4, 2), -EINVAL),
    ("no new privileges, halfway", "prctl", (38, 1, 1), -EINVAL), ("capability 99", "prctl", (23, 99), -EINVAL),
    ("nothing to restart", "restart_syscall", (), -4), ("where", "getcpu", (BAD, 0, 0), -EFAULT),
])
def test_answers(sys, why, name, words, result):
    assert getattr(sys, name)(*words) == result, (name, why)


def test_the_identity_is_configured(caller):
    machine = Machine(uid=7, gid=8, groups=(8, 9), hostname=b"there")
    sys = caller(machine, machine.task)
    assert (sys.getuid(), sys.getegid(), sys.getgroups(4, DATA)) == (7, 8, 2)
    assert struct.unpack("<2I", machine.mm.read(DATA, 8)) == (8, 9)
    assert sys.getgroups(1, DATA) == -EINVAL
    assert sys.uname(DATA) == 0
    fields = [machine.mm.read(DATA + n * 65, 65).rstrip(b"\0") for n in range(6)]
    assert (fields[0], fields[1], fields[4]) == (b"Linux", b"there", b"x86_64")
    assert fields[2].split(b".")[0].isdigit(), "glibc checks the release"


def test_affinity_is_the_hosts_until_it_is_set(machine, sys):
    size = sys.sched_getaffinity(0, 128, DATA)
    assert size % 8 == 0
    mask = int.from_bytes(machine.mm.read(DATA, size), "little")
    assert {n for n in range(size * 8) if mask >> n & 1} == os.sched_getaffinity(0)
    lowest = mask & -mask
    machine.mm.write_u64(DATA, lowest)
    assert sys.sched_setaffinity(0, 8, DATA) == 0
    assert sys.sched_getaffinity(0, 128, DATA) == size and machine.mm.read_u64(DATA) == lowest
    machine.mm.write_u64(DATA, 0)
    assert sys.sched_setaffinity(0, 8, DATA) == -EINVAL
    assert sys.getcpu(DATA, DATA + 4, 0) == 0 and 1 << machine.mm.read_u32(DATA) == lowest


def test_niceness_goes_one_way(sys):
    assert sys.setpriority(0, 0, 5) == 0 and sys.getpriority(0, 0) == 15
    assert sys.setpriority(0, 0, 100) == 0 and sys.getpriority(0, 0) == 1
    assert sys.setpriority(0, 0, 5) == -EACCES


def test_limits(machine, sys):
    files = machine.process.files = SimpleNamespace(limit=1024, ceiling=4096)
    machine.task.files = files
    assert sys.getrlimit(7, DATA) == 0 and struct.unpack("<QQ", machine.mm.read(DATA, 16)) == (1024, 4096)
    for soft, hard, result in ((10, 5, -EINVAL), (10, 8192, -EPERM), (10, 2000, 0), (10, 4096, -EPERM)):
        machine.mm.write(DATA, struct.pack("<QQ", soft, hard))
        assert sys.prlimit64(0, 7, DATA, DATA + 16) == result
    assert files.limit == 10
    assert struct.unpack("<QQ", machine.mm.read(DATA + 16, 16)) == (1024, 4096), "the old one, from the one that worked"
    assert sys.getrlimit(3, DATA) == 0 and machine.mm.read_u64(DATA) == 8 << 20


def test_names(machine, sys):
    machine.mm.write(DATA, b"a-very-long-thread-name\0")
    assert sys.prctl(15, DATA) == 0 and sys.prctl(16, DATA + 64) == 0
    assert machine.mm.read(DATA + 64, 16) == b"a-very-long-thr\0"


def test_capabilities(machine, sys):
    machine.mm.write(DATA, struct.pack("<Ii", 0, 0))
    assert sys.capget(DATA, 0) == 0 and machine.mm.read_u32(DATA) == 0x2008_0522, "the version to use"
    assert sys.capget(DATA, DATA + 16) == 0 and machine.mm.read(DATA + 16, 24) == bytes(24)
    machine.mm.write_u32(DATA + 16, 1)
    assert sys.capset(DATA, DATA + 16) == -EPERM


def test_sysinfo_is_as_large_as_linuxs(machine, sys):
    machine.mm.write(DATA, b"\xee" * 120)
    assert sys.sysinfo(DATA) == 0
    data = machine.mm.read(DATA, 120)
    assert data[112:] == b"\xee" * 8
    total, free = struct.unpack_from("<QQ", data, 32)
    procs, = struct.unpack_from("<H", data, 80)
    unit, = struct.unpack_from("<I", data, 104)
    assert total == os.sysconf("SC_PHYS_PAGES") * 4096 and 0 < free < total and procs == 1 and unit == 1


def test_random_is_random(machine, sys):
    sys.getrandom(DATA, 64, 0), sys.getrandom(DATA + 64, 64, 1)
    assert machine.mm.read(DATA, 64) != machine.mm.read(DATA + 64, 64) != bytes(64)


def test_the_table_says_what_the_areas_have():
    kernel = Path(table.__file__).parent
    areas = {}
    for path in kernel.rglob("*.py"):
        name = "skete.kernel." + ".".join(path.relative_to(kernel).with_suffix("").parts)
        rows = getattr(import_module(name), "ROWS", None) if not name.endswith("__init__") else None
        if rows:
            areas[name.removeprefix("skete.kernel.")] = sorted(row.nr for row in rows)
    assert areas == {area: sorted(numbers) for area, numbers in table.AREAS.items()}
    numbers = [nr for numbers in areas.values() for nr in numbers]
    assert len(numbers) == len(set(numbers)) == len(table.SYSCALLS), "no number is claimed twice"


@pytest.mark.parametrize("arg, word, value", [
    (I32, 0xffff_ffff, -1), (I32, 0x1_0000_0005, 5), (FD, 0xffff_ff9c, -100), (U32, 0x1_ffff_ffff, 0xffff_ffff),
    (I64, (1 << 64) - 3, -3), (SIZE, (1 << 64) - 3, (1 << 64) - 3), (ADDR, 5, 5)])
def test_words_are_decoded_as_c_would(arg, word, value):
    assert arg.decode(None, word) == value
