"""A real HTTP server on loopback that does what servers do wrong, as scripted.

    server.at("/x.tar.gz", truncated(BODY, 100), whole(BODY))

answers the first request for that path with the first answer, the second with the second, and so on; the last one
repeats. `server.requests` has what was asked, (path, headers). An answer is a function of the request's handler.
"""

import re
import socket
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LyingServer:
    def __init__(self, tls=None):
        """`tls`: (certificate file, key file)."""
        self.requests = []
        self.over = threading.Event()
        self._script = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"lying": self}))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._http.handle_error = lambda *_: None    # a client that hangs up is what we are here for
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def at(self, path, *answers):
        self._script[path] = list(answers)
        return self.url(path)

    def url(self, path):
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}{path}"

    def answer(self, handler):
        with self._lock:
            self.requests.append((handler.path, handler.headers))
            answers = self._script.get(handler.path) or [status(404)]
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def ranges(self):
        """The Range header of each request so far, None where there was none."""
        return [headers.get("Range") for _, headers in self.requests]

    def close(self):
        self.over.set()
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lying = None

    def do_GET(self):
        self.close_connection = True
        self.lying.answer(self)(self)

    def log_message(self, *_):
        pass

    def head(self, code, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()


def whole(body, etag='"1"', ranges=True, **headers):
    """An honest server, with Range and If-Range unless `ranges` is false."""
    def answer(handler):
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if ranges else None
        changed = handler.headers.get("If-Range") not in (None, etag)
        tag = {"ETag": etag} if etag else {}
        if not asked or changed:
            handler.head(200, Content_Length=len(body), **tag, **headers)
            handler.wfile.write(body)
        elif (start := int(asked[1])) < len(body):
            handler.head(206, Content_Length=len(body) - start,
                         Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", **tag, **headers)
            handler.wfile.write(body[start:])
        else:
            handler.head(416, Content_Range=f"bytes */{len(body)}", Content_Length=0)
    return answer


def status(code, **headers):
    return lambda handler: handler.head(code, Content_Length=0, **headers)


def redirect(target):
    return status(302, Location=target)


def truncated(body, keep, etag='"1"', declared=None):
    """Declares the whole body, or `declared` bytes, and hangs up after `keep` bytes."""
    def answer(handler):
        handler.head(200, Content_Length=len(body) if declared is None else declared,
                     **({"ETag": etag} if etag else {}))
        handler.wfile.write(body[:keep])
    return answer


def unmeasured(body):
    """No length at all: the end of the connection is the end of the body."""
    def answer(handler):
        handler.head(200)
        handler.wfile.write(body)
    return answer


def chunked(body, ends=True):
    """Chunked, in three pieces; without its last, empty chunk unless `ends`."""
    def answer(handler):
        handler.head(200, Transfer_Encoding="chunked", ETag='"1"')
        third = len(body) // 3 + 1
        for at in range(0, len(body), third):
            piece = body[at:at + third]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if ends:
            handler.wfile.write(b"0\r\n\r\n")
    return answer


def garbage(text):
    """No HTTP at all."""
    return lambda handler: handler.wfile.write(text)


def reset(body, keep):
    """As `truncated`, but with a TCP reset."""
    def answer(handler):
        truncated(body, keep)(handler)
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
    return answer


def stalled(body, keep):
    """Sends `keep` bytes and then nothing, with the connection open."""
    def answer(handler):
        truncated(body, keep)(handler)
        handler.wfile.flush()
        handler.lying.over.wait()
    return answer


def trickled_head(pause_s=0.05):
    """Headers that never end, often enough that no wait for bytes is long."""
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.lying.over.wait(pause_s):
            handler.wfile.write(b"X-More: 1\r\n")
    return answer


def trickled(body, pause_s=0.05):
    """One byte at a time."""
    def answer(handler):
        handler.head(200, Content_Length=len(body))
        for at in range(len(body)):
            if handler.lying.over.wait(pause_s):
                return
            handler.wfile.write(body[at:at + 1])
    return answer


def slow(body, block, pause_s):
    """The whole body with Range, `block` bytes at a time: long enough to be interrupted."""
    def answer(handler):
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        handler.head(206 if asked else 200, Content_Length=len(body) - start, ETag='"1"',
                     **({"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if asked else {}))
        for at in range(start, len(body), block):
            handler.wfile.write(body[at:at + block])
            if handler.lying.over.wait(pause_s):
                return
    return answer


def held(body, keep, go):
    """The whole body, of which all but `keep` bytes wait for the event `go`."""
    def answer(handler):
        handler.head(200, Content_Length=len(body), ETag='"1"')
        handler.wfile.write(body[:keep])
        handler.wfile.flush()
        if go.wait(30):
            handler.wfile.write(body[keep:])
    return answer


def endless(code=200, **headers):
    """A body without end, as fast as it goes."""
    def answer(handler):
        handler.head(code, **headers)
        while not handler.lying.over.is_set():
            handler.wfile.write(b"\0" * 65536)
    return answer
