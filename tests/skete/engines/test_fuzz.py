"""Hostile and broken programs, whole runs of them: the monitor says one line, or the guest has its signal.

A longer run by hand: SKETE_FUZZ=5000 pytest tests/skete/engines/test_fuzz.py; a seed is named where it fails.
"""
import os
import random
import struct
import time

import pytest

from skete.abi.elf import EHDR, PHDR

BASE, AT = 0x40_0000, 0x800
TURNS = int(os.environ.get("SKETE_FUZZ", "0")) or 25
EXIT = bytes.fromhex("b83c000000 31ff 0f05")
#: bytes that begin something interesting
SPICE = (b"\x0f\x05", b"\xcd\x80", b"\x0f\x34", b"\x0f\x01\xc1", b"\x0f\x01\xd9", b"\xf4", b"\xcc", b"\xcd\x03", b"\xe6\x20",
         b"\x9d", b"\x48\xcf", b"\x0f\xae", b"\x8e\xd8", b"\x0f\x01", b"\xff\x2c\x24", b"\x48\xcb", b"\xc5\xfc", b"\xf0", b"\x6c")

ODD = {
    "int 0x80": "b814000000 cd80",
    "sysenter": "b814000000 0f34",
    "syscall in 32 bits": "b8fcffffff ffffffff0f05",
    "vmcall": "0f01c1", "vmmcall": "0f01d9", "vmrun": "0f01d8", "vmxoff": "0f01c4",
    "the largest call": "48c7c0ffffffff 0f05",
    "a call with rsp at 0": "31e4 b827000000 0f05",
    "a call with rsp nowhere": "48bc0000000000000080 b827000000 0f05",
    "a fault with rsp nowhere": "48bc0000000000000080 0f0b",
    "far jump to 32 bits": "6a23 6800004000 48cb",
    "far jump to 64 bits": "6a33 6810084000 48cb",
    "into the stub": "48b80000e0e75ceeffff ffe0",
    "into the stub's call": "48b80002e0e75ceeffff ffe0",
    "into the stub's return": "48b81002e0e75ceeffff ffe0",
    "the engine's port": "b827000000 e620",
    "trap flag and a call": "9c810c2400010000 9d b827000000 0f05 9090",
    "trap flag and the stub": "9c810c2400010000 9d b827000000 e620 9090",
    "no flags": "6a00 9d b827000000 0f05",
    "all flags": "48c7042400000000 6aff 9d b827000000 0f05",
    "direction and a call": "fd b827000000 0f05",
    "fs and gs to nowhere": "b8ffffffff 8ee8",
    "wrfsbase nowhere": "48b80000000000000080 f3480faed0",
    "xrstor of noise": "4881e4c0ffffff 0fae2c24",
    "exit of the last thread": "b83c000000 31ff 0f05",
    "a system call at the end of memory": "48b8fe0f400000000000 ffe0",
    "call for ever": "b827000000 0f05 ebf7",
    "spin": "ebfe",
    "fault for ever": "0f0b ebfc",
    "pause for ever": "b822000000 0f05",
    "every port": "31d2 ee ffc2 ebfb",
}


def elf(code: bytes) -> bytearray:
    """One segment with everything allowed."""
    data = bytearray(0x1000)
    EHDR.pack_into(data, 0, b"\x7fELF\x02\x01\x01".ljust(16, b"\0"), 2, 62, 1, BASE + AT, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    PHDR.pack_into(data, 64, 1, 7, 0, BASE, 0, 0x1000, 0x3000, 0x1000)
    data[AT:AT + len(code)] = code
    data[0xffe:] = b"\x0f\x05"
    return data


def survives(skete, engine: str, path, data: bytes, why: str) -> None:
    path.write_bytes(data)
    path.chmod(0o755)
    begun = time.monotonic()
    done = skete("run", "--engine", engine, "--timeout", "1", path, timeout=60, errors="replace")
    # The guest's own words are on its standard error too; ours are lines that begin with our name.
    errors = done.stderr
    assert "Traceback" not in errors and "virtual machine stopped" not in errors and "took exception" not in errors, \
        (why, errors)
    assert done.returncode >= 0, (why, errors)
    if done.returncode == 125:
        assert errors.startswith("skete: ") and errors.count("\n") == 1, (why, errors)
    assert time.monotonic() - begun < 30, why


@pytest.mark.parametrize("name", ODD)
def test_odd_instructions_leave_the_monitor_whole(name, engine_name, skete, tmp_path):
    survives(skete, engine_name, tmp_path / "odd", elf(bytes.fromhex(ODD[name]) + EXIT), name)


def mutant(rng: random.Random) -> bytes:
    """A program with noise for code, or with a few bytes of its headers changed, or both."""
    code = bytearray(rng.randbytes(rng.randrange(1, 80)))
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(code))
        code[at:at] = rng.choice(SPICE)
    data = elf(code + EXIT) if rng.random() < 0.7 else elf(EXIT)
    if rng.random() < 0.6:
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(16, 64 + 56)
            if rng.random() < 0.3:
                struct.pack_into("<Q", data, at & -8, rng.choice((0, 1, 0xfff, 1 << 31, 1 << 47, (1 << 63) - 1, 1 << 63,
                                                                  (1 << 64) - 1, 0xffff_8000_0000_0000)))
            else:
                data[at] = rng.randrange(256)
    return bytes(data[:rng.randrange(len(data))] if rng.random() < 0.05 else data)


def test_mutants_leave_the_monitor_whole(engine_name, skete, tmp_path):
    first = int(os.environ.get("SKETE_FUZZ_SEED", "1"))
    for seed in range(first, first + TURNS):
        survives(skete, engine_name, tmp_path / "mutant", mutant(random.Random(seed)), f"seed {seed}")
