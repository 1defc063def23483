"""struct sockaddr in guest memory, and as the host's calls take it."""
from __future__ import annotations

from errno import EAFNOSUPPORT, EINVAL

from skete.abi.socket import (AF_INET, SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_IN6_LEAST, SOCKADDR_IN6_SIZE,
                              SOCKADDR_IN_SIZE, SOCKADDR_MAX)

__all__ = ["ANY4", "ANY6", "LOOPBACK4", "LOOPBACK6", "MAPPED", "family_of", "from_host", "is_any", "is_loopback",
           "pack", "plain", "read", "to_host", "unpack", "write"]

ANY4, ANY6 = bytes(4), bytes(16)
LOOPBACK4, LOOPBACK6 = b"\x7f\0\0\1", bytes(15) + b"\1"
MAPPED = bytes(10) + b"\xff\xff"


def read(mm, addr: int, length: int) -> bytes:
    """A guest's address, of a length that is an int. EFAULT EINVAL"""
    if not 0 <= length <= SOCKADDR_MAX:
        raise OSError(EINVAL, f"an address of {length} bytes")
    return mm.read(addr, length) if length else b""


def write(mm, addr: int, length_at: int, name: bytes) -> None:
    """As much of ``name`` as the int at ``length_at`` allows, and there its whole length. EFAULT EINVAL"""
    room = int.from_bytes(mm.read(length_at, 4), "little", signed=True)
    if room < 0:
        raise OSError(EINVAL, f"room for {room} bytes")
    if room and name:
        mm.write(addr, name[:room])
    mm.write(length_at, len(name).to_bytes(4, "little"))


def family_of(address: bytes) -> int:
    """sa_family. EINVAL where there is none"""
    if len(address) < 2:
        raise OSError(EINVAL, "no address")
    return int.from_bytes(address[:2], "little")


def unpack(family: int, address: bytes) -> tuple:
    """(ip, port, flowinfo, scope) of a sockaddr that must be of ``family``. EAFNOSUPPORT EINVAL"""
    least = SOCKADDR_IN_SIZE if family == AF_INET else SOCKADDR_IN6_LEAST
    if len(address) < least:
        raise OSError(EINVAL, f"an address of {len(address)} bytes")
    if family_of(address) != family:
        raise OSError(EAFNOSUPPORT, f"family {family_of(address)}")
    if family == AF_INET:
        _, port, ip = SOCKADDR_IN.unpack(address[:SOCKADDR_IN_SIZE])
        return ip, int.from_bytes(port, "big"), 0, 0
    _, port, flow, ip, scope = SOCKADDR_IN6.unpack(address[:SOCKADDR_IN6_SIZE].ljust(SOCKADDR_IN6_SIZE, b"\0"))
    return ip, int.from_bytes(port, "big"), int.from_bytes(flow, "big"), scope


def pack(family: int, ip: bytes, port: int, flow: int = 0, scope: int = 0) -> bytes:
    """A sockaddr_in or sockaddr_in6."""
    if family == AF_INET:
        return SOCKADDR_IN.pack(family, port.to_bytes(2, "big"), ip)
    return SOCKADDR_IN6.pack(family, port.to_bytes(2, "big"), flow.to_bytes(4, "big"), ip, scope)


def to_host(family: int, parts: tuple) -> tuple:
    """What _socket takes for :func:`unpack`'s parts."""
    from _socket import inet_ntop
    ip, port, flow, scope = parts
    return (inet_ntop(family, ip), port) if family == AF_INET else (inet_ntop(family, ip), port, flow & 0xfffff, scope)


def from_host(family: int, address: tuple) -> bytes:
    """The sockaddr for what _socket gives."""
    from _socket import inet_pton
    if family == AF_INET:
        return pack(family, inet_pton(family, address[0]), address[1])
    return pack(family, inet_pton(family, address[0].partition("%")[0]), *address[1:])


def plain(ip: bytes) -> bytes:
    """An IPv4 address that is mapped into IPv6 as the four bytes it is; all else as it is."""
    return ip[12:] if len(ip) == 16 and ip[:12] == MAPPED else ip


def is_any(ip: bytes) -> bool:
    return not any(plain(ip))


def is_loopback(ip: bytes) -> bool:
    ip = plain(ip)
    return ip[0] == 127 if len(ip) == 4 else ip == LOOPBACK6
