"""prctl(2): names, capabilities, and what can be said of a process."""
from __future__ import annotations

from errno import EFAULT, EINVAL, ENODEV, ENXIO, EPERM

from skete.kernel.identity.credentials import (KEEP_CAPS, LAST, NO_CAP_AMBIENT_RAISE, NO_SETUID_FIXUP, NOROOT, SETPCAP)
from skete.kernel.identity.identity import become
from skete.kernel.row import I32, U64, Row

__all__ = ["ROWS"]

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE = 1, 2, 3, 4
PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_GET_TIMING, PR_SET_TIMING = 7, 8, 13, 14
PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_SET_SECCOMP = 15, 16, 21, 22
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_GET_TSC, PR_SET_TSC, PR_GET_SECUREBITS, PR_SET_SECUREBITS = 25, 26, 27, 28
PR_SET_TIMERSLACK, PR_GET_TIMERSLACK = 29, 30
PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE, PR_MCE_KILL, PR_MCE_KILL_GET, PR_SET_MM = 31, 32, 33, 34, 35
PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 36, 37, 38, 39
PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_CAP_AMBIENT = 40, 41, 42, 47
PR_GET_SPECULATION_CTRL, PR_SET_SPECULATION_CTRL, PR_SET_IO_FLUSHER, PR_GET_IO_FLUSHER = 52, 53, 57, 58
_PR_CAP_AMBIENT_IS_SET, _PR_CAP_AMBIENT_RAISE, _PR_CAP_AMBIENT_LOWER, _PR_CAP_AMBIENT_CLEAR_ALL = 1, 2, 3, 4
#: SECURE_ALL_BITS and the locks of them
_SECUREBITS = NOROOT | NO_SETUID_FIXUP | KEEP_CAPS | NO_CAP_AMBIENT_RAISE
_LOCKS = _SECUREBITS << 1
_PR_TSC_ENABLE = 1
_PR_MCE_KILL_CLEAR, _PR_MCE_KILL_SET, _PR_MCE_KILL_DEFAULT = 0, 1, 2
#: the last PR_SPEC_* that a processor is asked about
_PR_SPEC_LAST = 2


def prctl(task, option: int, a: int, b: int, c: int, d: int) -> int:
    """prctl(2): what comes back depends on the option. EFAULT EINVAL ENODEV ENXIO EPERM"""
    mm, process = task.mm, task.process
    if option == PR_SET_NAME:
        task.name = _name(mm, a)
        return 0
    if option == PR_GET_NAME:
        mm.write(a, task.name[:15].ljust(16, b"\0"))
        return 0
    if option in _KEPT:
        return _kept(process, option, a, b, c, d)
    if option in _SHOWN:
        if option in _BARE and (a or b or c or d):
            raise OSError(EINVAL, "words that have to be 0")
        key, default = _SHOWN[option]
        value = process.prctl.get(key, default)
        if option in _STORED:
            mm.write_u32(a, value)
            return 0
        return value if value < 1 << 63 else value - (1 << 64)      # a slack of -1 is one
    rest = _REST.get(option)
    if rest is None:
        raise OSError(EINVAL, f"option {option}")
    return rest(task, a, b, c, d)


#: option -> (key, largest value)
_KEPT = {PR_SET_PDEATHSIG: ("pdeathsig", 64), PR_SET_DUMPABLE: ("dumpable", 1),
         PR_SET_CHILD_SUBREAPER: ("subreaper", 1 << 64), PR_SET_NO_NEW_PRIVS: ("no_new_privs", 1),
         PR_SET_TIMERSLACK: ("timerslack", 1 << 64), PR_SET_THP_DISABLE: ("thp_disable", 1 << 64)}
#: option -> (key, value when never set)
_SHOWN = {PR_GET_PDEATHSIG: ("pdeathsig", 0), PR_GET_DUMPABLE: ("dumpable", 1),
          PR_GET_TSC: ("tsc", _PR_TSC_ENABLE),
          PR_GET_TIMERSLACK: ("timerslack", 50_000), PR_GET_CHILD_SUBREAPER: ("subreaper", 0),
          PR_GET_NO_NEW_PRIVS: ("no_new_privs", 0), PR_GET_THP_DISABLE: ("thp_disable", 0),
          PR_MCE_KILL_GET: ("mce_kill", _PR_MCE_KILL_DEFAULT)}
#: options whose further words have to be 0, and those that store what they say
_BARE = frozenset((PR_GET_NO_NEW_PRIVS, PR_GET_THP_DISABLE, PR_MCE_KILL_GET))
_STORED = frozenset((PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER, PR_GET_TSC))


def _kept(process, option: int, value: int, *rest: int) -> int:
    key, largest = _KEPT[option]
    if value > largest:
        raise OSError(EINVAL, f"value {value}")
    if option == PR_SET_NO_NEW_PRIVS and (value != 1 or any(rest)) or option == PR_SET_THP_DISABLE and any(rest):
        raise OSError(EINVAL, f"value {value}, and words that have to be 0")
    if option == PR_SET_TIMERSLACK and not value:
        value = 50_000
    if option in (PR_SET_CHILD_SUBREAPER, PR_SET_THP_DISABLE):
        value = int(bool(value))
    process.prctl[key] = value
    return 0


def _name(mm, addr: int) -> bytes:
    """Up to 15 bytes of a string that may be longer. EFAULT"""
    try:
        return mm.cstr(addr, 16)
    except OSError as e:
        if e.errno == EFAULT:
            raise
    return mm.read(addr, 15)


def _bounding_set(task, capability: int, *rest: int) -> int:
    if capability > LAST:
        raise OSError(EINVAL, f"capability {capability}")
    return task.creds.bounding >> capability & 1


def _drop_from_bounding_set(task, capability: int, *rest: int) -> int:
    if not task.creds.has(SETPCAP):
        raise OSError(EPERM, "CAP_SETPCAP")
    if capability > LAST:
        raise OSError(EINVAL, f"capability {capability}")
    become(task, task.creds.but(bounding=task.creds.bounding & ~(1 << capability)))
    return 0


def _keeps_capabilities(task, *rest: int) -> int:
    return int(bool(task.creds.securebits & KEEP_CAPS))


def _keep_capabilities(task, value: int, *rest: int) -> int:
    bits = task.creds.securebits
    if value > 1:
        raise OSError(EINVAL, f"value {value}")
    if bits & KEEP_CAPS << 1:
        raise OSError(EPERM, "locked")
    become(task, task.creds.but(securebits=bits & ~KEEP_CAPS | (KEEP_CAPS if value else 0)))
    return 0


def _securebits(task, *rest: int) -> int:
    return task.creds.securebits


def _set_securebits(task, bits: int, *rest: int) -> int:
    before = task.creds.securebits
    if (before & _LOCKS) >> 1 & (before ^ bits) or before & _LOCKS & ~bits or bits & ~(_SECUREBITS | _LOCKS) \
            or not task.creds.has(SETPCAP):
        raise OSError(EPERM, f"securebits {bits:#x}")
    become(task, task.creds.but(securebits=bits))
    return 0


def _ambient(task, operation: int, capability: int, *rest: int) -> int:
    if any(rest) or operation == _PR_CAP_AMBIENT_CLEAR_ALL and capability:
        raise OSError(EINVAL, "words that have to be 0")
    creds = task.creds
    if operation == _PR_CAP_AMBIENT_CLEAR_ALL:
        become(task, creds.but(ambient=0))
        return 0
    if capability > LAST or operation not in (_PR_CAP_AMBIENT_IS_SET, _PR_CAP_AMBIENT_RAISE,
                                              _PR_CAP_AMBIENT_LOWER):
        raise OSError(EINVAL, f"operation {operation}, capability {capability}")
    bit = 1 << capability
    if operation == _PR_CAP_AMBIENT_IS_SET:
        return int(bool(creds.ambient & bit))
    if operation == _PR_CAP_AMBIENT_RAISE:
        if bit & ~(creds.permitted & creds.inheritable) or creds.securebits & NO_CAP_AMBIENT_RAISE:
            raise OSError(EPERM, "neither permitted nor inheritable, or not to be raised")
        become(task, creds.but(ambient=creds.ambient | bit))
        return 0
    become(task, creds.but(ambient=creds.ambient & ~bit))
    return 0


def _machine_checks(task, operation: int, policy: int, *rest: int) -> int:
    """PR_MCE_KILL: there are no machine checks, so what is asked for is kept."""
    if any(rest) or operation == _PR_MCE_KILL_CLEAR and policy or policy > _PR_MCE_KILL_DEFAULT \
            or operation not in (_PR_MCE_KILL_CLEAR, _PR_MCE_KILL_SET):
        raise OSError(EINVAL, f"operation {operation}, policy {policy}")
    task.process.prctl["mce_kill"] = policy if operation == _PR_MCE_KILL_SET else _PR_MCE_KILL_DEFAULT
    return 0


def _timing(task, value: int, *rest: int) -> int:
    """Statistical, as ever."""
    if value:
        raise OSError(EINVAL, f"value {value}")
    return 0


def _time_stamps(task, value: int, *rest: int) -> int:
    """PR_SET_TSC: rdtsc is never made to fault."""
    if value != _PR_TSC_ENABLE:
        raise OSError(EINVAL, f"value {value}")
    return 0


def _tid_address(task, addr: int, *rest: int) -> int:
    task.mm.write_u64(addr, task.clear_child_tid)
    return 0


def _speculation(task, which: int, *rest: int) -> int:
    """PR_GET_SPECULATION_CTRL: PR_SPEC_NOT_AFFECTED."""
    if any(rest):
        raise OSError(EINVAL, "words that have to be 0")
    if which > _PR_SPEC_LAST:
        raise OSError(ENODEV, f"speculation {which}")
    return 0


def _set_speculation(task, which: int, value: int, *rest: int) -> int:
    _speculation(task, which, *rest)
    raise OSError(ENXIO, "cannot be controlled")


def _privileged(task, *words: int) -> int:
    raise OSError(EPERM, "takes a capability")


def _seccomp(task, *words: int) -> int:
    """PR_GET_SECCOMP: the mode."""
    return task.seccomp.mode if task.seccomp is not None else 0


def _set_seccomp(task, mode: int, filters: int, *rest: int) -> int:
    from skete.kernel.identity.seccomp import set_mode
    return set_mode(task, mode, filters)


_REST = {PR_GET_SECCOMP: _seccomp, PR_SET_SECCOMP: _set_seccomp,
         PR_GET_TIMING: lambda *words: 0, PR_SET_TIMING: _timing, PR_CAPBSET_READ: _bounding_set,
         PR_CAPBSET_DROP: _drop_from_bounding_set, PR_GET_KEEPCAPS: _keeps_capabilities,
         PR_SET_KEEPCAPS: _keep_capabilities, PR_GET_SECUREBITS: _securebits, PR_SET_SECUREBITS: _set_securebits,
         PR_SET_TSC: _time_stamps, PR_TASK_PERF_EVENTS_DISABLE: lambda *words: 0,
         PR_TASK_PERF_EVENTS_ENABLE: lambda *words: 0, PR_MCE_KILL: _machine_checks, PR_SET_MM: _privileged,
         PR_GET_TID_ADDRESS: _tid_address, PR_CAP_AMBIENT: _ambient, PR_GET_SPECULATION_CTRL: _speculation,
         PR_SET_SPECULATION_CTRL: _set_speculation, PR_SET_IO_FLUSHER: _privileged, PR_GET_IO_FLUSHER: _privileged}

ROWS = (
    Row(157, prctl, (I32, U64, U64, U64, U64), "PR_SET_NAME, _PDEATHSIG, _CHILD_SUBREAPER, _DUMPABLE, "
                                               "_NO_NEW_PRIVS, _SECCOMP and those of capabilities act; _TIMERSLACK "
                                               "and its kin are kept and shown; no PR_TSC_SIGSEGV, no names of "
                                               "mappings: EINVAL"),
)
