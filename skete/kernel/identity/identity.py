"""Who a thread is: process and user ids, groups, capabilities; and how that changes, credentials(7), capabilities(7).

The configured identity has power over nothing but what was mounted, and only where it acts
(skete.kernel.identity.credentials). Without capabilities an id can be set to one of one's own alone, so nobody becomes
somebody else.
"""
from __future__ import annotations

from errno import EFAULT, EINVAL, EPERM, ESRCH
from struct import pack, unpack

from skete.kernel.identity.credentials import (
    FILES, KEEP_CAPS, LAST, NO_SETUID_FIXUP, SETGID, SETPCAP, SETUID, Credentials)
from skete.kernel.row import ADDR, I32, U32, Row

__all__ = ["ROWS", "become"]

_SAME = 0xffff_ffff
_CAPABILITY_VERSIONS = {0x1998_0330: 1, 0x2007_1026: 2, 0x2008_0522: 2}
_ALL = (1 << LAST + 1) - 1
_GROUPS_MOST = 65536


def become(task, new: Credentials) -> None:
    """A thread has other credentials from now on: commit_creds(). What was found out about the old ones is forgotten."""
    old, process, kernel = task.creds, task.process, task.kernel
    task.creds = new
    if (old.euid, old.egid, old.fsuid, old.fsgid) != (new.euid, new.egid, new.fsuid, new.fsgid) \
            or new.permitted & ~old.permitted:
        process.prctl["dumpable"] = 0
        process.prctl.pop("pdeathsig", None)
    if task.tid == process.pid or process.leader is None:
        process.creds = new
    if new.wear is not None:
        from skete.kernel.identity import worn
        worn.begin(kernel)
    if kernel.answers is not None:
        kernel.answers.identity(process)


def getpid(task) -> int:
    """getpid(2)."""
    return task.process.pid


def gettid(task) -> int:
    """gettid(2)."""
    return task.tid


def getppid(task) -> int:
    """getppid(2): 0 for a process that the machine started."""
    return task.process.ppid


def getuid(task) -> int:
    """getuid(2)."""
    return task.creds.uid


def geteuid(task) -> int:
    """geteuid(2)."""
    return task.creds.euid


def getgid(task) -> int:
    """getgid(2)."""
    return task.creds.gid


def getegid(task) -> int:
    """getegid(2)."""
    return task.creds.egid


def _three(task, a: int, b: int, c: int, values: tuple) -> int:
    for addr, value in zip((a, b, c), values):
        task.mm.write_u32(addr, value)
    return 0


def getresuid(task, real: int, effective: int, saved: int) -> int:
    """getresuid(2). EFAULT"""
    creds = task.creds
    return _three(task, real, effective, saved, (creds.uid, creds.euid, creds.suid))


def getresgid(task, real: int, effective: int, saved: int) -> int:
    """getresgid(2). EFAULT"""
    creds = task.creds
    return _three(task, real, effective, saved, (creds.gid, creds.egid, creds.sgid))


def _may_be(creds, wanted: tuple, mine: tuple, capability: int) -> None:
    """Whether ids can be taken: one's own, or any with a capability. EPERM; EINVAL for one that the host has not"""
    for value in wanted:
        if value != _SAME and value not in mine:
            if not creds.has(capability):
                raise OSError(EPERM, f"id {value}")
            from skete.kernel.identity import worn
            worn.check(value, capability == SETGID)


def _users(task, real: int, effective: int, saved: int) -> int:
    """Take user ids; what becomes of the capabilities is cap_emulate_setxuid()'s rule."""
    old = task.creds
    changed = dict(uid=real, euid=effective, suid=saved, fsuid=effective)
    if not old.securebits & NO_SETUID_FIXUP:
        permitted, power, ambient = old.permitted, old.effective, old.ambient
        if 0 in (old.uid, old.euid, old.suid) and 0 not in (real, effective, saved):
            if not old.securebits & KEEP_CAPS:
                permitted = power = 0
            ambient = 0
        if old.euid == 0 and effective != 0:
            power = 0
        if old.euid != 0 and effective == 0:
            power = permitted
        changed.update(permitted=permitted, effective=power, ambient=ambient)
    become(task, old.but(**changed))
    return 0


def _groups(task, real: int, effective: int, saved: int) -> int:
    become(task, task.creds.but(gid=real, egid=effective, sgid=saved, fsgid=effective))
    return 0


def _or(value: int, before: int) -> int:
    return before if value == _SAME else value


def setuid(task, uid: int) -> int:
    """setuid(2). EINVAL for -1, EPERM"""
    if uid == _SAME:
        raise OSError(EINVAL, "id -1")
    creds = task.creds
    _may_be(creds, (uid,), (creds.uid, creds.suid), SETUID)
    return _users(task, uid, uid, uid) if creds.has(SETUID) else _users(task, creds.uid, uid, creds.suid)


def setgid(task, gid: int) -> int:
    """setgid(2). EINVAL for -1, EPERM"""
    if gid == _SAME:
        raise OSError(EINVAL, "id -1")
    creds = task.creds
    _may_be(creds, (gid,), (creds.gid, creds.sgid), SETGID)
    return _groups(task, gid, gid, gid) if creds.has(SETGID) else _groups(task, creds.gid, gid, creds.sgid)


def setreuid(task, real: int, effective: int) -> int:
    """setreuid(2). EPERM"""
    creds = task.creds
    _may_be(creds, (real,), (creds.uid, creds.euid), SETUID)
    _may_be(creds, (effective,), (creds.uid, creds.euid, creds.suid), SETUID)
    now = _or(effective, creds.euid)
    saved = now if real != _SAME or effective not in (_SAME, creds.uid) else creds.suid
    return _users(task, _or(real, creds.uid), now, saved)


def setregid(task, real: int, effective: int) -> int:
    """setregid(2). EPERM"""
    creds = task.creds
    _may_be(creds, (real,), (creds.gid, creds.egid), SETGID)
    _may_be(creds, (effective,), (creds.gid, creds.egid, creds.sgid), SETGID)
    now = _or(effective, creds.egid)
    saved = now if real != _SAME or effective not in (_SAME, creds.gid) else creds.sgid
    return _groups(task, _or(real, creds.gid), now, saved)


def setresuid(task, real: int, effective: int, saved: int) -> int:
    """setresuid(2). EPERM"""
    creds = task.creds
    _may_be(creds, (real, effective, saved), (creds.uid, creds.euid, creds.suid), SETUID)
    return _users(task, _or(real, creds.uid), _or(effective, creds.euid), _or(saved, creds.suid))


def setresgid(task, real: int, effective: int, saved: int) -> int:
    """setresgid(2). EPERM"""
    creds = task.creds
    _may_be(creds, (real, effective, saved), (creds.gid, creds.egid, creds.sgid), SETGID)
    return _groups(task, _or(real, creds.gid), _or(effective, creds.egid), _or(saved, creds.sgid))


def setfsuid(task, uid: int) -> int:
    """setfsuid(2): the id before, whatever was asked for; it never fails."""
    creds = task.creds
    if uid != creds.fsuid and _takes(creds, uid, (creds.uid, creds.euid, creds.suid), SETUID):
        power = creds.effective
        if not creds.securebits & NO_SETUID_FIXUP:
            if creds.fsuid == 0:
                power &= ~FILES
            elif uid == 0:
                power |= creds.permitted & FILES
        become(task, creds.but(fsuid=uid, effective=power))
    return creds.fsuid


def setfsgid(task, gid: int) -> int:
    """setfsgid(2): the id before, whatever was asked for; it never fails."""
    creds = task.creds
    if gid != creds.fsgid and _takes(creds, gid, (creds.gid, creds.egid, creds.sgid), SETGID):
        become(task, creds.but(fsgid=gid))
    return creds.fsgid


def _takes(creds, value: int, mine: tuple, capability: int) -> bool:
    if value == _SAME:
        return False
    try:
        _may_be(creds, (value,), mine, capability)
    except OSError:
        return False
    return True


def getgroups(task, size: int, addr: int) -> int:
    """getgroups(2): the supplementary groups; how many there are. EINVAL EFAULT"""
    groups = task.creds.groups
    if size < 0 or 0 < size < len(groups):
        raise OSError(EINVAL, f"room for {size} of {len(groups)}")
    if size:
        task.mm.write(addr, pack(f"<{len(groups)}I", *groups))
    return len(groups)


def setgroups(task, size: int, addr: int) -> int:
    """setgroups(2): needs CAP_SETGID. EPERM EINVAL EFAULT"""
    creds = task.creds
    if not creds.has(SETGID):
        raise OSError(EPERM, "CAP_SETGID")
    if not 0 <= size <= _GROUPS_MOST:
        raise OSError(EINVAL, f"{size} groups")
    groups = unpack(f"<{size}I", task.mm.read(addr, 4 * size)) if size else ()
    if _SAME in groups:
        raise OSError(EINVAL, "group -1")
    _may_be(creds, groups, (), SETGID)
    become(task, creds.but(groups=tuple(sorted(groups))))
    return 0


def _capabilities(task, header: int) -> int:
    """How many words of data a header's version has; 0 for an unknown one, which is corrected. EINVAL EFAULT"""
    version = task.mm.read_u32(header)
    words = _CAPABILITY_VERSIONS.get(version, 0)
    if not words:
        task.mm.write_u32(header, 0x2008_0522)
    return words


def capget(task, header: int, data: int) -> int:
    """capget(2). EINVAL ESRCH EFAULT"""
    words = _capabilities(task, header)
    if not words:
        if data:
            raise OSError(EINVAL, "unknown version")
        return 0        # a null data pointer asks which version there is
    pid = task.mm.read_u32(header + 4)
    if pid >> 31:
        raise OSError(EINVAL, "negative pid")
    creds = _thread(task, pid).creds if pid else task.creds
    if data:
        sets = creds.effective, creds.permitted, creds.inheritable
        task.mm.write(data, b"".join(pack("<3I", *(bits >> at & 0xffff_ffff for bits in sets))
                                     for at in range(0, 32 * words, 32)))
    return 0


def _thread(task, tid: int):
    for process in task.kernel.processes.values():
        if tid in process.tasks:
            return process.tasks[tid]
    raise OSError(ESRCH, f"no thread {tid}")


def capset(task, header: int, data: int) -> int:
    """capset(2): give capabilities up, for a while or for good. EINVAL EPERM EFAULT"""
    words = _capabilities(task, header)
    if not words:
        raise OSError(EINVAL, "unknown version")
    if task.mm.read_u32(header + 4) not in (0, task.tid):
        raise OSError(EPERM, "another thread")
    if not data:
        raise OSError(EFAULT, "no sets")
    given = unpack(f"<{3 * words}I", task.mm.read(data, 12 * words))
    effective, permitted, inheritable = (
        sum(bits << 32 * at for at, bits in enumerate(given[n::3])) & _ALL for n in range(3))
    creds = task.creds
    if not creds.has(SETPCAP) and inheritable & ~(creds.inheritable | creds.permitted) \
            or inheritable & ~(creds.inheritable | creds.bounding) \
            or permitted & ~creds.permitted or effective & ~permitted:
        raise OSError(EPERM, "capabilities that it has not")
    become(task, creds.but(effective=effective, permitted=permitted, inheritable=inheritable,
                           ambient=creds.ambient & permitted & inheritable))
    return 0


ROWS = (
    Row(39, getpid), Row(186, gettid), Row(110, getppid),
    Row(102, getuid), Row(107, geteuid), Row(104, getgid), Row(108, getegid),
    Row(105, setuid, (U32,)), Row(106, setgid, (U32,)),
    Row(113, setreuid, (U32, U32)), Row(114, setregid, (U32, U32)),
    Row(115, getgroups, (I32, ADDR)), Row(116, setgroups, (I32, ADDR)),
    Row(117, setresuid, (U32, U32, U32)), Row(118, getresuid, (ADDR, ADDR, ADDR)),
    Row(119, setresgid, (U32, U32, U32)), Row(120, getresgid, (ADDR, ADDR, ADDR)),
    Row(122, setfsuid, (U32,)), Row(123, setfsgid, (U32,)),
    Row(125, capget, (ADDR, ADDR)), Row(126, capset, (ADDR, ADDR)),
)
