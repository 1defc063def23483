"""A stub and what was forked from it: they share a seccomp filter, and so one listener."""
from __future__ import annotations

import os
from fcntl import ioctl

from skete.abi import seccomp

__all__ = ["Family"]


class Family:
    """What the processes of one filter have in common.

    listener:  descriptor of the filter's notifications
    restorer, newborn, born: guest addresses of the gate's way back, and of where a forked process begins
    group:     the host's process group that all of them are in, since none can leave it
    spaces:    the living ones
    here:      threads that we answer are woken on our processor
    """
    __slots__ = ("listener", "restorer", "newborn", "born", "group", "spaces", "here")

    def __init__(self, group: int, listener: int):
        self.group, self.listener = group, listener
        self.restorer = self.newborn = self.born = 0
        self.spaces = set()
        self.here = False

    def wake_here(self, here: bool) -> None:
        """Wake a thread that we answer on our own processor, as is right where we are about to sleep and nothing else
        runs, or wherever there is one. Threads of one process are meant to run beside each other: woken here they would
        all share this processor, and whoever sleeps at a barrier keeps them there. Linux 6.6; before, they are not."""
        here = here and all(space.threads < 2 for space in self.spaces)
        if here is not self.here:
            self.here = here
            try:
                ioctl(self.listener, seccomp.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                      seccomp.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP if here else 0)
            except OSError:
                pass

    def leave(self, space) -> bool:
        """A space is gone. Whether it was the last: the listener is closed then."""
        self.spaces.discard(space)
        if self.spaces:
            return False
        os.close(self.listener)
        return True
