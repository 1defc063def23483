"""What a pointer argument points at, printed by its C type.

Every function here takes ``(call, addr)`` and gives text; where the memory cannot
be read in full, the address. Arrays are shown up to ``call.limit`` elements, as
strings are, so a count that a guest made up costs nothing.
"""
from __future__ import annotations

from struct import Struct

from skete.observe.flags import table
from skete.observe.values import address, bits, choice, i32, mode, quote, sigmask, signal_name, stamp

__all__ = ["STRUCTS", "array", "file_mode", "fields", "timespec_array"]

_I32, _U32, _U64 = Struct("<i"), Struct("<I"), Struct("<Q")
_TIMESPEC, _TIMEVAL4, _TIMEVAL2 = Struct("<qQ"), Struct("<4q"), Struct("<2q")
_STAT = Struct("<QQQIIIIQqqq6q24x")
_STATX = Struct("<IIQIIIHxxQQQQ56x8x8xIIII")
_TERMIOS = Struct("<4IB19s")
_WINSIZE = Struct("<4H")
_SIGACTION = Struct("<4Q")
_STACK = Struct("<QiiQ")
_RLIMIT = Struct("<QQ")
_SYSINFO = Struct("<q3Q6QHxxxxxxQQI4x")
_STATFS = Struct("<qqQQQQQ2iqqq32x")
_FLOCK = Struct("<hhxxxxqqixxxx")
_EPOLL = Struct("<IQ")
_SIGINFO_HEAD = Struct("<iii")


def array(call, addr: int, count: int, element, size: int) -> str:
    """``[a, b, ...]``; element(call, address of one) -> text, or None where it cannot be read."""
    if not addr:
        return "NULL"
    if not count:
        return "[]"
    shown = []
    for at in range(min(count, call.limit)):
        text = element(call, addr + at * size)
        if text is None:
            if not at:
                return address(addr)
            return f"[{', '.join(shown)}, ... /* {addr + at * size:#x} */]"
        shown.append(text)
    if count > call.limit:
        shown.append("...")
    return f"[{', '.join(shown)}]"


def fields(layout: Struct, form):
    """A printer for a struct: form(*fields) -> text."""
    def printer(call, addr):
        values = call.unpack(layout, addr)
        return address(addr) if values is None else form(*values)
    return printer


def file_mode(value: int) -> str:
    """st_mode: S_IFREG|0644"""
    kind = dict(table("S_TYPE")[1]).get(value & 0xf000)
    parts = [kind] if kind else []
    if value & 0xe00:
        parts.append(bits(table("S_BITS"), value & 0xe00))
    rest = value & 0o777 if kind else value & 0xf1ff
    return "|".join(parts + [mode(rest)])


def device(value: int) -> str:
    """makedev(major, minor) of the wide encoding (Linux's new_encode_dev)."""
    major = value >> 8 & 0xfff | value >> 32 & ~0xfff
    minor = value & 0xff | value >> 12 & ~0xff & 0xffff_ffff
    return f"makedev({f'{major:#x}' if major else 0}, {f'{minor:#x}' if minor else 0})"


def _timespec(sec, nsec):
    return f"{{tv_sec={sec}, tv_nsec={nsec}}}"


def _timeval(sec, usec):
    return f"{{tv_sec={sec}, tv_usec={usec}}}"


def _utime(call, addr):
    """One of utimensat's two times, with the date; UTIME_NOW and UTIME_OMIT by name."""
    values = call.unpack(_TIMESPEC, addr)
    if values is None:
        return None
    sec, nsec = values
    special = {0x3fff_ffff: "UTIME_NOW", 0x3fff_fffe: "UTIME_OMIT"}.get(nsec)
    if special:
        return special
    date = stamp(sec, f".{nsec:09}" if nsec else "") if nsec < 1_000_000_000 else ""
    return _timespec(sec, nsec) + (f" /* {date} */" if date else "")


def timespec_array(call, addr):
    """utimensat's argument: the times of access and of modification."""
    return array(call, addr, 2, _utime, 16)


def _itimerval(*v):
    return f"{{it_interval={_timeval(*v[:2])}, it_value={_timeval(*v[2:])}}}"


def _itimerspec(*v):
    return f"{{it_interval={_timespec(*v[:2])}, it_value={_timespec(*v[2:])}}}"


def _stat(dev, ino, nlink, st_mode, uid, gid, pad, rdev, size, blksize, blocks, *times):
    last = f"st_rdev={device(rdev)}" if st_mode & 0xf000 in (0x2000, 0x6000) else f"st_size={size}"
    return f"{{st_mode={file_mode(st_mode)}, {last}, ...}}"


def _statx(mask, blksize, attributes, nlink, uid, gid, st_mode, ino, size, *rest):
    return (f"{{stx_mask={bits(table('STATX'), mask)}, stx_attributes={attributes:#x}, "
            f"stx_mode={file_mode(st_mode)}, stx_size={size}, ...}}").replace("attributes=0x0,", "attributes=0,")


def _termios(iflag, oflag, cflag, lflag, line, chars):
    delays = "|".join([f"{name}{oflag >> at & mask}" for name, at, mask in
                       (("NL", 8, 1), ("CR", 9, 3), ("TAB", 11, 3), ("BS", 13, 1), ("VT", 14, 1), ("FF", 15, 1))])
    delays = delays.replace("TAB3", "XTABS")
    oflag &= ~0xff00
    speed, size = choice(table("BAUD"), cflag & 0x100f), f"CS{5 + (cflag >> 4 & 3)}"
    cflag &= ~0x103f

    def named(name, value):
        return bits(table(name), value).split(" /*")[0] if value else ""
    return (f"{{c_iflag={named('IFLAG', iflag)}, c_oflag={delays}|{named('OFLAG', oflag)}, "
            f"c_cflag={speed}|{size}|{named('CFLAG', cflag)}, c_lflag={named('LFLAG', lflag)}, ...}}")


def _winsize(rows, columns, xpixel, ypixel):
    return f"{{ws_row={rows}, ws_col={columns}, ws_xpixel={xpixel}, ws_ypixel={ypixel}}}"


def _handler(value):
    return {0: "SIG_DFL", 1: "SIG_IGN", 0xffff_ffff_ffff_ffff: "SIG_ERR"}.get(value) or f"{value:#x}"


def _sigaction(handler, flags, restorer, mask):
    tail = f", sa_restorer={address(restorer)}" if flags & 0x400_0000 else ""
    return f"{{sa_handler={_handler(handler)}, sa_mask={sigmask(mask)}, sa_flags={bits(table('SA'), flags)}{tail}}}"


def _stack(sp, flags, pad, size):
    return f"{{ss_sp={address(sp)}, ss_flags={bits(table('SS'), flags & 0xffff_ffff)}, ss_size={size}}}"


def _limit(value):
    if value == 0xffff_ffff_ffff_ffff:
        return "RLIM64_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and not value % 1024 else str(value)


def _rlimit(soft, hard):
    return f"{{rlim_cur={_limit(soft)}, rlim_max={_limit(hard)}}}"


def _rusage(*v):
    return f"{{ru_utime={_timeval(*v[:2])}, ru_stime={_timeval(*v[2:])}, ...}}"


def _sysinfo(uptime, l1, l2, l3, total, free, shared, buffers, swap, freeswap, procs, high, freehigh, unit):
    return (f"{{uptime={uptime}, loads=[{l1}, {l2}, {l3}], totalram={total}, freeram={free}, sharedram={shared}, "
            f"bufferram={buffers}, totalswap={swap}, freeswap={freeswap}, procs={procs}, totalhigh={high}, "
            f"freehigh={freehigh}, mem_unit={unit}}}")


def _statfs(kind, bsize, blocks, bfree, bavail, files, ffree, fsid0, fsid1, namelen, frsize, flags):
    magic = dict(table("FS_MAGIC")[1]).get(kind & 0xffff_ffff) or f"{kind & 0xffff_ffff_ffff_ffff:#x}"
    fsid = ", ".join([f"{part & 0xffff_ffff:#x}" if part else "0" for part in (fsid0, fsid1)])
    flags &= 0xffff_ffff_ffff_ffff
    return (f"{{f_type={magic}, f_bsize={bsize}, f_blocks={blocks}, f_bfree={bfree}, f_bavail={bavail}, "
            f"f_files={files}, f_ffree={ffree}, f_fsid={{val=[{fsid}]}}, f_namelen={namelen}, f_frsize={frsize}, "
            f"f_flags={bits(table('ST'), flags)}}}")


def _flock(kind, whence, start, length, pid):
    return (f"{{l_type={choice(table('F_LCK'), kind & 0xffff)}, l_whence={choice(table('SEEK'), whence & 0xffff)}, "
            f"l_start={start}, l_len={length}}}")


def _getlk(kind, whence, start, length, pid):
    return f"{_flock(kind, whence, start, length, pid)[:-1]}, l_pid={pid}}}"


def _epoll_event(events, data):
    return f"{{events={bits(table('EPOLL'), events)}, data={{u32={data & 0xffff_ffff}, u64={data}}}}}"


def epoll_event_at(call, addr):
    """One struct epoll_event, or None."""
    values = call.unpack(_EPOLL, addr)
    return None if values is None else _epoll_event(*values)


def _uname(call, addr):
    data = call.read(addr, 390) if addr else None
    if data is None:
        return address(addr)
    system, node = data[:65].split(b"\0")[0], data[65:130].split(b"\0")[0]
    return f"{{sysname={quote(system)}, nodename={quote(node)}, ...}}"


def _wait_status(status):
    if not status & 0x7f:
        return f"{{WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xff}}}"
    if status & 0xff == 0x7f:
        if status == 0xffff:
            return "{WIFCONTINUED(s)}"
        return f"{{WIFSTOPPED(s) && WSTOPSIG(s) == {signal_name(status >> 8 & 0xff)}}}"
    core = " && WCOREDUMP(s)" if status & 0x80 else ""
    return f"{{WIFSIGNALED(s) && WTERMSIG(s) == {signal_name(status & 0x7f)}{core}}}"


def _ticks(n):
    return f"{n} /* {n / 100:.2f} s */" if n else "0"


def _boxed(layout, form=str):
    return fields(layout, lambda *v: "[" + ", ".join([form(x) for x in v]) + "]")


def _epoch(seconds):
    return f"[{seconds} /* {stamp(seconds)} */]" if stamp(seconds) else f"[{seconds}]"


def _siginfo(call, addr):
    from skete.observe.signals import siginfo
    data = call.read(addr, 128) if addr else None
    return address(addr) if data is None else siginfo(data)


#: type name in the specs -> printer(call, addr)
STRUCTS = {
    "timespec": fields(_TIMESPEC, _timespec), "timeval": fields(_TIMEVAL2, _timeval),
    "timezone": fields(Struct("<ii"), lambda west, dst: f"{{tz_minuteswest={west}, tz_dsttime={dst}}}"),
    "itimerval": fields(_TIMEVAL4, _itimerval), "itimerspec": fields(Struct("<qQqQ"), _itimerspec),
    "stat": fields(_STAT, _stat), "statx": fields(_STATX, _statx), "statfs": fields(_STATFS, _statfs),
    "termios": fields(_TERMIOS, _termios), "winsize": fields(_WINSIZE, _winsize),
    "sigaction": fields(_SIGACTION, _sigaction), "stack": fields(_STACK, _stack), "rlimit": fields(_RLIMIT, _rlimit),
    "rusage": fields(Struct("<4q112x"), _rusage), "sysinfo": fields(_SYSINFO, _sysinfo), "uname": _uname,
    "flock": fields(_FLOCK, _flock), "getlk": fields(_FLOCK, _getlk), "epoll_event": fields(_EPOLL, _epoll_event),
    "siginfo": _siginfo, "sigset": fields(_U64, sigmask),
    "status": fields(_U32, lambda status: f"[{_wait_status(status)}]"),
    "int": _boxed(_I32), "unsigned": _boxed(_U32), "int2": _boxed(Struct("<ii")), "u64": _boxed(_U64),
    "ptr": _boxed(_U64, address), "off": _boxed(Struct("<q")), "time": fields(Struct("<q"), _epoch),
    "id": _boxed(_U32, lambda v: str(i32(v)) if v == 0xffff_ffff else str(v)),
    "tms": fields(Struct("<4Q"), lambda u, s, cu, cs: f"{{tms_utime={_ticks(u)}, tms_stime={_ticks(s)}, "
                                                      f"tms_cutime={_ticks(cu)}, tms_cstime={_ticks(cs)}}}"),
    "user_cap_header": address, "utimbuf": fields(_TIMEVAL2, lambda a, m: f"{{actime={a}, modtime={m}}}"),
}
STRUCTS["user_cap_header"] = lambda call, addr: address(addr)
