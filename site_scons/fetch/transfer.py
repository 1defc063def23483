"""Fetch one file from one source: tries, resume, verification.

Theory of operation. The piece on disk (partial.py) is the only state, so a process that was killed and a connection
that broke are the same case: ask for the rest with Range. What may go wrong with that is caught at the end by the
hash, whatever the server claimed on the way:

- The server ignores Range (200): start again from nothing, in the same response.
- It cannot satisfy it (416), or sends another range than asked: start again with the next try.
- The file changed in between. If-Range should have told us, but not every server knows it: a wrong hash after a
  resume proves nothing against the source, so that piece is dropped and the source has one more chance.
- A wrong hash of a body that came whole and with its length declared is the source's own fault: next source.

A failure is either worth another try (`_Again`: 5xx, 429, 408, a reset, a stall, a short body) or not (`SourceFailed`:
other answers, an unknown host, a refused connection, a bad certificate). A full disk is neither (CacheError).
"""

from __future__ import annotations

import email.utils
import http
import random
import re
import socket
import ssl
import time
from collections.abc import Iterator

import requests
import urllib3

from .connection import Limits, Watchdog, get
from .errors import SourceFailed, printable
from .partial import Part
from .progress import Progress
from .recipe import Release
from .sources import Source

BLOCK = 16384    # bytes; what Limits.block_s is for
AGAIN = {408, 425, 429, 500, 502, 503, 504}
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


class _Again(Exception):
    """This try failed; the next may not. `wait_s`: how long the server asks us to wait, 0 for not at all."""

    def __init__(self, reason: str, wait_s: float | None = None):
        super().__init__(reason)
        self.wait_s = wait_s


class Transfer:
    def __init__(self, release: Release, source: Source, part: Part, limits: Limits, progress: Progress):
        self.release, self.source, self.part, self.limits, self.progress = release, source, part, limits, progress
        self.until = time.monotonic() + limits.total_s
        self.second_chance = True

    def run(self) -> None:
        """Bring the part to the verified whole. SourceFailed says what the source answered; CacheError."""
        reasons: dict[str, None] = {}    # an ordered set
        tries = 0
        while tries < self.limits.tries:
            tries += 1
            try:
                if self._complete():    # killed, last time, between the last byte and the rename
                    return
                return self._verify(*self._try())
            except _Again as failure:
                reasons[printable(str(failure))] = None
                if tries < self.limits.tries and not self._wait(failure, tries):
                    break
            except SourceFailed as failure:
                reasons[printable(str(failure))] = None
                break
        raise SourceFailed(", then ".join(reasons) + (f" after {tries} tries" if tries > 1 else ""))

    def _complete(self) -> bool:
        return bool(have := self.part.size()) and have == (self.release.size or have) \
            and self.part.sha256() == self.release.sha256

    def _verify(self, resumed: bool, measured: bool) -> None:
        found, size = self.part.sha256(), self.part.size()
        if found == self.release.sha256:
            return
        self.part.discard()
        wrong = f"wrong content: sha256 expected {self.release.sha256}, got {found} ({size} bytes)"
        if self.second_chance and (resumed or not measured):
            self.second_chance = False
            raise _Again(wrong + ("; it was pieced together" if resumed else "; it came without a length"), wait_s=0)
        raise SourceFailed(wrong)

    def _wait(self, failure: _Again, tries: int) -> bool:
        """Wait before the next try; False if that would be longer than we have or like."""
        limits = self.limits
        wait_s = failure.wait_s
        if wait_s is None:
            wait_s = min(limits.backoff_s * 2 ** (tries - 1) * random.uniform(0.5, 1.5), limits.backoff_max_s)
        if wait_s > limits.backoff_max_s or time.monotonic() + wait_s > self.until:
            return False
        if wait_s:
            self.progress.note(f"{printable(str(failure))}; trying again in {wait_s:.1f} s")
            time.sleep(wait_s)
        return True

    def _try(self) -> tuple[bool, bool]:
        """One request. Returns (was it resumed, did it declare its length)."""
        if self.part.size() >= self._max_bytes():
            self.part.discard()    # as long as the whole, and _complete() says that it is not
        with Watchdog(self.until) as dog:
            try:
                with get(self.source.url, self._range(), self.source.proxies, self.limits, dog) as response:
                    return self._receive(response, dog)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
                self._too_late(dog)
                raise _failure(e, self.limits) from e

    def _range(self) -> dict[str, str]:
        have = self.part.size()
        if not have:
            return {}
        validator = self.part.validator()
        return {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})

    def _receive(self, response: requests.Response, dog: Watchdog) -> tuple[bool, bool]:
        asked = self.part.size()
        status = response.status_code
        length = _length(response)
        whole = length
        if status == 206 and asked:
            have = asked
            whole = self._check_range(response, asked) or (None if length is None else asked + length)
        elif status == 200:
            have = 0
            self.part.begin(_validator(response))
        elif status == 416 and asked:
            self.part.discard()
            raise _Again("HTTP 416 to a resume", wait_s=0)
        elif status in AGAIN:
            raise _Again(_status(status), _retry_after(response))
        else:
            raise SourceFailed(_status(status))
        self._check_size(whole, response)
        self.progress.begin(self.release.size or whole, have)
        self._save(_blocks(response, length, self.limits.block_s, dog), have)
        if whole is None or self.part.size() < whole:
            self._too_late(dog)
        if whole is not None and self.part.size() < whole:
            raise _Again(f"the body ended after {self.part.size()} of {whole} bytes")
        return have > 0, whole is not None

    def _check_size(self, whole: int | None, response: requests.Response) -> None:
        """Refuse by the declared size alone, before a byte is read: a login page, or a disk full of nothing."""
        size = self.release.size
        if whole is None or (whole == size if size else whole <= self.limits.max_bytes):
            return
        self.part.discard()
        kind = response.headers.get("Content-Type", "no type")
        raise SourceFailed(f"wrong content: {whole} bytes ({kind}), where "
                           + (f"the release has {size}" if size else f"at most {self.limits.max_bytes} are taken"))

    def _check_range(self, response: requests.Response, asked: int) -> int | None:
        """A 206 must go on exactly where we are, in the file that we have the beginning of. Returns that file's size
        where it is told; the range may be less than the rest (RFC 9110, 15.3.7)."""
        sent = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        validator = self.part.validator()
        changed = validator and _validator(response) not in (None, validator)
        if not sent or int(sent[1]) != asked or changed:
            self.part.discard()
            raise _Again("another file than before" if changed else "another range than asked", wait_s=0)
        return None if sent[2] == "*" else int(sent[2])

    def _save(self, blocks: Iterator[bytes], have: int) -> None:
        with self.part.appender() as append:
            for block in blocks:
                have += len(block)
                if have > self._max_bytes():
                    self.part.discard()
                    raise SourceFailed(f"wrong content: more than {self._max_bytes()} bytes")
                append(block)
                self.progress.advance(have)

    def _max_bytes(self) -> int:
        return self.release.size or self.limits.max_bytes

    def _too_late(self, dog: Watchdog) -> None:
        """Raise what an expired watchdog means."""
        if not dog.expired:
            return
        if time.monotonic() >= self.until:
            raise SourceFailed(f"not done within {self.limits.total_s:g} s, {self.part.size()} bytes so far")
        raise _Again(f"slower than {BLOCK} bytes in {self.limits.block_s:g} s")


def _blocks(response: requests.Response, length: int | None, block_s: float, dog: Watchdog) -> Iterator[bytes]:
    """The body as it is on the wire, without Content-Encoding undone: an archive is a file, not a page."""
    response.raw.enforce_content_length = False    # urllib3 would drop the bytes of the last, short block
    left = length
    while left is None or left > 0:
        dog.allow(block_s)
        block = response.raw.read(BLOCK if left is None else min(BLOCK, left), decode_content=False)
        if not block:
            return
        left = None if left is None else left - len(block)
        yield block


def _length(response: requests.Response) -> int | None:
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return None
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _validator(response: requests.Response) -> str | None:
    """For If-Range, which takes no weak tag."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, given as such or as a date (RFC 9110, 10.2.3). None if absent or nonsense."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, OSError):    # the last two: years that a time_t does not reach
        return None


def _status(status: int) -> str:
    try:
        return f"HTTP {status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _failure(error: Exception, limits: Limits) -> Exception:
    """What a network exception means, from the innermost cause that we know: requests and urllib3 wrap it deeply."""
    causes = list(_causes(error))
    proxy = "the proxy: " if any(isinstance(c, requests.exceptions.ProxyError) for c in causes) else ""
    for cause in causes:
        match cause:
            case socket.gaierror(errno=code):
                text = f"{proxy}the host name does not resolve: {cause.strerror}"
                return _Again(text) if code == socket.EAI_AGAIN else SourceFailed(text)
            case ConnectionRefusedError():
                return SourceFailed(f"{proxy}connection refused")
            case ssl.SSLCertVerificationError():
                return SourceFailed(f"{proxy}its certificate is not trusted: {cause.verify_message}")
            case requests.exceptions.ConnectTimeout() | urllib3.exceptions.ConnectTimeoutError():
                return _Again(f"{proxy}no connection within {limits.connect_s:g} s")
            case requests.exceptions.ReadTimeout() | urllib3.exceptions.ReadTimeoutError() | TimeoutError():
                return _Again(f"{proxy}silent for {limits.read_s:g} s")
            case ConnectionResetError() | BrokenPipeError() | http.client.RemoteDisconnected():
                return _Again(f"{proxy}connection reset")
            case http.client.IncompleteRead():
                return _Again("the body broke off")
            case requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema():
                return SourceFailed(f"{proxy}{cause}")
            case OSError(errno=None) if type(cause) is OSError:    # requests, of a CA bundle that is not there
                return SourceFailed(str(cause))
    return _Again(f"{proxy}{type(causes[-1]).__name__}: {causes[-1]}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps, innermost first: as its cause, in its arguments, or as urllib3's `reason`."""
    for inner in (getattr(error, "reason", None), error.__cause__ or error.__context__, *error.args):
        if isinstance(inner, BaseException) and inner is not error:
            yield from _causes(inner)
    yield error
