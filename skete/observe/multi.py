"""Calls whose arguments depend on one of them: futex, fcntl, ioctl, prctl, arch_prctl, clone.

Printers as in ``args.py``; one that answers for several words joins them itself.
"""
from __future__ import annotations

from struct import Struct

from skete.observe.args import KINDS, open_flags
from skete.observe.flags import table
from skete.observe.structs import STRUCTS
from skete.observe.values import LATER, LATER_BARE, address, bits, choice, i32, number, signal_name

__all__ = ["IOCTLS", "MULTI"]

PRIVATE, CLOCK_REALTIME = 0x80, 0x100
_CLONE_ARGS = Struct("<8Q")
PARENT_SETTID, CHILD_TID, SETTLS, PIDFD = 0x10_0000, 0x120_0000, 0x8_0000, 0x1000


def _futex_op(call, at):
    word = call.words[at] & 0xffff_ffff
    command = word & ~(PRIVATE | CLOCK_REALTIME)
    name = dict(table("FUTEX")[1]).get(command)
    if name is None:
        return f"{number(word)} /* FUTEX_??? */"
    return name + ("_PRIVATE" if word & PRIVATE else "") + ("|FUTEX_CLOCK_REALTIME" if word & CLOCK_REALTIME else "")


def _bitset(word):
    word &= 0xffff_ffff
    return "FUTEX_BITSET_MATCH_ANY" if word == 0xffff_ffff else number(word)


def _wake_op(word):
    """The operation that FUTEX_WAKE_OP packs into one word (futex(2))."""
    op, cmp, oparg, cmparg = word >> 28 & 0xf, word >> 24 & 0xf, word >> 12 & 0xfff, word & 0xfff
    shift = "FUTEX_OP_OPARG_SHIFT<<28|" if op & 8 else ""
    op_name = dict(table("FUTEX_OP")[1]).get(op & 7)
    op_text = f"{op_name}<<28" if op_name else f"{op & 7:#x}<<28 /* FUTEX_OP_??? */"
    cmp_name = dict(table("FUTEX_CMP")[1]).get(cmp)
    cmp_text = f"{cmp_name}<<24" if cmp_name else f"{cmp:#x}<<24 /* FUTEX_OP_CMP_??? */"
    return f"{shift}{op_text}|{number(oparg)}<<12|{cmp_text}|{number(cmparg)}"


def _futex_rest(call, at):
    """What follows the operation: val, then a timeout or a count, a second futex, a third value."""
    val, timeout, uaddr2, val3 = call.words[2:6]
    command = call.words[1] & 0x7f
    plain = str(val & 0xffff_ffff)
    until = STRUCTS["timespec"]
    if command == 0:                                # WAIT
        return f"{plain}, {until(call, timeout)}"
    if command in (1, 2):                           # WAKE, FD
        return plain
    if command == 3:                                # REQUEUE
        return f"{plain}, {timeout & 0xffff_ffff}, {address(uaddr2)}"
    if command in (4, 12):                          # CMP_REQUEUE, CMP_REQUEUE_PI
        return f"{plain}, {timeout & 0xffff_ffff}, {address(uaddr2)}, {val3 & 0xffff_ffff}"
    if command == 5:                                # WAKE_OP
        return f"{plain}, {timeout & 0xffff_ffff}, {address(uaddr2)}, {_wake_op(val3)}"
    if command in (6, 13):                          # LOCK_PI, LOCK_PI2
        return until(call, timeout)
    if command in (7, 8):                           # UNLOCK_PI, TRYLOCK_PI
        return None
    if command == 9:                                # WAIT_BITSET
        return f"{plain}, {until(call, timeout)}, {_bitset(val3)}"
    if command == 10:                               # WAKE_BITSET
        return f"{plain}, {_bitset(val3)}"
    if command == 11:                               # WAIT_REQUEUE_PI
        return f"{plain}, {until(call, timeout)}, {address(uaddr2)}"
    return f"{plain}, {number(timeout)}, {number(uaddr2)}, {number(val3)}"


def _fcntl(call, at):
    command, word = call.words[1] & 0xffff_ffff, call.words[at]
    if command in (1, 3, 9, 11, 1025, 1032, 1034):  # the F_GET that take nothing
        return None
    if command in (0, 8, 1030, 1031):               # DUPFD, SETOWN, DUPFD_CLOEXEC, SETPIPE_SZ
        return str(i32(word))
    if command == 2:
        return bits(table("FD"), word & 0xffff_ffff)
    if command == 4:
        return open_flags(word & 0xffff_ffff)
    if command in (6, 7, 37, 38):
        return STRUCTS["flock"](call, word)
    if command in (5, 36):
        if not call.done:
            return LATER
        return address(word) if call.failed else STRUCTS["getlk"](call, word)
    if command == 10:
        return signal_name(i32(word))
    if command == 1024:
        return choice(table("F_LCK"), word & 0xffff_ffff)
    if command == 1033:
        return bits(table("F_SEAL"), word & 0xffff_ffff)
    return number(word)


#: request -> (name, how its argument is printed): "" none, "*T" read by the call, ">T" written by it, or a kind
IOCTLS = {
    0x5401: ("TCGETS", ">termios"), 0x5402: ("SNDCTL_TMR_START or TCSETS", "*termios"),
    0x5403: ("SNDCTL_TMR_STOP or TCSETSW", "*termios"), 0x5404: ("SNDCTL_TMR_CONTINUE or TCSETSF", "*termios"),
    0x5409: ("TCSBRK", "d"), 0x540a: ("TCXONC", "=TCXONC"), 0x540b: ("TCFLSH", "=TCFLSH"), 0x540e: ("TIOCSCTTY", "d"),
    0x540f: ("TIOCGPGRP", ">int"), 0x5410: ("TIOCSPGRP", "*int"), 0x5411: ("TIOCOUTQ", ">int"),
    0x5413: ("TIOCGWINSZ", ">winsize"), 0x5414: ("TIOCSWINSZ", "*winsize"), 0x541b: ("FIONREAD", ">int"),
    0x5420: ("TIOCPKT", "*int"), 0x5421: ("FIONBIO", "*int"), 0x5422: ("TIOCNOTTY", ""), 0x5425: ("TCSBRKP", "d"),
    0x5429: ("TIOCGSID", ">int"), 0x80045430: ("TIOCGPTN", ">int"), 0x40045431: ("TIOCSPTLCK", "*int"),
    0x80045438: ("TIOCGPKT", ">int"), 0x80045439: ("TIOCGPTLCK", ">int"), 0x40045436: ("TIOCSIG", "d"),
    0x5450: ("FIONCLEX", ""), 0x5451: ("FIOCLEX", ""), 0x5452: ("FIOASYNC", "*int"), 0x5460: ("FIOQSIZE", ">u64"),
}


def _ioctl_request(call, at):
    request = call.words[at] & 0xffff_ffff
    known = IOCTLS.get(request)
    if known:
        return known[0]
    direction = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")[request >> 30]
    return f"_IOC({direction}, {number(request >> 8 & 0xff)}, {number(request & 0xff)}, " \
           f"{number(request >> 16 & 0x3fff)})"


def _ioctl_argument(call, at):
    word = call.words[at]
    _, form = IOCTLS.get(call.words[1] & 0xffff_ffff, ("", "x"))
    if not form:
        return None
    if form[0] == ">":
        if not call.done:
            return LATER
        return address(word) if call.failed else STRUCTS[form[1:]](call, word)
    if form[0] == "*":
        return STRUCTS[form[1:]](call, word)
    if form[0] == "=":
        return choice(table(form[1:]), word & 0xffff_ffff)
    return KINDS[form](call, at)


#: prctl's option -> how many further words it has, and the kind of the first
_PRCTL = {1: (1, "sig"), 2: (1, ">int"), 3: (0, ""), 4: (1, "=SUID_DUMP"), 7: (0, ""), 8: (1, "lu"), 13: (0, ""),
          15: (1, "str"), 16: (1, ">name"), 21: (0, ""), 23: (1, "lu"), 24: (1, "lu"), 27: (0, ""), 29: (1, "lu"),
          30: (0, ""), 36: (1, "lu"), 37: (1, ">int"), 38: (4, "lu"), 39: (4, "lu"), 40: (1, ">ptr"), 41: (4, "lu"),
          42: (4, "lu")}


def _prctl(call, at):
    option = call.words[0] & 0xffff_ffff
    if option == 0x53564d41:                        # PR_SET_VMA
        kind, start, length = call.words[1:4]
        text = f"{choice(table('VMA'), kind)}, {address(start)}, {length}, "
        return text + (KINDS["str"](call, 4) if kind == 0 else number(call.words[4]))
    count, kind = _PRCTL.get(option, (4, "x"))
    if not count:
        return None
    word = call.words[1]
    if kind[0] == ">":
        if not call.done:
            return LATER
        if call.failed:
            return address(word)
        return KINDS["str"](call, 1) if kind == ">name" else STRUCTS[kind[1:]](call, word)
    if kind[0] == "=":
        return choice(table(kind[1:]), word & 0xffff_ffff)
    return ", ".join([KINDS[kind](call, which) for which in range(1, 1 + count)])


def _arch_prctl(call, at):
    code, word = call.words[0], call.words[at]
    if code in (0x1003, 0x1004):                    # ARCH_GET_FS, ARCH_GET_GS
        if not call.done:
            return LATER
        return address(word) if call.failed else STRUCTS["ptr"](call, word)
    if code in (0x1001, 0x1002):
        return address(word)
    if code == 0x1011:
        return None
    return number(word)


def _clone_flags(flags):
    signal, flags = flags & 0xff, flags & ~0xff
    names = bits(table("CLONE"), flags).split(" /*")[0] if flags else ""
    if signal:
        names += ("|" if names else "") + signal_name(signal)
    return names or "0"


def _clone_tail(call, at):
    """parent_tid, tls, child_tidptr, each only when a flag gives it a meaning."""
    if not call.done:
        return LATER_BARE
    flags, _, parent, child, tls = call.words[:5]
    text = []
    if flags & (PARENT_SETTID | PIDFD):
        shown = address(parent) if call.failed else STRUCTS["int"](call, parent)
        text.append(f"parent_tid={shown}")
    if flags & SETTLS:
        text.append(f"tls={number(tls)}")
    if flags & CHILD_TID:
        text.append(f"child_tidptr={address(child)}")
    return ", ".join(text) or None


def _clone_args(call, at):
    """clone3's struct clone_args."""
    values = call.unpack(_CLONE_ARGS, call.words[at]) if call.words[1] >= 64 else None
    if values is None:
        return address(call.words[at])
    flags, pidfd, child, parent, signal, stack, size, tls = values
    text = [f"flags={bits(table('CLONE'), flags).split(' /*')[0]}"]
    if flags & PIDFD:
        text.append(f"pidfd={address(pidfd)}")
    if flags & CHILD_TID:
        text.append(f"child_tid={address(child)}")
    if flags & PARENT_SETTID:
        text.append(f"parent_tid={address(parent)}")
    text.append(f"exit_signal={signal_name(signal) if signal else 0}")
    text.append(f"stack={address(stack)}, stack_size={number(size)}")
    if flags & SETTLS:
        text.append(f"tls={address(tls)}")
    return "{" + ", ".join(text) + "}"


def _clone_written(call, at):
    """What clone3 has stored: printed behind the struct, with no comma between."""
    if not call.done:
        return LATER_BARE
    values = call.unpack(_CLONE_ARGS, call.words[0]) if call.words[1] >= 64 and not call.failed else None
    if values is None:
        return ""
    text = [f"{name}={STRUCTS['int'](call, values[where])}"
            for flag, name, where in ((PIDFD, "pidfd", 1), (PARENT_SETTID, "parent_tid", 3)) if values[0] & flag]
    return f" => {{{', '.join(text)}}}" if text else ""


MULTI = {
    "futexop": _futex_op, "futexrest": _futex_rest, "fcntlarg": _fcntl, "ioctlreq": _ioctl_request,
    "ioctlarg": _ioctl_argument, "prctlrest": _prctl, "archarg": _arch_prctl, "clonetail": _clone_tail,
    "clonestack": lambda call, at: f"child_stack={address(call.words[at])}",
    "cloneflags": lambda call, at: f"flags={_clone_flags(call.words[at])}",
    "cloneargs": _clone_args, "clonewritten": _clone_written,
}
