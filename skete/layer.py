"""The command `skete layer`: what a copy-on-write mount has changed, to be looked at, kept or thrown away."""
from __future__ import annotations

import os
import stat
import sys

from skete.kernel.files import layer as form

__all__ = ["run"]

#: Files larger than this, in bytes, are not compared line by line.
_LARGE = 1 << 20


def run(options) -> int:
    """Do one of list, diff, apply, drop. The exit status: 0, or 125 with a line on stderr."""
    from skete.run import FAILED, say
    try:
        layer = _Layer(os.fsencode(options.layer), options.action == "drop")
        try:
            {"list": layer.list, "diff": layer.diff, "apply": layer.apply, "drop": layer.drop}[options.action]()
        finally:
            layer.close()
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        if isinstance(error, OSError):
            error = f"{os.fsdecode(error.filename or options.layer)}: {error.strerror}"
        say(str(error))
        return FAILED
    return 0


class _Layer:
    """A layer that no machine uses. lower: the folder that it belongs to, bytes;  drops: which may be gone"""

    def __init__(self, path: bytes, drops: bool):
        shown = os.fsdecode(path)
        try:
            self.lower = os.readlink(os.path.join(path, form.LOWER))
        except OSError:
            raise ValueError(f"{shown} is no layer; one is made by skete run --mount HOST:GUEST:cow={shown}") from None
        if not os.path.isdir(self.lower) and not drops:
            raise ValueError(f"{shown} is a layer of {os.fsdecode(self.lower)}, which is no folder any more")
        self.path = path
        self.layer = form.Layer(path, self.lower)

    def close(self) -> None:
        self.layer.links.close()
        self.layer.close()

    def changes(self):
        """Iterate (letter, path): A added, C changed, D gone, T another kind of file now; a folder before what is in
        it. Paths are bytes, without a slash in front."""
        yield from self._changes(b"", False)

    def _changes(self, where: bytes, opaque: bool):
        names = set(os.listdir(os.path.join(self.path, where)))
        opaque = opaque or form.OPAQUE in names
        gone = {name[len(form.PREFIX):] for name in names
                if name.startswith(form.PREFIX) and not name.startswith(form.META)}
        shown = {name for name in names if not name.startswith(form.PREFIX)}
        below = os.path.join(self.lower, where)
        if opaque and os.path.isdir(below) and not os.path.islink(below):
            gone |= set(os.listdir(below))
        for name in sorted(shown | gone):
            path = os.path.join(where, name)
            old = _look(os.path.join(self.lower, path))
            if name not in shown:
                if old is not None:
                    yield "D", path
                continue
            new = os.lstat(os.path.join(self.path, path))
            if old is None:
                yield "A", path
            elif stat.S_IFMT(old.st_mode) != stat.S_IFMT(new.st_mode):
                yield "T", path
            elif not stat.S_ISDIR(new.st_mode) or not _alike(old, new):
                yield "C", path
            if stat.S_ISDIR(new.st_mode):
                yield from self._changes(path, opaque or name in gone)

    def list(self) -> None:
        """A line for each change."""
        for letter, path in self.changes():
            folder = os.path.isdir(os.path.join(self.lower if letter == "D" else self.path, path))
            sys.stdout.write(f"{letter} /{_printable(path)}{'/' if folder else ''}\n")

    def diff(self) -> None:
        """What diff -ru says, or a line where there are no lines to compare."""
        for letter, path in self.changes():
            old, new = os.path.join(self.lower, path), os.path.join(self.path, path)
            if letter == "D" and os.path.isdir(old) and not os.path.islink(old):
                for where, folders, files in os.walk(old):
                    folders.sort()
                    for name in sorted(files):
                        inner = os.path.join(where, name)
                        _difference(os.path.relpath(inner, self.lower), inner, None)
                sys.stdout.write(f"{letter} /{_printable(path)}/\n")
                continue
            _difference(path, None if letter == "A" else old, None if letter == "D" else new)

    def apply(self) -> None:
        """Make the changes in the folder itself, and empty the layer."""
        links = {}
        for letter, path in list(self.changes()):
            there, source = os.path.join(self.lower, path), os.path.join(self.path, path)
            if letter in "DT":
                _remove(there)
            if letter == "D":
                continue
            self._put(source, there, links)
        self._folders()
        self._empty()

    def _put(self, source: bytes, there: bytes, links: dict) -> None:
        """One entry of the layer into the folder: under a temporary name, then renamed."""
        st = os.lstat(source)
        if stat.S_ISDIR(st.st_mode):
            if _look(there) is None:
                os.mkdir(there, 0o700)
            return                          # its mode and times come last
        old = _look(there)
        copy = self.layer.links.copied.get(old.st_ino) if old is not None else None
        if copy == (st.st_dev, st.st_ino):
            with open(source, "rb") as new, open(there, "r+b") as file:
                file.truncate(0)            # it has other names, which must lead to the same
                form.copy_data(new.fileno(), file.fileno())
                form.copy_attributes(new.fileno(), file.fileno(), st)
            links[st.st_dev, st.st_ino] = there
            return
        folder, name = os.path.split(there)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            first = links.setdefault((st.st_dev, st.st_ino), there)
            if first != there:
                _remove(there)
                os.link(first, name, dst_dir_fd=fd, follow_symlinks=False)
                return
            above = os.open(os.path.dirname(source), os.O_PATH | os.O_DIRECTORY)
            try:
                form.copy_up(above, os.path.basename(source), st, fd, True, as_name=name)
            finally:
                os.close(above)
        finally:
            os.close(fd)

    def _folders(self) -> None:
        """Modes and times of folders, the innermost first: what was put into them has changed them."""
        for where, folders, _ in os.walk(self.path, topdown=False):
            path = os.path.relpath(where, self.path)
            if b"/" + form.META in b"/" + path or path == b".":
                continue
            st = os.lstat(where)
            target = os.path.join(self.lower, path)
            os.chmod(target, stat.S_IMODE(st.st_mode))
            os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns))

    def _empty(self) -> None:
        for name in os.listdir(self.path):
            if name != form.LOWER:
                _remove(os.path.join(self.path, name))

    def drop(self) -> None:
        """Remove the layer, and every change with it."""
        form.discard(self.path)


def _look(path: bytes):
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _alike(old, new) -> bool:
    return stat.S_IMODE(old.st_mode) == stat.S_IMODE(new.st_mode) and old.st_mtime_ns == new.st_mtime_ns


def _remove(path: bytes) -> None:
    st = _look(path)
    if st is not None:
        form.discard(path) if stat.S_ISDIR(st.st_mode) else os.unlink(path)


def _printable(path: bytes) -> str:
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode()


def _lines(path: bytes | None):
    """A file's lines; None where it has none that can be shown."""
    if path is None:
        return []
    st = os.lstat(path)
    if not stat.S_ISREG(st.st_mode) or st.st_size > _LARGE:
        return None
    with open(path, "rb") as file:
        data = file.read()
    return None if b"\0" in data else data.decode("utf-8", "backslashreplace").splitlines(True)


def _what(path: bytes | None) -> str:
    if path is None:
        return "nothing"
    st = os.lstat(path)
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
            stat.S_IFSOCK: "socket"}.get(stat.S_IFMT(st.st_mode), "device")
    text = f" to {_printable(os.readlink(path))}" if stat.S_ISLNK(st.st_mode) else \
        f" of {st.st_size} bytes" if stat.S_ISREG(st.st_mode) else ""
    return f"{kind} {stat.S_IMODE(st.st_mode):04o}{text}"


def _difference(path: bytes, old: bytes | None, new: bytes | None) -> None:
    name = _printable(path)
    before, after = _what(old), _what(new)
    a, b = _lines(old), _lines(new)
    if a is not None and b is not None and a != b:
        from difflib import unified_diff
        for line in unified_diff(a, b, f"a/{name}" if old else "/dev/null", f"b/{name}" if new else "/dev/null"):
            sys.stdout.write(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    if before != after and (a is None or b is None or a == b) or a is not None and b is not None and old and new \
            and before.split()[1] != after.split()[1]:
        sys.stdout.write(f"/{name}: {before}, now {after}\n")
    elif a is None and b is None:
        sys.stdout.write(f"/{name}: {after}, other content\n" if after.startswith("file") else f"/{name}: {after}\n")
