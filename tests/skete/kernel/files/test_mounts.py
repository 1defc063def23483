"""One tree out of mounts: what is covered, what is listed, what is read-only."""
import os
from errno import EBUSY, EEXIST, ENOENT, ENOTDIR, EROFS, EXDEV

import pytest

from skete.abi.fcntl import AT_FDCWD, W_OK
from skete.kernel.files import Fs, Mount, Namespace
from tests.skete.kernel.files.guest import Guest


@pytest.fixture
def make(descriptors):
    made = []

    def make(*mounts, **named):
        made.append(Guest(*mounts, **named))
        return made[-1]
    yield make
    for guest in made:
        guest.close()


def refuses(errno, call, *words):
    with pytest.raises(OSError) as refused:
        call(*words)
    assert refused.value.errno == errno, os.strerror(refused.value.errno)


def test_without_mounts_there_is_dev_proc_sys_and_nothing_else(make):
    guest = make()
    assert guest.listdir("/") == [b".", b"..", b"dev", b"proc", b"sys"]
    for path in ("/etc/passwd", "/bin/sh", "/root", os.getcwd()):
        refuses(ENOENT, guest.open, path)


def test_folders_that_lead_to_a_mount_are_there_though_no_host_has_them(make, folder):
    guest = make((folder, "/a/b/c"))
    assert b"a" in guest.listdir("/")
    assert guest.listdir("/a") == [b".", b"..", b"b"]
    assert guest.text("/a/b/c/file") == b"hello, world\n"
    assert guest.text("/a/b/c/../../b/c/file") == b"hello, world\n"
    assert guest.stat("/a/b/..").ino == guest.stat("/a").ino
    refuses(EROFS, guest.open, "/a/new", os.O_CREAT | os.O_WRONLY)
    refuses(EROFS, guest.mkdir, "/a/new", 0o777)
    refuses(ENOENT, guest.open, "/a/x")
    refuses(EEXIST, guest.mkdir, "/a/b", 0o777)
    guest.chdir("/a/b")
    assert guest.getcwd() == b"/a/b"
    guest.chdir("c/sub")
    assert guest.getcwd() == b"/a/b/c/sub"


def test_a_single_file_is_mounted_without_its_neighbours(make, folder):
    guest = make((folder / "file", "/etc/greeting", True))
    assert guest.text("/etc/greeting") == b"hello, world\n"
    assert guest.listdir("/etc") == [b".", b"..", b"greeting"]
    assert guest.stat("/etc/greeting").ino == os.stat(folder / "file").st_ino
    refuses(ENOENT, guest.open, "/etc/empty")
    refuses(ENOENT, guest.open, "/etc/file")
    refuses(ENOTDIR, guest.open, "/etc/greeting/..")
    refuses(ENOTDIR, guest.open, "/etc/greeting/x")
    refuses(EROFS, guest.open, "/etc/greeting", os.O_RDWR)
    fd = guest.open("/etc/greeting")
    assert guest.readlink(f"/proc/self/fd/{fd}") == b"/etc/greeting"


def test_a_mount_covers_what_is_below_it_and_shows_in_its_parents_listing(make, folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").touch()
    guest = make((tmp_path / "other", "/data/sub"), (folder, "/data"), (folder / "file", "/data/extra/file"))
    assert guest.listdir("/data/sub") == [b".", b"..", b"mine"]
    names = guest.listdir("/data")
    assert names.count(b"sub") == 1 and b"extra" in names
    assert guest.listdir("/data/extra") == [b".", b"..", b"file"]
    assert guest.stat("/data/sub/..").ino == os.stat(folder).st_ino
    assert guest.stat("/data/sub").ino == os.stat(tmp_path / "other").st_ino


def test_dot_dot_is_listed_with_the_inode_it_leads_to(make, folder):
    guest = make((folder, "/data"))
    fd = guest.open("/data/sub")
    entries = {name: ino for name, _, _, ino in guest.getdents(fd)}
    assert entries[b".."] == os.stat(folder).st_ino
    assert entries[b"."] == os.stat(folder / "sub").st_ino


@pytest.mark.parametrize("name, words", [
    ("unlink", ["/data/sub"]), ("rmdir", ["/data/sub"]), ("rmdir", ["/data/extra"]),
    ("rename", ["/data/sub", "/data/new"]), ("rename", ["/data/empty", "/data/extra"]),
])
def test_a_mount_point_cannot_be_removed_or_renamed(make, folder, tmp_path, name, words):
    (tmp_path / "other").mkdir()
    guest = make((folder, "/data"), (tmp_path / "other", "/data/sub"), (folder / "file", "/data/extra/file"))
    refuses(EBUSY, guest.call, name, *words)


def test_names_do_not_move_between_mounts(make, folder, tmp_path):
    (tmp_path / "other").mkdir()
    guest = make((folder, "/a"), (tmp_path / "other", "/b"))
    refuses(EXDEV, guest.rename, "/a/file", "/b/file")
    refuses(EXDEV, guest.link, "/a/file", "/b/file")


def test_a_mount_at_the_root_keeps_dev_and_proc(make, folder):
    guest = make((folder, "/"))
    assert guest.text("/file") == b"hello, world\n"
    assert {b"dev", b"proc", b"file"} <= set(guest.listdir("/"))
    assert guest.text("/../file") == b"hello, world\n"
    assert guest.read(guest.open("/dev/zero"), 4) == bytes(4)


def test_a_mount_point_behind_a_link_is_where_the_link_leads(make, folder):
    guest = make((folder, "/"), (folder / "file", "/dirlink/tool"))
    assert guest.text("/dirlink/tool") == guest.text("/sub/tool") == b"hello, world\n"


@pytest.mark.parametrize("name, words", [
    ("openat", [AT_FDCWD, "/data/file", os.O_WRONLY, 0]),
    ("openat", [AT_FDCWD, "/data/file", os.O_RDWR, 0]),
    ("openat", [AT_FDCWD, "/data/file", os.O_TRUNC, 0]),
    ("openat", [AT_FDCWD, "/data/new", os.O_CREAT | os.O_RDWR, 0o666]),
    ("creat", ["/data/file", 0o666]),
    ("mkdir", ["/data/new", 0o777]), ("rmdir", ["/data/sub"]), ("unlink", ["/data/file"]),
    ("unlink", ["/data/nothing"]), ("symlink", ["x", "/data/new"]), ("link", ["/data/file", "/data/new"]),
    ("rename", ["/data/file", "/data/new"]), ("truncate", ["/data/file", 0]), ("chmod", ["/data/file", 0o777]),
    ("chown", ["/data/file", 0, 0]), ("utimensat", [AT_FDCWD, "/data/file", 0, 0]),
    ("access", ["/data/file", W_OK]), ("access", ["/data/sub", W_OK]), ("mknod", ["/data/new", 0o10644, 0]),
])
def test_a_read_only_mount_refuses_every_change(readonly, folder, name, words):
    before = sorted(os.listdir(folder)), (folder / "file").stat()
    refuses(EROFS, readonly.call, name, *words)
    assert (sorted(os.listdir(folder)), (folder / "file").stat()) == before


@pytest.mark.parametrize("name, words, errno", [
    ("mkdir", ["/data/sub", 0o777], EEXIST), ("symlink", ["x", "/data/file"], EEXIST),
    ("openat", [AT_FDCWD, "/data/file", os.O_CREAT | os.O_EXCL, 0], EEXIST),
    ("openat", [AT_FDCWD, "/data/nothing", os.O_WRONLY, 0], ENOENT),
    ("access", ["/data/nothing", W_OK], ENOENT),
])
def test_what_linux_says_before_erofs(readonly, name, words, errno):
    refuses(errno, readonly.call, name, *words)


def test_descriptors_of_a_read_only_mount_cannot_change_it_either(readonly):
    fd = readonly.open("/data/file")
    refuses(EROFS, readonly.fchmod, fd, 0o777)
    refuses(EROFS, readonly.fchown, fd, 0, 0)
    refuses(EROFS, readonly.utimensat, fd, 0, 0, 0)
    refuses(EROFS, readonly.open, f"/proc/self/fd/{fd}", os.O_RDWR)
    directory = readonly.open("/data/sub")
    refuses(EROFS, readonly.fchmod, directory, 0o777)


def test_a_read_only_mount_can_be_opened_with_o_creat_when_the_file_is_there(readonly):
    assert readonly.read(readonly.open("/data/file", os.O_CREAT)) == b"hello, world\n"


@pytest.mark.parametrize("text, host, guest, readonly", [
    ("/x:/y", b"/x", b"/y", False), ("/x:/y:ro", b"/x", b"/y", True), ("rel:/y:rw", b"rel", b"/y", False),
])
def test_mounts_are_written_as_on_the_command_line(text, host, guest, readonly):
    mount = Mount.parse(text)
    assert (mount.host, mount.guest, mount.readonly) == (host, guest, readonly)


@pytest.mark.parametrize("text", ["/x", "/x:y", ":/y", "/x:", "/x:/y:no", "/x:/y/../z", "", "/a:/b:/c:ro"])
def test_nonsense_is_refused(text):
    with pytest.raises(ValueError):
        Mount.parse(text)


def test_a_mount_that_is_not_there_fails_and_leaves_nothing_open(descriptors, folder):
    with pytest.raises(FileNotFoundError):
        Namespace([Mount(folder, "/a"), Mount(folder / "nothing", "/b")])
    with pytest.raises(ValueError):
        Namespace([Mount("/dev/null", "/b")])
    namespace = Namespace([Mount(folder, "/data")])
    for cwd in (b"/data/nothing", b"/data/file"):
        with pytest.raises(OSError):
            Fs(namespace, cwd)
    namespace.close()
