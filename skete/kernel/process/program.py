"""Finding a program: the file that execve(2) names, the script's interpreter, the ELF interpreter."""
from __future__ import annotations

import os
from errno import EACCES, ELOOP, ENOENT, ENOEXEC, ENOMEM

from skete.abi.fcntl import AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_ACCMODE, O_RDONLY, X_OK
from skete.abi.stat import S_IFLNK, S_IFMT, S_IFREG
from skete.kernel.files.busy import not_written
from skete.kernel.files.host import HostFile
from skete.kernel.files.walk import walk, walk_from
from skete.kernel.memory.mm import MMAP_TOP

__all__ = ["Found", "Program", "contents", "find", "images", "interpreter", "key_of"]

#: BINPRM_BUF_SIZE: how much of a script's first line counts
_LINE = 256
#: how many scripts may be each other's interpreters (fs/exec.c: exec_binprm)
_DEPTH = 5
_BLANK = b" \t"
#: bytes of a program that is in the guest's memory, or packed: all of it is read, and a file with holes may be any size
_LARGEST = 512 << 20


class Program(HostFile):
    """The file of the program that the user started: executable and readable for the guest, whatever is mounted."""
    __slots__ = ()

    def __init__(self, host_fd: int, path: bytes):
        super().__init__(host_fd, O_RDONLY, path)

    @property
    def readonly(self) -> bool:
        return True

    def reopen(self, flags: int):
        if flags & O_ACCMODE:
            raise OSError(EACCES, "the program itself")
        return super().reopen(flags)


class Found:
    """A program that can be executed.

    file: a Description of it, held;  path: what AT_EXECFN says;  argv: with a script's words
    set_ids: its set-id bits may count: it is on a mount that is not as with nosuid
    """
    __slots__ = ("file", "path", "argv", "name")

    @property
    def set_ids(self) -> bool:
        mount = getattr(self.file, "mount", None)
        return mount is not None and mount.set_ids

    def __init__(self, file, path: bytes, argv: list):
        self.file, self.path, self.argv = file, path, argv
        self.name = path.rpartition(b"/")[2][:15]


def find(task, dirfd: int, path: bytes, flags: int, argv: list) -> Found:
    """Follow scripts to the program that is to be executed. EACCES ELOOP ENOENT ENOEXEC and those of a walk"""
    found = Found(_open(task, dirfd, path, flags), _shown(task, dirfd, path), argv or [b""])
    name = found.name
    for _ in range(_DEPTH):
        try:
            line = _read(found.file, _LINE)
        except OSError:
            found.file.drop()
            raise
        if line[:2] != b"#!":
            found.name = name
            return found
        script = found.file
        try:
            interpreter, argument = _interpreter(line)
            words = [interpreter] + ([argument] if argument else []) + [found.path] + found.argv[1:]
            file = _open(task, -100, interpreter, 0)
        finally:
            script.drop()
        found = Found(file, interpreter, words)
    found.file.drop()
    raise OSError(ELOOP, "scripts all the way down")


def _shown(task, dirfd: int, path: bytes) -> bytes:
    if path[:1] == b"/" or dirfd == -100:
        return path
    return b"/dev/fd/%d" % dirfd + (b"/" + path if path else b"")


def _open(task, dirfd: int, path: bytes, flags: int):
    """A file that may be executed, held. EACCES ELOOP ENOENT"""
    if not path and flags & AT_EMPTY_PATH:
        description = task.files.get(dirfd)
        st = description.stat()
        _check(st, task.creds.host is None or task.creds.reaches(st, X_OK))
        return description.reopen(O_RDONLY).hold()
    with walk(task, dirfd, path, follow=not flags & AT_SYMLINK_NOFOLLOW) as place:
        return _open_place(task, place)


def _open_place(task, place):
    st = place.found()
    if st.st_mode & S_IFMT == S_IFLNK:
        raise OSError(ELOOP, "a symbolic link")
    _check(st, place.parent.access(place.name, X_OK))
    if task is not None:        # a machine that is about to start has none, and nothing open
        not_written(task.kernel, st)
    return place.parent.open(task, place.name, O_RDONLY, 0, st).hold()


def _check(st, may: bool) -> None:
    if st.st_mode & S_IFMT != S_IFREG or not may or not st.st_mode & 0o111:
        raise OSError(EACCES, "not to be executed")


def _interpreter(line: bytes) -> tuple:
    """(path, argument or b"") of a first line. ENOEXEC where there is none, or it is too long to know where it ends"""
    text, newline, _ = line[2:].partition(b"\n")
    text = text.partition(b"\0")[0].strip(_BLANK)
    interpreter, _, argument = text.replace(b"\t", b" ", 1).partition(b" ") if b"\t" in text.partition(b" ")[0] \
        else text.partition(b" ")
    if not interpreter or not newline and len(line) == _LINE and not argument and b" " not in text:
        raise OSError(ENOEXEC, "no interpreter")
    return interpreter, argument.strip(_BLANK)


def _read(file, length: int) -> bytes:
    buffer = bytearray(length)
    n = file.pread([memoryview(buffer)], 0)
    return bytes(buffer[:n])


def contents(file):
    """All of a file: mapped where it is the host's own, else read. ENOMEM"""
    size = file.stat().st_size
    if not size:
        return b""
    if file.host_fd >= 0:
        import mmap
        return mmap.mmap(file.host_fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
    if size > _LARGEST:
        raise OSError(ENOMEM, f"a program of {size} bytes")
    return _read(file, size)


def key_of(st) -> tuple | None:
    """What makes a file the same for skete.kernel.memory.texts. None for what has no inode of its own to tell by."""
    return (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns) if st.st_ino else None


def images(kernel, namespace, found: Found, top=None) -> tuple:
    """(Image of the program, Image of its ELF interpreter or None, what skete.kernel.memory.texts knows both files by).
    ENOEXEC; ENOENT EACCES for the interpreter.  top: Fs.top"""
    engine, config = kernel.engine, kernel.config
    image = _load(engine, config, contents(found.file), found.path)
    interp, key = interpreter(engine, config, namespace, image, top)
    return image, interp, (key_of(found.file.stat()), key)


def interpreter(engine, config, namespace, image, top=None) -> tuple:
    """The Image of the ELF interpreter that a program names, out of what is mounted, and its key_of; (None, None)
    where it names none. ENOENT EACCES ENOEXEC"""
    if image.interp is None:
        return None, None
    with walk_from(namespace, namespace.root() if top is None else top, image.interp, top=top) as place:
        file = _open_place(namespace.task, place)
    try:
        data, key = contents(file), key_of(file.stat())
        # Once to see how large it is, once where mmap would put it.
        span = _load(engine, config, data, image.interp)
        if not span.pie:
            return span, key
        return _load(engine, config, data, image.interp, MMAP_TOP - (span.end - span.start)), key
    finally:
        file.drop()


def _load(engine, config, data, path: bytes, bias: int | None = None):
    from skete.loader import LoadError, load
    try:
        return load(data, os.fsdecode(path), bias=bias, user_range=engine.user_range, reserved=engine.reserved,
                    memory=config.memory or config.physical(), dynamic=True)
    except LoadError as error:
        raise OSError(ENOEXEC, str(error)) from None
