"""Where a program's segments go, and whether they may: the rules of Linux's ``fs/binfmt_elf.c``.

Linux maps each PT_LOAD in the file's order with MAP_FIXED, whole pages at a time. So
the first and last page of a segment also show the file's bytes around it, and a page that
two segments share belongs to the later one. What ``p_memsz`` has beyond ``p_filesz`` is zero
to the end of that page, and from there on anonymous memory, readable and writable
whatever the segment's flags say (``vm_brk_flags``). :attr:`Image.mappings` says all that
as a list to be executed in order.

Linux catches what is left with the signals of a running process. Here a segment that
overlaps another, that would have whole pages past the end of the file, or an entry that
cannot be executed is refused before anything runs: no linker writes one.
"""
from skete.abi.elf import (ET_DYN, NOTE_SKETE, NT_SKETE_ABI, PF_R, PF_W, PF_X, PHDR, PT_GNU_STACK, PT_INTERP, PT_LOAD,
                           PT_NOTE)
from skete.loader.headers import LoadError, Phdr, interpreter, notes, read, shown

PAGE = 4096
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4      # asm-generic/mman-common.h

#: x86-64's mmap_min_addr on every distribution, and TASK_SIZE: the last page is not for programs.
USER_RANGE = (0x1_0000, 0x7FFF_FFFF_F000)
#: Where Linux puts a position-independent program without randomisation: two thirds of TASK_SIZE, ELF_ET_DYN_BASE.
PIE_BASE = 0x5555_5555_4000
#: Bytes a program may ask for before it runs, when the caller knows no better.
MEMORY_MAX = 1 << 40


class Segment:
    """One PT_LOAD at the address where it will be. prot: PROT_* bits; the rest as in Elf64_Phdr, in bytes."""
    __slots__ = ("vaddr", "memsz", "filesz", "offset", "prot", "align")

    def __init__(self, vaddr: int, memsz: int, filesz: int, offset: int, prot: int, align: int):
        self.vaddr, self.memsz, self.filesz = vaddr, memsz, filesz
        self.offset, self.prot, self.align = offset, prot, align

    @property
    def start(self) -> int:
        """The first byte of its first page."""
        return self.vaddr & -PAGE

    @property
    def end(self) -> int:
        """The byte after its last page."""
        return _page_up(self.vaddr + self.memsz)


class Mapping:
    """``length`` bytes of zeros at ``start``, protected with ``prot``, with ``content`` copied over their beginning.

    start, length: whole pages;  content: memoryview of the file, at most ``length`` bytes, perhaps none
    offset: where in the file ``start`` is, page aligned, or None for anonymous memory
    """
    __slots__ = ("start", "length", "prot", "content", "offset")

    def __init__(self, start: int, length: int, prot: int, content, offset: int | None):
        self.start, self.length, self.prot, self.content, self.offset = start, length, prot, content, offset

    def __repr__(self):
        return f"Mapping({self.start:#x}+{self.length:#x}, prot {self.prot}, {len(self.content)} bytes)"


class Note:
    """What our start files say of the program. abi: int; libc, version: str"""
    __slots__ = ("abi", "libc", "version")

    def __init__(self, abi: int, libc: str, version: str):
        self.abi, self.libc, self.version = abi, libc, version


class Image:
    """A program ready to be mapped. Addresses are the guest's, bias included.

    name: str;  pie: bool, ET_DYN;  bias: what was added to the file's addresses
    entry: first instruction;  phdr, phnum, phent: for AT_PHDR, AT_PHNUM, AT_PHENT (phdr 0: not in memory)
    segments: tuple of Segment;  mappings: tuple of Mapping, to be made in this order
    start, end: the pages it spans;  brk: the first break, page aligned
    exec_stack: bool, PT_GNU_STACK asks for it;  interp: path in PT_INTERP (bytes) or None
    note: Note of our start files or None
    """
    __slots__ = ("name", "pie", "bias", "entry", "phdr", "phnum", "phent", "segments", "mappings", "start", "end",
                 "brk", "exec_stack", "interp", "note")


def load(data, name: str, *, bias: int | None = None, user_range: tuple = USER_RANGE, reserved=(),
         memory: int = MEMORY_MAX, dynamic: bool = False) -> Image:
    """Read a program. LoadError says in one line what is wrong with it.

    data: bytes, memoryview or mmap of the whole file; the image keeps views of it
    name: what messages call it
    bias: page-aligned address for a position-independent program; None is Linux's own choice
    user_range, reserved: (start, end) that a program may use, and [(start, end), ...] inside it that it may not
    memory: bytes it may take before it runs
    dynamic: True where the caller will load ``image.interp`` itself; else such a program is refused
    """
    view = memoryview(data).toreadonly().cast("B")
    headers = read(view, name)
    loads = [p for p in headers.phdrs if p.p_type == PT_LOAD and _check_segment(name, p, len(view))]
    if not loads:
        raise LoadError(name, "has no PT_LOAD segment with a byte in it, so there is nothing to run; relink it")
    image = Image()
    image.name, image.pie = name, headers.type == ET_DYN
    image.interp = _interp(view, name, headers.phdrs, dynamic)
    image.bias = _bias(loads, bias) if image.pie else 0
    image.segments = tuple(Segment(p.p_vaddr + image.bias, p.p_memsz, p.p_filesz, p.p_offset, _prot(p.p_flags),
                                   p.p_align) for p in loads)
    _check_places(name, image.segments, user_range, reserved, memory)
    image.start, image.end = min(s.start for s in image.segments), max(s.end for s in image.segments)
    image.brk = image.end
    image.entry = _entry(name, headers.entry, image)
    image.phdr = _phdr(headers.phoff, image.segments)
    image.phnum, image.phent = len(headers.phdrs), PHDR.size
    # x86-64 since Linux 5.8: no PT_GNU_STACK means no executable stack (arch/x86/include/asm/elf.h).
    # Of several, the last one counts.
    flags = [p.p_flags for p in headers.phdrs if p.p_type == PT_GNU_STACK]
    image.exec_stack = bool(flags and flags[-1] & PF_X)
    image.mappings = tuple(m for s in image.segments for m in _mappings(view, s))
    image.note = _note(view, headers.phdrs)
    return image


def _page_up(value: int) -> int:
    return (value + PAGE - 1) & -PAGE


def _prot(flags: int) -> int:
    return (PROT_READ if flags & PF_R else 0) | (PROT_WRITE if flags & PF_W else 0) | (PROT_EXEC if flags & PF_X else 0)


def _check_segment(name: str, p: Phdr, size: int) -> bool:
    """Whether there is anything to map. LoadError where the numbers contradict each other or the file."""
    where = f"PT_LOAD at address {p.p_vaddr:#x}"
    if p.p_filesz > p.p_memsz:
        raise LoadError(name, f"{where} has p_filesz {p.p_filesz:#x} above p_memsz {p.p_memsz:#x}; "
                              "the program header is damaged, relink it")
    if p.p_vaddr + p.p_memsz + PAGE > 1 << 64:
        raise LoadError(name, f"{where} with p_memsz {p.p_memsz:#x} wraps around the end of the address space; "
                              "the program header is damaged, relink it")
    if p.p_filesz:
        if (p.p_vaddr - p.p_offset) % PAGE:
            raise LoadError(name, f"{where} and its file offset {p.p_offset:#x} differ modulo the page size {PAGE}; "
                                  "link it with pages of 4 KiB (-z max-page-size=4096)")
        # The rest of the file's last page reads as zero, as with mmap(2); a page further on would be SIGBUS.
        if p.p_offset + p.p_filesz > _page_up(size):
            raise LoadError(name, f"{where} needs the file up to offset {p.p_offset + p.p_filesz:#x}, and it ends at "
                                  f"{size:#x}; it is truncated, copy or link it again")
    return p.p_memsz > 0


def _interp(view, name: str, phdrs: list, dynamic: bool) -> bytes | None:
    asked = [p for p in phdrs if p.p_type == PT_INTERP]
    if not asked:
        return None
    if len(asked) > 1:
        raise LoadError(name, f"has {len(asked)} PT_INTERP, and the ELF standard allows one; relink it")
    path = interpreter(view, name, asked[0])
    if not dynamic:
        raise LoadError(name, f"is dynamic and needs the interpreter {shown(path)}, and none is granted; link it with "
                              "-static")
    return path


def _bias(loads: list, bias: int | None) -> int:
    """What to add to the file's addresses so that the lowest page comes to stand where it should."""
    first = min(p.p_vaddr for p in loads) & -PAGE
    if bias is None:
        # Linux heeds p_align only where it is a power of two (maximum_alignment).
        aligns = [p.p_align for p in loads if p.p_align & (p.p_align - 1) == 0]
        bias = PIE_BASE & -max([PAGE, *aligns])
    return (bias & -PAGE) - first


def _check_places(name: str, segments: tuple, user_range: tuple, reserved, memory: int) -> None:
    total = 0
    placed = sorted(segments, key=lambda s: s.vaddr)
    for at, s in enumerate(placed):
        where = f"segment {s.vaddr:#x}..{s.vaddr + s.memsz:#x}"
        total += s.end - s.start
        if total > memory:
            raise LoadError(name, f"{where} brings what it asks for to {total >> 20} MiB, and {memory >> 20} MiB may "
                                  "be had; give it more memory or make its static data smaller")
        if s.start < user_range[0] or s.end > user_range[1]:
            raise LoadError(name, f"{where} is outside the addresses for programs, {user_range[0]:#x}.."
                                  f"{user_range[1]:#x}; link it elsewhere (-Ttext-segment)")
        for start, end in reserved:
            if s.start < end and start < s.end:
                raise LoadError(name, f"{where} is in {start:#x}..{end:#x}, which the monitor keeps for itself; "
                                      "link it elsewhere (-Ttext-segment)")
        if at and placed[at - 1].vaddr + placed[at - 1].memsz > s.vaddr:
            before = placed[at - 1]
            raise LoadError(name, f"{where} overlaps segment {before.vaddr:#x}..{before.vaddr + before.memsz:#x}; "
                                  "the program headers are damaged, relink it")


def _entry(name: str, entry: int, image: Image) -> int:
    address = (entry + image.bias) % (1 << 64)
    for s in image.segments:
        if s.prot & PROT_EXEC and s.start <= address < s.end:
            return address
    remedy = "it is a shared library, not a program" if image.pie and not entry else "link it with an entry (-e _start)"
    raise LoadError(name, f"the entry point {entry:#x} is in no executable segment; {remedy}")


def _phdr(phoff: int, segments: tuple) -> int:
    """AT_PHDR: where the segment that holds the table shows it. PT_PHDR is not asked, as in Linux since 5.18."""
    for s in segments:
        if s.offset <= phoff < s.offset + s.filesz:
            return phoff - s.offset + s.vaddr
    return 0


def _mappings(view, s: Segment):
    offset, lead = s.offset & -PAGE, s.vaddr % PAGE
    anonymous = s.start
    if s.filesz:
        anonymous = _page_up(s.vaddr + s.filesz)
        # Linux clears behind the file's part, and leaves it be where it may not write.
        cut = s.memsz > s.filesz and s.prot & PROT_WRITE
        end = s.offset + s.filesz if cut else offset + anonymous - s.start
        yield Mapping(s.start, anonymous - s.start, s.prot, view[offset:end], offset)
    if anonymous < s.end:
        yield Mapping(anonymous, s.end - anonymous, PROT_READ | PROT_WRITE | s.prot & PROT_EXEC, view[:0], None)


def _note(view, phdrs: list) -> Note | None:
    for p in phdrs:
        if p.p_type == PT_NOTE:
            for owner, kind, desc in notes(view, p):
                if owner == NOTE_SKETE and kind == NT_SKETE_ABI and len(desc) >= 4:
                    libc, version = (desc[4:].split(b"\0") + [b"", b""])[:2]
                    return Note(int.from_bytes(desc[:4], "little"), shown(libc), shown(version))
    return None
