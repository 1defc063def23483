"""A guest process over the fake engine, whose system calls are Python methods: Linux's answers, or OSError."""
import os
import struct

from tests.skete.kernel.fake import DATA, DATA_SIZE, WAITING, FakeEngine, Machine

from skete.abi.fcntl import AT_FDCWD
from skete.abi.stat import DIRENT64, STAT
from skete.abi.syscalls import NUMBERS
from skete.kernel.files import Mount, Namespace, open_files

#: Guest memory for results and data, and (from NAMES on) for paths.
BUFFER, NAMES, UNMAPPED = DATA, DATA + 0x8000, 0x1000
BUFFER_SIZE = NAMES - BUFFER


class Guest:
    """mounts: [(host, guest, readonly) or a Mount, ...]; fds: host descriptors for its 0, 1, 2"""

    def __init__(self, *mounts, fds=(), cwd=b"/", umask=0o022):
        self.namespace = Namespace([Mount(*mount) if isinstance(mount, tuple) else mount for mount in mounts])
        self.files, self.fs = open_files(self.namespace, fds, cwd, umask)
        self.machine = Machine(self.files, self.fs, FakeEngine(2 << 20))
        self.task, self.mm = self.machine.task, self.machine.mm
        self.task.process.exe = b"/bin/program"
        self.strings = NAMES

    def close(self):
        self.files.close_all()
        self.fs.close()
        self.namespace.close()
        self.machine.kernel.scheduler.close()

    def string(self, text) -> int:
        """The address of a string in guest memory."""
        data = os.fsencode(text) + b"\0"
        if self.strings + len(data) > DATA + DATA_SIZE:
            self.strings = NAMES
        at, self.strings = self.strings, self.strings + len(data)
        self.mm.write(at, data)
        return at

    def raw(self, name: str, *words, task=None):
        """rax, or WAITING; str, bytes and paths become strings in guest memory."""
        self.strings = NAMES
        words = [w if isinstance(w, int) else self.string(w) for w in words]
        return self.machine.call(task or self.task, NUMBERS[name], *words)

    def call(self, name: str, *words, task=None):
        """rax; OSError for -errno. A call that has to wait fails the test."""
        result = self.raw(name, *words, task=task)
        assert result is not WAITING, f"{name} waits"
        if -4096 < result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def __getattr__(self, name):
        return lambda *words, **named: self.call(name, *words, **named)

    def open(self, path, flags=os.O_RDONLY, mode=0o666) -> int:
        return self.call("openat", AT_FDCWD, path, flags, mode)

    def read(self, fd, count=BUFFER_SIZE) -> bytes:
        return self.mm.read(BUFFER, self.call("read", fd, BUFFER, count))

    def write(self, fd, data: bytes) -> int:
        self.mm.write(BUFFER, data)
        return self.call("write", fd, BUFFER, len(data))

    def text(self, path) -> bytes:
        fd = self.open(path)
        try:
            return self.read(fd)
        finally:
            self.call("close", fd)

    def stat(self, path, call="stat"):
        self.call(call, path, BUFFER)
        return Stat(self.mm.read(BUFFER, STAT.size))

    def readlink(self, path) -> bytes:
        return self.mm.read(BUFFER, self.call("readlink", path, BUFFER, 4096))

    def getcwd(self) -> bytes:
        return self.mm.read(BUFFER, self.call("getcwd", BUFFER, 4096))[:-1]

    def getdents(self, fd, size=4096) -> list:
        """[(name, type, offset, ino)] of one call."""
        data, entries = self.mm.read(BUFFER, self.call("getdents64", fd, BUFFER, size)), []
        while data:
            ino, offset, length, kind = DIRENT64.unpack_from(data)
            entries.append((data[DIRENT64.size:length].split(b"\0")[0], kind, offset, ino))
            data = data[length:]
        return entries

    def listdir(self, path) -> list:
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = []
            while entries := self.getdents(fd):
                names += [name for name, *_ in entries]
            return sorted(names)
        finally:
            self.call("close", fd)

    def pipe(self, flags=0) -> tuple:
        self.call("pipe2", BUFFER, flags)
        return struct.unpack("<ii", self.mm.read(BUFFER, 8))

    def iovec(self, *pieces) -> int:
        """The address of struct iovec[] with these (address, length)."""
        at = BUFFER + 0x6000
        self.mm.write(at, b"".join(struct.pack("<Qq", *piece) for piece in pieces))
        return at


class Stat:
    def __init__(self, data):
        fields = STAT.unpack(data)
        (self.dev, self.ino, self.nlink, self.mode, self.uid, self.gid, self.rdev, self.size, self.blksize,
         self.blocks, *times) = fields
        self.atime_ns, self.mtime_ns, self.ctime_ns = (times[i] * 10**9 + times[i + 1] for i in (0, 2, 4))
