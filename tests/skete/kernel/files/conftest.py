"""A folder of the host with something of each kind, and a guest that sees it as /data."""
import os

import pytest

from skete.kernel.files.cow import Cow
from tests.skete.kernel.files.guest import Guest


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    (data / "sub" / "deep").mkdir(parents=True)
    (data / "file").write_bytes(b"hello, world\n")
    (data / "empty").touch()
    (data / "sub" / "inner").write_bytes(b"inner")
    (data / "link").symlink_to("file")
    (data / "dirlink").symlink_to("sub")
    (data / "loop").symlink_to("loop")
    (data / "dangling").symlink_to("nothing")
    os.mkfifo(data / "fifo")
    (tmp_path / "secret").write_bytes(b"not for guests")
    return data


@pytest.fixture
def descriptors():
    """The number of this process's open descriptors, before and after: nothing may leak."""
    def count():
        return len(os.listdir("/proc/self/fd"))
    before = count()
    yield count
    assert count() == before


@pytest.fixture
def guest(folder, descriptors):
    guest = Guest((folder, "/data"))
    yield guest
    guest.close()


@pytest.fixture
def cow(folder, descriptors, tmp_path):
    guest = Guest(Cow(folder, "/data", tmp_path / "layer"))
    yield guest
    guest.close()


@pytest.fixture
def readonly(folder, descriptors):
    guest = Guest((folder, "/data", True))
    yield guest
    guest.close()
