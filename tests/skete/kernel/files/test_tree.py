"""Calls that change the tree, each made twice: through us, and by Linux on a copy. Answers and trees must agree."""
import ctypes
import os
import shutil
from errno import EINVAL, ENOENT, ENOTEMPTY, ERANGE

import pytest

from skete.abi.fcntl import (AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE,
                             RENAME_NOREPLACE)
from skete.abi.stat import UTIME_NOW, UTIME_OMIT
from skete.abi.syscalls import NUMBERS
from tests.skete.kernel.files.guest import BUFFER
from tests.skete.kernel.files.layers import unpack_layer

libc = ctypes.CDLL(None, use_errno=True)


def linux(name, *words):
    """The call itself, by number."""
    converted = [ctypes.c_long(w) if isinstance(w, int) else ctypes.c_char_p(os.fsencode(w)) for w in words]
    result = libc.syscall(ctypes.c_long(NUMBERS[name]), *converted)
    return result if result >= 0 else -ctypes.get_errno()


def tree(top):
    """{path: (type and mode, content or link text, links)}"""
    found = {}
    for where, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(where, name)
            st = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else b""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = file.read()
            links = 0 if os.path.isdir(path) else st.st_nlink
            found[os.path.relpath(path, top)] = (oct(st.st_mode), content, links)
    return found


D = AT_FDCWD
CALLS = [
    ("mkdir", "@/new", 0o777), ("mkdir", "@/new/", 0o700), ("mkdir", "@/file", 0o777), ("mkdir", "@/sub", 0o777),
    ("mkdir", "@/dangling", 0o777), ("mkdir", "@/no/new", 0o777), ("mkdir", "@/file/new", 0o777),
    ("mkdir", "@/sub/.", 0o777), ("mkdir", "@/sub/..", 0o777), ("mkdir", "", 0o777), ("mkdir", "@/" + "n" * 256, 0o777),
    ("mkdir", "@/loop/new", 0o777), ("mkdir", "@/dirlink/new", 0o1777), ("mkdir", "/", 0o777),
    ("mkdirat", D, "@/new", 0o6777), ("mknod", "@/new", 0o10640, 0), ("mknod", "@/new", 0o640, 0),
    ("mknod", "@/new", 0o100640, 0), ("mknod", "@/file", 0o10640, 0), ("mknodat", D, "@/new", 0o40640, 0),
    ("rmdir", "@/sub/deep"), ("rmdir", "@/sub"), ("rmdir", "@/file"), ("rmdir", "@/dirlink"), ("rmdir", "@/no"),
    ("rmdir", "@/sub/deep/"), ("rmdir", "@/sub/deep/."), ("rmdir", "@/sub/deep/.."), ("rmdir", "/"), ("rmdir", ""),
    ("rmdir", "@/dirlink/"), ("rmdir", "@/dirlink/deep"),
    ("unlink", "@/file"), ("unlink", "@/link"), ("unlink", "@/dangling"), ("unlink", "@/fifo"), ("unlink", "@/sub"),
    ("unlink", "@/no"), ("unlink", "@/file/"), ("unlink", "@/sub/"), ("unlink", "@/no/"), ("unlink", "@/sub/.."),
    ("unlink", ""), ("unlink", "@/link/"), ("unlink", "@/dirlink/inner"), ("unlinkat", D, "@/sub/deep", AT_REMOVEDIR),
    ("unlinkat", D, "@/file", 0x1000), ("unlinkat", D, "@/file", 0),
    ("symlink", "text", "@/new"), ("symlink", "", "@/new"), ("symlink", "text", "@/file"),
    ("symlink", "text", "@/link"),
    ("symlink", "text", "@/new/"), ("symlink", "text", "@/sub/."), ("symlink", "text", ""),
    ("symlinkat", "/etc/passwd", D, "@/new"), ("symlink", "t" * 4095, "@/new"), ("symlink", "text", "@/no/new"),
    ("link", "@/file", "@/new"), ("link", "@/link", "@/new"), ("link", "@/dangling", "@/new"),
    ("link", "@/sub", "@/new"),
    ("link", "@/no", "@/new"), ("link", "@/file", "@/empty"), ("link", "@/file", "@/new/"),
    ("link", "@/file/", "@/new"),
    ("link", "@/file", "@/no/new"), ("link", "", "@/new"), ("link", "@/file", ""), ("link", "@/file", "@/sub/.."),
    ("linkat", D, "@/link", D, "@/new", AT_SYMLINK_FOLLOW), ("linkat", D, "@/file", D, "@/new", 1),
    ("linkat", D, "@/dangling", D, "@/new", AT_SYMLINK_FOLLOW),
    ("rename", "@/file", "@/new"), ("rename", "@/file", "@/empty"), ("rename", "@/file", "@/sub"),
    ("rename", "@/sub", "@/file"), ("rename", "@/sub", "@/new"), ("rename", "@/sub", "@/new/"),
    ("rename", "@/no", "@/new"),
    ("rename", "@/file", "@/new/"), ("rename", "@/file/", "@/new"), ("rename", "@/sub/deep", "@/sub"),
    ("rename", "@/sub", "@/sub/deep/new"), ("rename", "@/link", "@/new"), ("rename", "@/file", "@/link"),
    ("rename", "@/sub/.", "@/new"), ("rename", "@/file", "@/sub/.."), ("rename", "@/file", "@/file"),
    ("rename", "", "@/new"), ("rename", "@/file", ""), ("rename", "@/sub/deep", "@/empty2"),
    ("rename", "@/file", "@/no/x"),
    ("renameat", D, "@/file", D, "@/new"), ("renameat2", D, "@/file", D, "@/new", RENAME_NOREPLACE),
    ("renameat2", D, "@/file", D, "@/empty", RENAME_NOREPLACE), ("renameat2", D, "@/sub", D, "@/new", RENAME_NOREPLACE),
    ("renameat2", D, "@/sub", D, "@/file", RENAME_NOREPLACE), ("renameat2", D, "@/file", D, "@/new", 8),
    ("renameat2", D, "@/file", D, "@/new", RENAME_NOREPLACE | RENAME_EXCHANGE),
    ("truncate", "@/file", 5), ("truncate", "@/file", 100), ("truncate", "@/link", 2), ("truncate", "@/sub", 0),
    ("truncate", "@/no", 0), ("truncate", "@/file", -1), ("truncate", "@/fifo", 0), ("truncate", "@/dangling", 0),
    ("chmod", "@/file", 0o4751), ("chmod", "@/link", 0o600), ("chmod", "@/sub", 0o700), ("chmod", "@/no", 0o600),
    ("chmod", "@/dangling", 0o600), ("chmod", "@/file/", 0o600), ("fchmodat", D, "@/fifo", 0o600),
    ("chown", "@/no", -1, -1), ("chown", "@/file", -1, -1), ("lchown", "@/dangling", -1, -1),
    ("fchownat", D, "@/file", -1, -1, 1), ("access", "@/file", 0), ("access", "@/file", 8), ("access", "@/no", 0),
    ("access", "@/file", 6), ("access", "@/file", 1), ("access", "@/sub", 7), ("access", "@/dangling", 0),
    ("faccessat", D, "@/loop", 0), ("faccessat2", D, "@/loop", 0, 0x100), ("faccessat2", D, "@/file", 0, 1),
    ("chdir", "@/file"), ("chdir", "@/no"), ("chdir", "@/link"), ("chdir", ""),
    ("creat", "@/new", 0o640), ("creat", "@/file", 0o640), ("creat", "@/sub", 0o640), ("creat", "@/dangling", 0o604),
    ("open", "@/file/", os.O_CREAT | os.O_RDWR, 0o600), ("open", "@/new", os.O_CREAT | os.O_EXCL, 0o400),
    ("open", "@/new", os.O_CREAT | os.O_DIRECTORY, 0o400), ("open", "@/file", os.O_WRONLY | os.O_TRUNC, 0),
    ("open", "@/sub/.", os.O_CREAT | os.O_EXCL, 0), ("open", "@/no/", os.O_RDONLY, 0),
    ("readlink", "@/file", "x", 10), ("readlink", "@/no", "x", 10), ("readlink", "@/link", "x", 0),
    ("readlink", "", "x", 1),
    ("readlink", "@/link/", "x", 10), ("readlink", "@/dirlink/", "x", 10),
    ("statx", D, "@/file", 0x6000, 0x7ff, "x"), ("statx", D, "@/file", 1, 0x7ff, "x"),
    ("newfstatat", D, "@/file", "x", 1), ("newfstatat", D, "", "x", 0), ("linkat", D, "", D, "@/new", 0),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(map(str, call))[:60])
def test_as_linux_does_it(guest, folder, tmp_path, call):
    as_linux(guest, folder, tmp_path, call, lambda: tree(folder))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(map(str, call))[:60])
def test_as_linux_does_it_and_nothing_of_the_folder_is_changed(cow, folder, tmp_path, call):
    (folder / "empty2").mkdir()
    before = tree(folder)

    def seen():
        assert tree(folder) == before
        shutil.copytree(folder, tmp_path / "merged", symlinks=True, ignore=no_fifos)
        os.mkfifo(tmp_path / "merged" / "fifo")
        unpack_layer(tmp_path / "layer", tmp_path / "merged")
        return tree(tmp_path / "merged")
    as_linux(cow, folder, tmp_path, call, seen)


def no_fifos(where, names):
    return {"fifo"} & set(names)


def as_linux(guest, folder, tmp_path, call, seen):
    (folder / "empty2").mkdir(exist_ok=True)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, symlinks=True, ignore=no_fifos)
    os.mkfifo(copy / "fifo")
    before = os.umask(0o022)
    here = os.getcwd()
    try:
        native = linux(call[0], *(w.replace("@", str(copy)) if isinstance(w, str) else w for w in call[1:]))
    finally:
        os.umask(before)
        os.chdir(here)
    if call[0] in ("open", "creat") and native >= 0:
        os.close(native)
        native = 0
    ours = guest.raw(call[0], *(w.replace("@", "/data") if isinstance(w, str) else w for w in call[1:]))
    name = {0: "0"} | {-n: os.strerror(n) for n in range(1, 134)}
    assert name.get(ours, ours) == name.get(native, native)
    assert seen() == tree(copy)


def test_the_working_directory_follows_a_rename_and_knows_when_it_is_gone(guest):
    guest.chdir("/data/sub/deep")
    fd = guest.open(".", os.O_DIRECTORY)
    guest.rename("/data/sub", "/data/renamed")
    assert guest.getcwd() == b"/data/renamed/deep"
    assert guest.text("../inner") == b"inner"
    guest.rmdir("/data/renamed/deep")
    for call in (guest.getcwd, lambda: guest.open("x", os.O_CREAT), lambda: guest.getdents(fd)):
        with pytest.raises(OSError) as refused:
            call()
        assert refused.value.errno == ENOENT
    guest.chdir("/data")
    assert guest.getcwd() == b"/data"
    guest.fchdir(guest.open("/dev"))
    assert guest.getcwd() == b"/dev"


def test_getcwd_counts_its_nul(guest):
    guest.chdir("/data/sub")
    assert guest.call("getcwd", BUFFER, 10) == 10
    with pytest.raises(OSError) as refused:
        guest.call("getcwd", BUFFER, 9)
    assert refused.value.errno == ERANGE


def test_umask_returns_the_one_before(guest):
    assert guest.umask(0o1077) == 0o022
    assert guest.umask(0) == 0o077


def test_calls_relative_to_a_descriptor(guest, folder):
    fd = guest.open("/data/sub", os.O_DIRECTORY)
    guest.mkdirat(fd, "new", 0o755)
    guest.renameat(fd, "inner", AT_FDCWD, "/data/outer")
    guest.symlinkat("../outer", fd, "back")
    assert guest.text("/data/sub/back") == b"inner"
    guest.linkat(AT_FDCWD, "/data/outer", fd, "hard", 0)
    assert os.stat(folder / "outer").st_nlink == 2
    with pytest.raises(OSError) as refused:
        guest.unlinkat(AT_FDCWD, "/data/sub", AT_REMOVEDIR)
    assert refused.value.errno == ENOTEMPTY
    assert guest.call("newfstatat", fd, "", BUFFER, AT_EMPTY_PATH) == 0


def times(guest, *pairs):
    at = BUFFER + 0x1000
    guest.mm.write(at, b"".join(n.to_bytes(8, "little", signed=True) for pair in pairs for n in pair))
    return at


def test_times_are_set_to_the_nanosecond_omitted_and_now(guest, folder):
    guest.utimensat(AT_FDCWD, "/data/file", times(guest, (1, 500), (2, 999_999_999)), 0)
    st = guest.stat("/data/file")
    assert (st.atime_ns, st.mtime_ns) == (1_000_000_500, 2_999_999_999)
    guest.utimensat(AT_FDCWD, "/data/file", times(guest, (0, UTIME_OMIT), (7, 0)), 0)
    st = guest.stat("/data/file")
    assert (st.atime_ns, st.mtime_ns) == (1_000_000_500, 7_000_000_000)
    fd = guest.open("/data/file")
    guest.utimensat(fd, 0, times(guest, (0, UTIME_NOW), (0, UTIME_OMIT)), 0)
    st = guest.stat("/data/file")
    assert st.atime_ns > 10**18 and st.mtime_ns == 7_000_000_000
    guest.utimensat(AT_FDCWD, "/data/link", times(guest, (3, 0), (3, 0)), 0x100)
    assert os.lstat(folder / "link").st_mtime_ns == 3 * 10**9 and os.stat(folder / "link").st_mtime_ns == 7 * 10**9
    guest.utimes("/data/file", times(guest, (4, 5), (6, 7)))
    assert guest.stat("/data/file").mtime_ns == 6_000_007_000
    guest.utime("/data/file", times(guest, (8, 9)))
    st = guest.stat("/data/file")
    assert (st.atime_ns, st.mtime_ns) == (8 * 10**9, 9 * 10**9)
    guest.utimensat(AT_FDCWD, "/data/file", 0, 0)
    assert guest.stat("/data/file").mtime_ns > 10**18
    for bad in ((0, 10**9), (0, -1)):
        with pytest.raises(OSError) as refused:
            guest.utimensat(AT_FDCWD, "/data/file", times(guest, bad, (0, 0)), 0)
        assert refused.value.errno == EINVAL


def test_stat_and_statx_say_what_the_host_says(guest, folder):
    for name in ("file", "sub", "fifo", "link", "dangling"):
        st, host = guest.stat(f"/data/{name}", "lstat"), os.lstat(folder / name)
        assert (st.dev, st.ino, st.nlink, st.mode, st.size, st.blocks, st.mtime_ns, st.ctime_ns, st.uid, st.gid) == (
            host.st_dev, host.st_ino, host.st_nlink, host.st_mode, host.st_size, host.st_blocks, host.st_mtime_ns,
            host.st_ctime_ns, host.st_uid, host.st_gid)
    guest.statx(AT_FDCWD, "/data/file", 0, 0x7ff, BUFFER)
    ours = guest.mm.read(BUFFER, 256)
    native = ctypes.create_string_buffer(256)
    assert libc.statx(AT_FDCWD, os.fsencode(folder / "file"), 0, 0x7ff, native) == 0
    # mask, attributes, birth time, mount id: ours are fewer. The rest is byte for byte the same.
    for start, end in ((4, 8), (16, 56), (64, 80), (96, 112), (112, 144)):
        assert ours[start:end] == native.raw[start:end], (start, end)
