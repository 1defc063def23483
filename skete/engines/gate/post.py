"""Calls that a thread posts in its slot, at the gate (fast.S), instead of trapping.

Such a call comes with its number and words, and no registers. Most need none: the answer goes into the slot too, and
the guest, which has been looking for it, goes on: no context is switched on either side. Where registers are asked for
after all, or orders or a signal have to be carried out before the guest goes on, the thread is told to make the call
again with ``syscall`` (``trap``). What that reports is the call that is being served already.

A thread that tells the time at the gate (clocks.py) is in no call yet: what interrupts it there, a kick or a fault, finds
it before its ``syscall``.

Both sides look for a while before they sleep, but only where they run on processors of their own, and only while it
pays: the monitor looks at the slot of the thread that posted last, until it has done so in vain a few times. Then it
sleeps, and the guest, which can see that, rings: ``syscall`` with RING_NR, at the one place ``rang_at``.

The slot is the guest's to write, as everything here is. What it can gain is an answer to a call that it could have
made; a thread that traps while we have a call of its in hand has been at it, and its process is killed.

A thread that has trapped may be told of there too, instead of by ringing, and get its answer so: its gate says RING_NR as
the call's number, and the rest is in the slot as if it had rung. When it has looked for its answer long enough it rings
after all, and says that it is late.

Two processes that take turns, as on a pipe, are looked at together. There may be one processor for both: the one whose
call waits for the other is told so, and yields instead of looking without a pause.

What this wants of an engine: ``until(space, done)``, take what a space's threads report until ``done()``, serving
nothing, whether it came to that; ``posting(vcpu, pays)``, that looking begins or ends; ``foul(vcpu)``, kill its process;
perhaps ``report(vcpu)``, the event, or None, that a thread has in its slot which said RING_NR, and then ``take_turns(*vcpus)``,
that these are looked at together until looking ends.
And of its vcpus: ``words, at``, memory with its slot as words, and where that begins; ``memory, given_at``, the same as
bytes, and where in it the six words of SLOT_CALL_NR are; ``calls``, SLOT_CALL as far as it has been seen, at first what
stands there; ``posted``; ``orders``, its
own and its space's, which are empty where its answer is all that is due; ``expected``, those that it was given and has not
rung with yet; ``stopped``, None while it runs; ``let_go()``, after it rang.
"""
from __future__ import annotations

import os
from itertools import repeat
from struct import Struct
from time import monotonic_ns

from skete.engine import Syscall
from skete.engines.gate.layout import (
    CALL_PENDING, CALL_TRAP, POLLED_SOON, POLLED_WAITS, RING_NR, SLOT_CALL, SLOT_CALL_NR, SLOT_CALL_POLLED,
    SLOT_CALL_REPLY, SLOT_CALL_RETURN, TOLD)

__all__ = ["LOOKED", "TURN", "Post"]

_CALLS, _NR, _REPLY, _POLLED, _RETURN = (
    at // 8 for at in (SLOT_CALL, SLOT_CALL_NR, SLOT_CALL_REPLY, SLOT_CALL_POLLED, SLOT_CALL_RETURN))
_SIX = Struct("<6Q").unpack_from
_MASK = 0xffff_ffff_ffff_ffff

#: how often the monitor looks before it sleeps: some 30 us; at first, when the guest has yet to wake up, more
_LOOKS, _FIRST_LOOKS = 1000, 5000
#: so many vain looks in a row end the looking, after as many that were not; a call that rings so soon after an answer
#: begins it again. Where that is of no use, as when all processors are busy, at most the so-manieth such call does
_CREDIT, _SOON_NS, _MOST_PATIENT = 4, 100_000, 4096
#: what stands for the notification of a thread that trapped and did not ring, since we look at its slot
LOOKED = "looked"
#: so many calls are served before other descriptors are looked at
TURN = 64


class Post:
    """The posted calls of an engine.

    served: how many there were
    turn:   how many since something else was looked at
    polled: the guest has been told that we look
    poster: the vcpu whose slot is looked at, as long as ``credit`` is not 0
    """

    def __init__(self, engine, parts: tuple):
        self.engine = engine
        self._post_at, self._many_at, self._found_at, self._posted_at, self.rang_at, self._seen_at = parts[:6]
        self._yield_at, self._yielding_at, self._yielded_at, self._yield_end = parts[7:11]
        self._told = tuple(zip(parts[11::2], parts[12::2], TOLD))
        self.served = 0
        self._report = getattr(engine, "report", None)
        self.alone = len(os.sched_getaffinity(0)) == 1      # nobody could post while we look
        self.trapping = None            # the vcpu that makes its call again
        self.poster = None
        self._partner = None            # another process's, that it takes turns with
        self.credit = self._looks = 0
        self._soon, self._patience = 0, 1
        self.turn = 0
        self.polled = False
        self._answered_ns = 0

    # ---- the monitor's side ----

    def look(self) -> tuple | None:
        """A call that has been posted, or None. After TURN of them always None, until somebody sets ``turn`` to 0."""
        found = []
        self.follow(lambda vcpu, nr, words: found.append((vcpu, Syscall(nr, words))), lambda *event: found.append(event))
        return found[0] if found else None

    def follow(self, serve, take) -> bool:
        """See Engine. The path that counts: what is asked here is asked for every call."""
        vcpu, partner = self.poster, self._partner
        if partner is not None:
            vcpu = self._either(vcpu, partner)
        if self.credit <= 0 or vcpu is None or vcpu.posted or vcpu.stopped is not None or vcpu.expected:
            return False                # it rings, or waits for something
        words, calls, reply, space = vcpu.words, vcpu.at + _CALLS, vcpu.at + _REPLY, vcpu.space
        nr, memory, given_at = calls + 1, vcpu.memory, vcpu.given_at
        known, turn = vcpu.calls, self.turn
        polled = partner is None and words[vcpu.at + _POLLED]
        try:
            while turn < TURN:
                for _ in repeat(None, self._looks):
                    if words[calls] != known:
                        break
                else:
                    self._vain(vcpu)
                    return False
                if self.credit < _CREDIT:
                    self._pays()
                turn += 1
                vcpu.calls = known = words[calls]
                if words[nr] == RING_NR and self._report is not None:
                    self.served -= 1            # a trap
                    vcpu.stopped = LOOKED
                    event = self._report(vcpu)
                    if event is not None:
                        take(*event)
                    return True
                vcpu.posted = True
                result = serve(vcpu, words[nr], _SIX(memory, given_at))
                if result is None:
                    return True
                if result > CALL_TRAP and vcpu.posted and polled and not (vcpu.orders or space.orders):
                    vcpu.posted = False         # as answer does
                    words[reply] = result & _MASK
                    continue
                vcpu.resume(result)
                return True
        finally:
            self.served += turn - self.turn
            self.turn = turn
        return False

    def _either(self, vcpu, partner):
        """Whose slot to look at now: of two that run, whoever comes first; None where nobody does. Whoever waits
        is told to yield to the other."""
        if vcpu.expected or partner.expected:
            return None
        for one, other in ((partner, vcpu), (vcpu, partner)):
            waits = one.stopped is LOOKED or one.posted and one.stopped is None
            if waits and other.stopped is None and not other.posted:
                self.polled, one.words[one.at + _POLLED] = True, POLLED_WAITS
                return other
            if one.posted or one.stopped is not None:
                return other
        (words, at, known), (others, place, seen) = ((v.words, v.at + _CALLS, v.calls) for v in (vcpu, partner))
        for _ in repeat(None, self._looks):
            if words[at] != known:
                return vcpu
            if others[place] != seen:
                return partner
        if self.credit > 0:
            self._vain(vcpu)
        return None

    def _pays(self) -> None:
        self.credit, self._looks = self.credit + 1, _LOOKS
        if self.credit == _CREDIT:
            self._patience = max(1, self._patience // 2)

    def _vain(self, vcpu) -> None:
        self.credit -= 1
        if not self.credit:
            self.engine.posting(vcpu, False)

    def sleep(self) -> None:
        """We are about to sleep: from now on the guest rings. So it does soon if it has posted something just now."""
        if self.polled:
            self.polled = False
            for vcpu in (self.poster, self._partner):
                if vcpu is not None:
                    vcpu.words[vcpu.at + _POLLED] = 0

    def order_due(self) -> bool:
        """Whether a thread that we look at is about to ring, with an order."""
        return self.credit > 0 and bool(self.poster.expected or self._partner is not None and self._partner.expected)

    def looking(self, vcpu) -> bool:
        """Whether we look at this one's slot."""
        return self.credit > 0 and vcpu is self.poster

    def trapped_instead(self, vcpu) -> None:
        """A thread that may post calls has trapped: where that is dear while we look, looking is to pay less."""
        if self.credit > 0 and vcpu is self.poster:
            self._vain(vcpu)

    def forget(self, space) -> None:
        """A space is gone, and its slots with it."""
        partner = self._partner
        if partner is not None and partner.space is space:
            partner = self._partner = None
        if self.poster is not None and self.poster.space is space:
            if self.credit > 0:
                self.engine.posting(self.poster, False)
            if partner is not None:
                partner.words[partner.at + _POLLED] = 0
            self.poster, self._partner, self.credit, self.polled = None, None, 0, False

    def _look_at(self, vcpu) -> None:
        """This one's slot is looked at from now on, if that pays."""
        before, partner = self.poster, self._partner
        if self.credit > 0:
            if self._take_turns(before, vcpu):
                if partner is not None and partner is not vcpu:
                    partner.words[partner.at + _POLLED] = 0
                self.poster, self._partner = vcpu, before
                self.engine.take_turns(before, vcpu)
                return
            self.engine.posting(before, False)
        self.sleep()
        self.poster, self._partner, self.credit = vcpu, None, 0

    def _take_turns(self, one, other) -> bool:
        """Whether two may be looked at together: processes that run one thread each. Threads are meant to run beside each
        other, not to wait for us."""
        return self._report is not None and one.space is not other.space and one.space.threads == other.space.threads == 1

    def _take(self, vcpu) -> tuple:
        vcpu.calls = vcpu.words[vcpu.at + _CALLS]
        vcpu.posted = True
        self.served += 1
        return vcpu, Syscall(vcpu.words[vcpu.at + _NR], _SIX(vcpu.memory, vcpu.given_at))

    def answer(self, vcpu, result: int) -> None:
        """Its call has this result, and that is all."""
        if result == CALL_PENDING or result == CALL_TRAP:
            self.trap(vcpu)             # a handler's, as Linux has no such result
            return vcpu.resume(result)
        vcpu.posted = False
        self.answered(vcpu)
        vcpu.words[vcpu.at + _REPLY] = result & _MASK
        if vcpu.stopped is not None:
            vcpu.let_go()

    def answered(self, vcpu) -> None:
        """A thread is about to have its answer: whether to look at its slot from now on."""
        if self.poster is not vcpu and not self.alone:
            self._look_at(vcpu)
        if self.credit <= 0:
            self._answered_ns = monotonic_ns()
        elif vcpu.words[vcpu.at + _POLLED] != POLLED_SOON:
            self.polled, vcpu.words[vcpu.at + _POLLED] = True, POLLED_SOON

    def reply(self, vcpu) -> None:
        """A thread that trapped, and looks for its answer, has it in its slot."""
        vcpu.words[vcpu.at + _REPLY] = 0

    # ---- what the guest's threads report ----

    def soon(self, vcpu) -> None:
        """A thread rang with a call. If it comes that soon after an answer, it pays to look for the next."""
        if vcpu is self.poster and monotonic_ns() - self._answered_ns < _SOON_NS:
            self._soon += 1
            if self._soon >= self._patience:
                self.credit, self._looks, self._soon = 1, _FIRST_LOOKS, 0
                self._patience = min(2 * self._patience, _MOST_PATIENT)
                self.engine.posting(vcpu, True)

    def late(self, vcpu, notification) -> bool:
        """A thread that trapped has looked long enough for its answer, and rings. Whether nobody has seen that it trapped."""
        if vcpu.stopped is not None:
            vcpu.stopped = notification
            return False
        calls = vcpu.words[vcpu.at + _CALLS]
        unseen = calls != vcpu.calls
        vcpu.calls = calls
        if not unseen:
            vcpu.stopped = notification
            vcpu.let_go()                       # the answer came while it rang
        return unseen

    def rung(self, vcpu, stopped):
        """A thread rang, and is ``stopped`` now: a call, or None."""
        if vcpu.stopped is LOOKED:
            return self.engine.foul(vcpu)       # it has said that it trapped, and would be in two calls
        vcpu.stopped = stopped                  # a former ring was interrupted by a kick
        if vcpu.posted:
            if self.trapping is vcpu:
                vcpu.let_go()
            return None                         # or it sleeps now
        if vcpu.words[vcpu.at + _CALLS] != vcpu.calls:
            self.soon(vcpu)
            return self._take(vcpu)
        vcpu.let_go()                           # the answer came while it rang
        return None

    def kicked(self, vcpu) -> bool:
        """Whether a thread that a kick has interrupted is in a call, which it comes back from anyway. Where the kick
        found it in the gate and in no call, it is before the call now, or behind it."""
        if vcpu.posted:
            return True
        regs = vcpu.regs
        if not self._post_at <= regs.rip < self._seen_at:
            if self._untell(vcpu, regs) or self._unyield(vcpu, regs):
                vcpu.regs = regs
            return False
        before = regs.rip
        if before == self._many_at:
            regs.rcx >>= 16
        elif self._many_at < before < self._found_at:
            regs.rcx, regs.rax = regs.rax >> 16, regs.rax & 0xffff
        regs.rip = regs.rcx - 2 & _MASK
        if before >= self._posted_at:
            words, at = vcpu.words, vcpu.at
            if words[at + _CALLS] != vcpu.calls:
                return True
            if words[at + _REPLY] != CALL_PENDING & _MASK:
                regs.rax, regs.rdi, regs.rip = words[at + _REPLY], words[at + _NR + 1], words[at + _RETURN]
        vcpu.regs = regs
        return False

    def faulted(self, vcpu) -> bool:
        """Whether a fault is that of a thread that was to be told the time: it is before its call now, and goes on."""
        if vcpu.posted or not self._told[0][0] <= vcpu.rip < self._told[-1][1]:
            return False
        regs = vcpu.regs
        told = self._untell(vcpu, regs)
        if told:
            vcpu.regs = regs
        return told

    def _untell(self, vcpu, regs) -> bool:
        """Registers as before the call, where they are of a thread that tells the time."""
        for start, end, (form, lent, value) in self._told:
            if start <= regs.rip < end:
                setattr(regs, lent, value)
                regs.rdx, regs.rax, regs.rip = regs.r11, vcpu.space.facts.clock_number(form), regs.rcx - 2 & _MASK
                return True
        return False

    def _unyield(self, vcpu, regs) -> bool:
        """Registers as before a call that yields, or as behind it."""
        rip, words, at = regs.rip, vcpu.words, vcpu.at
        if not self._yield_at <= rip < self._yield_end:
            return False
        if rip >= self._yielding_at:
            regs.rdi = words[at + _NR + 1]
        if rip >= self._yielded_at:
            regs.rcx, regs.rip = words[at + _RETURN], self._yield_end
        else:
            regs.rip = regs.rcx - 2 & _MASK
        return True

    def trap(self, vcpu) -> None:
        """Have a thread whose call we serve make it again with ``syscall``, and wait for that: its registers are known
        then. Nothing else is served meanwhile. Where its process dies of it, they are whatever is in its slot."""
        vcpu.words[vcpu.at + _REPLY] = CALL_TRAP & _MASK
        if vcpu.stopped is not None:
            vcpu.let_go()
        self.trapping = vcpu
        if not self.engine.until(vcpu.space, lambda: self.trapping is None):
            self.trapping = None
            self.engine.foul(vcpu)
        vcpu.posted = False

    def trapped(self, vcpu) -> None:
        """A thread of which we have a call in hand has trapped."""
        if vcpu is self.trapping:
            self.trapping = None
        else:
            self.engine.foul(vcpu)
