"""One source that misbehaves, seen from fetch(): what arrives, what is asked, what is said, what is left on disk."""

import email.utils
import socket
import subprocess
import threading
import time

import pytest
from fetch import FetchError, fetch
from fetch.connection import Limits, Watchdog
from lying_server import (
    LyingServer, chunked, endless, garbage, redirect, reset, slow, stalled, status, trickled, trickled_head, truncated,
    unmeasured, whole)

QUICK = Limits(connect_s=2, read_s=0.3, block_s=0.5, total_s=10, tries=4, backoff_s=0.01, backoff_max_s=0.1,
               max_bytes=1_000_000)
PATH = "/thing-1.0.tar.gz"


@pytest.fixture
def get(tmp_path, release):
    """get(*urls): fetch into tmp_path/out, nothing of this machine's apt. Returns what fetch() returns."""
    (tmp_path / "apt").mkdir()

    def get(*urls, size=None, limits=QUICK, **options):
        return fetch(release(*urls, size=size), output=tmp_path / "out", apt_dir=tmp_path / "apt", limits=limits,
                     **options)
    return get


@pytest.fixture
def left(tmp_path):
    """The names of what the cache holds, without the hash in front."""
    def left():
        return sorted(p.name[65:] for p in (tmp_path / "cache").rglob("*") if p.is_file())
    return left


def refusal(get, *args, **options):
    with pytest.raises(FetchError) as refused:
        get(*args, **options)
    return str(refused.value)


def test_a_good_server(get, server, body, tmp_path, left):
    url = server.at(PATH, whole(body))
    fetched = get(url)
    assert fetched.path.read_bytes() == body
    assert fetched.origin == url
    assert left() == ["thing-1.0.tar.gz"]
    assert server.ranges() == [None]
    assert server.requests[0][1]["Accept-Encoding"] == "identity"
    (tmp_path / "out").unlink()
    assert get(url).origin == "the cache"
    assert get(url).origin == "already there"
    assert len(server.requests) == 1


@pytest.mark.parametrize("breaks", [truncated, reset])
def test_a_broken_body_is_resumed(get, server, body, breaks):
    get(server.at(PATH, breaks(body, 20_000), whole(body)))
    (_, first), (_, second) = server.requests
    assert first["Range"] is None
    assert 0 < int(second["Range"].removeprefix("bytes=").rstrip("-")) <= 20_000
    assert second["If-Range"] == '"1"'


def test_without_a_strong_tag_the_date_is_the_validator(get, server, body):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"

    def broken(handler):
        handler.head(200, Content_Length=len(body), ETag='W/"1"', Last_Modified=date)
        handler.wfile.write(body[:20_000])
    get(server.at(PATH, broken, whole(body, etag=None, Last_Modified=date)))
    assert server.requests[1][1]["If-Range"] == date


def test_a_server_without_range_starts_again(get, server, body):
    get(server.at(PATH, truncated(body, 20_000), whole(body, ranges=False)))
    assert server.ranges() == [None, "bytes=20000-"]


def test_a_file_that_changed_is_not_pieced_together(get, server, body):
    get(server.at(PATH, truncated(b"x" * 50_000, 20_000, etag='"old"'), whole(body, etag='"new"')))
    assert server.ranges() == [None, "bytes=20000-"]


def test_a_file_that_changed_without_a_word_is_fetched_once_more(get, server, body):
    get(server.at(PATH, truncated(b"x" * 50_000, 20_000, etag=None), whole(body, etag=None)))
    assert server.ranges() == [None, "bytes=20000-", None]


def test_a_resume_that_shows_another_tag_is_dropped_at_once(get, server, body):
    def other(handler):
        handler.head(206, Content_Length=30_000, Content_Range="bytes 20000-49999/50000", ETag='"2"')
        handler.wfile.write(body[20_000:])
    get(server.at(PATH, truncated(body, 20_000), other, whole(body)))
    assert server.ranges() == [None, "bytes=20000-", None]


@pytest.mark.parametrize("header", ["bytes 0-49999/50000", "bytes 20001-49999/50000", "nonsense"])
def test_another_range_than_asked_is_dropped(get, server, body, header):
    def other(handler):
        handler.head(206, Content_Length=30_000, Content_Range=header)
        handler.wfile.write(body[20_000:])
    get(server.at(PATH, truncated(body, 20_000), other, whole(body)))
    assert server.ranges() == [None, "bytes=20000-", None]


def test_a_server_may_send_less_than_the_rest(get, server, body):
    def some(handler):
        start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
        handler.head(206, Content_Length=15_000, Content_Range=f"bytes {start}-{start + 14_999}/50000")
        handler.wfile.write(body[start:start + 15_000])
    get(server.at(PATH, truncated(body, 20_000), some), size=len(body))
    assert server.ranges() == [None, "bytes=20000-", "bytes=35000-"]


def test_chunks(get, server, body):
    get(server.at(PATH, chunked(body)))
    assert len(server.requests) == 1


def test_chunks_that_break_off_are_resumed(get, server, body):
    get(server.at(PATH, chunked(body[:40_000], ends=False), whole(body)))
    assert int(server.ranges()[1].removeprefix("bytes=").rstrip("-")) >= 16_384


def test_what_a_server_says_cannot_touch_the_terminal(get, server):
    said = refusal(get, server.at("/a", garbage(b"\x1b[2Jnonsense\r\n\r\n")),
                   server.at("/b", status(200, Content_Type="\x1b[2J")),
                   server.at("/c", redirect("ftp://\x1b[2J/")), size=50_000)
    assert "\x1b" not in said
    assert "\\x1b[2Jnonsense" in said


def test_416_starts_again(get, server, body):
    get(server.at(PATH, truncated(body, 20_000), status(416), whole(body)))
    assert server.ranges() == [None, "bytes=20000-", None]


def test_a_longer_length_than_the_body_does_not_hurt_what_is_right(get, server, body):
    get(server.at(PATH, truncated(body, len(body), declared=len(body) + 10)))
    assert len(server.requests) == 1


def test_a_body_without_length_that_breaks_off_is_fetched_again(get, server, body):
    get(server.at(PATH, unmeasured(body[:1000]), unmeasured(body)))
    assert server.ranges() == [None, None]


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_that_recovers(get, server, body, code):
    get(server.at(PATH, status(code), status(code), whole(body)))
    assert len(server.requests) == 3


def test_a_server_that_does_not_recover(get, server, left):
    url = server.at(PATH, status(503))
    assert f"  {url}: HTTP 503 Service Unavailable after 4 tries" in refusal(get, url).splitlines()
    assert len(server.requests) == 4
    assert left() == []


def test_different_answers_are_all_named(get, server, body):
    url = server.at(PATH, status(503), truncated(body, 100), status(404))
    assert (f"{url}: HTTP 503 Service Unavailable, then the body ended after 100 of 50000 bytes, then HTTP 404 "
            "Not Found after 3 tries") in refusal(get, url)


def test_retry_after_is_kept(get, server, body):
    began = time.monotonic()
    get(server.at(PATH, status(429, Retry_After=1), whole(body)), limits=Limits(backoff_s=0.01, backoff_max_s=2))
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("after", ["3600", "999999999999999999999",
                                   email.utils.formatdate(time.time() + 3600, usegmt=True)],
                         ids=["an hour", "for ever", "a date in an hour"])
def test_a_long_retry_after_is_not_waited_for(get, server, body, after):
    url = server.at(PATH, status(429, Retry_After=after))
    assert f"{url}: HTTP 429 Too Many Requests" in refusal(get, url, limits=Limits(total_s=1e12, backoff_max_s=0.1))
    assert len(server.requests) == 1


@pytest.mark.parametrize("after", ["soon", "-5", "Wed, 99 Oct 2015", "Mon, 01 Jan 0001 00:00:00 -0000"])
def test_a_senseless_retry_after_is_ignored(get, server, body, after):
    get(server.at(PATH, status(503, Retry_After=after), whole(body)))


def test_wrong_content_is_removed_and_the_next_source_tried(get, server, body, left):
    bad, good = server.at("/bad", whole(b"x" * 50_000)), server.at(PATH, whole(body))
    fetched = get(bad, good)
    assert fetched.origin == good
    assert fetched.path.read_bytes() == body
    said = fetched.failed[-1]
    assert said.startswith(f"{bad}: wrong content: sha256 expected ")
    assert "got " in said and "(50000 bytes)" in said
    assert len(server.requests) == 2
    assert left() == ["thing-1.0.tar.gz"]


def test_wrong_content_everywhere_leaves_nothing(get, server, left):
    refusal(get, server.at("/a", whole(b"login page")), server.at("/b", unmeasured(b"")))
    assert left() == []


def test_a_wrong_size_is_not_even_read(get, server, body):
    url = server.at(PATH, whole(b"<html>", Content_Type="text/html"))
    assert (f"{url}: wrong content: 6 bytes (text/html), where the release has 50000"
            in refusal(get, url, size=len(body)))


def test_a_resumed_total_of_another_size_is_refused(get, server, body):
    url = server.at(PATH, truncated(body, 20_000, etag=None, declared=50_000), whole(body + b"more", etag=None))
    assert "wrong content: 50004 bytes" in refusal(get, url, size=len(body))


def test_a_declared_length_over_the_limit_is_refused(get, server, left):
    url = server.at(PATH, truncated(b"x" * 1000, 1000, declared=10**15))
    assert f"wrong content: {10**15} bytes (no type), where at most 1000000 are taken" in refusal(get, url)
    assert left() == []


@pytest.mark.parametrize("size, limit", [(50_000, 50_000), (None, 1_000_000)])
def test_an_endless_body_is_cut(get, server, left, size, limit):
    url = server.at(PATH, endless())
    assert f"{url}: wrong content: more than {limit} bytes" in refusal(get, url, size=size)
    assert left() == []


def test_a_stalled_body_is_resumed(get, server, body):
    get(server.at(PATH, stalled(body, 20_000), whole(body)))
    assert len(server.requests) == 2


def test_a_server_that_says_nothing(get, server):
    url = server.at(PATH, lambda handler: handler.lying.over.wait())
    assert f"{url}: silent for 0.3 s after 4 tries" in refusal(get, url)


@pytest.mark.parametrize("drips, by_proxy", [("head", False), ("body", False), ("body", True)])
def test_a_trickle_is_ended(get, server, body, drips, by_proxy, monkeypatch):
    if by_proxy:
        monkeypatch.setenv("http_proxy", server.url(""))
    path = "http://thing.example/x" if by_proxy else PATH
    url = server.at(path, trickled_head() if drips == "head" else trickled(body))
    url = path if by_proxy else url
    limits = Limits(connect_s=0.1, read_s=5, block_s=0.3, total_s=20, tries=2, backoff_s=0.01)
    began = time.monotonic()
    assert f"{url}: slower than 16384 bytes in 0.3 s after 2 tries" in refusal(get, url, limits=limits)
    assert time.monotonic() - began < 8


def test_the_total_ends_what_no_other_bound_does(get, server, body):
    url = server.at(PATH, slow(body, block=2000, pause_s=0.03))
    limits = Limits(total_s=0.5, backoff_s=0.01)
    assert f"{url}: not done within 0.5 s, " in refusal(get, url, limits=limits)
    fetched = get(url, limits=QUICK)    # what came is not lost
    assert fetched.path.read_bytes() == body
    assert int(server.ranges()[-1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_connection_that_comes_after_the_deadline_is_ended_too():
    ours, theirs = socket.socketpair()
    with ours, theirs, Watchdog(time.monotonic() + 0.01) as dog:
        deadline = time.monotonic() + 5
        while not dog.expired and time.monotonic() < deadline:
            time.sleep(0.01)
        dog.adopt(ours)
        theirs.settimeout(5)
        assert theirs.recv(1) == b""


def test_no_watchdog_outlives_its_request(get, server, body):
    before = threading.active_count()
    get(server.at(PATH, truncated(body, 20_000), whole(body)))
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)    # the server's own threads
    assert threading.active_count() <= before


def test_redirects_are_followed_with_the_range(get, server, body):
    server.at("/real", truncated(body, 20_000), whole(body))
    server.at("/hop", redirect(server.url("/real")))
    get(server.at(PATH, redirect("hop")))
    assert [(path, headers["Range"]) for path, headers in server.requests[3:]] == [
        (PATH, "bytes=20000-"), ("/hop", "bytes=20000-"), ("/real", "bytes=20000-")]


def test_a_redirect_loop_ends(get, server):
    url = server.at(PATH, redirect(PATH))
    assert f"{url}: more than 8 redirects, the last to {url}" in refusal(get, url)
    assert len(server.requests) == 9


@pytest.mark.parametrize("target, says", [
    ("file:///etc/passwd", "redirects to file:///etc/passwd, which is not http"),
    ("http://[1/", "redirects to no address"),
])
def test_a_redirect_to_nowhere_is_refused(get, server, target, says):
    url = server.at(PATH, redirect(target))
    assert f"{url}: {says}" in refusal(get, url)
    assert len(server.requests) == 1


def test_the_endless_body_of_a_redirect_is_not_read(get, server, body):
    server.at("/real", whole(body))
    get(server.at(PATH, endless(302, Location="/real")), limits=Limits(tries=1, total_s=10))


def test_encoded_content_is_taken_as_it_is(get, server, body):
    get(server.at(PATH, whole(body, Content_Encoding="x-gzip")))


def test_nobody_listens_and_nobody_knows_the_host(get, resolver):
    gone = LyingServer()
    gone.close()
    said = refusal(get, gone.url(PATH), "http://nobody.invalid/x", "http://name.busy/x")
    assert f"{gone.url(PATH)}: connection refused" in said
    assert "http://nobody.invalid/x: the host name does not resolve: Name or service not known\n" in said
    assert "http://name.busy/x: the host name does not resolve: Temporary failure in name resolution after 4" in said
    assert resolver == ["nobody.invalid"] + ["name.busy"] * 4


def test_the_environments_proxy_is_used(get, server, body, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url(""))
    server.at("http://thing.example/x", whole(body))
    assert get("http://thing.example/x").path.read_bytes() == body


def test_apts_proxy_is_used_for_apts_mirrors_alone(get, server, body, monkeypatch, tmp_path):
    from fetch import sources
    from fetch.aptconfig import AptConfig
    (tmp_path / "apt" / "sources.list").write_text("deb http://mirror.example/debian sid main\n")
    monkeypatch.setattr(sources, "AptConfig", lambda: AptConfig({"acquire::http::proxy": server.url("")}))
    server.at("http://mirror.example/debian/pool/main/t/x.tar.gz", whole(body))
    fetched = get("http://site.invalid/x", "debian:pool/main/t/x.tar.gz")
    assert fetched.origin == "http://mirror.example/debian/pool/main/t/x.tar.gz"
    assert "does not resolve" in fetched.failed[-1]


def test_apt_may_go_past_the_environments_proxy(get, server, body, monkeypatch, tmp_path):
    from fetch import sources
    from fetch.aptconfig import AptConfig
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "apt" / "sources.list").write_text(f"deb {server.url('/debian')} sid main\n")
    server.at("/debian/pool/main/t/x.tar.gz", whole(body))
    assert "the proxy: connection refused" in refusal(get, "debian:pool/main/t/x.tar.gz")
    monkeypatch.setattr(sources, "AptConfig", lambda: AptConfig({"acquire::http::proxy": "DIRECT"}))
    assert get("debian:pool/main/t/x.tar.gz").path.read_bytes() == body


def test_a_ca_bundle_that_is_not_there_is_said_once(get, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    said = refusal(get, "https://127.0.0.1:1/x")
    assert f"invalid path: {tmp_path}/none.pem" in said
    assert "tries" not in said


def test_certificates_are_checked_against_the_environments_bundle(get, body, monkeypatch, tmp_path, host):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run([host.command("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=20)
    server = LyingServer(tls=(cert, key))
    try:
        url = server.at(PATH, whole(body))
        assert f"{url}: its certificate is not trusted: " in refusal(get, url)
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert get(url).path.read_bytes() == body
    finally:
        server.close()


def test_passwords_and_signatures_are_not_shown(get, server, body, left):
    url = server.at(PATH, redirect("/hop?signature=hidden"), redirect("/hop?signature=hidden"))
    url = url.replace("127", "user:hidden@127")
    server.at("/hop?signature=hidden", status(404))
    assert "hidden" not in refusal(get, url)
    assert not any("hidden" in name for name in left())


def test_a_cache_that_cannot_be_made(get, server, body, tmp_path):
    (tmp_path / "file").write_text("")
    said = refusal(get, server.at(PATH, whole(body)), cache=tmp_path / "file")
    assert f"{tmp_path}/file/downloads: Not a directory" in said
