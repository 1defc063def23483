"""The fork of a guest process, on the engine's side: let the gate do it, and know both processes afterwards."""
from __future__ import annotations

import errno
import os
import select

from skete.engines.gate.layout import SLOTS_BASE
from skete.engines.process.layout import FD_RAM, SLOTS_SIZE

__all__ = ["fork"]

#: how long a killed process may take to be gone, in ms
_SOON_MS = 5000


def fork(engine, parent, order: tuple, newborn) -> None:
    """Let a stopped thread fork its process, and wait until parent and child have rung. OSError(EAGAIN)

    newborn: the child's vcpu, in a space that has no process yet

    Nothing else is served meanwhile, so nobody's frames change hands while a process exists that still has its parent's
    memory."""
    space, child = parent.space, newborn.space
    newborn.expected = [(9, SLOTS_BASE, SLOTS_SIZE, 3, 0x11, FD_RAM, child.slots_at)]
    engine.forking, engine.newborn = parent, newborn
    parent.fork(order)
    if not engine.until(space, lambda: engine.forking is None and engine.newborn is None):
        # It was killed, or overwrites its slots on purpose: a process may exist that we cannot name. Once the parent is
        # dead, there comes no other.
        engine.forking = engine.newborn = None
        engine.forget_tids(child)
        engine.note("a process was killed, since it has interfered with its own fork")
        os.kill(space.pid, 9)
        dead = select.poll()
        dead.register(space.pidfd, select.POLLIN)
        dead.poll(_SOON_MS)
        if not _end_strangers(space.family):
            for known in space.family.spaces:
                os.kill(known.pid, 9)       # the stranger's next ring finds nobody then, and it ends by that
        raise OSError(errno.EAGAIN, "the guest has interfered with its own fork")
    if child.pid < 0:
        _end_strangers(space.family)        # if that was a lie
        raise OSError(errno.EAGAIN, "the host refused another process")
    try:
        child.pidfd = os.pidfd_open(child.pid)
    except OSError as error:
        os.kill(child.pid, 9)
        os.waitpid(child.pid, 0)
        engine.forget_tids(child)
        raise OSError(errno.EAGAIN, f"pidfd_open: {error.strerror}") from None
    engine.adopt(child)


def _end_strangers(family) -> bool:
    """End what a fork has left that went wrong: processes of the family's group that are no space's. Children of ours
    they are all, since a guest cannot leave that to somebody else. False where the host does not list children
    (CONFIG_PROC_CHILDREN)."""
    known, looked = {space.pid for space in family.spaces}, False
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children") as file:
                children = file.read().split()
        except OSError:
            continue            # that thread has ended
        looked = True
        for pid in map(int, children):
            if pid not in known and os.getpgid(pid) == family.group:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
    return looked
