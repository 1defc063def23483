"""Who is told of a description: fcntl(2)'s F_SETOWN, F_SETOWN_EX and F_SETSIG, and what else it keeps of a file.

Signals are sent by ``sigio``. There is no lease and no F_NOTIFY.
"""
from __future__ import annotations

from errno import EAGAIN, EINVAL, ENOTDIR, ESRCH
from struct import Struct

from skete.abi.fcntl import F_GET_RW_HINT, F_GETLEASE, F_GETOWN, F_GETOWN_EX, F_GETSIG, F_NOTIFY, F_OWNER_PGRP, \
    F_OWNER_PID, F_OWNER_TID, F_SET_RW_HINT, F_SETLEASE, F_SETOWN, F_SETOWN_EX, F_SETSIG, F_UNLCK
from skete.abi.ioctls import FIOSETOWN, SIOCSPGRP
from skete.abi.stat import S_IFDIR, S_IFMT

__all__ = ["COMMANDS", "Owner", "command", "owner_ioctl", "owner_of"]

_F_OWNER_EX = Struct("<ii")
_NSIG = 64
#: the last RWH_WRITE_LIFE_*
_LAST_HINT = 5


class Owner:
    """kind: F_OWNER_*;  who: its number, 0 for nobody;  signo: F_SETSIG's, 0 for SIGIO"""
    __slots__ = ("kind", "who", "signo")

    def __init__(self):
        self.kind, self.who, self.signo = F_OWNER_TID, 0, 0


def command(task, file, number: int, arg: int) -> int:
    """One of COMMANDS. EFAULT EINVAL ENOTDIR ESRCH"""
    return COMMANDS[number](task, file, arg)


def owner_of(file) -> Owner:
    if file.owner is None:
        file.owner = Owner()
    return file.owner


def _signed(arg: int) -> int:
    arg &= 0xffff_ffff
    return arg - (1 << 32) if arg >> 31 else arg


def _lives(task, kind: int, who: int) -> bool:
    processes = task.kernel.processes
    if kind == F_OWNER_PGRP:
        return any(process.pgid == who for process in processes.values())
    if kind == F_OWNER_PID:
        return who in processes
    return any(who in process.tasks for process in processes.values())


def _set(task, file, kind: int, who: int) -> int:
    if who and not _lives(task, kind, who):
        raise OSError(ESRCH, f"nobody is {who}")
    owner = owner_of(file)
    owner.kind, owner.who = kind, who
    return 0


def _set_owner(task, file, arg: int) -> int:
    who = _signed(arg)
    if who == -1 << 31:
        raise OSError(EINVAL, f"group {who}")
    return _set(task, file, F_OWNER_PGRP if who < 0 else F_OWNER_PID, abs(who))


def _owner(task, file) -> tuple:
    """(kind, number); the number of who has gone is 0."""
    owner = file.owner or Owner()
    return owner.kind, owner.who if _lives(task, owner.kind, owner.who) else 0


def _get_owner(task, file, arg: int) -> int:
    kind, who = _owner(task, file)
    return -who if kind == F_OWNER_PGRP else who


def owner_ioctl(task, file, request: int, arg: int) -> int:
    """FIOSETOWN, SIOCSPGRP, FIOGETOWN and SIOCGPGRP of a socket: the same through a pointer. EFAULT EINVAL ESRCH"""
    if request in (FIOSETOWN, SIOCSPGRP):
        return _set_owner(task, file, task.mm.read_u32(arg))
    task.mm.write_u32(arg, _get_owner(task, file, 0))
    return 0


def _set_owner_ex(task, file, arg: int) -> int:
    kind, who = _F_OWNER_EX.unpack(task.mm.read(arg, _F_OWNER_EX.size))
    if kind not in (F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP):
        raise OSError(EINVAL, f"an owner of type {kind}")
    return _set(task, file, kind, who)


def _get_owner_ex(task, file, arg: int) -> int:
    task.mm.write(arg, _F_OWNER_EX.pack(*_owner(task, file)))
    return 0


def _set_signal(task, file, arg: int) -> int:
    if not 0 <= arg <= _NSIG:
        raise OSError(EINVAL, f"signal {arg}")
    owner_of(file).signo = arg
    return 0


def _get_signal(task, file, arg: int) -> int:
    return file.owner.signo if file.owner is not None else 0


def _set_lease(task, file, arg: int) -> int:
    if _signed(arg) == F_UNLCK:
        raise OSError(EAGAIN, "there is no lease")
    raise OSError(EINVAL, "no leases")


def _get_lease(task, file, arg: int) -> int:
    return F_UNLCK


def _notify(task, file, arg: int) -> int:
    if file.stat().st_mode & S_IFMT != S_IFDIR:
        raise OSError(ENOTDIR, "no directory")
    if arg:
        raise OSError(EINVAL, "no F_NOTIFY")
    return 0


def _get_hint(task, file, arg: int) -> int:
    task.mm.write_u64(arg, int.from_bytes(_host(file, F_GET_RW_HINT, bytes(8)), "little"))
    return 0


def _set_hint(task, file, arg: int) -> int:
    hint = task.mm.read_u64(arg)
    if hint > _LAST_HINT:
        raise OSError(EINVAL, f"hint {hint}")
    _host(file, F_SET_RW_HINT, hint.to_bytes(8, "little"))
    return 0


def _host(file, number: int, value: bytes) -> bytes:
    """The host's file keeps the hint; of a file in memory there is nothing to say."""
    if file.host_fd < 0:
        return bytes(8)
    from fcntl import fcntl
    return fcntl(file.host_fd, number, value)


COMMANDS = {F_SETOWN: _set_owner, F_GETOWN: _get_owner, F_SETOWN_EX: _set_owner_ex, F_GETOWN_EX: _get_owner_ex,
            F_SETSIG: _set_signal, F_GETSIG: _get_signal, F_SETLEASE: _set_lease, F_GETLEASE: _get_lease,
            F_NOTIFY: _notify, F_GET_RW_HINT: _get_hint, F_SET_RW_HINT: _set_hint}
