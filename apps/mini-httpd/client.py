"""Ask a web server for files: `python client.py PORT LARGE INDEX`, which it is to serve from its top folder."""
import email.utils
import http.client
import sys
import threading
import time
from pathlib import Path

PORT, LARGE, INDEX = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
START_S, ANSWER_S = 30, 30


def ask(path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=ANSWER_S)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def wait_for_server() -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            ask("/")
            return
        except OSError:
            if time.monotonic() > end:
                sys.exit(f"nobody answers on port {PORT} after {START_S} s")
            time.sleep(0.05)


def check(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        sys.exit(f"failed: {what}: {got!r:.200} instead of {wanted!r:.200}")


wait_for_server()
large, index = LARGE.read_bytes(), INDEX.read_bytes()
answer, body = ask("/")
check("index", (answer.status, body), (200, index))
check("its type", answer.getheader("Content-Type"), "text/html; charset=UTF-8")
print("index.html")
answer, body = ask(f"/{LARGE.name}")
check("length", answer.getheader("Content-Length"), str(len(large)))
check("bytes", body, large)
print("a large file, byte for byte")
answer, body = ask("/index.html", "HEAD")
check("HEAD", (answer.status, body, answer.getheader("Content-Length")), (200, b"", str(len(index))))
answer, body = ask("/none.html")
check("missing", answer.status, 404)
answer, body = ask("/../client.py")
check("outside", answer.status, 404)
answer, body = ask("/index.html", "BREW")
check("another method", answer.status, 501)
answer, body = ask("/index.html", If_Modified_Since=email.utils.formatdate(usegmt=True))
check("not modified", (answer.status, body), (304, b""))
print("HEAD, missing, outside, other methods, not modified")

for n in range(100):
    check(f"request {n}", ask("/index.html")[1], index)
print("100 requests, one after the other")
wrong = []


def many() -> None:
    for n in range(10):
        try:
            if ask(f"/{LARGE.name}")[1] != large:
                wrong.append("other bytes")
        except OSError as error:
            wrong.append(str(error))


threads = [threading.Thread(target=many) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("8 clients", wrong, [])
print("8 clients at once, 10 large files each")
print("all passed")
