"""A system call site that trapped often is made to jump to the engine's gate, which may know the answer.

Nothing is looked for: a site is an instruction that has trapped, ``syscall``, in text that cannot be written. It stays
as it is. What is replaced is one instruction before it, of at least the five bytes that a jump takes, from which it is
reached in a straight line, in C libraries mostly ``mov $number, %eax``. The jump leads to a *trampoline*, a copy of the
instructions up to the site, and then to the gate, which answers, or goes on at the site. So

  - an instruction is replaced by one: no thread can stand inside, and no branch can lead there;
  - who jumps behind it, or to the site itself, finds what was there, and is caught as ever;
  - a call that is not answered in the gate is made by the old instruction, at its old place, with all registers, so a
    signal frame, a clone or a cancelled thread shows nothing of us.

Where instructions begin is decided by a decoder, from each of 15 neighbouring bytes some way before the site: one of
them begins an instruction, as none is longer, so what all have in common is true. The one thread that there is stands
stopped in the call. Text that others stand on too (a forked process, another one that executes the same file) is copied
first. Where there are other threads, they may be about to execute what is replaced: the jump is written with one aligned
store, or not at all. Nor can text be copied then: our thread may sleep in its call before it has mapped the copy, while the
others run on in frames that may go to somebody else.
"""
from __future__ import annotations

import sys
from struct import pack

from skete.engine import PAGE

__all__ = ["Patches", "Rewriter", "decide"]

#: a call that the gate would answer is looked at from its so-manieth time on: to import the decoder takes as long as
#: 2,000 trapped calls
EAGER_AFTER = 1000
#: how far before a site decoding begins, and the longest instruction that there is
_BEFORE, _LONGEST = 160, 15
#: bytes that a jump takes; that it may lead to; that a trampoline may have; for all trampolines of a process
_JUMP, _REACH, _TRAMPOLINE, _SIZE = 5, 0x7fff_0000, 64, 4 * PAGE
_SYSCALL = b"\x0f\x05"

_ACROSS = "other threads run, and it lies across two words"
_NOT_OURS = "other threads run, and its text is shared, or there is no trampoline yet"


class Patches:
    """Of one Mm. sites: {address of a syscall instruction: None where rewritten, else why not}

    start, end: of the trampolines in use;  undo: [(address, what was there, what is)]
    """
    __slots__ = ("sites", "start", "end", "undo")

    def __init__(self):
        self.sites, self.start, self.end, self.undo = {}, 0, 0, []

    def copy(self) -> "Patches":
        """For a forked process, which has the same text."""
        copy = Patches()
        copy.sites, copy.start, copy.end, copy.undo = dict(self.sites), self.start, self.end, list(self.undo)
        return copy

    def original(self, start: int, code: bytes) -> bytes:
        """Text as it was before us."""
        text = bytearray(code)
        for address, before, _ in self.undo:
            for at, byte in enumerate(before, address - start):
                if 0 <= at < len(text):
                    text[at] = byte
        return bytes(text)

    def removed(self, mm, start: int, end: int) -> None:
        """What is at these addresses goes, and something else may come there."""
        self.touched(mm, start, end)
        self.undo = [undo for undo in self.undo if not start - _JUMP < undo[0] < end]
        for site in [site for site in self.sites if start <= site < end]:
            del self.sites[site]

    def touched(self, mm, start: int, end: int) -> None:
        """The guest changes these addresses: if trampolines are there, nobody may jump to them any more."""
        if not self.start or end <= self.start or self.start + _SIZE <= start:
            return
        for address, before, after in self.undo:
            vma = mm.vmas.at(address)
            if vma is not None and vma.shown and vma.prot and mm.read(address, len(after)) == after:
                _own(mm, vma)
                at = address + mm.vmas.at(address).delta
                mm.ram[at:at + len(before)] = before
        for site, why in self.sites.items():
            self.sites[site] = why or "the program uses the trampolines' place"
        self.start, self.undo = 0, []


class Rewriter:
    """counts: {number: calls that trapped, of those that the gate would answer}

    rewritten: how many sites;  left: {why: how many}, of those that were looked at
    """

    def __init__(self, numbers):
        self.counts = dict.fromkeys(numbers, 0)
        self.rewritten = 0
        self.left = {}

    def trapped(self, task, nr: int) -> None:
        """Such a call has trapped."""
        self.counts[nr] += 1
        if self.counts[nr] <= EAGER_AFTER:
            return
        mm = task.mm
        if mm.users > 1 or task.process.space.facts is None:
            return                          # a child of vfork: for a moment
        if mm.patches is None:
            mm.patches = Patches()
        sites = mm.patches.sites
        site = task.vcpu.rip - len(_SYSCALL)
        if site in sites or len(sites) > 10_000:    # rewritten, or never to be
            return
        why = sites[site] = self._rewrite(mm, site, task)
        if why is None:
            self.rewritten += 1
        else:
            self.left[why] = self.left.get(why, 0) + 1

    def _rewrite(self, mm, site: int, task) -> str | None:
        """Why it is left alone; None when it is not."""
        gate, alone = task.process.space.facts.gate, len(task.process.tasks) == 1
        vma = mm.vmas.at(site)
        if vma is None or vma.prot != 5 or vma.shared or vma.name[:1] in ("", "["):
            return "not in the text of a file"
        start = max(vma.start, site - _BEFORE)
        if vma.end < site + len(_SYSCALL):
            return "at the end of its text"
        patches = mm.patches
        if not alone and (not patches.start or any(_shared(mm, mm.vmas.at(at)) for at in (patches.start, site))):
            return _NOT_OURS
        found = decide(mm.patches.original(start, mm.read(start, site + len(_SYSCALL) - start)), start)
        if type(found) is str:
            return found
        replaced, length, copied = found
        if not alone and replaced % 8 + _JUMP > 8:
            return _ACROSS
        try:
            if not patches.start:
                start = mm.place(_SIZE, vma.start)
                if vma.end - start > _REACH:
                    return "no room for a trampoline near it"
                mm.add(start, _SIZE, 5, name="[gate]")
                patches.start = patches.end = start
            at = patches.end
            if at + _TRAMPOLINE > patches.start + _SIZE or not -_REACH < at - replaced < _REACH:
                return "no room for a trampoline near it"
            _own(mm, mm.vmas.at(at))
            _own(mm, mm.vmas.at(site))
        except OSError:
            return "memory is used up"
        back = site + len(_SYSCALL)
        code = copied + b"\x48\x8d\x0d" + pack("<i", back - (at + len(copied) + 7))     # lea back(%rip), %rcx
        code += b"\x49\xbb" + pack("<Q", gate) + b"\x41\xff\xe3"                        # mov $gate, %r11; jmp *%r11
        _store(mm, at, code)
        patches.end = at + (len(code) + 15 & -16)
        # What is left of a longer instruction behind the jump is never executed.
        jump = b"\xe9" + pack("<i", at - (replaced + _JUMP))
        patches.undo.append((replaced, mm.read(replaced, _JUMP), jump))
        if alone:
            _store(mm, replaced, jump)
        else:
            word = replaced & -8
            _store_word(mm, word, mm.read(word, replaced - word) + jump + mm.read(replaced + _JUMP, word + 3 - replaced))
        return None


def _store(mm, address: int, code: bytes) -> None:
    at = address + mm.vmas.at(address).delta
    mm.ram[at:at + len(code)] = code


def _store_word(mm, address: int, code: bytes) -> None:
    """Eight bytes, aligned, with one store."""
    at = address + mm.vmas.at(address).delta
    mm.ram[at:at + 8].cast("Q")[0] = int.from_bytes(code, "little")


def _shared(mm, vma) -> bool:
    """Whether somebody else stands on the frames of this mapping."""
    return vma is None or mm.frames.held_twice(vma.start + vma.delta, vma.end - vma.start)


def _own(mm, vma) -> None:
    """Nobody else stands on the frames of this private mapping from now on. ENOMEM"""
    if _shared(mm, vma):
        mm.own(vma)


def decide(code: bytes, start: int):
    """(address of the instruction to replace, its length, what a trampoline has to execute) for the ``syscall`` that
    ``code`` ends with, or why there is none. ``code`` stands at ``start``."""
    try:
        Decoder = _iced().Decoder
    except ImportError:
        return "no decoder: pip install iced-x86"
    site = start + len(code) - len(_SYSCALL)
    if code[-len(_SYSCALL):] != _SYSCALL:
        return "no syscall instruction"
    chains = []
    if site - start < 4 * _LONGEST:
        return "too near the beginning of its text"
    for skip in range(_LONGEST):
        chain, at = [], start + skip
        for instruction in Decoder(64, code[skip:], ip=at):
            if instruction.ip >= site or instruction.is_invalid:
                break
            chain.append(instruction)
            at = instruction.next_ip
        if at == site:
            chains.append(chain)
    if not chains:
        return "its surroundings are no instructions"
    for back in range(1, min(map(len, chains)) + 1):
        instruction = chains[0][-back]
        if any(chain[-back].ip != instruction.ip for chain in chains):
            return "unclear where instructions begin"
        why = _fixed(instruction)
        if why:
            return why
        if instruction.len >= _JUMP:
            copied = code[instruction.ip - start:-len(_SYSCALL)]
            if len(copied) + 20 > _TRAMPOLINE:
                return "too far from an instruction that is long enough"
            return instruction.ip, instruction.len, copied
    return "no instruction that is long enough"


def _iced():
    """The decoder. ImportError. The command starts Python without ``site``: packages are only now looked for."""
    try:
        import iced_x86
    except ImportError:
        if not sys.flags.no_site:
            raise
        import site
        site.main()
        import iced_x86
    return iced_x86


def _fixed(instruction) -> str:
    """Why an instruction would not do the same elsewhere; "" if it does."""
    from iced_x86 import FlowControl, Mnemonic, OpKind, Register
    if instruction.flow_control != FlowControl.NEXT:
        return "a branch, or the target of one, is just before it"
    for operand in range(instruction.op_count):
        kind = instruction.op_kind(operand)
        if kind in (OpKind.REGISTER, OpKind.IMMEDIATE8, OpKind.IMMEDIATE8_2ND, OpKind.IMMEDIATE16, OpKind.IMMEDIATE32,
                    OpKind.IMMEDIATE64, OpKind.IMMEDIATE8TO16, OpKind.IMMEDIATE8TO32, OpKind.IMMEDIATE8TO64,
                    OpKind.IMMEDIATE32TO64):
            continue
        if kind != OpKind.MEMORY or instruction.is_ip_rel_memory_operand:
            return "an instruction before it is bound to its place"
        if instruction.mnemonic not in (Mnemonic.LEA, Mnemonic.NOP) \
                and instruction.memory_base not in (Register.RSP, Register.RBP):
            return "an instruction before it may fault"     # and would be seen to do so in the trampoline
    return ""
