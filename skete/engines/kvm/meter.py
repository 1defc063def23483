"""Processor time of the guest thread that the monitor's own thread runs.

Asking for the thread's processor time before and after each KVM_RUN would cost more than the rest of a trap. So our own
time is measured, with a clock that is cheap; the guest's is what is left.
"""
from __future__ import annotations

from time import monotonic_ns, thread_time_ns

__all__ = ["Meter"]


class Meter:
    """vcpu: whose time is measured, or None"""

    def __init__(self):
        self.vcpu = None
        self._started_ns = self._own_ns = self._left_ns = 0

    def enters(self) -> None:
        """We are about to run the guest, or to sleep."""
        self._own_ns += monotonic_ns() - self._left_ns

    def left(self) -> None:
        """We are back."""
        self._left_ns = monotonic_ns()

    def charge(self, vcpu) -> None:
        """Charge the thread that ran here so far, and from now on this one, or none."""
        if self.vcpu is not None:
            self.vcpu.used_ns += self._used_ns()
        now = monotonic_ns()
        self.vcpu, self._started_ns, self._own_ns, self._left_ns = vcpu, thread_time_ns(), 0, now

    def _used_ns(self) -> int:
        return max(0, thread_time_ns() - self._started_ns - self._own_ns - (monotonic_ns() - self._left_ns))
