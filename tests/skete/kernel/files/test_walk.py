"""Path resolution: what a guest can reach, and what it cannot."""
import os
from errno import EACCES, EBADF, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENXIO, EROFS

import pytest

from skete.abi.fcntl import O_TMPFILE
from tests.skete.kernel.files.guest import Guest


@pytest.mark.parametrize("path", [
    "/data/file", "//data///file", "/data/./file", "/data/sub/../file", "/data/link", "/data/dirlink/../file",
    "/../../data/file", "/data/sub/deep/../../file", "/proc/self/root/data/file", "/data/dirlink/deep/../../link",
])
def test_many_paths_lead_to_a_file(guest, path):
    assert guest.text(path) == b"hello, world\n"


@pytest.mark.parametrize("why, path, flags, errno", [
    ("the empty path",                    "",                     0, ENOENT),
    ("a missing file",                    "/data/nothing",        0, ENOENT),
    ("a missing directory",               "/data/nothing/file",   0, ENOENT),
    ("a file as directory",               "/data/file/x",         0, ENOTDIR),
    ("a slash after a file",              "/data/file/",          0, ENOTDIR),
    ("a slash after a link to a file",    "/data/link/",          0, ENOTDIR),
    ("a dot after a file",                "/data/file/.",         0, ENOTDIR),
    ("dot-dot after a file",              "/data/file/..",        0, ENOTDIR),
    ("a link to itself",                  "/data/loop",           0, ELOOP),
    ("a link to itself in the middle",    "/data/loop/x",         0, ELOOP),
    ("a dangling link",                   "/data/dangling",       0, ENOENT),
    ("a name of 256",                     "/data/" + "n" * 256,   0, ENAMETOOLONG),
    ("a path of 4096",                    "/data" + "/." * 2046,  0, ENAMETOOLONG),
    ("O_NOFOLLOW on a link",              "/data/link",           os.O_NOFOLLOW, ELOOP),
    ("O_DIRECTORY on a file",             "/data/file",           os.O_DIRECTORY, ENOTDIR),
    ("O_DIRECTORY|O_NOFOLLOW on a link",  "/data/dirlink",        os.O_DIRECTORY | os.O_NOFOLLOW, ENOTDIR),
    ("a directory for writing",           "/data/sub",            os.O_RDWR, EISDIR),
    ("a directory to truncate",           "/data/sub",            os.O_TRUNC, EISDIR),
    ("O_CREAT on a directory",            "/data/sub",            os.O_CREAT, EISDIR),
    ("O_CREAT with a slash",              "/data/new/",           os.O_CREAT | os.O_WRONLY, EISDIR),
    ("O_CREAT in a missing directory",    "/data/no/new",         os.O_CREAT | os.O_WRONLY, ENOENT),
    ("O_EXCL on a file",                  "/data/file",           os.O_CREAT | os.O_EXCL, EEXIST),
    ("O_EXCL on a link",                  "/data/link",           os.O_CREAT | os.O_EXCL, EEXIST),
    ("O_EXCL on a dangling link",         "/data/dangling",       os.O_CREAT | os.O_EXCL, EEXIST),
    ("a FIFO without reader",             "/data/fifo",           os.O_WRONLY | os.O_NONBLOCK, ENXIO),
])
def test_open_refuses_what_linux_refuses(guest, folder, why, path, flags, errno):
    with pytest.raises(OSError) as refused:
        guest.open(path, flags)
    assert refused.value.errno == errno, why
    # And Linux: the same path below the real folder.
    native = path.replace("/data", str(folder), 1)
    if errno != ENAMETOOLONG or len(native) < 400:
        with pytest.raises(OSError) as by_linux:
            os.close(os.open(native, flags))
        assert by_linux.value.errno == errno, f"Linux disagrees: {why}"


@pytest.mark.parametrize("text", [
    "/etc/passwd", "../../../../../../etc/passwd", "../secret", "/proc/1/root/etc/passwd", "/proc/self/root/etc/passwd",
    "/proc/self/cwd/../../etc/passwd", "/data/../../etc/passwd", "sub/../../secret",
])
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH, os.O_RDWR | os.O_CREAT])
def test_links_do_not_lead_out(guest, folder, text, flags):
    (folder / "way").symlink_to(text)
    for path in ("/data/way", text if text[0] == "/" else "/data/" + text):
        with pytest.raises(OSError) as refused:
            guest.open(path, flags)
        assert refused.value.errno in (ENOENT, EROFS)
    assert (folder.parent / "secret").read_bytes() == b"not for guests"


def test_an_absolute_link_means_the_guests_root(guest, folder):
    (folder / "absolute").symlink_to("/data/sub/inner")
    assert guest.text("/data/absolute") == b"inner"


def test_dot_dot_stops_at_the_root_and_leaves_mounts_into_the_guest(guest):
    assert guest.stat("/..").ino == guest.stat("/").ino
    assert guest.stat("/data/..").ino == guest.stat("/").ino
    with pytest.raises(OSError):
        guest.open("/data/../secret")


def test_forty_links_are_followed_and_no_more(guest, folder):
    previous = "file"
    for n in range(41):
        (folder / f"chain{n}").symlink_to(previous)
        previous = f"chain{n}"
    assert guest.text("/data/chain39") == b"hello, world\n"
    with pytest.raises(OSError) as refused:
        guest.open("/data/chain40")
    assert refused.value.errno == ELOOP


@pytest.mark.parametrize("swap_at", range(1, 6))
def test_a_name_that_becomes_a_link_between_two_calls_is_no_way_out(guest, folder, monkeypatch, swap_at):
    """Whenever a file or directory is swapped for a link to the outside, the secret is not read."""
    from skete.kernel.files import hostdir
    seen = 0

    class Racing:
        def __getattr__(self, name):
            real = getattr(os, name)
            if name not in ("open", "stat", "readlink"):
                return real

            def racing(*args, **named):
                nonlocal seen
                seen += 1
                if seen == swap_at:
                    os.rename(folder / "sub", folder / "gone")
                    os.symlink(folder.parent, folder / "sub")
                    os.unlink(folder / "gone" / "secret")
                    os.symlink(folder.parent / "secret", folder / "gone" / "secret")
                return real(*args, **named)
            return racing

    (folder / "sub" / "secret").write_bytes(b"harmless")
    monkeypatch.setattr(hostdir, "os", Racing())
    try:
        content = guest.text("/data/sub/secret")
    except OSError as e:
        assert e.errno in (ELOOP, ENOTDIR, ENOENT)
    else:
        assert content == b"harmless"


def test_a_directory_moved_out_of_the_mount_does_not_lead_out(guest, folder):
    """The guest stands in a folder that the host then moves beside the secret: its .. is not the host's."""
    guest.chdir("/data/sub/deep")
    os.rename(folder / "sub" / "deep", folder.parent / "deep")
    with pytest.raises(OSError):
        guest.open("../secret")
    with pytest.raises(OSError):
        guest.open("../../secret")
    fd = guest.open(".", os.O_DIRECTORY)
    with pytest.raises(OSError):
        guest.openat(fd, "../secret", 0, 0)
    guest.call("close", fd)


def test_devices_and_sockets_of_the_host_stay_shut(folder, descriptors):
    import socket
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(folder)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        guest = Guest((folder, "/data"), ("/dev", "/hostdev", True))
        with pytest.raises(OSError) as refused:
            guest.open("/data/socket")
        assert refused.value.errno == ENXIO
        for name in ("null", "zero", "tty"):
            with pytest.raises(OSError) as refused:
                guest.open(f"/hostdev/{name}", os.O_RDWR)
            assert refused.value.errno == EACCES
        guest.close()


def test_o_path_names_without_opening(guest, folder):
    fd = guest.open("/data/link", os.O_PATH | os.O_NOFOLLOW)
    guest.fstat(fd, 0x10_0000)
    with pytest.raises(OSError) as refused:
        guest.read(fd)
    assert refused.value.errno == EBADF
    assert guest.mm.read(0x10_0000, guest.readlinkat(fd, "", 0x10_0000, 100)) == b"file"
    guest.call("close", fd)
    directory = guest.open("/data/sub", os.O_PATH)
    inner = guest.openat(directory, "inner", 0, 0)
    assert guest.read(inner) == b"inner"
    guest.call("close", directory)
    guest.call("close", inner)


def test_o_tmpfile_makes_a_file_without_a_name(guest, folder):
    before = sorted(os.listdir(folder))
    fd = guest.open("/data", O_TMPFILE | os.O_RDWR)
    assert guest.write(fd, b"text") == 4 and sorted(os.listdir(folder)) == before
    guest.call("close", fd)


def test_creating_through_a_dangling_link_makes_its_target(guest, folder):
    fd = guest.open("/data/dangling", os.O_CREAT | os.O_WRONLY)
    guest.write(fd, b"made")
    guest.call("close", fd)
    assert (folder / "nothing").read_bytes() == b"made"


def test_the_guests_umask_decides_not_ours(folder, descriptors):
    guest = Guest((folder, "/data"), umask=0o027)
    guest.call("close", guest.open("/data/new", os.O_CREAT | os.O_WRONLY, 0o777))
    guest.mkdir("/data/newdir", 0o777)
    assert os.stat(folder / "new").st_mode & 0o777 == 0o750
    assert os.stat(folder / "newdir").st_mode & 0o777 == 0o750
    guest.close()


def test_two_hundred_failing_opens_leak_nothing(guest, descriptors):
    before = descriptors()
    for n in range(200):
        for path in ("/data/sub/deep/no", "/data/file/x", "/data/loop", "/nowhere/x", "/data/sub/../../x", "/proc/9/x"):
            with pytest.raises(OSError):
                guest.open(path)
    assert descriptors() == before


@pytest.mark.parametrize("part, most", [("../x/", 2), ("../" * 30 + "x/" * 30, 120)])
def test_going_up_and_down_deep_in_a_tree_costs_a_few_host_calls_a_name(guest, folder, monkeypatch, part, most):
    """A hostile path must not keep the monitor busy: it serves the other threads and the timeout, too."""
    from skete.kernel.files import hostdir
    (folder / ("x/" * 60)).mkdir(parents=True)
    guest.chdir("/data/" + "x/" * 60)
    opened = 0

    class Counting:
        def __getattr__(self, name):
            nonlocal opened
            opened += name == "open"
            return getattr(os, name)

    monkeypatch.setattr(hostdir, "os", Counting())
    times = 3000 // len(part)
    guest.stat(part * times)
    assert opened <= times * most
