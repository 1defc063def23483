"""A small ELF writer, so that every broken image is built from a sound one and one change; and a C compiler."""
import os
import struct
import subprocess

import pytest

from skete.abi.elf import EHDR, PHDR

BASE = 0x40_0000
R, W, X = 4, 2, 1
PT_LOAD = 1

#: exit(42)
EXIT_42 = bytes.fromhex("b83c000000 bf2a000000 0f05")


def dump(address, length):
    """Code: write(1, address, length), exit(42)."""
    return (bytes.fromhex("b801000000 bf01000000 48be") + struct.pack("<Q", address) + b"\xba" +
            struct.pack("<I", length) + b"\x0f\x05" + EXIT_42)


def store(address):
    """Code: a byte is written to the address, exit(42)."""
    return b"\x48\xb8" + struct.pack("<Q", address) + b"\xc6\x00\x01" + EXIT_42


def load_segment(**fields):
    return dict(dict(type=PT_LOAD, flags=R | X, offset=0, vaddr=BASE, paddr=0, filesz=0x1000, memsz=0x1000,
                     align=0x1000), **fields)


def build(*extra, size=0x2000, code=EXIT_42, at=0x800, first=None, fill=b"", cut=None, ident=None, **ehdr):
    """A program of ``size`` bytes: code at offset ``at``, one PT_LOAD over the first page, then the extra headers.

    first: changes to that first PT_LOAD;  fill: the byte pattern of the rest;  cut: truncate the file there
    ident: {index: value} in e_ident;  the rest are fields of the ELF header by name
    """
    phdrs = [load_segment(**(first or {})), *extra]
    fields = dict(type=2, machine=62, version=1, entry=BASE + at, phoff=64, shoff=0, flags=0, ehsize=64,
                  phentsize=56, phnum=len(phdrs), shentsize=0, shnum=0, shstrndx=0)
    assert not ehdr.keys() - fields.keys(), ehdr
    fields.update(ehdr)
    e_ident = bytearray(b"\x7fELF\x02\x01\x01".ljust(16, b"\0"))
    for index, value in (ident or {}).items():
        e_ident[index] = value
    data = bytearray((fill or b"\0") * (size // len(fill or b"\0")))
    EHDR.pack_into(data, 0, bytes(e_ident), *fields.values())
    for i, p in enumerate(phdrs):
        PHDR.pack_into(data, 64 + 56 * i, *(p[k] for k in ("type", "flags", "offset", "vaddr", "paddr", "filesz",
                                                           "memsz", "align")))
    data[at:at + len(code)] = code
    return bytes(data[:cut])


@pytest.fixture(scope="session")
def elf():
    """The writer: ``elf.build``, ``elf.segment``, ``elf.dump``, ``elf.store``."""
    class Writer:
        pass
    Writer.build, Writer.segment, Writer.dump, Writer.store = (
        staticmethod(build), staticmethod(load_segment), staticmethod(dump), staticmethod(store))
    return Writer


@pytest.fixture
def linux(tmp_path):
    """Execute an image on this very Linux: its exit status (negative: a signal) and output, or the errno of execve."""
    def run(data):
        path = tmp_path / "image"
        path.write_bytes(data)
        path.chmod(0o755)
        try:
            done = subprocess.run([str(path)], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  timeout=10)
        except OSError as e:
            return "refused", e.errno
        return done.returncode, done.stdout
    return run


@pytest.fixture(scope="session")
def compiled(tmp_path_factory, host):
    """Compile C, with whatever C library: ``compiled(name, source, *flags)`` is the program's path."""
    folder = tmp_path_factory.mktemp("programs")
    made = {}

    def compile_(name, source, *flags):
        if name not in made:
            (folder / f"{name}.c").write_text(source)
            compiler = host.command("gcc") if "-nostdlib" in flags else host.cc
            subprocess.run([compiler, "-O1", "-g", *flags, "-o", str(folder / name), str(folder / f"{name}.c")],
                           check=True, timeout=120, env=dict(os.environ, LC_ALL="C"))
            made[name] = str(folder / name)
        return made[name]
    return compile_
