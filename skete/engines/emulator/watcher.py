"""Ends a slice of a guest that computes, when the monitor's thread has something else to do."""
from __future__ import annotations

from time import sleep

from skete.engines import watcher

__all__ = ["Watcher"]

_AGAIN_S = 0.001


class Watcher(watcher.Watcher):
    """Calls ``stop`` when there is a reason, and every TICK_S. Where it wakes outside of any slice it stays disarmed."""

    #: a signal to the monitor waits so long at most for Python to look at it, in s
    TICK_S = 0.01

    def __init__(self, stop):
        self.inside = False         # whether a slice is going on
        self._stop = stop
        super().__init__()

    def arm(self, deadline: float | None, fds: tuple) -> None:
        """A slice begins."""
        self.inside = True          # before we look whether it is armed: due goes the other way round
        super().arm(deadline, fds)

    def due(self, told: bool) -> None:
        if self.inside:
            # One that comes before the slice has quite begun is lost. Hence the ticks, and hence again soon.
            self.armed = True
            self._stop()
            if told:
                sleep(_AGAIN_S)
