"""A guest over the fake engine with sockets: its calls, and structures in its memory."""
import os
import struct

import pytest

from skete.kernel.files import Mount, Namespace, open_files
from tests.skete.kernel.fake import DATA, FakeEngine, Machine
from tests.skete.kernel.files.guest import Guest

#: guest addresses of an address, its length, an option, a header, and what a message consists of
NAME, LENGTH, OPTION = DATA + 0x4000, DATA + 0x4100, DATA + 0x4200
HEADER, IOV, CONTROL = DATA + 0x4400, DATA + 0x4600, DATA + 0x5000
AF_UNIX, AF_INET, STREAM, DATAGRAM = 1, 2, 1, 2


class NetGuest(Guest):
    """A Guest whose machine has a network policy."""

    def __init__(self, folder, **config):
        self.namespace = Namespace([Mount(folder, "/data")])
        self.files, self.fs = open_files(self.namespace, (), b"/data")
        self.machine = Machine(self.files, self.fs, FakeEngine(2 << 20), **config)
        self.task, self.mm = self.machine.task, self.machine.mm
        self.strings = 0

    def close(self):
        self.machine.kernel.close()
        self.fs.close()
        self.namespace.close()

    def address(self, name: bytes) -> tuple:
        self.mm.write(NAME, name)
        return NAME, len(name)

    def bind(self, fd, name):
        return self.call("bind", fd, *self.address(name))

    def connect(self, fd, name):
        return self.call("connect", fd, *self.address(name))

    def name(self, fd, call="getsockname") -> bytes:
        self.mm.write_u32(LENGTH, 128)
        self.call(call, fd, NAME, LENGTH)
        return self.mm.read(NAME, self.mm.read_u32(LENGTH))

    def pair(self, kind=STREAM) -> tuple:
        self.call("socketpair", AF_UNIX, kind, 0, OPTION)
        return struct.unpack("<ii", self.mm.read(OPTION, 8))

    def header(self, control=b"", room=0):
        """A struct msghdr for one byte at DATA."""
        self.mm.write(CONTROL, control)
        self.mm.write(IOV, struct.pack("<QQ", DATA, 1))
        self.mm.write(HEADER, struct.pack("<QI4xQQQQI4x", 0, 0, IOV, 1, CONTROL, room or len(control), 0))
        return HEADER


def unix(path: bytes) -> bytes:
    return b"\1\0" + path + b"\0"


def inet(port: int, ip: str = "127.0.0.1") -> bytes:
    return struct.pack("<H", AF_INET) + struct.pack(">H", port) + bytes(map(int, ip.split("."))) + bytes(8)


@pytest.fixture
def host_descriptors():
    """Nothing of the host may be left open."""
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) <= len(before)


@pytest.fixture
def guest(tmp_path, host_descriptors):
    made = NetGuest(tmp_path)
    yield made
    made.close()


@pytest.fixture
def with_policy(tmp_path, host_descriptors):
    made = []

    def make(**config):
        made.append(NetGuest(tmp_path, **config))
        return made[-1]
    yield make
    for one in made:
        one.close()
