"""apt_auth.conf(5): its own examples, and a login that arrives at a server and in no message."""
import base64

import pytest
from fetch.aptauth import entries, read_logins, with_login
from fetch.obtain import fetch
from lying_server import status, whole

URL = "https://example.org/debian"


@pytest.mark.parametrize("text, url, fits", [
    ("machine example.org\nlogin apt\npassword debian\n", URL, True),
    ("machine example.org login apt password debian", URL, True),
    ("machine example.org/deb login apt password debian", URL, True),
    ("machine example.org/debian login apt password debian", URL, True),
    ("machine example.org:443 login apt password debian", URL, False),
    ("machine example.org/deb/ login apt password debian", URL, False),
    ("machine example.org/ubuntu login apt password debian", URL, False),
    ("machine example.orga login apt password debian", URL, False),
    ("machine example.org login apt password debian", "http://example.org/debian", False),
    ("machine http://example.org login apt password debian", "http://example.org/debian", True),
    ("machine http://example.org login apt password debian", URL, False),
    ("machine example.org:8443 login apt password debian", "https://example.org:8443/debian", True),
    ("machine example.org login apt password debian", "https://example.org:8443/debian", True),
    ("machine example.org:port login apt password debian", URL, False),
    ("# machine example.org login no password no\nmachine example.org protocol x login apt password debian", URL, True),
    ("machine a.example login no password no\nmachine example.org login apt password debian", URL, True),
    ("login apt password debian", URL, False),
])
def test_which_entry_fits(text, url, fits):
    assert with_login(url, list(entries(text))) == (url.replace("://", "://apt:debian@") if fits else url)


def test_the_first_that_fits_counts_and_odd_characters_are_kept():
    logins = list(entries("machine example.org login a@b password #/:?\nmachine example.org login c password d"))
    assert with_login(URL, logins) == "https://a%40b:%23%2F%3A%3F@example.org/debian"


def test_a_url_with_a_login_keeps_it():
    logins = list(entries("machine example.org login a password b"))
    assert with_login("https://x:y@example.org/debian", logins) == "https://x:y@example.org/debian"


def test_the_folder_comes_after_the_file(tmp_path):
    (tmp_path / "auth.conf.d").mkdir()
    (tmp_path / "auth.conf").write_text("machine one login a password b")
    (tmp_path / "auth.conf.d" / "b.conf").write_text("machine three login a password b")
    (tmp_path / "auth.conf.d" / "a.conf").write_text("machine two login a password b")
    (tmp_path / "auth.conf.d" / "a.conf.bak").write_text("machine old login a password b")
    logins, skipped = read_logins(tmp_path / "auth.conf", tmp_path / "auth.conf.d")
    assert [login.machine for login in logins] == ["one", "two", "three"] and skipped == []


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "auth.conf").mkdir()
    _, (skipped,) = read_logins(tmp_path / "auth.conf", tmp_path / "none")
    assert skipped.what.endswith("auth.conf") and "cannot be read" in skipped.why


@pytest.fixture
def apt_dir(tmp_path, server):
    folder = tmp_path / "apt"
    folder.mkdir()
    (folder / "sources.list").write_text(f"deb {server.url('/debian')} sid main\n")
    (folder / "auth.conf").write_text(f"machine {server.url('/debian')} login apt password s3cret\n")
    return folder


def test_the_server_is_told(apt_dir, server, release, body, tmp_path):
    server.at("/debian/pool/main/t/thing", whole(body))
    fetched = fetch(release("debian:pool/main/t/thing"), output=tmp_path / "out", apt_dir=apt_dir)
    ((_, headers),) = server.requests
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"apt:s3cret").decode()
    assert "s3cret" not in fetched.origin


def test_no_message_has_the_password(apt_dir, server, release, tmp_path):
    server.at("/debian/pool/main/t/thing", status(401))
    with pytest.raises(Exception) as refused:
        fetch(release("debian:pool/main/t/thing"), output=tmp_path / "out", apt_dir=apt_dir)
    assert "401" in str(refused.value) and "s3cret" not in str(refused.value)
