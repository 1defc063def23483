"""Path resolution: path_resolution(7), in the guest's tree.

One component at a time. A directory is entered without following; what turns out to be a link is read, and its text
takes the component's place: a relative one goes on from here, an absolute one from the root. ``..`` is the
parent in the guest's tree, looked up anew from its root; a process's own root (chroot(2)) is not left by it. The host never resolves more than one name for us.

A walk holds the directory it is in and the last few it came through, so that ``..`` right after a name is no search
from the root: else a path of ``../x/../x/...`` deep down would cost minutes. After an error it holds none.
"""
from __future__ import annotations

from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR

from skete.abi.fcntl import AT_FDCWD, MAXSYMLINKS, NAME_MAX, PATH_MAX
from skete.abi.stat import S_IFDIR, S_IFLNK, S_IFMT
from skete.kernel.files.node import Directory, Place
from skete.kernel.row import Unreadable

__all__ = ["start_of", "walk", "walk_from"]

#: How many directories of the way are held.
_TRAIL = 16


def start_of(task, dirfd: int, path: bytes) -> Directory:
    """Where a path begins: the root, the working directory, or what dirfd is open on. EBADF, ENOTDIR"""
    if path[:1] == b"/":
        return task.fs.root()
    if dirfd == AT_FDCWD:
        return task.fs.cwd
    return task.files.get(dirfd).node


def walk(task, dirfd: int, path: bytes, follow: bool = True, parent: bool = False, resolve=None) -> Place:
    """The place that a guest's path names, to be closed by ``with``.

    follow: a link at the end is followed;  parent: the last component is not looked at, whatever it is
    resolve: openat2's rules (resolve.Resolve), or None
    EBADF EACCES ELOOP ENAMETOOLONG ENOENT ENOTDIR; a missing last component is no error: ``place.st`` is None.
    """
    namespace = task.fs.namespace
    namespace.task = task
    if type(path) is Unreadable:
        raise path.error
    if not path:
        raise OSError(ENOENT, "the empty path")
    return walk_from(namespace, start_of(task, dirfd, path), path, follow, parent, resolve, task.fs.top)


def walk_from(namespace, node: Directory, path: bytes, follow: bool = True, parent: bool = False,
              resolve=None, top: Directory | None = None) -> Place:
    """The same from a directory, which must be kept by somebody else (``keep``) or is closed.

    top: the root, where it is not the guest tree's: Fs.top
    """
    trail: list = []
    try:
        place = _walk(namespace, node, trail, path, follow, parent, resolve, top)
        if resolve is not None:
            _within(place, resolve)
        return place
    finally:
        for passed in trail:
            passed.close()


def _within(place: Place, resolve) -> None:
    try:
        resolve.entered(place.parent.mount)
    except OSError:
        place.parent.close()
        raise


def _walk(namespace, node: Directory, trail: list, path: bytes, follow: bool, parent: bool, resolve, top) -> Place:
    """trail: directories on the way, each the parent of the next, the last that of ``node``; the caller's to close"""
    if len(path) >= PATH_MAX:
        raise OSError(ENAMETOOLONG, f"{len(path)} bytes")
    names = path.split(b"/")
    trailing = not names[-1]
    names = [name for name in names if name and name != b"."]
    # What the path ends in decides; a "." in the middle does nothing.
    special = b"" if names else b"/"
    if path.endswith(b"/.") or path == b".":
        special, trailing = b".", False
    names.reverse()
    links = 0
    try:
        while names:
            name = names.pop()
            if len(name) > NAME_MAX:
                raise OSError(ENAMETOOLONG, f"a name of {len(name)} bytes")
            if name == b"..":
                up = 1
                while names and names[-1] == b"..":
                    names.pop()
                    up += 1     # a run of them costs one look from the root, not one each
                if top is not None and node.path[:len(top.path)] == top.path:
                    up = min(up, len(node.path) - len(top.path))
                if resolve is not None:
                    up = resolve.up(node.path, up)
                node = _ascend(namespace, node, trail, up)
                if resolve is not None:
                    resolve.entered(node.mount)
                if not names and not special:
                    special = b".."
                continue
            at = node.path + (name,)
            if not names and special != b".":
                if parent:
                    return Place(node, name, None, trailing, covered=namespace.covers(at))
                place = _last(namespace, node, name, at, trailing)
                if place.st is None or place.st.st_mode & S_IFMT != S_IFLNK or not (follow or trailing):
                    return place
            else:
                try:
                    below = namespace.step(node, name, at)
                    trail.append(node)
                    node = below
                    if resolve is not None:
                        resolve.entered(node.mount)
                    if len(trail) > _TRAIL:
                        trail.pop(0).close()
                    continue
                except NotADirectoryError:
                    if at in namespace.table:
                        raise       # a mounted file
            # It is a link, or not a directory: readlink tells.
            jump = node.jump(namespace.task, name)
            if jump is not None:
                if resolve is not None:
                    _allowed(resolve, jump)
                if not names and special != b".":
                    node.close()
                    return _checked(jump, trailing)
                node = _leave(node, trail, _entered(jump))
                continue
            try:
                text = node.readlink(name)
            except OSError as e:
                raise e if e.errno == ENOENT else OSError(ENOTDIR, name.decode(errors="replace")) from None
            if resolve is not None:
                resolve.link()
            links += 1
            if links > MAXSYMLINKS:
                raise OSError(ELOOP, f"more than {MAXSYMLINKS} links")
            if not names:
                trailing = trailing or text.endswith((b"/", b"/."))
            if text[:1] == b"/":
                root = namespace.root() if top is None else top
                node = _leave(node, trail, root if resolve is None else resolve.root(root))
            names.extend(part for part in reversed(text.split(b"/")) if part and part != b".")
            if not names and not special:
                special = b"/"
        return Place(node, b".", node.stat(b"."), False, special or b"/", covered=namespace.covers(node.path))
    except BaseException:
        node.close()
        raise


def _allowed(resolve, jump: Place) -> None:
    try:
        resolve.jump()
    except OSError:
        jump.parent.close()
        raise


def _leave(old: Directory, trail: list, new: Directory) -> Directory:
    """Go on somewhere else."""
    while trail:
        trail.pop().close()
    old.close()
    return new


def _ascend(namespace, node: Directory, trail: list, up: int) -> Directory:
    """``..``, ``up`` times: the way back as far as it is held, else found from the root."""
    if up > len(trail):
        return _leave(node, trail, namespace.ancestor(node, up))
    while up:
        node.close()
        node = trail.pop()
        up -= 1
    return node


def _last(namespace, node: Directory, name: bytes, at: tuple, trailing: bool) -> Place:
    """Look at the last component, without following."""
    mount = namespace.table.get(at)
    if mount is not None:
        place = mount.place()
        node.close()
        return _checked(place, trailing)
    try:
        st = node.stat(name)
    except FileNotFoundError:
        if at not in namespace.below:
            return Place(node, name, None, trailing)
        missing = namespace.missing(at)
        node.close()
        return Place(missing, b".", missing.stat(b"."), covered=True)
    place = Place(node, name, st, trailing, covered=at in namespace.below)
    return place if st.st_mode & S_IFMT == S_IFLNK else _checked(place, trailing)


def _checked(place: Place, trailing: bool) -> Place:
    """A place that a slash follows must be a directory."""
    if trailing and place.st.st_mode & S_IFMT != S_IFDIR:
        place.parent.close()
        raise OSError(ENOTDIR, "a slash after what is no directory")
    return place


def _entered(place: Place) -> Directory:
    """The directory that a jump leads to."""
    if place.st.st_mode & S_IFMT != S_IFDIR:
        place.parent.close()
        raise OSError(ENOTDIR, "no directory")
    return place.parent
