"""Whose power a thread has: ids, groups and capabilities, credentials(7) and capabilities(7).

A machine begins with one identity, which is configured. It *acts* where that is user 0 and skete itself runs as root:
then it has the capabilities that are served here, can be given up and taken back by Linux's rules
(skete.kernel.identity.identity), and the host checks what it may with files (skete.kernel.identity.worn). Everywhere
else there are no capabilities, so nobody can become somebody else, and what the mounts show can be reached with the
permissions of the user who runs skete.
"""
from __future__ import annotations

from skete.abi.stat import S_IFDIR, S_IFMT

__all__ = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "LAST", "SERVED", "SETGID", "SETPCAP", "SETUID",
           "SYS_CHROOT", "Credentials", "first", "host_capabilities", "of"]

CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP = (1 << n for n in (0, 1, 3, 4, 5, 6, 7, 8))
SYS_CHROOT = 1 << 18
#: what acts here, and therefore what user 0 has; whatever else a capability allows is refused to everybody
SERVED = CHOWN | DAC_OVERRIDE | FOWNER | FSETID | KILL | SETGID | SETUID | SETPCAP | SYS_CHROOT
#: those of them that the host has to know of: CAP_FS_SET, which comes and goes with the file system's user id
FILES = CHOWN | DAC_OVERRIDE | FOWNER | FSETID
#: CAP_LAST_CAP: checkpoint_restore
LAST = 40
NOROOT, NO_SETUID_FIXUP, KEEP_CAPS, NO_CAP_AMBIENT_RAISE = 1 << 0, 1 << 2, 1 << 4, 1 << 6


class Credentials:
    """A thread's. They never change: who becomes somebody else has other ones (:meth:`but`).

    uid, euid, suid, fsuid, gid, egid, sgid, fsgid, groups (a tuple)
    permitted, effective, inheritable, bounding, ambient: sets of capabilities, a bit each;  securebits: SECBIT_*
    host: (uid, gid, capabilities) of the monitor, in so far as they concern files; None where the identity does not act
    wear: what the monitor has to be for a while, to be this on the host: (fsuid, fsgid, groups, capabilities); or None
    """
    __slots__ = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "groups", "permitted", "effective",
                 "inheritable", "bounding", "ambient", "securebits", "host", "wear")

    def but(self, **changes) -> "Credentials":
        """The same with other ids or sets."""
        new = Credentials.__new__(Credentials)
        for name in Credentials.__slots__:
            setattr(new, name, changes[name] if name in changes else getattr(self, name))
        new.settle()
        return new

    def settle(self) -> None:
        """Find out what the host has to be told."""
        power = self.effective & FILES
        self.wear = (self.fsuid, self.fsgid, self.groups, power) \
            if self.host is not None and (self.fsuid, self.fsgid, power) != self.host else None

    def has(self, capability: int) -> bool:
        """Whether a capability is effective."""
        return bool(self.effective & capability)

    def member(self, gid: int) -> bool:
        """Whether it is in a group, with the file system's group id."""
        return gid == self.fsgid or gid in self.groups

    def owns(self, uid: int) -> bool:
        """Whether what belongs to a user can be treated as one's own: inode_owner_or_capable()."""
        return self.fsuid == uid or bool(self.effective & FOWNER)

    def may(self, uid: int, gid: int, mode: int, wanted: int, directory: bool = False) -> bool:
        """path_resolution(7)'s rule: R_OK, W_OK, X_OK of what has this owner, group and mode."""
        bits = mode >> 6 if self.fsuid == uid else mode >> 3 if self.member(gid) else mode
        if bits & wanted == wanted:
            return True
        # Nobody executes what nobody may.
        return bool(self.effective & DAC_OVERRIDE) and (directory or not wanted & 1 or bool(mode & 0o111))

    def reaches(self, st, wanted: int) -> bool:
        """The same of what has this stat."""
        return self.may(st.st_uid, st.st_gid, st.st_mode, wanted, st.st_mode & S_IFMT == S_IFDIR)

    def may_signal(self, other: "Credentials") -> bool:
        """kill(2)'s rule for a process of these credentials."""
        return self.euid in (other.suid, other.uid) or self.uid in (other.suid, other.uid) or bool(self.effective & KILL)

    def may_schedule(self, other: "Credentials") -> bool:
        """Whether the priority, policy and processors of a thread can be set."""
        return self.euid in (other.euid, other.uid)

    def real(self) -> "Credentials":
        """What access(2) asks for: the real ids instead of the file system's. Itself where that is the same."""
        effective = self.effective
        if not self.securebits & NO_SETUID_FIXUP:
            effective = self.permitted if self.uid == 0 else 0
        if (self.uid, self.gid, effective) == (self.fsuid, self.fsgid, self.effective):
            return self
        return self.but(fsuid=self.uid, fsgid=self.gid, effective=effective)


def first(config) -> Credentials:
    """What a machine begins with."""
    creds = Credentials.__new__(Credentials)
    creds.uid = creds.euid = creds.suid = creds.fsuid = config.uid
    creds.gid = creds.egid = creds.sgid = creds.fsgid = config.gid
    creds.groups = config.groups
    power = config.capabilities if config.uid == 0 else 0
    creds.permitted = creds.effective = creds.bounding = power
    creds.inheritable = creds.ambient = creds.securebits = 0
    creds.host = None
    if power:
        import os
        creds.host = os.geteuid(), os.getegid(), power & FILES
    creds.settle()
    return creds


def host_capabilities() -> int:
    """What of SERVED a guest's root can have here: all that skete itself has. 0 where it cannot change its own ids."""
    import os
    if os.geteuid():
        return 0
    try:
        with open("/proc/self/status", "rb", buffering=0) as status:
            text = status.read(8192)
    except OSError:
        return 0        # a host without /proc
    try:
        with open("/proc/self/setgroups", "rb", buffering=0) as allowed:
            if allowed.read(4) == b"deny":
                return 0        # a user namespace of one user
    except FileNotFoundError:
        pass                    # a host without user namespaces
    mine = int(text.partition(b"\nCapEff:")[2].split(None, 1)[0], 16)
    if SETUID & ~mine or SETGID & ~mine:
        return 0
    # The rest is ours to give: it concerns nothing but the machine.
    return SERVED & (mine | ~FILES)


def of(process) -> Credentials:
    """A process's: its first thread's, as /proc shows them; what it had at last, once that has ended."""
    leader = process.leader
    return leader.creds if leader is not None else process.creds
