"""A guest thread: one slot, and while it is stopped the signal frame that the host built on the gate's stack."""
from __future__ import annotations

import struct

from skete.abi import sigframe
from skete.engine import EngineError, Regs, Vcpu
from skete.engines.gate.layout import SLOT_CALL, SLOT_CALL_NR, SLOT_SIZE, SLOTS_BASE
from skete.engines.process.layout import (
    ACTION_FRAME, ACTION_KEEP, ACTION_MORE, ACTION_RESULT, GUESSED_WRONG, MAX_ORDERS, ORDER_SIZE, SLOT_ACTION,
    SLOT_BUILT_FRAME, SLOT_GUESS, SLOT_ORDER_LIST, SLOT_STACK, SLOT_TID)
from skete.engines.process.orders import MMAP, MUNMAP, merged

__all__ = ["ProcessVcpu"]

_REPLY = struct.Struct("<QqQQ")             # action, result, number of orders, frame
_ORDER = struct.Struct("<7Q")
_REGS = struct.Struct("<18Q")
_WORD = struct.Struct("<Q")
_GUESS = struct.Struct("<14Q")             # a call and an order

#: where the guest's rip is in a ucontext
_RIP = sigframe.UC_GREGS + 8 * Regs.NAMES.index("rip")

_NR_EXIT, _NR_ARCH_PRCTL = 60, 158
_ARCH_SET_GS, _ARCH_SET_FS = 0x1001, 0x1002

#: a larger state has no room in a frame that we build; no processor has one
_FPU_MOST = SLOT_STACK - SLOT_BUILT_FRAME - sigframe.FRAME_SIZE - 64

#: the gate makes these without asking: munmap, arch_prctl. See stub.c
_ITS_OWN = (MUNMAP, _NR_ARCH_PRCTL)


class ProcessVcpu(Vcpu):
    """Stopped while the engine holds a notification of this thread, or a call that it has posted (post.py)."""

    def __init__(self, space, index: int):
        self.space = space
        self.slots = space.slots
        self.base = index * SLOT_SIZE               # of the slot, in the space's slot memory
        self.address = SLOTS_BASE + self.base       # of the slot, guest virtual
        self.words, self.at = space.words, self.base // 8   # the slot memory as words, and where this slot begins
        self.post = space.engine.post
        self.posted = False                         # stopped in a posted call: its registers are not known
        self.memory, self.given_at = self.slots, self.base + SLOT_CALL_NR + 8
        self.calls = self.words[self.at + SLOT_CALL // 8]   # how many it has posted, as far as we have seen
        self.tid = 0                                # the host's; 0 until its first notification
        self.stopped = None
        self.context = 0                            # offset of the ucontext in the slot memory
        self.orders = []                            # for this thread to carry out at its next resume: (nr, word, ...)
        self.waiting = []                           # orders beyond what one answer holds
        self.reply = (ACTION_KEEP, 0, 0)            # what to do after all of them
        self._told = []                             # the orders of the last answer
        self.expected = []                          # orders handed out and not yet seen at the doorbell, last first
        self.start = None                           # registers to start with, until the space's first thread runs
        self.start_fpu = b""                        # and its floating point state; b"": the processor's initial one
        self.first = False                          # the space's first: the host keeps no tid word for it
        self.call = None                            # the one that it trapped with last: (nr, word, ...)
        self.made = None                            # a call and the order that was all its answer, before this one
        self.guess = None                           # the order that the gate makes with such a call, without being told
        self.guessed = False                        # it has made that order, and waits for it and its answer
        self.kicked = False                         # while its answer is held back; see ProcessSpace
        self.ended = False                          # it has been told to exit; the slot is free when host_tid is 0
        self._fs_base = self._gs_base = 0

    # ---- registers ----

    @property
    def regs(self) -> Regs:
        if self.posted:
            self.post.trap(self)
        if self.start is not None:
            return self.start
        regs = Regs()
        values = _REGS.unpack_from(self.slots, self.context + sigframe.UC_GREGS)
        for name, value in zip(Regs.NAMES, values):
            setattr(regs, name, value)
        return regs

    @regs.setter
    def regs(self, regs: Regs) -> None:
        if self.posted:
            self.post.trap(self)
        if self.start is not None:
            self.start = regs
            return
        _REGS.pack_into(self.slots, self.context + sigframe.UC_GREGS, *(getattr(regs, name) for name in Regs.NAMES))

    @property
    def rip(self) -> int:
        """regs.rip, at a tenth of its cost."""
        if self.posted:
            self.post.trap(self)
        return _WORD.unpack_from(self.slots, self.context + _RIP)[0]

    @property
    def fs_base(self) -> int:
        return self._fs_base

    @fs_base.setter
    def fs_base(self, address: int) -> None:
        self.space.facts.base(self, self._fs_base, address)
        self._fs_base = address
        self.orders.append((_NR_ARCH_PRCTL, _ARCH_SET_FS, address))

    @property
    def gs_base(self) -> int:
        return self._gs_base

    @gs_base.setter
    def gs_base(self, address: int) -> None:
        self._gs_base = address
        self.orders.append((_NR_ARCH_PRCTL, _ARCH_SET_GS, address))

    def fpu(self) -> bytes:
        if self.posted:
            self.post.trap(self)
        if self.start is not None:
            return self.start_fpu
        start = self._fpstate()
        return bytes(self.slots[start:start + self._fpstate_size(start)]) if start else b""

    def set_fpu(self, state: bytes | None) -> None:
        if self.posted:
            self.post.trap(self)
        if self.start is not None:
            self.start_fpu = state or b""
            return
        start = self._fpstate()
        if not state:
            struct.pack_into("<Q", self.slots, self.context + sigframe.UC_FPSTATE, 0)
        elif start:     # else the guest has overwritten its slot: it goes on with the initial state
            if len(state) > self._fpstate_size(start):
                # Made up by the program: more than the processor has. Linux takes the legacy part of such a one.
                state = state[:sigframe.FXSAVE_SIZE]
            self.slots[start:start + len(state)] = state

    def _fpstate(self) -> int:
        """Offset of the state in the slot memory; 0: none. The pointer lies in guest memory, so it is checked."""
        pointer, = struct.unpack_from("<Q", self.slots, self.context + sigframe.UC_FPSTATE)
        start = pointer - SLOTS_BASE
        inside = self.base + SLOT_STACK <= start <= self.base + SLOT_SIZE - sigframe.FXSAVE_SIZE
        return start if inside else 0

    def _fpstate_size(self, start: int) -> int:
        return sigframe.fpstate_size(self.slots, start, min(_FPU_MOST, self.base + SLOT_SIZE - start))

    # ---- going on ----

    def resume(self, result: int | None = None) -> None:
        changes = self.space.orders
        plain = result is not None and not self.orders and not changes
        if self.posted:
            if plain:
                return self.post.answer(self, result)
            self.post.trap(self)
        if plain and not self.guessed and self.space.changing is not self:
            self.reply = ACTION_RESULT, result, 0
            _REPLY.pack_into(self.slots, self.base + SLOT_ACTION, ACTION_RESULT, result, 0, 0)
            return self.space.answer(self)
        if len(changes) == 1 and not self.orders and self._guess(changes[0], result):
            return
        if self.orders or changes:
            self.waiting = (merged(changes) if len(changes) > 1 else changes) + self.orders
            self.space.orders = []
            self.orders = []
        if result is not None:
            reply = ACTION_RESULT, result, 0
        elif self.start is None:
            reply = ACTION_KEEP, 0, 0
        else:
            reply = ACTION_FRAME, 0, self.build_frame(self.start, self.start_fpu)
            self.start = None
        self.reply = reply
        if not changes or self.space.may_change(self):
            self.resume_orders()

    def resume_orders(self) -> None:
        """Give the gate its orders, or the rest that it asks for, and what to do after them."""
        if self.guessed:
            self.guessed = False
            self._forget_guess()
            return self.space.answer(self, GUESSED_WRONG)      # it asks for them
        orders, reply = self._hand_out(self.reply) if self.waiting or self.space.changing is self else (0, self.reply)
        _REPLY.pack_into(self.slots, self.base + SLOT_ACTION, reply[0], reply[1], orders, reply[2])
        self.space.answer(self)
        if not orders and self.space.changing is self:
            self.space.changed()

    def _guess(self, order: tuple, result: int | None) -> bool:
        """An answer brings one change. Whether the gate has guessed it, and so is told; where the same call has had the same
        answer before, the gate is to guess it from now on. Among threads that would be out of order."""
        if order[0] != MMAP or result != order[1] or self.space.threads > 1:
            return False
        if self.guessed and order == self.guess:
            self.guessed = False
            self.space.orders = []
            self.space.go_on(self)
            return True
        made, self.made = self.made, (self.call, order)
        if made == self.made and not self.guessed:
            self.guess = order
            _GUESS.pack_into(self.slots, self.base + SLOT_GUESS, *self.call, *order)
        return False

    def _forget_guess(self) -> None:
        self.guess = self.made = None
        _GUESS.pack_into(self.slots, self.base + SLOT_GUESS, *bytes(14))

    def let_go(self) -> None:
        self.space.answer(self)

    def keep(self) -> None:
        """Let the gate go back to where the host's signal has found it."""
        _REPLY.pack_into(self.slots, self.base + SLOT_ACTION, ACTION_KEEP, 0, 0, 0)
        self.space.answer(self)

    def fork(self, order: tuple) -> None:
        """Give this one order, and have the gate ring again: the answer to the guest comes later."""
        at = self.base + SLOT_ORDER_LIST
        _ORDER.pack_into(self.slots, at, *order)
        self.expected = [order]
        _REPLY.pack_into(self.slots, self.base + SLOT_ACTION, ACTION_MORE, 0, 1, 0)
        self.space.answer(self)

    def _hand_out(self, reply: tuple) -> tuple:
        """Write as many orders as fit into the slot; (how many, what to do after them)."""
        self._told = now = self.waiting[:MAX_ORDERS]
        self.waiting = self.waiting[MAX_ORDERS:]
        at = self.base + SLOT_ORDER_LIST
        handed = []
        for order in now:
            words = order + (0,) * (7 - len(order))
            _ORDER.pack_into(self.slots, at, *words[:7])
            if order[0] not in _ITS_OWN:
                handed.append(words)
            at += ORDER_SIZE
        handed.reverse()
        self.expected = handed
        more = self.waiting or now and self.space.changing is self
        return len(now), ((ACTION_MORE, 0, 0) if more else reply)

    def was_told(self, order: tuple) -> bool:
        """Whether this was one of its last orders. Seven words"""
        return order == self.guess or any(order == (*one, *(0,) * (7 - len(one))) for one in self._told)

    def build_frame(self, regs: Regs, fpu: bytes) -> int:
        """Write a signal frame with these registers into the slot; its guest address."""
        address = self.address + SLOT_BUILT_FRAME
        stack = (self.address + SLOT_STACK, SLOT_SIZE - SLOT_STACK)
        frame = sigframe.frame(address, self.space.family.restorer, stack, regs, fpu)
        if len(frame) > SLOT_STACK - SLOT_BUILT_FRAME:
            raise EngineError(f"a signal frame of {len(frame)} bytes does not fit a slot")
        at = self.base + SLOT_BUILT_FRAME
        self.slots[at:at + len(frame)] = frame
        return address

    def kick(self) -> None:
        if self in self.space.held:
            self.kicked = True          # for when it gets its answer
        elif self.stopped is None and not self.posted:
            self.space.engine.kick(self)

    def end(self) -> None:
        self.orders.append((_NR_EXIT, 0))
        self.ended = True
        self.space.facts.base(self, self._fs_base, 0)
        self.space.threads -= 1
        if self.space.threads == 1:
            self.space.family.wake_here(True)
        self.resume()

    def cpu_ns(self) -> int:
        """Processor time that this thread has used, in ns: /proc/<pid>/task/<tid>/schedstat."""
        try:
            with open(f"/proc/{self.space.pid}/task/{self.tid}/schedstat", "rb") as file:
                return int(file.read().split()[0])
        except OSError:
            return 0

    @property
    def host_tid(self) -> int:
        """The word that the host's kernel keeps (CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID): 0 once it has
        ended. It is in guest memory, so only ever used together with the space's own pid."""
        return struct.unpack_from("<i", self.slots, self.base + SLOT_TID)[0]
