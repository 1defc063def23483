"""The guest's ids on the monitor's own thread, while it makes calls of the host about files for a thread of the guest
that is not the user who runs skete: so the host's kernel checks what the guest may, and what is made is the guest's.

setfsuid(2), setfsgid(2), setgroups(2) and capset(2), made as bare system calls, act on the calling thread alone. They
are made around whole system calls of the guest (``CALLS``), and taken back before anything else is done. What is the
monitor's own business within such a call (a layer, a hidden folder) is done :func:`as_monitor`.

Nothing of this is imported, and nothing of it costs anything, before a thread is somebody else (:func:`begin`).
"""
from __future__ import annotations

import os
from _thread import _local
from errno import EINVAL
from struct import Struct, pack

from skete.kernel.identity.credentials import SETGID, SETUID
from skete.kernel.service import service as plain
from skete.kernel.table import find

__all__ = ["CALLS", "LATE", "as_monitor", "begin", "being", "by", "check", "fsuid", "service"]

#: calls that are about files by name, or change what is known of one
CALLS = frozenset((
    2, 4, 6, 21, 76, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 132, 133, 137, 161, 188, 189, 190, 191,
    192, 193, 194, 195, 196, 197, 198, 199, 209, 235, 254, 257, 258, 259, 260, 261, 262, 263, 264, 265, 266, 267, 268,
    269, 280, 316, 332, 437, 439))
#: calls that change a file's content, and the place of the descriptor among their words: the host takes the set-id bits
#: off such a file where it is not CAP_FSETID's owner who asks
_WRITES = {1: 0, 18: 0, 20: 0, 40: 0, 77: 0, 275: 2, 285: 0, 296: 0, 326: 2, 328: 0}
_SET_IDS = 0o6000
#: what the kernel imports of Python's own modules when it needs it
LATE = ("ctypes", "mmap", "tempfile")
_GENERATOR = type((lambda: (yield))())
_CAPSET, _SETFSUID, _SETFSGID, _SETGROUPS = 126, 122, 123, 116
_VERSION = 0x2008_0522
_SETS = Struct("<6I")

_state = _local()       # .worn: what this thread wears, as Credentials.wear says it; absent: what it is
_host = None            # a _Host, once somebody is somebody else


class _Host:
    """What the monitor is when it wears nothing, and the calls that change it."""

    def __init__(self):
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        self.call, self.error, self.long = libc.syscall, ctypes.get_errno, ctypes.c_long
        self.call.restype = ctypes.c_long
        self.header = ctypes.create_string_buffer(pack("<Ii", _VERSION, 0), 8)
        self.uid, self.gid = os.geteuid(), os.getegid()
        self.known = {}
        self.groups = self._pack(os.getgroups())
        with open("/proc/thread-self/status", "rb", buffering=0) as status:
            text = status.read(8192)
        self.effective, self.permitted, self.inheritable = (
            int(text.partition(b"\nCap" + name + b":")[2].split(None, 1)[0], 16) for name in (b"Eff", b"Prm", b"Inh"))
        self.power = self._sets(self.effective)
        self.maps = [_ranges("/proc/self/uid_map"), _ranges("/proc/self/gid_map")]

    @staticmethod
    def _pack(groups) -> tuple:
        return len(groups), pack(f"<{len(groups)}I", *groups) or None

    def _sets(self, effective: int) -> bytes:
        sets = effective, self.permitted, self.inheritable
        return _SETS.pack(*(bits & 0xffff_ffff for bits in sets), *(bits >> 32 for bits in sets))

    def prepared(self, wear: tuple) -> tuple:
        """(packed groups, packed capabilities) of a Credentials.wear."""
        found = self.known.get(wear)
        if found is None:
            if len(self.known) >= 64:
                self.known.clear()
            _, _, groups, power = wear
            found = self.known[wear] = self._pack(groups), self._sets(power | SETUID | SETGID)
        return found

    def make(self, nr: int, a, b=0) -> int:
        return self.call(self.long(nr), a, b)

    def must(self, nr: int, a, b) -> None:
        if self.call(self.long(nr), a, b):
            raise RuntimeError(f"the monitor's call {nr} for the ids of a guest: {os.strerror(self.error())}")

    def put_on(self, wear: tuple) -> None:
        (count, groups), power = self.prepared(wear)
        long = self.long
        self.must(_SETGROUPS, long(count), groups)
        self.make(_SETFSGID, long(wear[1]))
        self.make(_SETFSUID, long(wear[0]))
        self.must(_CAPSET, self.header, power)

    def take_off(self, wear: tuple) -> None:
        count, groups = self.groups
        long = self.long
        uid, gid = self.make(_SETFSUID, long(self.uid)), self.make(_SETFSGID, long(self.gid))
        self.must(_CAPSET, self.header, self.power)
        self.must(_SETGROUPS, long(count), groups)
        if (uid, gid) != wear[:2]:
            raise RuntimeError(f"the monitor was {uid}:{gid}, not the {wear[0]}:{wear[1]} of a guest")


def _ranges(path: str) -> list:
    """[(first, count)] of the ids that there are in the monitor's user namespace."""
    with open(path, "rb") as lines:
        return [(int(first), int(count)) for first, _, count in map(bytes.split, lines)]


def _monitor() -> _Host:
    global _host
    if _host is None:
        _host = _Host()
    return _host


def check(value: int, group: bool) -> None:
    """EINVAL for an id that the host's user namespace does not have, as setuid(2) and setgid(2) say it there."""
    if not any(first <= value < first + count for first, count in _monitor().maps[group]):
        raise OSError(EINVAL, f"id {value} is none here")


def begin(kernel) -> None:
    """A thread of this machine is somebody else from now on."""
    if kernel.service is service:
        return
    _import_everything()
    _monitor()
    kernel.service = service


def _import_everything() -> None:
    """What is imported later may be where the guest's user cannot read: so nothing is."""
    here = os.path.dirname(os.path.dirname(__file__))
    for room in ("", "events/", "files/", "futex/", "identity/", "ipc/", "memory/", "net/", "process/", "signals/",
                 "time/"):
        for name in os.listdir(os.path.join(here, room)):
            if name.endswith(".py"):
                __import__(f"skete.kernel.{room.replace('/', '.')}{name[:-3]}")
    for name in LATE:
        __import__(name)


def _change(wear: tuple | None) -> tuple | None:
    """Wear this, or nothing; what was worn before."""
    before = getattr(_state, "worn", None)
    if wear == before:
        return before
    if before is not None:
        _host.take_off(before)
        _state.worn = None
    if wear is not None:
        _state.worn = wear
        try:
            _host.put_on(wear)
        except BaseException:
            _host.take_off(_host_ids())
            _state.worn = None
            raise
    return before


def _host_ids() -> tuple:
    """What a thread is that has not got to where it should be: whatever; it is asked again."""
    unchanged = 0xffff_ffff
    return _host.make(_SETFSUID, _host.long(unchanged)), _host.make(_SETFSGID, _host.long(unchanged))


class by:
    """``with by(task):`` what is done on the host is done by this thread of the guest."""
    __slots__ = ("wear", "before")

    def __init__(self, task):
        self.wear = task.creds.wear

    def __enter__(self):
        self.before = _change(self.wear)

    def __exit__(self, *why):
        _change(self.before)


class being:
    """``with being(task, creds):`` the thread is somebody else for a moment: access(2)."""
    __slots__ = ("task", "creds", "before")

    def __init__(self, task, creds):
        self.task, self.creds = task, creds

    def __enter__(self):
        task = self.task
        if self.creds.wear is not None:
            begin(task.kernel)
        self.before = task.creds, _change(self.creds.wear)
        task.creds = self.creds

    def __exit__(self, *why):
        self.task.creds, worn = self.before
        _change(worn)


def as_monitor(function):
    """A function that is done as who skete is, whatever the thread wears."""
    def done(*args, **named):
        worn = getattr(_state, "worn", None)
        if worn is None:
            return function(*args, **named)
        _change(None)
        try:
            return function(*args, **named)
        finally:
            _change(worn)
    done.__doc__, done.__name__, done.__qualname__ = function.__doc__, function.__name__, function.__qualname__
    return done


def fsuid() -> int:
    """Who the host takes this thread for, when it is about files."""
    worn = getattr(_state, "worn", None)
    return os.geteuid() if worn is None else worn[0]


def service(task, nr: int, words: tuple):
    """As skete.kernel.service.service, by the thread that asks."""
    wear = task.creds.wear
    if wear is None:
        return plain(task, nr, words)
    nr &= 0xffff_ffff
    if nr not in CALLS and not (nr in _WRITES and _has_set_ids(task, words[_WRITES[nr]])):
        return plain(task, nr, words)
    find(nr)            # imported as who we are
    _change(wear)
    try:
        result = plain(task, nr, words)
    finally:
        _change(None)
    return _slices(wear, result) if type(result) is _GENERATOR else result


def _has_set_ids(task, fd: int) -> bool:
    try:
        file = task.files.get(fd & 0xffff_ffff)
        return file.poll_fd < 0 <= file.host_fd and bool(file.stat().st_mode & _SET_IDS)
    except OSError:
        return False


def _slices(wear: tuple, call):
    """A call that waits, done by its thread while it does not."""
    reason = None
    try:
        while True:
            _change(wear)
            try:
                wait = call.send(reason)
            except StopIteration as done:
                return done.value
            finally:
                _change(None)
            reason = yield wait
    finally:
        call.close()
