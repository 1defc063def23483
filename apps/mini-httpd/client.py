"""Ask a web server for files: `python client.py PORT LARGE INDEX WRK_LUA`, LARGE and INDEX in its top folder.

Where the machine has wrk, that asks for many at once, too.
"""
import email.utils
import http.client
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

PORT, LARGE, INDEX, SCRIPT = int(sys.argv[1]), *map(Path, sys.argv[2:])
START_S, ANSWER_S, WRK_S = 30, 30, 3


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


def ask_with_wrk() -> None:
    """Let wrk ask as often as it can, over 16 connections, and look at every answer."""
    if not shutil.which("wrk"):
        print("note: wrk is not installed (on Debian: apt-get install wrk): only Python's http.client asked")
        return
    for path in (INDEX, LARGE):
        done = subprocess.run(["wrk", "-t2", "-c16", f"-d{WRK_S}s", f"--timeout={ANSWER_S}s", "-s", SCRIPT,
                               f"http://127.0.0.1:{PORT}/{path.name}", "--", path],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WRK_S + 2 * ANSWER_S)
        counted = re.search(r"^counted: ([0-9]+) answers, ([0-9]+) wrong, ([0-9]+) errors$", done.stdout, re.MULTILINE)
        if done.returncode or not counted:
            sys.exit(f"failed: wrk ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        answers, *bad = map(int, counted.groups())
        check(f"wrk asking for {path.name}: wrong answers and errors", bad, [0, 0])
        check(f"wrk asking for {path.name}: was it answered", answers > 0, True)
        print(f"note: wrk asked for {path.name} {answers} times in {WRK_S} s over 16 connections, all answered right")


ask_with_wrk()
print("all passed")
