"""Reading source archives with suspicion, and writing archives that are the same every time."""
from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from steps import archive
from steps.step import Failure


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"", mode: int = 0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode, info.mtime = kind, link, len(data), mode, 1000
    return info, data


def tar(path: Path, *members) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for info, data in members:
            out.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("why, hostile", [
    ("a way up", [member("a/../../evil", data=b"x")]),
    ("an absolute name", [member("/etc/evil", data=b"x")]),
    ("a link that leads out", [member("a/link", tarfile.SYMTYPE, "../../out")]),
    ("an absolute link", [member("a/link", tarfile.SYMTYPE, "/etc")]),
    ("writing through a link", [member("a/link", tarfile.SYMTYPE, "."), member("a/link/evil", data=b"x")]),
    ("replacing a link", [member("a/link", tarfile.SYMTYPE, "other"), member("a/link", data=b"x")]),
    ("a hard link out", [member("a/hard", tarfile.LNKTYPE, "a/../../evil")]),
    ("a hard link to a link", [member("a/link", tarfile.SYMTYPE, "x"), member("a/hard", tarfile.LNKTYPE, "a/link")]),
    ("a device", [member("a/null", tarfile.CHRTYPE)]),
    ("a fifo", [member("a/fifo", tarfile.FIFOTYPE)]),
])
def test_hostile_archives_are_refused(tmp_path, why, hostile):
    with pytest.raises(Failure) as refused:
        archive.extract(tar(tmp_path / "x.tar.gz", *hostile), tmp_path / "tree")
    assert "x.tar.gz" in str(refused.value), why
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("why, cut", [("no archive at all", lambda data: b"hello"), ("nothing", lambda data: b""),
                                      ("cut short", lambda data: data[:len(data) // 2])])
def test_what_is_no_archive_is_refused(tmp_path, why, cut):
    path = tar(tmp_path / "x.tar.gz", member("a/file", data=os.urandom(5000)))
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(Failure, match="x.tar.gz"):
        archive.extract(path, tmp_path / "tree")


def test_unpacking_drops_the_one_folder_and_special_bits(tmp_path):
    path = tar(tmp_path / "x.tar.gz", member("a", tarfile.DIRTYPE), member("a/run", data=b"r", mode=0o4777),
               member("a/b/data", data=b"d", mode=0o600), member("a/b/link", tarfile.SYMTYPE, "../run"),
               member("a/hard", tarfile.LNKTYPE, "a/run"))
    tree = tmp_path / "tree"
    archive.extract(path, tree)
    found = {p.relative_to(tree).as_posix(): oct(p.stat().st_mode & 0o7777) for p in tree.rglob("*") if p.is_file()}
    assert found == {"run": "0o755", "b/data": "0o644", "b/link": "0o755", "hard": "0o755"}
    assert (tree / "b/link").read_bytes() == (tree / "hard").read_bytes() == b"r"
    assert (tree / "run").stat().st_mtime == 1000


def fill(tree: Path, names: list[str], umask: int) -> Path:
    before = os.umask(umask)
    try:
        for name in names:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(name)
        (tree / "bin").mkdir()
        (tree / "bin/run").write_text("run")
        (tree / "bin/run").chmod(0o700)
        (tree / "link").symlink_to("bin/run")
    finally:
        os.umask(before)
    return tree


def test_packing_depends_on_contents_alone(tmp_path):
    names = ["b", "a/z", "a/b/c", "B", "n" * 120]
    first, second = fill(tmp_path / "1", names, 0o022), fill(tmp_path / "elsewhere/2", names[::-1], 0o077)
    archive.pack(first, tmp_path / "1.tar", "top", 1234)
    archive.pack(second, tmp_path / "2.tar", "top", 1234)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    with tarfile.open(tmp_path / "1.tar") as packed:
        members = packed.getmembers()
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 1234)}
    modes = {m.name: m.mode for m in members}
    assert (modes["top/bin/run"], modes["top/b"]) == (0o755, 0o644)


def test_what_was_packed_unpacks_to_the_same(tmp_path):
    archive.pack(fill(tmp_path / "1", ["a/b", "c"], 0o022), tmp_path / "1.tar", "top", 1234)
    archive.extract(tmp_path / "1.tar", tmp_path / "2")
    archive.pack(tmp_path / "2", tmp_path / "2.tar", "top", 1234)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
