"""Any sequence of file operations has the same results, errno and tree on Linux, on a folder mounted for writing, on
one mounted copy-on-write, and on a tmpfs.

What is random is drawn by hypothesis: a failure is shrunk to the few operations that it takes.
"""
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skete.abi.fcntl import AT_FDCWD as D
from skete.abi.fcntl import AT_REMOVEDIR
from skete.abi.stat import S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT
from skete.kernel.files.cow import Cow
from skete.kernel.files.mounts import Mount
from skete.kernel.files.tmpfs import Tmpfs
from tests.skete.kernel.files.guest import Guest
from tests.skete.kernel.files.layers import unpack_layer
from tests.skete.kernel.files.test_tree import linux

BEGIN = [
    ("mkdir", "@/a", 0o755), ("mkdir", "@/a/b", 0o755), ("mkdir", "@/a/b/c", 0o700), ("mkdir", "@/d", 0o755),
    ("write", "@/f", os.O_CREAT | os.O_RDWR, b"below f"), ("write", "@/a/f", os.O_CREAT | os.O_RDWR, b"below a/f"),
    ("write", "@/a/b/g", os.O_CREAT | os.O_RDWR, b"g" * 5000), ("link", "@/f", "@/a/hard"), ("link", "@/f", "@/d/hard"),
    ("symlink", "f", "@/l"), ("symlink", "a/b", "@/dirlink"), ("mknod", "@/a/fifo", S_IFIFO | 0o600, 0),
]
NAMES = ["@/f", "@/a", "@/a/b", "@/a/f", "@/a/b/g", "@/a/b/c", "@/a/hard", "@/d", "@/d/hard", "@/l", "@/dirlink",
         "@/dirlink/g", "@/new", "@/a/new", "@/d/new", "@/a/fifo", "@/new/f", "@/d/new/b", "@/new/b/g", "@/d/.",
         "@/a/..", "@/f/", "@/a/b/"]
name = st.sampled_from(NAMES)
FLAGS = [os.O_WRONLY, os.O_RDWR, os.O_CREAT | os.O_WRONLY, os.O_CREAT | os.O_EXCL | os.O_RDWR, os.O_WRONLY | os.O_TRUNC,
         os.O_WRONLY | os.O_APPEND, os.O_CREAT | os.O_RDWR | os.O_TRUNC, os.O_RDWR | os.O_NOFOLLOW,
         os.O_WRONLY | os.O_DIRECTORY]
OPERATION = st.one_of(
    st.tuples(st.just("mkdir"), name, st.just(0o755)), st.tuples(st.just("rmdir"), name),
    st.tuples(st.just("unlink"), name), st.tuples(st.just("rename"), name, name),
    st.tuples(st.just("rename"), name, name),
    st.tuples(st.just("renameat2"), st.just(D), name, st.just(D), name, st.sampled_from([1, 2])),
    st.tuples(st.just("link"), name, name), st.tuples(st.just("symlink"), st.sampled_from(["f", "a", "d/../f"]), name),
    st.tuples(st.just("mknod"), name, st.just(0o100644), st.just(0)),
    st.tuples(st.just("unlinkat"), st.just(D), name, st.just(AT_REMOVEDIR)),
    st.tuples(st.just("truncate"), name, st.sampled_from([0, 3, 6000])),
    st.tuples(st.just("chmod"), name, st.sampled_from([0o700, 0o755, 0o711])),
    st.tuples(st.just("utimensat"), st.just(D), name, st.just(0), st.just(0)),
    st.tuples(st.just("write"), name, st.sampled_from(FLAGS), st.sampled_from([b"x", b"written", b""])),
    st.tuples(st.just("hold"), name, st.sampled_from([os.O_RDONLY, os.O_RDWR, os.O_RDONLY | os.O_DIRECTORY])),
    st.tuples(st.just("held read")), st.tuples(st.just("held write"), st.sampled_from([b"H", b"held" * 9])),
    st.tuples(st.just("held chmod"), st.sampled_from([0o750, 0o777])), st.tuples(st.just("held stat")),
    st.tuples(st.just("held list")), st.tuples(st.just("held make"), st.sampled_from(["new", "f", "b"])),
    st.tuples(st.just("chdir"), name), st.tuples(st.just("write"), st.just("f"), st.just(os.O_CREAT | os.O_RDWR),
                                                 st.just(b"relative")),
    st.tuples(st.just("getcwd")),
)


class Side:
    """One of those that are compared. ``call``: rax of a system call; ``held``: a descriptor that stays open"""
    held = -1

    def do(self, operation: tuple):
        """What comes of an operation, to be compared."""
        kind, *words = operation
        words = [w.replace("@", self.top) if isinstance(w, str) else w for w in words]
        try:
            if kind == "write":
                return self.write(*words)
            if kind == "hold":
                held = self.open(words[0], words[1] | os.O_NONBLOCK)
                if self.held >= 0:
                    self.call("close", self.held)
                self.held = held
                return 0
            if kind.startswith("held"):
                return self.with_held(kind[5:], *words)
            if kind == "getcwd":
                return self.getcwd().removeprefix(os.fsencode(self.top))
            return self.call(kind, *words)
        except OSError as error:
            return os.strerror(error.errno)

    def write(self, path, flags, data):
        fd = self.open(path, flags | os.O_NONBLOCK)
        try:
            return self.put(fd, data)
        finally:
            self.call("close", fd)

    def with_held(self, what, *words):
        if what == "read":
            return self.read(self.held)
        if what == "write":
            return self.put(self.held, *words)
        if what == "chmod":
            return self.call("fchmod", self.held, *words)
        if what == "make":
            return self.call("mkdirat", self.held, words[0], 0o755)
        if what == "list":
            return self.names(f"/proc/self/fd/{self.held}")
        mode, _, links, size = self.stat(f"/proc/self/fd/{self.held}", "stat")
        return mode, (links, size) if mode & S_IFMT != S_IFDIR else links > 0

    def tree(self, path="", found=None) -> dict:
        """{path: (mode, inode, links, content)}"""
        found = {} if found is None else found
        for entry in self.names(self.top + path):
            below = f"{path}/{os.fsdecode(entry)}"
            mode, ino, links, size = self.stat(self.top + below, "lstat")
            kind = mode & S_IFMT
            content = b""
            if kind == S_IFLNK:
                content = self.readlink(self.top + below)
            elif kind not in (S_IFDIR, S_IFIFO):
                content = self.content(self.top + below)
                assert len(content) == size
            found[below] = oct(mode), ino, links if kind != S_IFDIR else 0, content
            if kind == S_IFDIR:
                self.tree(below, found)
        return found


class Native(Side):
    def __init__(self, top):
        self.top = str(top)

    def call(self, kind, *words):
        result = linux(kind, *words)
        if result < 0:
            raise OSError(-result, "")
        return result

    def open(self, path, flags):
        return os.open(path, flags, 0o644)

    def put(self, fd, data):
        return os.write(fd, data)

    def read(self, fd):
        return os.read(fd, 8192)

    def content(self, path):
        return Path(path).read_bytes()

    def names(self, path):
        return sorted(os.fsencode(name) for name in os.listdir(path))

    def readlink(self, path):
        return os.fsencode(os.readlink(path))

    def getcwd(self):
        return os.getcwdb()

    def stat(self, path, call):
        s = os.stat(path) if call == "stat" else os.lstat(path)
        return s.st_mode, s.st_ino, s.st_nlink, s.st_size


class Ours(Side):
    def __init__(self, guest, top):
        self.guest, self.top = guest, top

    def call(self, kind, *words):
        return self.guest.call(kind, *words)

    def open(self, path, flags):
        return self.guest.open(path, flags, 0o644)

    def put(self, fd, data):
        return self.guest.write(fd, data)

    def read(self, fd):
        return self.guest.read(fd, 8192)

    def content(self, path):
        return self.guest.text(path)

    def names(self, path):
        return [name for name in self.guest.listdir(path) if name not in (b".", b"..")]

    def readlink(self, path):
        return self.guest.readlink(path)

    def getcwd(self):
        return self.guest.getcwd()

    def stat(self, path, call):
        s = self.guest.stat(path, call)
        return s.mode, s.ino, s.nlink, s.size


def same_files(native: dict, ours: dict, before: dict) -> dict:
    """{inode there: inode here}, which are the same file for as long as they live."""
    now = {}
    for path, (_, ino, *_) in native.items():
        here = ours[path][1]
        assert now.setdefault(ino, here) == here, f"{path} has got another inode"
        assert before.get(ino, here) == here, f"{path} has got another inode than before"
    assert len(set(now.values())) == len(now), "two files have one inode"
    return now


def shown(tree: dict) -> dict:
    return {path: (mode, links, content) for path, (mode, _, links, content) in tree.items()}


@settings(max_examples=60, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(OPERATION, max_size=30))
def test_same_everywhere(operations):
    check(operations)


def check(operations):
    here, mask = os.getcwd(), os.umask(0o022)
    with ExitStack() as stack:
        stack.callback(os.chdir, here)
        stack.callback(os.umask, mask)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        native = Native(folder / "native")
        os.mkdir(native.top)
        for operation in BEGIN:
            assert not isinstance(native.do(operation), str), operation
        for copy in ("rw", "below"):
            os.mkdir(folder / copy)
            side = Native(folder / copy)
            for operation in BEGIN:
                side.do(operation)
        below = Native(folder / "below").tree()
        sides = {}
        for kind, mount in (("rw", Mount(folder / "rw", "/data")), ("tmpfs", Tmpfs("/data", mode=0o777)),
                            ("cow", Cow(folder / "below", "/data", folder / "layer"))):
            guest = Guest(mount)
            stack.callback(guest.close)
            sides[kind] = Ours(guest, "/data")
        for operation in BEGIN:
            sides["tmpfs"].do(operation)
        for side in (native, *sides.values()):
            side.do(("chdir", "@"))
        numbers = {kind: {} for kind in sides}
        for step, operation in enumerate(operations):
            expected = native.do(operation)
            tree = native.tree()
            for kind, side in sides.items():
                assert side.do(operation) == expected, (kind, step, operation)
                found = side.tree()
                assert shown(found) == shown(tree), (kind, step, operation)
                numbers[kind] = same_files(tree, found, numbers[kind])
        assert Native(folder / "below").tree() == below
        native.do(("chdir", "@"))
        if native.held >= 0:
            os.close(native.held)
        # The layer says the same to whoever unpacks it.
        shutil.rmtree(folder / "rw")
        os.mkdir(folder / "rw")
        merged = Native(folder / "rw")
        for operation in BEGIN:
            merged.do(operation)
        unpack_layer(folder / "layer", folder / "rw")
        assert {path: content for path, (*_, content) in merged.tree().items()} \
            == {path: content for path, (*_, content) in native.tree().items()}
