"""Arguments of the socket calls: addresses, options, messages. Printers as in ``args.py``."""
from __future__ import annotations

from struct import Struct

from skete.observe.args import KINDS
from skete.observe.flags import table
from skete.observe.structs import STRUCTS, array
from skete.observe.values import LATER, address, bits, choice, i32, quote

__all__ = ["SOCKETS"]

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCKADDR_MAX = 128          # sizeof(struct sockaddr_storage)
_INT = Struct("<i")
_MSGHDR = Struct("<QIxxxxQQQQi4x")


def _type(call, at):
    word = call.words[at] & 0xffff_ffff
    text, flags = choice(table("SOCK"), word & 0xf), word & ~0xf
    return text + ("|" + bits(table("SOCK_FLAG"), flags).split(" /*")[0] if flags else "")


def _protocol(call, at):
    word = call.words[at] & 0xffff_ffff
    return choice(table("IPPROTO"), word) if call.words[0] & 0xffff_ffff in (AF_INET, AF_INET6) else str(i32(word))


def _sockaddr_at(call, addr, length):
    data = call.read(addr, min(length, SOCKADDR_MAX)) if addr and length >= 2 else None
    if data is None:
        return address(addr)
    family = int.from_bytes(data[:2], "little")
    text = f"{{sa_family={choice(table('AF'), family)}"
    if family == AF_UNIX:
        path = data[2:]
        if path[:1] == b"\0":
            return f"{text}, sun_path=@{quote(path[1:])}}}"
        return f"{text}, sun_path={quote(path.split(bytes(1))[0])}}}" if path else text + "}"
    port = int.from_bytes(data[2:4], "big")
    if family == AF_INET and len(data) >= 16:
        return f"{text}, sin_port=htons({port}), sin_addr=inet_addr(\"{'.'.join(map(str, data[4:8]))}\")}}"
    if family == AF_INET6 and len(data) >= 28:
        from socket import AF_INET6 as HOST_AF_INET6
        from socket import inet_ntop
        flow, scope = int.from_bytes(data[4:8], "big"), int.from_bytes(data[24:28], "little")
        return (f"{text}, sin6_port=htons({port}), sin6_flowinfo=htonl({flow}), "
                f"inet_pton(AF_INET6, \"{inet_ntop(HOST_AF_INET6, data[8:24])}\", &sin6_addr), sin6_scope_id={scope}}}")
    return f"{text}, sa_data={quote(data[2:])}}}"


def _sockaddr(call, at):
    return _sockaddr_at(call, call.words[at], call.words[at + 1] & 0xffff_ffff)


def _given(call, at):
    """The size that a pointer to a socklen_t holds, or None."""
    found = call.unpack(_INT, call.words[at])
    return None if found is None else found[0]


def _sockaddr_out(call, at):
    if not call.done:
        return LATER
    size = _given(call, at + 1)
    return address(call.words[at]) if call.failed or not size or size < 0 else \
        _sockaddr_at(call, call.words[at], size)


def _size_out(call, at):
    return LATER if not call.done else STRUCTS["int"](call, call.words[at])


def _option(call, at):
    names = {1: "SO", 6: "TCP"}.get(call.words[at - 1] & 0xffff_ffff)
    word = call.words[at] & 0xffff_ffff
    return choice(table(names), word) if names else f"{word:#x}"


def _option_in(call, at):
    return STRUCTS["int"](call, call.words[at]) if call.words[at + 1] == 4 else KINDS["in"](call, at)


def _option_out(call, at):
    if not call.done:
        return LATER
    return STRUCTS["int"](call, call.words[at]) if not call.failed and _given(call, at + 1) == 4 else \
        address(call.words[at])


def _message(call, at, left=None):
    header = call.unpack(_MSGHDR, call.words[at])
    if header is None:
        return address(call.words[at])
    name, namelen, iov, count, control, controllen, flags = header

    def element(call, addr):
        pair = call.unpack(Struct("<QQ"), addr)
        if pair is None:
            return None
        shown = min(pair[1], call.limit if left is None else min(left, call.limit))
        data = call.read(pair[0], shown)
        text = address(pair[0]) if data is None else quote(data, pair[1] > shown and left is None)
        return f"{{iov_base={text}, iov_len={pair[1]}}}"
    control_text = f"msg_control={address(control)}, " if controllen else ""
    return (f"{{msg_name={_sockaddr_at(call, name, namelen)}, msg_namelen={namelen}, "
            f"msg_iov={array(call, iov, count, element, 16)}, msg_iovlen={count}, {control_text}"
            f"msg_controllen={controllen}, msg_flags={bits(table('MSG'), flags & 0xffff_ffff)}}}")


def _message_out(call, at):
    if not call.done:
        return LATER
    return address(call.words[at]) if call.failed else _message(call, at, call.result)


SOCKETS = {"socktype": _type, "sockproto": _protocol, "sockaddr": _sockaddr, "sockaddrout": _sockaddr_out,
           "sizeout": _size_out, "sockopt": _option, "optin": _option_in, "optout": _option_out,
           "msghdr": _message, "msghdrout": _message_out}
