"""One HTTP request with bounds that a hostile or broken server cannot stretch.

requests bounds each wait for bytes, but not their number: a server that sends one byte a second keeps it for days, in
the headers as in the body. So a watchdog thread shuts the sockets down when a deadline passes; the blocked call then
sees the end of the stream. And requests reads the body of a redirect into memory, however long, before it follows, so
redirects are followed here.

Proxies, CA bundles and netrc are the environment's, as requests reads it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from .errors import SourceFailed, shown

REDIRECTS = {301, 302, 303, 307, 308}
# identity: a server must not wrap the archive in one more layer of gzip, and ranges count the bytes of the archive.
HEADERS = {"User-Agent": "skete-fetch", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Limits:
    """Bounds of fetching from one source; times in seconds."""

    connect_s: float = 10
    read_s: float = 30
    """The longest silence."""
    block_s: float = 60
    """For the headers, and for each BLOCK bytes of the body: slower is no transfer."""
    total_s: float = 1800
    """For one source with all its tries and waits."""
    tries: int = 4
    backoff_s: float = 0.5
    """Before the second try; doubled each time, by half more or less at random, never over backoff_max_s."""
    backoff_max_s: float = 30
    redirects: int = 8
    max_bytes: int = 1 << 30
    """Where the recipe gives no size."""


class Watchdog:
    """Shuts down the sockets it was given when a deadline passes. Use as a context; one for each request."""

    def __init__(self, total_until: float):
        """`total_until`: the last deadline of all, time.monotonic()."""
        self.total_until = total_until
        self.expired = False
        self._until = total_until
        self._sockets = []
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def allow(self, seconds: float) -> None:
        """From now, this long, though never past the total."""
        with self._change:
            # Only a nearer deadline needs the thread awake: it looks again when the older one has passed.
            nearer = (until := min(time.monotonic() + seconds, self.total_until)) < self._until
            self._until = until
            if nearer:
                self._change.notify()

    def adopt(self, sock) -> None:
        """Guard a socket. A duplicate is kept: TLS takes the descriptor out of the first object."""
        with self._change:
            self._sockets.append(sock.dup())
            if self.expired:
                self._shut_down()

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        with self._change:
            self._closed = True
            self._change.notify()
            for sock in self._sockets:
                sock.close()
        self._thread.join()

    def _watch(self) -> None:
        with self._change:
            while not self._closed:
                left = self._until - time.monotonic()
                if left > 0:
                    self._change.wait(min(left, 3600))    # a wait has a greatest length
                    continue
                self.expired = True
                self._shut_down()
                return

    def _shut_down(self) -> None:
        for sock in self._sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass    # not connected any more


class _WatchedAdapter(HTTPAdapter):
    """Hands each new socket to the watchdog, before TLS and the proxy's CONNECT have had a chance to stall."""

    def __init__(self, dog: Watchdog):
        self._dog = dog
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *args, **kwargs):
        manager = super().proxy_manager_for(*args, **kwargs)
        self._watch(manager)
        return manager

    def _watch(self, manager) -> None:
        manager.pool_classes_by_scheme = {
            scheme: _watched_pool(pool, self._dog) for scheme, pool in manager.pool_classes_by_scheme.items()}


def _watched_pool(pool: type, dog: Watchdog) -> type:
    class Connection(pool.ConnectionCls):
        def _new_conn(self):
            sock = super()._new_conn()
            dog.adopt(sock)
            return sock

    return pool if issubclass(pool, _Watched) else type(pool.__name__, (_Watched, pool), {"ConnectionCls": Connection})


class _Watched:
    """Marks a pool class that is watched already: a proxy's manager is asked for more than once."""


class _Session(requests.Session):
    def get_redirect_target(self, resp):
        return None


@contextmanager
def get(url: str, headers: dict[str, str], proxies: dict[str, str | None], limits: Limits,
        dog: Watchdog) -> Iterator[requests.Response]:
    """GET, redirects followed, body unread. SourceFailed for what no repetition would mend; requests' exceptions else.
    """
    with _Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _WatchedAdapter(dog))
        # Below REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which requests knows; OpenSSL's own variable it does not.
        session.verify = os.environ.get("SSL_CERT_FILE") or True
        at = url
        for _ in range(limits.redirects + 1):
            dog.allow(limits.connect_s + limits.block_s)
            response = session.get(at, headers=HEADERS | headers, proxies=dict(proxies), stream=True,
                                   allow_redirects=False, timeout=(limits.connect_s, limits.read_s))
            with response:
                location = response.headers.get("Location")
                if response.status_code not in REDIRECTS or not location:
                    yield response
                    return
            at = _target(at, location)
    raise SourceFailed(f"more than {limits.redirects} redirects, the last to {shown(at)}")


def _target(at: str, location: str) -> str:
    try:
        target = urljoin(at, location)
        scheme = urlsplit(target).scheme
    except ValueError as e:
        raise SourceFailed(f"redirects to no address: {e}") from e
    if scheme not in ("http", "https"):
        raise SourceFailed(f"redirects to {shown(target)}, which is not http")
    return target
