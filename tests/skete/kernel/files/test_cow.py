"""A copy-on-write mount: to the guest a folder like any other, to the host one of which nothing is changed."""
import os
import stat
from errno import EACCES, EAGAIN, ENODATA, ENOENT, ENOSPC, EPERM

import pytest

from skete.abi.fcntl import AT_FDCWD, AT_SYMLINK_FOLLOW, O_TMPFILE, RENAME_EXCHANGE
from skete.kernel.files.cow import Cow
from tests.skete.kernel.files.guest import BUFFER, Guest


def everything(folder):
    """All that a run could change of a folder, times of access included."""
    found = {}
    for where, folders, files in os.walk(folder):
        for path in [where, *(os.path.join(where, name) for name in folders + files)]:
            st = os.lstat(path)
            found[path] = (st.st_ino, st.st_mode, st.st_nlink, st.st_uid, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
            if stat.S_ISREG(st.st_mode):
                found[path] += (st.st_atime_ns, open(path, "rb", opener=_quietly).read())
    return found


def _quietly(path, flags):
    return os.open(path, flags | os.O_NOATIME)


@pytest.fixture
def cow(folder, tmp_path, descriptors):
    """A guest with the folder as /data, copy-on-write. ``again`` ends it and gives another one with the same layer."""
    before = everything(folder)
    guests = []

    def again(disturbed=False):
        if disturbed:
            before.clear()      # the test has changed the folder itself, and compares what it can
        if guests:
            guests.pop().close()
        guests.append(Guest(Cow(folder, "/data", tmp_path / "layer")))
        guests[-1].again = again
        return guests[-1]
    yield again()
    guests.pop().close()
    assert not before or everything(folder) == before, "the host's folder has changed"


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno, os.strerror(refused.value.errno)


def test_inode_numbers_and_times_stay_when_a_file_or_folder_is_copied(cow):
    paths = ("/data/file", "/data/sub", "/data/sub/deep", "/data/sub/inner", "/data/link")
    before = {path: cow.stat(path, "lstat") for path in paths}
    held = cow.open("/data/file")
    for path in ("/data/sub/deep", "/data/sub/inner"):
        cow.chmod(path, 0o700)
    cow.call("close", cow.open("/data/file", os.O_RDWR))
    cow.linkat(AT_FDCWD, "/data/link", AT_FDCWD, "/data/other", 0)
    for path in paths:
        after = cow.stat(path, "lstat")
        assert (after.dev, after.ino, after.mtime_ns) == (before[path].dev, before[path].ino, before[path].mtime_ns)
    fd = cow.open("/data/sub", os.O_DIRECTORY)
    listed = {name: ino for name, _, _, ino in cow.getdents(fd)}
    assert listed[b"inner"] == before["/data/sub/inner"].ino and listed[b"deep"] == before["/data/sub/deep"].ino
    cow.fstat(held, BUFFER)


def test_descriptors_that_are_open_go_on_with_the_copy(cow):
    reader = cow.open("/data/file")
    handle = cow.open("/data/file", os.O_PATH)
    assert cow.read(reader, 5) == b"hello"
    writer = cow.open("/data/file", os.O_RDWR)
    cow.write(writer, b"HELLO, WORLD\n")
    assert cow.read(reader) == b", WORLD\n"
    cow.truncate("/data/file", 3)
    cow.lseek(reader, 0, 0)
    assert cow.read(reader) == b"HEL"
    assert cow.stat(f"/proc/self/fd/{handle}").size == 3
    cow.open("/data/file", os.O_WRONLY | os.O_TRUNC)
    assert cow.stat("/data/file").size == 0 and cow.pread64(reader, BUFFER, 10, 0) == 0


def test_a_removed_file_that_is_open_can_still_be_changed(cow):
    fd = cow.open("/data/file")
    cow.unlink("/data/file")
    cow.fstat(fd, BUFFER)
    cow.fchmod(fd, 0o604)
    assert cow.stat(f"/proc/self/fd/{fd}").mode == 0o100604 and cow.stat(f"/proc/self/fd/{fd}").nlink == 0
    assert cow.read(fd) == b"hello, world\n"
    refuses(ENOENT, cow.open, "/data/file")
    assert cow.again().listdir("/data").count(b"file") == 0


def test_what_is_read_keeps_its_time_of_access(cow, folder):
    os.utime(folder / "file", (1, 1))
    cow = cow.again(disturbed=True)
    assert cow.text("/data/file") == b"hello, world\n"
    cow.chmod("/data/file", 0o600)
    assert os.stat(folder / "file").st_atime == 1 and cow.stat("/data/file").atime_ns == 10**9


def test_removed_and_made_anew_is_empty(cow):
    cow.unlink("/data/sub/inner")
    cow.rmdir("/data/sub/deep")
    cow.rmdir("/data/sub")
    cow.mkdir("/data/sub", 0o755)
    for _ in range(2):
        assert cow.listdir("/data/sub") == [b".", b".."]
        refuses(ENOENT, cow.open, "/data/sub/inner")
        cow = cow.again()
    cow.rmdir("/data/sub")
    cow.symlink("file", "/data/sub")
    assert cow.again().text("/data/sub") == b"hello, world\n"


def test_a_folder_that_is_renamed_takes_what_is_in_it_along(cow):
    cow.chdir("/data/sub/deep")
    held = cow.open("/data/sub/inner")
    cow.unlink("/data/empty")
    cow.rename("/data/sub", "/data/moved")
    assert cow.getcwd() == b"/data/moved/deep"
    cow.call("close", cow.open("here", os.O_CREAT | os.O_WRONLY))
    writer = cow.open("/data/moved/inner", os.O_WRONLY)
    cow.write(writer, b"INNER")
    assert cow.read(held) == b"INNER"
    cow.mkdir("/data/sub", 0o755)
    cow = cow.again()
    assert cow.listdir("/data/sub") == [b".", b".."]
    assert cow.listdir("/data/moved") == [b".", b"..", b"deep", b"inner"]
    assert cow.listdir("/data/moved/deep") == [b".", b"..", b"here"]


def test_folders_change_places(cow):
    cow.mkdir("/data/new", 0o755)
    cow.call("close", cow.open("/data/new/mine", os.O_CREAT | os.O_WRONLY))
    cow.renameat2(AT_FDCWD, "/data/new", AT_FDCWD, "/data/sub", RENAME_EXCHANGE)
    for _ in range(2):
        assert cow.listdir("/data/sub") == [b".", b"..", b"mine"]
        assert cow.listdir("/data/new") == [b".", b"..", b"deep", b"inner"]
        cow = cow.again()


def test_attributes_are_copied_and_changed_in_the_copy_alone(cow, folder):
    try:
        os.setxattr(folder / "sub" / "inner", "user.before", b"1")
    except OSError:
        pytest.skip("this file system keeps no attributes")
    cow = cow.again(disturbed=True)
    os.setxattr(folder / "sub", "user.folder", b"2")
    cow.mm.write(BUFFER, b"value")
    fd = cow.open("/data/sub/inner")
    cow.fsetxattr(fd, "user.after", BUFFER, 5, 0)
    cow.setxattr("/data/sub", "user.mine", BUFFER, 5, 0)
    assert cow.getxattr("/data/sub/inner", "user.before", BUFFER, 10) == 1
    assert cow.fgetxattr(fd, "user.after", BUFFER, 10) == 5
    assert cow.fgetxattr(cow.open("/data/sub", os.O_DIRECTORY), "user.folder", BUFFER, 10) == 1
    assert os.listxattr(folder / "sub" / "inner") == ["user.before"] and os.listxattr(folder / "sub") == ["user.folder"]
    refuses(EPERM, cow.setxattr, "/data/sub", "security.mine", BUFFER, 5, 0)
    refuses(ENODATA, cow.getxattr, "/data/sub", "security.mine", BUFFER, 5)
    cow.removexattr("/data/sub/inner", "user.before")
    refuses(ENODATA, cow.again().getxattr, "/data/sub/inner", "user.before", BUFFER, 10)
    assert os.listxattr(folder / "sub" / "inner") == ["user.before"]


def test_a_file_without_a_name_gets_one(cow):
    fd = cow.open("/data/sub", O_TMPFILE | os.O_RDWR, 0o600)
    cow.write(fd, b"nameless")
    cow.linkat(AT_FDCWD, f"/proc/self/fd/{fd}", AT_FDCWD, "/data/named", AT_SYMLINK_FOLLOW)
    assert cow.again().text("/data/named") == b"nameless"


def test_flock_holds_whether_the_file_has_been_copied_or_not(cow):
    one, other = cow.open("/data/file"), cow.open("/data/file")
    cow.flock(one, 2)
    refuses(EAGAIN, cow.flock, other, 2 | 4)
    writer = cow.open("/data/file", os.O_RDWR)
    refuses(EAGAIN, cow.flock, writer, 1 | 4)
    cow.call("close", one)
    cow.flock(writer, 2)


def test_holes_stay_holes(cow, folder):
    with open(folder / "empty", "r+b") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"middle")
    cow, before = cow.again(disturbed=True), everything(folder)
    cow.chmod("/data/empty", 0o600)
    assert cow.stat("/data/empty").size == 64 << 20 and cow.stat("/data/empty").blocks < 1000
    fd = cow.open("/data/empty")
    cow.lseek(fd, 32 << 20, 0)
    assert cow.read(fd, 6) == b"middle" and everything(folder) == before


def test_nothing_leads_out_of_it(cow, folder, tmp_path):
    os.symlink("../secret", folder / "sub" / "out")
    cow = cow.again(disturbed=True)
    cow.symlink("../../secret", "/data/sub/deep/out")
    for path in ("/data/sub/out", "/data/sub/deep/out", "/data/../secret", "/data/sub/../../secret"):
        refuses(ENOENT, cow.open, path)
    cow.rename("/data/sub/deep", "/data/sub/moved")
    # A folder of the host that turns into a link while it is held, before it has been copied.
    cow.chdir("/data/sub")
    (folder / "sub").rename(folder / "was")
    (folder / "sub").symlink_to(tmp_path)
    refuses(ENOENT, cow.open, "/data/sub/secret", os.O_RDWR)
    assert (tmp_path / "secret").read_bytes() == b"not for guests"


def test_inotify_is_refused(cow):
    fd = cow.inotify_init()
    refuses(ENOSPC, cow.inotify_add_watch, fd, "/data/file", 2)


def test_what_the_host_refuses_is_refused(cow, folder):
    os.chmod(folder / "file", 0o444)
    cow = cow.again(disturbed=True)
    if os.geteuid() == 0:
        cow.open("/data/file", os.O_RDWR)       # root may
        assert cow.raw("access", "/data/file", 1) == -EACCES
    else:
        refuses(EACCES, cow.open, "/data/file", os.O_RDWR)
        refuses(EACCES, cow.truncate, "/data/file", 0)
        cow.chmod("/data/file", 0o644)
        cow.open("/data/file", os.O_RDWR)
    assert os.stat(folder / "file").st_mode & 0o777 == 0o444


def test_a_path_that_leads_nowhere_leaves_no_descriptor(cow):
    """A folder that somebody has open is looked for again after others have moved; and what is copied up, first."""
    mount = cow.namespace.table[(b"data",)]
    before = len(os.listdir("/proc/self/fd"))
    for look in (mount.node, mount.raise_directory):
        refuses(ENOENT, look, (b"data", b"sub", b"missing", b"x"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_a_killed_monitor_left_of_a_count_is_removed(cow, folder, tmp_path):
    os.link(folder / "file", folder / "other")
    guest = cow.again(disturbed=True)
    guest.chmod("/data/file", 0o600)
    number = os.stat(folder / "file").st_ino
    os.symlink("7", tmp_path / "layer" / ".wh..wh.plnk" / f"{number}.tmp")
    guest = guest.again()
    guest.unlink("/data/file")
    assert guest.stat("/data/other").mode & 0o777 == 0o600
