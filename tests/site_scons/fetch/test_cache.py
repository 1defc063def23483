import fcntl
import os
import threading
import time
from pathlib import Path

import pytest
from fetch import FetchError, fetch
from fetch.cache import Entry, cache_folder
from fetch.errors import CacheError
from lying_server import whole


@pytest.fixture
def get(tmp_path, release):
    (tmp_path / "apt").mkdir()

    def get(*urls, **options):
        return fetch(release(*urls), output=tmp_path / "out", apt_dir=tmp_path / "apt", **options)
    return get


@pytest.fixture
def entry(tmp_path, release):
    entry = Entry(tmp_path / "cache", release("http://nobody.invalid/x"))
    entry.path.parent.mkdir(parents=True)
    return entry


@pytest.mark.parametrize("environ, folder", [
    ({"SKETE_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
    ({"SKETE_CACHE": "", "XDG_CACHE_HOME": "/c"}, "/c/skete"),
    ({"XDG_CACHE_HOME": "relative"}, str(Path.home() / ".cache/skete")),
    ({}, str(Path.home() / ".cache/skete")),
])
def test_where_the_cache_is(environ, folder):
    assert str(cache_folder(environ)) == folder


def test_what_the_user_put_there_is_taken(get, entry, body):
    entry.path.write_bytes(body)
    assert get("http://nobody.invalid/x", offline=True).origin == "the cache"


def test_a_corrupted_entry_is_removed_and_fetched_again(get, entry, body, server):
    entry.path.write_bytes(body[:-1] + b"?")
    fetched = get(server.at("/x", whole(body)))
    assert fetched.path.read_bytes() == body
    assert fetched.failed[0].startswith(f"cache {entry.path}: has the wrong sha256 ")
    assert fetched.failed[0].endswith(", removed")
    assert entry.state() == "right"


def test_an_output_that_is_a_link_of_the_corrupted_entry_is_replaced(get, entry, body, server, tmp_path):
    entry.path.write_bytes(b"?")
    os.link(entry.path, tmp_path / "out")
    get(server.at("/x", whole(body)))
    assert (tmp_path / "out").read_bytes() == body


def test_a_wrong_output_is_replaced_from_the_cache(get, entry, body, tmp_path):
    entry.path.write_bytes(body)
    (tmp_path / "out").write_bytes(b"half")
    get("http://nobody.invalid/x", offline=True)
    assert (tmp_path / "out").read_bytes() == body


@pytest.mark.parametrize("content, says", [(None, "not there"), (b"?", "has the wrong sha256 ")])
def test_offline_asks_nobody_and_says_what_to_do(get, entry, server, content, says):
    if content:
        entry.path.write_bytes(content)
    with pytest.raises(FetchError) as refused:
        get(server.at("/x", whole(b"")), offline=True)
    lines = str(refused.value).splitlines()
    assert lines[0] == "thing-1.0.tar.gz (thing 1.0) could not be fetched. Tried, in order:"
    assert lines[1].startswith(f"  cache {entry.path}: {says}")
    assert lines[2] == "  offline: no other source was asked"
    assert lines[3:] == [f"Remedy: put the file at {entry.path} yourself;", f"its sha256 is {entry.sha256}."]
    assert server.requests == []


def test_a_whole_piece_needs_no_request(get, entry, body, server):
    """Killed after the last byte and before the rename."""
    url = server.at("/x", whole(body))
    part = entry.part(url)
    part.begin(None)
    part.path.write_bytes(body)
    assert get(url).path.read_bytes() == body
    assert server.requests == []


def test_a_rotten_piece_costs_one_more_request(get, entry, body, server):
    """After a power cut, say: the length is there, the bytes are not."""
    url = server.at("/x", whole(body))
    part = entry.part(url)
    part.begin('"1"')
    part.path.write_bytes(b"\0" * 1000)
    assert get(url).path.read_bytes() == body
    assert server.ranges() == ["bytes=1000-", None]
    assert os.listdir(entry.path.parent) == [entry.path.name]


def test_a_piece_longer_than_the_file_is_dropped(get, entry, body, server):
    url = server.at("/x", whole(body))
    entry.part(url).path.write_bytes(body + b"more")
    assert get(url).path.read_bytes() == body


def test_pieces_of_two_sources_are_kept_apart(entry):
    one, other = entry.part("http://a.example/x"), entry.part("http://b.example/x")
    one.begin('"a"')
    other.begin(None)
    assert (one.validator(), other.validator()) == ('"a"', None)


@pytest.mark.parametrize("tag", [b"", b"two\nlines", b"\xff", b"\r\nX-Injected: 1"])
def test_a_senseless_tag_is_not_sent(entry, tag):
    part = entry.part("http://a.example/x")
    part.path.with_name(part.path.name + ".tag").write_bytes(tag)
    assert part.validator() is None


def test_the_output_is_a_link_or_where_that_cannot_be_a_copy(get, entry, body, monkeypatch, tmp_path):
    entry.path.write_bytes(body)
    get("http://nobody.invalid/x", offline=True)
    assert (tmp_path / "out").samefile(entry.path)
    (tmp_path / "out").unlink()

    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")
    monkeypatch.setattr(os, "link", refuse)
    get("http://nobody.invalid/x", offline=True)
    assert (tmp_path / "out").read_bytes() == body
    assert not (tmp_path / "out").samefile(entry.path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["apt", "cache", "out"]


def test_an_output_that_is_a_folder_is_refused(get, entry, body, tmp_path):
    entry.path.write_bytes(body)
    (tmp_path / "out").mkdir()
    with pytest.raises(FetchError, match="then the local disk refused: .*/out: Is a directory"):
        get("http://nobody.invalid/x", offline=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["apt", "cache", "out"]


def test_a_lock_is_waited_for_but_not_for_ever(entry):
    told = []
    with entry.locked(1, lambda: told.append("holder")):
        with pytest.raises(CacheError, match="another process has held it for 0.2 s"):
            with entry.locked(0.2, lambda: told.append("waiter")):
                pass
    assert told == ["waiter"]
    assert os.listdir(entry.path.parent) == []


def test_a_lock_whose_file_was_removed_meanwhile_does_not_count(entry, monkeypatch):
    """Opened before the holder removed it, locked after: the next process would make, and lock, a new file."""
    real, left = fcntl.flock, [1]

    def flock(fd, how):
        while left:
            left.pop()
            entry.path.with_name(entry.path.name + ".lock").unlink()
        real(fd, how)
    monkeypatch.setattr(fcntl, "flock", flock)
    with entry.locked(1, lambda: None), pytest.raises(CacheError):
        with entry.locked(0.2, lambda: None):
            pass


def test_only_one_holds_the_lock_though_its_file_comes_and_goes(entry):
    inside, most = [0], [0]

    def work():
        for _ in range(5):
            with entry.locked(20, lambda: None):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.002)
                inside[0] -= 1
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert os.listdir(entry.path.parent) == []
