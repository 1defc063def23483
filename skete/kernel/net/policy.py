"""What a machine may reach: ``--net`` and ``--publish``.

none      no network of the host. The machine has a loopback of its own: its programs reach each other on 127.0.0.0/8
          and ::1, and nothing else can.
loopback  the host's loopback: bind and connect to 127.0.0.0/8 and ::1 of the host.
host      the host's network.

A published port is the host's whatever the policy: a program that binds GUEST is reached on the host at HOST.
"""
from __future__ import annotations

__all__ = ["POLICIES", "published"]

POLICIES = ("none", "loopback", "host")


def published(texts) -> dict:
    """[ADDRESS:]HOST:GUEST[/tcp|/udp] as {(SOCK_STREAM or SOCK_DGRAM, guest port): (address, host port)}. ValueError"""
    found = {}
    for text in texts:
        ports, slash, kind = text.partition("/")
        fields = ports.split(":")
        if ports.startswith("["):
            address, _, rest = ports[1:].partition("]:")
            fields = [address, *rest.split(":")]
        address = fields.pop(0) if len(fields) == 3 else "127.0.0.1"
        try:
            host, guest = map(int, fields)
        except ValueError:
            host = guest = -1
        if slash and kind not in ("tcp", "udp") or not (0 < host < 65536 and 0 < guest < 65536) or not _is(address):
            raise ValueError(f"a published port is [ADDRESS:]HOST:GUEST or HOST:GUEST/udp, not {text!r}")
        found[2 if kind == "udp" else 1, guest] = address, host
    return found


def _is(address: str) -> bool:
    from _socket import AF_INET, AF_INET6, inet_pton
    try:
        inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except OSError:
        return False
    return True
