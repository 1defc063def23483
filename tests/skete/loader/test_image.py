"""Placing a program: pyelftools agrees with what we read, and Linux with what we refuse and map."""
import errno
import mmap
import os
import random
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skete.loader import LoadError, load

ELFFile = pytest.importorskip("elftools.elf.elffile", reason="pyelftools is the oracle here").ELFFile

HELLO = '#include <stdio.h>\n#include <errno.h>\n__thread int t = 3; int big[99999];\n' \
        'int main(void) { errno = t; return puts("hello") < big[7]; }\n'
BASE, PAGE = 0x40_0000, 0x1000
R, W, X = 4, 2, 1
RUNS = 42


# --- pyelftools as oracle

PROGRAMS = {
    "static": lambda compiled, host: compiled("static", HELLO, "-static"),
    "static-pie": lambda compiled, host: compiled("static_pie", HELLO, "-static-pie"),
    "2 MiB pages": lambda compiled, host: compiled("huge", HELLO, "-static", "-Wl,-z,max-page-size=0x200000"),
    "text and data in a page": lambda compiled, host: compiled("packed", HELLO, "-static", "-Wl,-z,noseparate-code"),
    "busybox": lambda compiled, host: host.command("busybox"),
}


@pytest.fixture(params=PROGRAMS)
def program(request, compiled, host):
    path = PROGRAMS[request.param](compiled, host)
    with open(path, "rb") as f:
        if ELFFile(f).get_section_by_name(".interp"):
            host.lacks(f"a static {request.param}", f"{request.param}-static")
    return path


def test_reads_what_pyelftools_reads(program):
    with open(program, "rb") as f:
        data = f.read()
        f.seek(0)
        oracle = ELFFile(f)
        image = load(data, program)
        assert image.pie == (oracle["e_type"] == "ET_DYN")
        assert image.entry == oracle["e_entry"] + image.bias
        assert (image.phnum, image.phent) == (oracle["e_phnum"], oracle["e_phentsize"])
        loads = [s for s in oracle.iter_segments() if s["p_type"] == "PT_LOAD"]
        assert len(loads) == len(image.segments)
        for ours, theirs in zip(image.segments, loads):
            assert (ours.vaddr - image.bias, ours.memsz, ours.filesz, ours.offset) == (
                theirs["p_vaddr"], theirs["p_memsz"], theirs["p_filesz"], theirs["p_offset"])
            assert (ours.prot & 1 != 0, ours.prot & 2 != 0, ours.prot & 4 != 0) == (
                theirs["p_flags"] & R != 0, theirs["p_flags"] & W != 0, theirs["p_flags"] & X != 0)
            assert memory(image, ours.vaddr, ours.filesz) == theirs.data()
            assert memory(image, ours.vaddr + ours.filesz, ours.memsz - ours.filesz).count(0) == \
                ours.memsz - ours.filesz
        assert image.bias % max(s["p_align"] for s in loads) == 0
        assert memory(image, image.phdr, 56 * image.phnum) == data[oracle["e_phoff"]:][:56 * image.phnum]
        assert image.brk == -(-max(s["p_vaddr"] + s["p_memsz"] for s in loads) // PAGE) * PAGE + image.bias
        assert not image.exec_stack and image.interp is None
        assert (image.note is None) == (oracle.get_section_by_name(".note.skete") is None)


def memory(image, address, length):
    """What the mappings, made in order over nothing, show there; KeyError where nothing is mapped."""
    pages = {}
    for m in image.mappings:
        whole = bytes(m.content).ljust(m.length, b"\0")
        pages.update((m.start + at, whole[at:at + PAGE]) for at in range(0, m.length, PAGE))
    first = address & -PAGE
    return b"".join(pages[p] for p in range(first, address + length, PAGE))[address - first:][:length]


def test_takes_an_mmap_without_copying_it(program):
    with open(program, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as data:
        tracemalloc.start()
        try:
            image = load(data, program)
            assert tracemalloc.get_traced_memory()[1] < 64 << 10
        finally:
            tracemalloc.stop()
        assert bytes(image.mappings[0].content[:4]) == b"\x7fELF"
        del image


def test_a_bias_moves_a_pie_and_nothing_else(compiled):
    with open(compiled("static_pie", HELLO, "-static-pie"), "rb") as f:
        data = f.read()
    low, high = load(data, "p", bias=0x1000_0000), load(data, "p")
    assert low.start == low.bias == 0x1000_0000 and high.start == 0x5555_5555_4000
    assert high.entry - low.entry == high.brk - low.brk == high.phdr - low.phdr == high.bias - low.bias
    with open(compiled("static", HELLO, "-static"), "rb") as f:
        assert load(f.read(), "p", bias=0x1000_0000).bias == 0


# --- Linux as oracle: what runs there, and what it shows

def interp(path, **fields):
    """The header and the changes to build() that put an interpreter's path at offset 0x400."""
    return dict(dict(type=3, flags=R, offset=0x400, vaddr=BASE + 0x400, paddr=0, filesz=len(path), memsz=len(path),
                     align=1), **fields)


# why, image as a function of the writer; each runs on Linux and has to be accepted
SOUND = [
    ("the plain one", lambda e: e.build()),
    ("text may be writable", lambda e: e.build(first=dict(flags=R | W | X))),
    ("execute-only text", lambda e: e.build(first=dict(flags=X))),
    ("a segment without bytes in the file", lambda e: e.build(e.segment(vaddr=0x50_0010, filesz=0, memsz=9))),
    ("and then its offset means nothing", lambda e: e.build(
        e.segment(vaddr=0x50_0010, offset=0x123456789, filesz=0, memsz=9))),
    ("a segment with nothing at all", lambda e: e.build(e.segment(vaddr=0x50_0000, filesz=0, memsz=0))),
    ("segments out of order", lambda e: e.build(e.segment(vaddr=0x20_0000, offset=0x1000))),
    ("p_align is no power of two", lambda e: e.build(first=dict(align=3))),
    ("p_align is zero", lambda e: e.build(first=dict(align=0))),
    ("a file that ends inside its last page", lambda e: e.build(cut=0x900)),
    ("the header table in no segment", lambda e: e.build(phoff=0x1000, size=0x1000) +
     e.build()[64:64 + 56]),
    ("e_version, e_ehsize, OS ABI and section table are nobody's business", lambda e: e.build(
        version=7, ehsize=9, ident={6: 9, 7: 9}, shoff=1 << 60, shnum=99, shentsize=5, shstrndx=7)),
    ("an unknown header type", lambda e: e.build(e.segment(type=0x7000_0001, offset=1 << 63, filesz=1 << 62))),
    ("notes that point out of the file", lambda e: e.build(e.segment(type=4, offset=1 << 40, filesz=1 << 40))),
    ("an executable stack", lambda e: e.build(e.segment(type=0x6474_E551, flags=R | W | X))),
]


@pytest.mark.parametrize("why, image", SOUND, ids=[why for why, _ in SOUND])
def test_accepts_what_linux_runs(elf, linux, why, image):
    data = image(elf)
    assert linux(data)[0] == RUNS
    load(data, why)


DAMAGED = "the program header is damaged, relink it"
TRUNCATED = "it is truncated, copy or link it again"
LINUX_REFUSES, LINUX_RUNS = True, False

# why, image, whether Linux refuses it too, the whole message behind "name: "
BROKEN = [
    ("empty", lambda e: b"", LINUX_REFUSES, "is empty, not an ELF program"),
    ("one byte", lambda e: b"\x7f", LINUX_REFUSES,
     "is not an ELF program: it starts with the bytes 7f, not 7f 45 4c 46"),
    ("a script", lambda e: b"#! /bin/nowhere -x\necho\n", LINUX_REFUSES,
     "is a script for /bin/nowhere, not an ELF program; run a static build of its interpreter with the script as "
     "argument"),
    ("a script for nobody", lambda e: b"#!\n", LINUX_REFUSES,
     "is a script for no interpreter, not an ELF program; run a static build of its interpreter with the script as "
     "argument"),
    ("an archive", lambda e: b"!<arch>\n" + bytes(90), LINUX_REFUSES,
     "is an archive of objects; link it into a program first"),
    ("a Windows program", lambda e: b"MZ" + bytes(90), LINUX_REFUSES,
     "is a DOS or Windows program, and only Linux ELF programs run here"),
    ("text", lambda e: b"hello world\n" * 20, LINUX_REFUSES,
     "is not an ELF program: it starts with the bytes 68 65 6c 6c, not 7f 45 4c 46"),
    ("the header is cut", lambda e: e.build(cut=63), LINUX_REFUSES,
     f"ends after 63 bytes, inside the ELF header; {TRUNCATED}"),
    ("AArch64", lambda e: e.build(machine=183), LINUX_REFUSES,
     "is built for AArch64, and this monitor runs x86-64 alone; build it for x86-64"),
    ("i386", lambda e: e.build(machine=3, ident={4: 1}), LINUX_REFUSES,
     "is built for i386, and this monitor runs x86-64 alone; build it for x86-64"),
    ("nobody's machine", lambda e: e.build(machine=4660), LINUX_REFUSES,
     "is built for machine 4660, and this monitor runs x86-64 alone; build it for x86-64"),
    ("big-endian PowerPC64", lambda e: e.build(machine=21 << 8, ident={5: 2}), LINUX_REFUSES,
     "is big-endian (EI_DATA is 2, PowerPC64); build it for x86-64"),
    ("x32", lambda e: e.build(ident={4: 1}), LINUX_RUNS,
     "is an x32 program (32-bit class on x86-64); rebuild it without -mx32"),
    ("class 7", lambda e: e.build(ident={4: 7}), LINUX_RUNS,
     "has ELF class 7, not 2 (64 bit); build it for x86-64"),
    ("big-endian by mistake", lambda e: e.build(ident={5: 2}), LINUX_RUNS,
     "is big-endian (EI_DATA is 2); build it for x86-64"),
    ("an object file", lambda e: e.build(type=1), LINUX_REFUSES,
     "is an object file (ET_REL), not a program; link it first"),
    ("a core dump", lambda e: e.build(type=4), LINUX_REFUSES,
     "is a core dump (ET_CORE), not a program; run the program that left it"),
    ("type 77", lambda e: e.build(type=77), LINUX_REFUSES,
     "has type 77, not ET_EXEC or ET_DYN; it is not a program"),
    ("no program headers", lambda e: e.build(phnum=0), LINUX_REFUSES,
     "has no program headers (e_phnum is 0), so nothing says what to load; relink it"),
    ("e_phentsize", lambda e: e.build(phentsize=32), LINUX_REFUSES,
     "e_phentsize is 32, not 56; the ELF header is damaged, relink it"),
    ("e_phnum", lambda e: e.build(phnum=0xFFFF, size=4 << 20), LINUX_REFUSES,
     "e_phnum is 65535, and Linux reads at most 1170 program headers; the ELF header is damaged, relink it"),
    ("program headers cut", lambda e: e.build(cut=64 + 55), LINUX_REFUSES,
     f"its 1 program headers at offset 0x40 pass the end of the file (119 bytes); {TRUNCATED}"),
    ("program headers at the end of the world", lambda e: e.build(phoff=(1 << 64) - 8), LINUX_REFUSES,
     "its 1 program headers at offset 0xfffffffffffffff8 pass the end of the file (8192 bytes); " + TRUNCATED),
    ("nothing to load", lambda e: e.build(first=dict(type=4)), LINUX_REFUSES,
     "has no PT_LOAD segment with a byte in it, so there is nothing to run; relink it"),
    ("p_filesz above p_memsz", lambda e: e.build(first=dict(memsz=0xFFF)), LINUX_REFUSES,
     f"PT_LOAD at address 0x400000 has p_filesz 0x1000 above p_memsz 0xfff; {DAMAGED}"),
    ("wraps", lambda e: e.build(e.segment(vaddr=0x50_0000, memsz=(1 << 64) - 0x50_0000)), LINUX_REFUSES,
     f"PT_LOAD at address 0x500000 with p_memsz 0xffffffffffb00000 wraps around the end of the address space; "
     f"{DAMAGED}"),
    ("misaligned", lambda e: e.build(first=dict(vaddr=BASE + 0x10)), LINUX_REFUSES,
     "PT_LOAD at address 0x400010 and its file offset 0x0 differ modulo the page size 4096; link it with pages of "
     "4 KiB (-z max-page-size=4096)"),
    ("a page past the end of the file", lambda e: e.build(e.segment(vaddr=0x50_0000, offset=0x1000, filesz=0x1001,
                                                                    memsz=0x1001)), LINUX_RUNS,
     f"PT_LOAD at address 0x500000 needs the file up to offset 0x2001, and it ends at 0x2000; {TRUNCATED}"),
    ("the kernel's half", lambda e: e.build(e.segment(vaddr=0xFFFF_8000_0000_0000)), LINUX_REFUSES,
     "segment 0xffff800000000000..0xffff800000001000 is outside the addresses for programs, 0x10000.."
     "0x7ffffffff000; link it elsewhere (-Ttext-segment)"),
    ("the last page", lambda e: e.build(e.segment(vaddr=0x7FFF_FFFF_F000)), LINUX_REFUSES,
     "segment 0x7ffffffff000..0x800000000000 is outside the addresses for programs, 0x10000..0x7ffffffff000; link it "
     "elsewhere (-Ttext-segment)"),
    ("huge", lambda e: e.build(e.segment(vaddr=0x50_0000, flags=R | W, memsz=1 << 46)), LINUX_REFUSES,
     "segment 0x500000..0x400000500000 brings what it asks for to 67108864 MiB, and 1048576 MiB may be had; give it "
     "more memory or make its static data smaller"),
    ("overlapping", lambda e: e.build(e.segment(vaddr=BASE + 0xFFF, offset=0xFFF, filesz=1, memsz=1)), LINUX_RUNS,
     "segment 0x400fff..0x401000 overlaps segment 0x400000..0x401000; the program headers are damaged, relink it"),
    ("one inside the other, headers out of order", lambda e: e.build(
        first=dict(memsz=0x2000), *[e.segment(vaddr=BASE + 0x1000, offset=0x1000, memsz=0x800, filesz=0x800)]),
     LINUX_RUNS,
     "segment 0x401000..0x401800 overlaps segment 0x400000..0x402000; the program headers are damaged, relink it"),
    ("entry nowhere", lambda e: e.build(entry=0x1234), LINUX_REFUSES,
     "the entry point 0x1234 is in no executable segment; link it with an entry (-e _start)"),
    ("entry in data", lambda e: e.build(first=dict(flags=R | W)), LINUX_REFUSES,
     "the entry point 0x400800 is in no executable segment; link it with an entry (-e _start)"),
    ("a shared library", lambda e: e.build(type=3, entry=0, first=dict(flags=R)), LINUX_REFUSES,
     "the entry point 0x0 is in no executable segment; it is a shared library, not a program"),
    ("dynamic", lambda e: e.build(interp(b"/lib/no-ld.so\0"), code=b"/lib/no-ld.so\0", at=0x400), LINUX_REFUSES,
     "is dynamic and needs the interpreter /lib/no-ld.so, and none is granted; link it with -static"),
    ("an interpreter to fool a terminal", lambda e: e.build(interp(b"/\x1b[2J\n\xff\0"), code=b"/\x1b[2J\n\xff\0",
                                                            at=0x400), LINUX_REFUSES,
     "is dynamic and needs the interpreter '/\\x1b[2J\\n\\\\xff', and none is granted; link it with -static"),
    ("an interpreter without NUL", lambda e: e.build(interp(b"/lib/ld.so"), code=b"/lib/ld.so", at=0x400),
     LINUX_REFUSES, "PT_INTERP at offset 0x400, 10 bytes, holds no path; relink it, with -static to need none"),
    ("an interpreter past the end", lambda e: e.build(interp(b"12345678", offset=0x1FFC)), LINUX_REFUSES,
     "PT_INTERP at offset 0x1ffc, 8 bytes, holds no path; relink it, with -static to need none"),
    ("two interpreters", lambda e: e.build(interp(b"/a\0"), interp(b"/a\0"), code=b"/a\0", at=0x400), LINUX_REFUSES,
     "has 2 PT_INTERP, and the ELF standard allows one; relink it"),
]


@pytest.mark.parametrize("why, image, linux_refuses, words", BROKEN, ids=[row[0] for row in BROKEN])
def test_refuses(elf, linux, why, image, linux_refuses, words):
    data = image(elf)
    with pytest.raises(LoadError) as refused:
        load(data, "guest")
    assert str(refused.value) == f"guest: {words}"
    assert (linux(data)[0] != RUNS) == linux_refuses, "the note on Linux is wrong"


def test_refuses_what_the_monitor_keeps(elf):
    with pytest.raises(LoadError, match=r"segment 0x400000..0x401000 is in 0x3ff000..0x401000, which the monitor"):
        load(elf.build(), "guest", reserved=[(0x1000, 0x2000), (0x3F_F000, 0x40_1000)])
    load(elf.build(), "guest", reserved=[(0x3F_F000, BASE), (0x40_1000, 0x50_0000)])


def test_the_name_cannot_break_the_line(elf):
    with pytest.raises(LoadError) as refused:
        load(b"", "a\nb\x1b[2J")
    assert str(refused.value) == r"'a\nb\x1b[2J': is empty, not an ELF program"


def test_a_dynamic_program_is_the_callers_to_grant(elf):
    image = load(elf.build(interp(b"/lib/ld.so\0"), code=b"/lib/ld.so\0", at=0x400), "guest", dynamic=True)
    assert image.interp == b"/lib/ld.so"


# why, extra segments, what to look at. The code writes that range out; Linux and the mappings have to agree.
SHOWN = [
    ("the bytes around a segment in its pages", dict(vaddr=0x50_0123, offset=0x2123, filesz=0x10, memsz=0x10), 0x1000),
    ("zeros behind writable data", dict(flags=R | W, vaddr=0x50_0123, offset=0x2123, filesz=0x10, memsz=0x800), 0x1000),
    ("zeros in the pages after it", dict(flags=R | W, vaddr=0x50_0123, offset=0x2123, filesz=0x10, memsz=0x1800),
     0x2000),
    ("no zeros where read-only data ends", dict(flags=R, vaddr=0x50_0123, offset=0x2123, filesz=0x10, memsz=0x1800),
     0x2000),
    ("memory without a file", dict(flags=R | W, vaddr=0x50_0123, offset=0, filesz=0, memsz=0x1000), 0x2000),
    ("the end of the file inside a page", dict(vaddr=0x50_0000, offset=0x3000, filesz=0x1000, memsz=0x1000), 0x1000),
    ("data before its page's start is in the file", dict(flags=R | W, vaddr=0x50_0FFF, offset=0x1FFF, filesz=2,
                                                         memsz=2), 0x2000),
]


@pytest.mark.parametrize("why, fields, length", SHOWN, ids=[row[0] for row in SHOWN])
def test_shows_what_linux_shows(elf, linux, why, fields, length):
    pattern = bytes(random.Random(7).randrange(1, 256) for _ in range(0x800))
    data = elf.build(elf.segment(**fields), size=0x4000, cut=0x3456, fill=pattern, code=elf.dump(0x50_0000, length))
    assert linux(data) == (RUNS, memory(load(data, why), 0x50_0000, length))


# Two segments share the page 0x401000: the later header wins it whole, as with MAP_FIXED.
LOWER = dict(flags=R | X, vaddr=BASE, offset=0, filesz=0x1400, memsz=0x1400)


@pytest.mark.parametrize("flip", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("upper", [
    dict(flags=R | W, vaddr=BASE + 0x1400, offset=0x1400, filesz=0x20, memsz=0x30),
    dict(flags=R | W, vaddr=BASE + 0x1800, offset=0x2800, filesz=0x20, memsz=0x20),
    dict(flags=R | W, vaddr=BASE + 0x1800, offset=0, filesz=0, memsz=0x20),
], ids=["as linkers do", "from another page of the file", "without a file"])
def test_a_shared_page_is_the_later_segments(elf, linux, flip, upper):
    pattern = bytes(random.Random(8).randrange(1, 256) for _ in range(0x800))
    first, second = (upper, LOWER) if flip else (LOWER, upper)
    data = elf.build(elf.segment(**second), first=first, size=0x4000, fill=pattern,
                     code=elf.dump(BASE + 0x1000, 0x1000))
    image = load(data, "shared")
    status, shown = linux(data)
    if flip and status == "refused":
        pytest.skip("this kernel wants the first segment lowest")
    assert (status, shown) == (RUNS, memory(image, BASE + 0x1000, 0x1000))


@pytest.mark.parametrize("why, flags, address, runs", [
    ("anonymous memory is writable whatever the flags", R, 0x50_1000, True),
    ("its file's part is not", R, 0x50_0200, False),
    ("data is", R | W, 0x50_0200, True),
], ids=str)
def test_protects_as_linux_does(elf, linux, why, flags, address, runs):
    data = elf.build(elf.segment(flags=flags, vaddr=0x50_0123, offset=0x1123, filesz=0x100, memsz=0x1000),
                     code=elf.store(address))
    assert (linux(data)[0] == RUNS) == runs
    prot = [m.prot for m in load(data, why).mappings if m.start <= address < m.start + m.length][-1]
    assert bool(prot & mmap.PROT_WRITE) == runs


# --- what the tables say besides

@pytest.mark.parametrize("flags, executable", [(None, False), (R | W, False), (R | W | X, True)])
def test_the_stack_is_executable_only_where_asked(elf, flags, executable):
    extra = [] if flags is None else [elf.segment(type=0x6474_E551, flags=flags)]
    assert load(elf.build(*extra), "guest").exec_stack is executable


NOTE = b"\x06\0\0\0\x0f\0\0\0\x01\0\0\0skete\0\0\0" + b"\x03\0\0\0musl\x001.2.6\0" + b"\0"


def with_note(elf, note, **fields):
    return elf.build(elf.segment(type=4, offset=0x600, filesz=len(note), align=4, **fields), code=note, at=0x600,
                     entry=BASE + 0x800)


def test_reads_our_note_behind_others(elf):
    other = b"\x04\0\0\0\x05\0\0\0\x01\0\0\0GNU\0abcde\0\0\0"
    note = load(with_note(elf, other + NOTE), "guest").note
    assert (note.abi, note.libc, note.version) == (3, "musl", "1.2.6")


@pytest.mark.parametrize("note", [b"", NOTE[:-2], b"\xff" * 64, NOTE.replace(b"skete", b"sketE"), b"\0" * 12,
                                  NOTE[:4] + b"\xf0\xff\xff\xff" + NOTE[8:]], ids=range(6))
def test_a_damaged_note_is_no_note(elf, note):
    assert load(with_note(elf, note), "guest").note is None


# --- hostile

LIMIT = 1 << 20


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_gets_more_than_a_load_error(compiled, data):
    path = compiled(*data.draw(st.sampled_from([("static", HELLO, "-static"), ("static_pie", HELLO, "-static-pie")])))
    with open(path, "rb") as f:
        image = bytearray(f.read(os.stat(path).st_size))
    # Whole fields with values that tempt, or single bytes, in the two tables.
    for _ in range(data.draw(st.integers(1, 5))):
        width = data.draw(st.sampled_from([1, 2, 4, 8]))
        at = data.draw(st.integers(16, (64 + 56 * 10) // width - 1)) * width
        value = data.draw(st.one_of(st.sampled_from([0, 1, 7, 0xFFF, 0x1000, 0x7FFF_FFFF_F000, (1 << 63), -1, -4096]),
                                    st.integers(0, (1 << 64) - 1)))
        image[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    del image[data.draw(st.sampled_from([len(image), 64, 200, 0x1000, len(image) // 2])):]
    tracemalloc.start()
    try:
        loaded = load(image, "guest", user_range=(0x1_0000, 1 << 46), reserved=[(0x1000_0000, 0x2000_0000)])
    except LoadError as e:
        assert str(e).startswith("guest: ") and str(e).isprintable() and len(str(e)) < 5000
        return
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < LIMIT
    for m in loaded.mappings:
        assert m.start % PAGE == m.length % PAGE == 0 < m.length and len(m.content) <= m.length
        assert 0x1_0000 <= m.start and m.start + m.length <= 1 << 46
        assert not (m.start < 0x2000_0000 and m.start + m.length > 0x1000_0000)
    assert any(m.start <= loaded.entry < m.start + m.length and m.prot & mmap.PROT_EXEC for m in loaded.mappings)


def mutated(image, seed):
    """One or two fields of the tables changed to values that tempt."""
    rng, image = random.Random(seed), bytearray(image)
    for _ in range(rng.randint(1, 2)):
        width = rng.choice([1, 2, 4, 8])
        at = rng.randrange(16 // width, (64 + 56 * 8) // width) * width
        value = rng.choice([0, 1, 7, 0xFFF, 0x1000, PAGE << 35, -1, -PAGE, rng.getrandbits(30), rng.getrandbits(64)])
        image[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    return bytes(image)


@pytest.mark.parametrize("seeds", [range(n, n + 20) for n in range(0, 100, 20)], ids=lambda seeds: f"from {seeds[0]}")
def test_refuses_nothing_that_linux_runs(compiled, linux, seeds):
    """And takes nothing that execve(2) refuses. What we refuse on purpose is in BROKEN, as LINUX_RUNS."""
    with open(compiled("static", HELLO, "-static"), "rb") as f:
        sound = f.read()
    for seed in seeds:
        data = mutated(sound, seed)
        status, answer = linux(data)
        try:
            load(data, "guest")
        except LoadError as e:
            words = str(e)
            assert status != 0 or any(w in words for w in ("overlaps", "is big-endian", "ELF class", "x32")), words
        else:
            assert status != "refused" or answer == errno.ENOMEM, f"mutation {seed}"
