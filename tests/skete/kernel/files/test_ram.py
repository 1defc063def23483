"""Files in memory: limits, accounting, tmpfs mounts and tar images, beside what tests/guests/shm.c compares."""
import os
import stat
import tarfile
from errno import EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, ENXIO, EROFS

import pytest

from skete.abi.fcntl import AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE
from skete.kernel.files import FdTable, Fs, Mount, Namespace
from tests.skete.kernel.fake import FakeEngine, Machine
from tests.skete.kernel.files.guest import BUFFER, BUFFER_SIZE, Guest


class Mounted(Guest):
    """A guest with these mounts, whatever their kind."""

    def __init__(self, *mounts, **config):
        self.namespace = Namespace(list(mounts))
        self.files, self.fs = FdTable(), Fs(self.namespace)
        self.machine = Machine(self.files, self.fs, FakeEngine(16 << 20), **config)
        self.task, self.mm = self.machine.task, self.machine.mm
        self.strings = BUFFER


@pytest.fixture
def image(tmp_path):
    def make(mode):
        folder = tmp_path / "tree"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "file").write_bytes(b"content")
        (folder / "link").symlink_to("sub/file")
        os.link(folder / "sub" / "file", folder / "hard")
        with tarfile.open(tmp_path / "image", mode) as out:
            out.add(folder, ".")
        return tmp_path / "image"
    return make


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_image_is_a_read_only_tree(image, mode, descriptors):
    guest = Mounted(Mount.parse_tar(f"{image(mode)}:/img"))
    assert guest.listdir("/img") == [b".", b"..", b"hard", b"link", b"sub"]
    assert guest.text("/img/link") == guest.text("/img/hard") == b"content"
    assert guest.stat("/img/hard").nlink == 2 and guest.readlink("/img/link") == b"sub/file"
    for call in (lambda: guest.open("/img/new", os.O_CREAT | os.O_WRONLY), lambda: guest.open("/img/hard", os.O_RDWR),
                 lambda: guest.mkdir("/img/d", 0o755), lambda: guest.unlink("/img/hard"),
                 lambda: guest.truncate("/img/hard", 0)):
        with pytest.raises(OSError) as refused:
            call()
        assert refused.value.errno == EROFS
    guest.close()


def test_a_tar_image_cannot_reach_beyond_itself(tmp_path, descriptors):
    with tarfile.open(tmp_path / "image", "w") as out:
        out.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(ValueError, match="leaves the image"):
        Namespace([Mount.parse_tar(f"{tmp_path}/image:/img")])


def test_what_is_no_tar_is_said_so(tmp_path, descriptors):
    (tmp_path / "image").write_bytes(b"no tar" * 1000)
    with pytest.raises(ValueError, match="image"):
        Namespace([Mount.parse_tar(f"{tmp_path}/image:/img")])


@pytest.mark.parametrize("text", ["", ":1M", "/tmp:", "/tmp:1X", "/tmp:0", "/tmp:-1", "tmp", "/a/../b", "/tmp:M"])
def test_strange_tmpfs_mounts_are_refused(text):
    with pytest.raises(ValueError):
        Mount.parse_tmpfs(text)


def test_a_full_tmpfs_takes_what_fits_and_then_nothing():
    guest = Mounted(Mount.parse_tmpfs("/tmp:20K"))
    fd = guest.open("/tmp/file", os.O_RDWR | os.O_CREAT)
    assert guest.call("pwrite64", fd, BUFFER, BUFFER_SIZE, 0) == 20 << 10
    with pytest.raises(OSError) as full:
        guest.call("pwrite64", fd, BUFFER, 1, 20 << 10)
    assert full.value.errno == ENOSPC
    assert guest.call("pwrite64", fd, BUFFER, 100, 0) == 100
    guest.ftruncate(fd, 4096)
    assert guest.call("pwrite64", fd, BUFFER, 4096, 1 << 20) == 4096, "holes cost nothing"
    guest.unlink("/tmp/file")
    guest.call("close", fd)
    assert guest.machine.kernel.store.used == 0
    guest.close()


def test_files_and_processes_share_the_memory_limit():
    guest = Mounted(memory=1 << 20)
    fd = guest.open("/dev/shm/file", os.O_RDWR | os.O_CREAT)
    with pytest.raises(OSError) as full:
        guest.call("fallocate", fd, 0, 0, 1 << 20)      # the process has 64 KiB of it
    assert full.value.errno == ENOSPC
    assert guest.call("fallocate", fd, 0, 0, 900 << 10) == 0
    guest.call("close", fd)
    guest.close()


def test_frames_come_back_when_the_last_mapping_goes():
    guest = Mounted()
    kernel = guest.machine.kernel
    before = kernel.frames.used
    fd = guest.call("memfd_create", guest.string("x"), 0)
    guest.ftruncate(fd, 1 << 16)
    addr = guest.mmap(0, 1 << 16, 3, 1, fd, 0)
    guest.mm.write(addr + 100, b"kept")
    guest.call("close", fd)
    assert guest.mm.read(addr + 100, 4) == b"kept" and kernel.frames.used > before
    guest.munmap(addr, 1 << 16)
    assert kernel.frames.used == before
    guest.close()


def test_rename_and_chown_say_and_do_what_linux_does(descriptors):
    guest = Mounted(Mount.parse_tmpfs("/t"))
    guest.mkdir("/t/a", 0o755)
    guest.mkdir("/t/a/b", 0o755)
    # What is there comes before what would be moved into itself.
    assert guest.raw("renameat2", AT_FDCWD, "/t/a", AT_FDCWD, "/t/a/b", RENAME_NOREPLACE) == -EEXIST
    assert guest.raw("renameat2", AT_FDCWD, "/t/a", AT_FDCWD, "/t/a/c", RENAME_EXCHANGE) == -ENOENT
    assert guest.raw("rename", "/t/a", "/t/a/b") == -EINVAL
    assert guest.raw("mknod", "/t/f", 0o104755, 0) == 0
    guest.chown("/t/f", -1, -1)
    assert guest.stat("/t/f").mode == 0o100755
    guest.close()


def test_a_change_of_a_file_takes_its_set_id_bits_off(descriptors):
    guest = Mounted(Mount.parse_tmpfs("/tmp"))
    fd = guest.open("/tmp/file", os.O_CREAT | os.O_RDWR)
    for mode, after in ((0o6755, 0o755), (0o6745, 0o2745)):
        guest.chmod("/tmp/file", mode)
        guest.write(fd, b"")
        assert guest.stat("/tmp/file").mode & 0o7777 == mode, "nothing was written"
        guest.write(fd, b"x")
        assert guest.stat("/tmp/file").mode & 0o7777 == after
    guest.close()


def test_a_socket_has_a_name_there(descriptors):
    guest = Mounted(Mount.parse_tmpfs("/tmp"))
    assert guest.raw("mknod", "/tmp/s", stat.S_IFSOCK | 0o640, 0) == 0
    assert guest.stat("/tmp/s").mode == stat.S_IFSOCK | 0o640
    assert guest.raw("open", "/tmp/s", os.O_RDWR, 0) == -ENXIO
    assert guest.raw("truncate", "/tmp/s", 0) == -EINVAL
    assert guest.raw("unlink", "/tmp/s") == 0
    guest.close()


def test_as_many_inodes_as_there_may_be(monkeypatch):
    from skete.kernel.files import tmpfs
    monkeypatch.setattr(tmpfs, "INODES", 3)
    guest = Mounted(Mount.parse_tmpfs("/tmp"))
    call = guest.raw
    assert call("mkdir", "/tmp/d", 0o755) == call("symlink", "text", "/tmp/l") == call("mknod", "/tmp/d/f", 0o644, 0) == 0
    assert call("mkdir", "/tmp/e", 0o755) == call("symlink", "text", "/tmp/m") == -ENOSPC
    assert call("open", "/tmp/g", os.O_CREAT | os.O_WRONLY, 0o644) == -ENOSPC
    assert call("link", "/tmp/d/f", "/tmp/f") == call("rename", "/tmp/f", "/tmp/g") == call("unlink", "/tmp/g") == 0
    assert call("mkdir", "/tmp/e", 0o755) == -ENOSPC, "it has another name"
    assert call("rename", "/tmp/l", "/tmp/d/f") == call("mkdir", "/tmp/e", 0o755) == 0, "one was replaced"
    assert call("rmdir", "/tmp/e") == call("mkdir", "/tmp/e", 0o755) == 0
    guest.close()


def test_open_directories_remember_so_much_and_no_more(monkeypatch):
    from skete.kernel.files import listing
    guest = Mounted(Mount.parse_tmpfs("/tmp"))
    for number in range(6):
        guest.mkdir(f"/tmp/{number}", 0o755)
    monkeypatch.setattr(listing, "_REMEMBERED", listing.OpenDirectory.remembered + 10)
    one, other = guest.open("/tmp", os.O_RDONLY), guest.open("/tmp", os.O_RDONLY)
    assert guest.raw("getdents64", one, BUFFER, 4096) == 8 * 24
    assert guest.raw("getdents64", other, BUFFER, 4096) == 2 * 24, "what there is room for"
    assert guest.raw("getdents64", other, BUFFER, 4096) == -ENOMEM
    guest.call("close", one)
    assert guest.raw("getdents64", other, BUFFER, 4096) == 6 * 24
    guest.close()
