"""The first stack, byte for byte against the one that Linux built for the same program."""
import errno
import os
import struct
import subprocess

import pytest

from skete.abi.auxv import (AT_BASE, AT_EGID, AT_ENTRY, AT_EUID, AT_EXECFN, AT_GID, AT_HWCAP, AT_HWCAP2, AT_MINSIGSTKSZ,
                            AT_NULL, AT_PHDR, AT_PLATFORM, AT_RANDOM, AT_RSEQ_ALIGN, AT_RSEQ_FEATURE_SIZE,
                            AT_SYSINFO_EHDR, AT_UID)
from skete.loader import host_auxv, load, stack

TOP = 0x7FFF_FFFF_F000

# Writes its stack from the first rsp to the top, which is known where addresses are not randomised.
DUMP = r"""
__asm__(".globl _start\n_start:\n"
        "mov $1, %eax\n mov $1, %edi\n mov %rsp, %rsi\n movabs $0x7ffffffff000, %rdx\n sub %rsp, %rdx\n syscall\n"
        "mov $60, %eax\n xor %edi, %edi\n syscall\n");
"""
RAW = ("-static", "-nostdlib", "-no-pie")


class Parsed:
    """A stack taken apart, from its first word up."""

    def __init__(self, data):
        self.data, self.sp = data, TOP - len(data)
        at = self.sp
        self.argc, at = self.word(at), at + 8
        self.argv, at = self.strings(at)
        self.envp, at = self.strings(at)
        self.auxv = []
        while not self.auxv or self.auxv[-1][0] != AT_NULL:
            self.auxv.append((self.word(at), self.word(at + 8)))
            at += 16
        self.end_of_words = at

    def word(self, address):
        return struct.unpack_from("<Q", self.data, address - self.sp)[0]

    def cstr(self, address):
        return self.data[address - self.sp:].split(b"\0", 1)[0]

    def strings(self, at):
        found = []
        while self.word(at):
            found.append((self.word(at), self.cstr(self.word(at))))
            at += 8
        return found, at + 8


@pytest.fixture
def native(compiled, host):
    """Run the dump natively without randomisation, where that is allowed; its stack."""
    program = compiled("dump", DUMP, *RAW)
    setarch = host.command("setarch")

    def run(argv, envp):
        # setarch passes on the environment and names the program by its path; argv[0] is that path.
        done = subprocess.run([setarch, "-R", program, *argv], env=envp, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=10)
        if done.returncode:
            pytest.skip(f"setarch -R: {done.stderr.decode()}")
        return done.stdout
    return program, run


@pytest.mark.parametrize("argv, envp", [
    ([], {}),
    (["one"], {}),
    (["one", "", "three words here", "ü" * 40], {"A": "1", "EMPTY": "", "LONG": "x" * 5000}),
    (["x" * 131071], {"K": "v"}),
    (["y"] * 3000, {f"K{i}": "v" * (i % 50) for i in range(500)}),
], ids=["nothing", "one argument", "several", "the longest", "many"])
def test_is_the_stack_linux_builds(native, argv, envp):
    program, run = native
    theirs = Parsed(run(argv, envp))
    with open(program, "rb") as f:
        image = load(f.read(), program)
    random = theirs.data[dict(theirs.auxv)[AT_RANDOM] - theirs.sp:][:16]
    start = stack(image, [os.fsencode(a) for a in (program, *argv)], [s for _, s in theirs.envp],
                  host=host_auxv(), random=random)
    ours = Parsed(start.data)
    assert ours.sp == start.sp and start.sp % 16 == 0
    assert (ours.argc, ours.argv, ours.envp) == (theirs.argc, theirs.argv, theirs.envp)
    # Entries and their order; those that a guest does not get are all that is missing.
    withheld = (AT_SYSINFO_EHDR, AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN)
    assert ours.auxv == [pair for pair in theirs.auxv if pair[0] not in withheld]
    # From the random bytes up to the top, padding included, it is the same memory.
    seed = dict(ours.auxv)[AT_RANDOM]
    assert ours.data[seed - ours.sp:] == theirs.data[seed - theirs.sp:]
    assert not any(ours.data[ours.end_of_words - ours.sp:seed - ours.sp])
    assert start.auxv == ours.data[ours.end_of_words - 16 * len(ours.auxv) - ours.sp:ours.end_of_words - ours.sp]
    assert ours.data[start.arg_start - ours.sp:start.arg_end - ours.sp].split(b"\0")[:-1] == [s for _, s in ours.argv]
    assert ours.data[start.env_start - ours.sp:start.env_end - ours.sp].split(b"\0")[:-1] == [s for _, s in ours.envp]


@pytest.fixture
def image(elf):
    return load(elf.build(), "guest")


HOST = {AT_HWCAP: 0x178BFBFF, AT_HWCAP2: 2, AT_MINSIGSTKSZ: 3376, AT_UID: 1, AT_EUID: 2, AT_GID: 3, AT_EGID: 4}


def start_of(image, argv=(b"a",), envp=(), **more):
    return stack(image, list(argv), list(envp), **dict(dict(host=HOST, random=bytes(16)), **more))


@pytest.mark.parametrize("count", range(5))
def test_is_aligned_whatever_the_count(image, count):
    start = start_of(image, [b"x" * i for i in range(count)])
    assert start.sp % 16 == 0 and start.sp + len(start.data) == TOP


def test_an_empty_argv_becomes_one_empty_string(image):
    parsed = Parsed(start_of(image, []).data)
    assert parsed.argc == 1 and [s for _, s in parsed.argv] == [b""]


def test_says_who_runs_it_and_from_where(image):
    parsed = Parsed(start_of(image, execfn=b"/bin/guest", ids=(10, 11, 12, 13), base=0x7000).data)
    auxv = dict(parsed.auxv)
    assert (auxv[AT_UID], auxv[AT_EUID], auxv[AT_GID], auxv[AT_EGID], auxv[AT_BASE]) == (10, 11, 12, 13, 0x7000)
    assert parsed.cstr(auxv[AT_EXECFN]) == b"/bin/guest" and parsed.cstr(auxv[AT_PLATFORM]) == b"x86_64"
    assert (auxv[AT_ENTRY], auxv[AT_PHDR]) == (image.entry, image.phdr)
    assert dict(Parsed(start_of(image).data).auxv)[AT_EGID] == 4


def test_an_older_host_has_no_minsigstksz_to_give(image):
    host = {k: v for k, v in HOST.items() if k != AT_MINSIGSTKSZ}
    assert AT_MINSIGSTKSZ not in dict(Parsed(start_of(image, host=host).data).auxv)


@pytest.mark.parametrize("why, argv, envp, size", [
    ("one string of 128 KiB with its NUL too many", [b"x" * 131072], [], 8 << 20),
    ("the same in the environment", [b"a"], [b"x" * 131072], 8 << 20),
    ("more than a quarter of the stack", [b"x" * 131071] * 9, [], 4 << 20),
    ("pointers count", [b""] * 120_000, [], 4 << 20),
    ("more than 6 MiB, be the stack ever so large", [b"x" * 131071] * 49, [], 1 << 30),
], ids=str)
def test_refuses_too_much(image, why, argv, envp, size):
    with pytest.raises(OSError) as refused:
        start_of(image, argv, envp, size=size)
    assert refused.value.errno == errno.E2BIG


def test_grants_128_kib_on_any_stack(image):
    start_of(image, [b"a", b"x" * 100_000], size=64 << 10)


def pieces(size):
    return ["x" * 100_000] * (size // 100_000) + ["x" * (size % 100_000)]


def test_the_limit_is_linuxs(native, image):
    """The largest total that we take is also about the largest that Linux takes with a stack of 8 MiB."""
    program, _ = native

    def linux_takes(size):
        limited = ["/bin/sh", "-c", 'ulimit -s 8192; exec "$@"', "sh", program, *pieces(size)]
        try:
            return subprocess.run(limited, env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=10).returncode == 0
        except OSError as e:
            assert e.errno == errno.E2BIG
            return False

    def we_take(size):
        try:
            return start_of(image, [os.fsencode(a) for a in (program, *pieces(size))])
        except OSError:
            return None

    low, high = 1_900_000, 2_200_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if we_take(middle) else (low, middle)
    # The shell in between takes a few words of its own.
    assert linux_takes(low - 4096) and not linux_takes(low + 4096)
