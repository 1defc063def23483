"""What a machine's kernel is told once: limits and identity. Everything has a default that any host can satisfy."""
from __future__ import annotations

import os

__all__ = ["Config"]

_physical = 0       # asked for once


class Config:
    """Settings of a kernel.

    memory: bytes of private memory that may be accessible to a process, ENOMEM beyond; None for Linux's own heuristic
    uid, gid, groups: the guest's identity, 1000, 1000 and none. Not the host user's: what a guest prints does not
        depend on who runs it.
    capabilities: what user 0 has where that is the guest's (skete.kernel.identity.credentials); 0: the ids are names
        only, and decide nothing on the host, where in any case only what was mounted can be reached
    hostname, domainname: bytes, for uname(2)
    processes: how many there may be at once, zombies included;  threads: of all of them together
    first_pid: the number of the first process; 1 would make programs think they are init
    auxv: {AT_*: value} from the engine where the guest's processor is not the host's, else None
    net, publish: what may be reached, "none", "loopback" or "host", and published ports (skete.kernel.net.policy)
    rewrite: whether call sites may be rewritten to jump to the engine's gate, where it has one
    random: n -> n bytes; replaceable for a run that must repeat
    """

    def __init__(self, memory: int | None = None, uid: int = 1000, gid: int = 1000, groups: tuple = (),
                 hostname: bytes = b"skete", domainname: bytes = b"(none)", first_pid: int = 1000,
                 auxv: dict | None = None, random=os.urandom, processes: int = 512, threads: int = 8192,
                 net: str = "none", publish: tuple = (), rewrite: bool = False,
                 capabilities: int = 0):
        self.memory, self.uid, self.gid, self.groups = memory, uid, gid, tuple(groups)
        self.hostname, self.domainname, self.first_pid = hostname, domainname, first_pid
        self.auxv, self.random, self.processes, self.threads = auxv, random, processes, threads
        self.net, self.publish, self.rewrite = net, tuple(publish), rewrite
        self.capabilities = capabilities

    @staticmethod
    def physical() -> int:
        """The host's memory in bytes."""
        global _physical
        if not _physical:
            _physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return _physical
