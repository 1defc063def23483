"""Tar files, read with suspicion and written the same every time.

Reading: an archive comes from elsewhere, so a member may only be a file, a folder or a link that stays inside, and
nothing is written through a link. (tarfile's own filters came with Python 3.11.4; Debian 12 has 3.11.2.)

Writing: sorted names, owner 0, one time for all, modes 755 and 644, no extended headers unless a name is too long. Two
trees with the same contents give the same bytes, wherever they are.
"""
from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from steps.step import Failure

MAX_BYTES = 2 << 30     # of one archive, unpacked: a libc has some ten MiB


def extract(archive: Path, tree: Path) -> None:
    """Unpack `archive` into the new folder `tree`, without the one folder that everything in it is in.

    Raises Failure when it is no tar file, cut short, or has a member that does not belong in a source archive.
    """
    try:
        with tarfile.open(archive) as tar:
            _extract(tar, archive.name, tree)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Failure(f"{archive} cannot be unpacked: {error}") from error


def _extract(tar: tarfile.TarFile, name: str, tree: Path) -> None:
    tree.mkdir(parents=True)
    links: set[PurePosixPath] = set()
    total = 0
    for member in tar:
        inside = _inside(member.name, name)
        if inside is None:
            continue
        if any(parent in links for parent in (inside, *inside.parents)):
            raise Failure(f"{name}: {member.name} would be written through a link")
        path = tree / inside
        total += member.size
        if total > MAX_BYTES:
            raise Failure(f"{name} unpacks to more than {MAX_BYTES >> 20} MiB")
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif member.isfile():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            with tar.extractfile(member) as source, open(path, "wb") as f:
                shutil.copyfileobj(source, f)
            path.chmod(0o755 if member.mode & 0o100 else 0o644)
            os.utime(path, (member.mtime, member.mtime))
        elif member.issym():
            target = PurePosixPath(os.path.normpath(inside.parent / member.linkname))
            if member.linkname.startswith("/") or target.parts[:1] == ("..",):
                raise Failure(f"{name}: the link {member.name} leads out of the archive, to {member.linkname}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(member.linkname)
            links.add(inside)
        elif member.islnk():
            target = _inside(member.linkname, name)
            if target is None or any(parent in links for parent in (target, *target.parents)):
                raise Failure(f"{name}: the link {member.name} leads to {member.linkname}")
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(tree / target, path)
        else:
            raise Failure(f"{name}: {member.name} is neither a file, a folder nor a link")


def _inside(member: str, archive: str) -> PurePosixPath | None:
    """Return the path below the archive's one folder; None for that folder itself. Raises Failure for a way out."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts:
        raise Failure(f"{archive}: {member} leads out of the archive")
    return PurePosixPath(*path.parts[1:]) if len(path.parts) > 1 else None


def pack(tree: Path, output: Path, folder: str, mtime: int) -> None:
    """Write the contents of `tree` to the tar file `output`, below `folder`, every member with the time `mtime` (s)."""
    with tarfile.open(output, "w", format=tarfile.PAX_FORMAT) as tar:
        top = tarfile.TarInfo(folder)
        top.type, top.mode, top.mtime = tarfile.DIRTYPE, 0o755, mtime
        tar.addfile(top)
        for path in sorted(tree.rglob("*"), key=lambda p: p.relative_to(tree).as_posix().encode()):
            info = tarfile.TarInfo(f"{folder}/{path.relative_to(tree).as_posix()}")
            info.mtime = mtime
            if path.is_symlink():
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
                tar.addfile(info)
            elif path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                status = path.stat()
                info.size = status.st_size
                info.mode = 0o755 if status.st_mode & 0o100 else 0o644
                with open(path, "rb") as f:
                    tar.addfile(info, f)
