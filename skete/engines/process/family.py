"""A stub and what was forked from it: they share a seccomp filter, and so one listener."""
from __future__ import annotations

import os

__all__ = ["Family"]


class Family:
    """What the processes of one filter have in common.

    listener:  descriptor of the filter's notifications
    restorer, newborn, born: guest addresses of the gate's way back, and of where a forked process begins
    post, posted, rung, seen: of parts of the fast gate: see stub.c
    group:     the host's process group that all of them are in, since none can leave it
    spaces:    the living ones
    """
    __slots__ = ("listener", "restorer", "newborn", "born", "post", "posted", "rung", "seen", "group", "spaces")

    def __init__(self, group: int, listener: int):
        self.group, self.listener = group, listener
        self.restorer = self.newborn = self.born = self.post = self.posted = self.rung = self.seen = 0
        self.spaces = set()

    def leave(self, space) -> bool:
        """A space is gone. Whether it was the last: the listener is closed then."""
        self.spaces.discard(space)
        if self.spaces:
            return False
        os.close(self.listener)
        return True
