"""The fork of a guest process, on the engine's side: let the gate do it, and know both processes afterwards."""
from __future__ import annotations

import errno
import os

from skete.engines.gate.layout import SLOTS_BASE
from skete.engines.process.layout import FD_RAM, SLOTS_SIZE

__all__ = ["fork"]


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
        # It was killed, or overwrites its slots on purpose: a process may exist that we cannot name.
        engine.forking = engine.newborn = None
        for known in space.family.spaces:
            os.kill(known.pid, 9)
        _end_strangers(space.family)
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


def _end_strangers(family) -> None:
    """End what a fork has left that went wrong: processes of the family's group that are no space's. Children of ours
    they are all, since a guest cannot leave that to somebody else."""
    known = {space.pid for space in family.spaces}
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children") as file:
                children = file.read().split()
        except OSError:
            continue            # that thread has ended; or a host without CONFIG_PROC_CHILDREN
        for pid in map(int, children):
            if pid not in known and os.getpgid(pid) == family.group:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
