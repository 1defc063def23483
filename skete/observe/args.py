"""Printers of single arguments: ``printer(call, index of the word) -> text``.

None ends the argument list (an argument that the others make meaningless), LATER
postpones this one and what follows until the call has returned. The names in
:data:`KINDS` are the vocabulary of ``specs.py``.
"""
from __future__ import annotations

from struct import Struct

from skete.observe.flags import table
from skete.observe.structs import STRUCTS, array, device, epoll_event_at, file_mode, timespec_array
from skete.observe.values import (LATER, PATH_MAX, address, bits, choice, hexed, i32, i64, mode, number, quote,
                                  sigmask, signal_name)

__all__ = ["KINDS", "fd_set", "open_flags", "personality", "printer"]

_IOVEC, _POLLFD, _WORD, _MASK_AT = Struct("<QQ"), Struct("<ihh"), Struct("<Q"), Struct("<QQ")
AT_FDCWD = -100
O_CREAT, TMPFILE = 0x40, 0x40_0000
ENVP_MAX = 1 << 14      # more variables than exec would take in one page each; beyond that nobody counts


def _signed(call, at):
    return str(i32(call.words[at]))


def _dirfd(call, at):
    fd = i32(call.words[at])
    return "AT_FDCWD" if fd == AT_FDCWD else str(fd)


def _id(call, at):
    value = call.words[at] & 0xffff_ffff
    return "-1" if value == 0xffff_ffff else str(value)


def _path(call, at):
    return _string(call, call.words[at], PATH_MAX - 1)


def _string(call, addr, limit):
    found = call.string(addr, limit) if addr else None
    return address(addr) if found is None else quote(found[0], not found[1])


def _text(call, at):
    """A NUL-terminated string that is no path: abbreviated."""
    return _string(call, call.words[at], call.limit)


def _bytes(call, addr, length, form=quote):
    data = call.read(addr, min(length, call.limit)) if addr else None
    return address(addr) if data is None else form(data, length > call.limit)


def _in(call, at):
    """Bytes that the call reads; the next word is their number."""
    return _bytes(call, call.words[at], call.words[at + 1])


def _out(call, at, form=quote):
    """Bytes that the call has written: as many as its result says."""
    if not call.done:
        return LATER
    if call.failed:
        return address(call.words[at])
    return _bytes(call, call.words[at], min(call.result, call.words[at + 1]), form)


def _out_hex(call, at):
    return _out(call, at, hexed)


def _cwd(call, at):
    """getcwd's buffer: the result counts the NUL."""
    if not call.done:
        return LATER
    return address(call.words[at]) if call.failed else _string(call, call.words[at], min(call.result, PATH_MAX))


def _iovec(call, at, left=None):
    """iovecs; the next word is their number. left: bytes that the call has written into them."""
    def element(call, addr):
        nonlocal left
        pair = call.unpack(_IOVEC, addr)
        if pair is None:
            return None
        base, length = pair
        if left is None:
            return f"{{iov_base={_bytes(call, base, length)}, iov_len={length}}}"
        here = min(left, length)
        left -= here
        return f"{{iov_base={_bytes(call, base, here)}, iov_len={length}}}"
    return array(call, call.words[at], call.words[at + 1], element, 16)


def _iovec_out(call, at):
    if not call.done:
        return LATER
    if not call.failed:
        return _iovec(call, at, call.result)
    return array(call, call.words[at], call.words[at + 1], _bare_iovec, 16)


def _bare_iovec(call, addr):
    pair = call.unpack(_IOVEC, addr)
    return None if pair is None else f"{{iov_base={address(pair[0])}, iov_len={pair[1]}}}"


def _pollfd(call, addr):
    entry = call.unpack(_POLLFD, addr)
    if entry is None:
        return None
    events = f", events={bits(table('POLL'), entry[1] & 0xffff)}" if entry[0] >= 0 else ""
    return f"{{fd={entry[0]}{events}}}"


def _pollfds(call, at):
    return array(call, call.words[at], call.words[at + 1] & 0xffff_ffff, _pollfd, 8)


def _epoll_events(call, at):
    if not call.done:
        return LATER
    if call.failed:
        return address(call.words[at])
    return array(call, call.words[at], call.result, epoll_event_at, 12)


def open_flags(flags: int) -> str:
    """open(2)'s flags: the access mode first, by name though it may be zero."""
    access = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")[flags & 3]
    rest = flags & ~3
    if not rest:
        return access
    prefix, entries = table("O")
    return access + "|" + bits((prefix, entries[3:]), rest).split(" /*")[0]


def _open_flags(call, at):
    return open_flags(call.words[at] & 0xffff_ffff)


def _open_mode(call, at):
    return mode(call.words[at] & 0xffff_ffff) if call.words[at - 1] & (O_CREAT | TMPFILE) else None


def _mknod_mode(call, at):
    return file_mode(call.words[at] & 0xffff_ffff)


def _mknod_device(call, at):
    return device(call.words[at] & 0xffff_ffff) if call.words[at - 1] & 0xf000 in (0x2000, 0x6000) else None


def _map_flags(call, at):
    flags = call.words[at] & 0xffff_ffff
    kind, huge, rest = flags & 0xf, flags >> 26, flags & 0x03ff_fff0
    text = choice(table("MAP_TYPE"), kind)
    if rest:
        text += "|" + bits(table("MAP"), rest).split(" /*")[0]
    return text + (f"|{huge}<<MAP_HUGE_SHIFT" if huge else "")


def _new_address(call, at):
    """mremap's fifth argument, which MREMAP_FIXED and MREMAP_DONTUNMAP give a meaning."""
    return address(call.words[at]) if call.words[at - 1] & 6 else None


def _remaining(call, at):
    """What a sleep has left: written only when a signal cut it short."""
    if not call.done:
        return LATER
    if call.result in (-4, -516):
        return STRUCTS["timespec"](call, call.words[at])
    return address(call.words[at])


def _strings(call, at):
    """argv: pointers up to a NULL."""
    if not call.words[at]:
        return "NULL"
    shown, addr = [], call.words[at]
    while True:
        entry = call.unpack(_WORD, addr)
        if entry is None:
            return f"[{', '.join(shown)}, ... /* {addr:#x} */]" if shown else address(addr)
        if not entry[0]:
            return f"[{', '.join(shown)}]"
        if len(shown) == call.limit:
            return f"[{', '.join(shown)}, ...]"
        shown.append(_string(call, entry[0], call.limit))
        addr += 8


def _environment(call, at):
    """envp: only its size is shown."""
    start = call.words[at]
    count = 0
    while count < ENVP_MAX:
        entry = call.unpack(_WORD, start + 8 * count) if start else None
        if entry is None:
            return address(start) if not count else f"{address(start)} /* {count} vars, unterminated */"
        if not entry[0]:
            break
        count += 1
    return f"{start:#x} /* {count} var{'' if count == 1 else 's'} */"


def _entries(call, at):
    """getdents64's buffer: how many struct linux_dirent64 are in it."""
    if not call.done:
        return LATER
    start, count = call.words[at], 0
    if call.failed:
        return address(start)
    position, end = 0, min(call.result, call.words[at + 1], 1 << 20)
    while position < end:
        length = int.from_bytes(call.read(start + position + 16, 2) or b"", "little")
        if length < 24:     # no record is shorter than its head: this is not what getdents64 wrote
            break
        position += length
        count += 1
    return f"{address(start)} /* {count} entries */"


def fd_set(call, addr, nfds):
    """The members of a set below nfds, and below FD_SETSIZE."""
    nfds = min(nfds, 1024)
    if not addr or nfds < 0:
        return address(addr)
    data = call.read(addr, (nfds + 63) // 64 * 8)
    if data is None:
        return address(addr)
    members = int.from_bytes(data, "little")
    return "[" + " ".join([str(fd) for fd in range(nfds) if members >> fd & 1]) + "]"


def _fd_set(call, at):
    return fd_set(call, call.words[at], i32(call.words[0]))


def _cpus(call, at, done=True):
    """A set of processors; the word before is its size in bytes."""
    size = min(call.words[at - 1], 1024)
    data = call.read(call.words[at], size) if call.words[at] else None
    if data is None:
        return address(call.words[at])
    members = int.from_bytes(data, "little")
    return "[" + " ".join([str(cpu) for cpu in range(size * 8) if members >> cpu & 1]) + "]"


def _cpus_out(call, at):
    if not call.done:
        return LATER
    return address(call.words[at]) if call.failed else _cpus(call, at)


def _pselect_mask(call, at):
    """pselect6's sixth argument: a pointer to {mask, size}."""
    pair = call.unpack(_MASK_AT, call.words[at]) if call.words[at] else None
    if pair is None:
        return address(call.words[at])
    mask = STRUCTS["sigset"](call, pair[0]) if pair[1] == 8 else address(pair[0])
    return f"{{sigmask={mask}, sigsetsize={pair[1]}}}"


def _sigreturn(call, at):
    """The mask that the signal frame at the stack pointer gives back (uc_sigmask of struct ucontext)."""
    vcpu = getattr(call.task, "vcpu", None)
    mask = call.unpack(_WORD, vcpu.regs.rsp + 296) if vcpu is not None else None
    return None if mask is None else f"{{mask={sigmask(mask[0])}}}"


def _status(call, at):
    """wait4's status: nothing is written when no child had changed."""
    if not call.done:
        return LATER
    if call.failed or not call.result:
        return address(call.words[at])
    return STRUCTS["status"](call, call.words[at])


def _mincore(call, at):
    if not call.done:
        return LATER
    if call.failed:
        return address(call.words[at])
    def one(call, addr):
        data = call.read(addr, 1)
        return None if data is None else str(data[0])
    return array(call, call.words[at], (call.words[at - 1] + 4095) // 4096, one, 1)


def _groups(call, at, count=None):
    def one(call, addr):
        data = call.read(addr, 4)
        return None if data is None else str(int.from_bytes(data, "little"))
    return array(call, call.words[at], call.words[at - 1] & 0xffff_ffff if count is None else count, one, 4)


def _groups_out(call, at):
    if not call.done:
        return LATER
    return address(call.words[at]) if call.failed or not call.words[0] else _groups(call, at, call.result)


def _wait_options(call, at):
    return bits(table("WAIT"), call.words[at] & 0xffff_ffff)


def personality(value):
    base = "PER_LINUX" if not value & 0xff else f"{value & 0xff:#x} /* PER_??? */"
    rest = value & ~0xff
    return base + ("|" + bits(table("PERSONA"), rest).split(" /*")[0] if rest else "")


def _persona(call, at):
    value = call.words[at] & 0xffff_ffff
    return "0xffffffff" if value == 0xffff_ffff else personality(value)


def _statx_flags(call, at):
    flags = call.words[at] & 0xffff_ffff
    sync = flags & 0x6000
    text = {0: "AT_STATX_SYNC_AS_STAT", 0x2000: "AT_STATX_FORCE_SYNC", 0x4000: "AT_STATX_DONT_SYNC"}.get(sync)
    text = text or f"{sync:#x} /* AT_STATX_??? */"
    return text + ("|" + bits(table("AT"), flags & ~0x6000).split(" /*")[0] if flags & ~0x6000 else "")


#: kind in a spec -> printer
KINDS = {
    "fd": _signed, "d": _signed, "pid": _signed, "dirfd": _dirfd, "id": _id,
    "u": lambda call, at: str(call.words[at] & 0xffff_ffff), "lu": lambda call, at: str(call.words[at]),
    "ld": lambda call, at: str(i64(call.words[at])), "x": lambda call, at: number(call.words[at]),
    "x32": lambda call, at: number(call.words[at] & 0xffff_ffff), "ptr": lambda call, at: address(call.words[at]),
    "mode": lambda call, at: mode(call.words[at] & 0xffff_ffff),
    "sig": lambda call, at: signal_name(i32(call.words[at])),
    "path": _path, "str": _text, "in": _in, "out": _out, "outhex": _out_hex, "cwd": _cwd, "iov": _iovec,
    "iovout": _iovec_out, "pollfds": _pollfds, "epollevents": _epoll_events, "oflags": _open_flags,
    "omode": _open_mode, "mkmode": _mknod_mode, "mkdev": _mknod_device, "mflags": _map_flags,
    "newaddr": _new_address, "rem": _remaining, "argv": _strings, "envp": _environment, "dents": _entries,
    "fdset": _fd_set, "cpus": _cpus, "cpusout": _cpus_out, "pselmask": _pselect_mask, "sigreturn": _sigreturn,
    "status": _status, "mincore": _mincore, "groups": _groups, "groupsout": _groups_out, "wait": _wait_options,
    "persona": _persona, "statxflags": _statx_flags, "utimes": lambda call, at: timespec_array(call, call.words[at]),
}


def printer(token: str):
    """The printer for a token of a spec.

    ``|T`` bits and ``=T`` one value of flags table T; ``*S`` points at a struct S, ``>S`` at one that the call
    fills; ``S@n`` only where word n is 8 (the size of a signal set). Anything else is a kind.
    """
    mark, name = token[0], token[1:]
    if mark == "|":
        names = table(name)
        return lambda call, at: bits(names, call.words[at] & 0xffff_ffff)
    if mark == "=":
        names = table(name)
        return lambda call, at: choice(names, call.words[at] & 0xffff_ffff)
    if mark not in "*>":
        return KINDS[token]
    name, _, size_at = name.partition("@")
    form = STRUCTS[name]

    def pointed(call, at):
        if mark == ">":
            if not call.done:
                return LATER
            if call.failed:
                return address(call.words[at])
        if size_at and call.words[int(size_at)] != 8:
            return address(call.words[at])
        return form(call, call.words[at])
    return pointed
