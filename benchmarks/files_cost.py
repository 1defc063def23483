"""What a file call costs inside the kernel, without engine and trap: python3 benchmarks/files_cost.py

Each row: microseconds a call through the table (decoding, handler, host call), and of the same host call made from
Python directly, which no handler can undercut. Median of five rounds.
"""
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from skete.engine import Syscall    # noqa: E402
from skete.kernel.service import service    # noqa: E402
from tests.skete.kernel.files.guest import BUFFER, Guest, NUMBERS    # noqa: E402

ROUNDS, CALLS = 5, 4000


def us(call) -> float:
    """Median microseconds of one call."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter_ns() - begun) / CALLS / 1000)
    return statistics.median(rounds)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder, "a", "b", "c")
        deep.mkdir(parents=True)
        (deep / "file").write_bytes(bytes(1 << 20))
        master, slave = os.openpty()
        reader, writer = os.pipe()
        host = os.open(deep / "file", os.O_RDWR)
        guest = Guest((folder, "/data"), fds=(slave, writer, host))
        pipe = guest.pipe()
        zero = guest.open("/dev/zero")
        directory = guest.open("/data/a", os.O_DIRECTORY)
        name, relative = guest.string("/data/a/b/c/file"), guest.string("b")
        view = memoryview(bytearray(1 << 20))

        def call(what, *words):
            words = tuple(w & (1 << 64) - 1 for w in words) + (0,) * (6 - len(words))
            trap = Syscall(NUMBERS[what], words)
            return lambda: service(guest.task, trap)

        def both(*calls):
            return lambda: [c() for c in calls]

        def open_close():
            guest.files.close(service(guest.task, opening))
        opening = Syscall(NUMBERS["openat"], (-100 & (1 << 64) - 1, name, 0, 0, 0, 0))

        rows = [
            ("fcntl(F_GETFL)", call("fcntl", 2, 3), None),
            ("lseek", call("lseek", 2, 0, 0), lambda: os.lseek(host, 0, 0)),
            ("pread64 1 B", call("pread64", 2, BUFFER, 1, 0), lambda: os.preadv(host, [view[:1]], 0)),
            ("pread64 4 KiB", call("pread64", 2, BUFFER, 4096, 0), lambda: os.preadv(host, [view[:4096]], 0)),
            ("pwrite64 4 KiB", call("pwrite64", 2, BUFFER, 4096, 0), lambda: os.pwritev(host, [view[:4096]], 0)),
            ("read /dev/zero 1 B", call("read", zero, BUFFER, 1), None),
            ("pipe: write, read 1 B", both(call("write", pipe[1], BUFFER, 1), call("read", pipe[0], BUFFER, 1)),
             both(lambda: os.write(writer, view[:1]), lambda: os.readv(reader, [view[:1]]))),
            ("ioctl(TIOCGWINSZ)", call("ioctl", 0, 0x5413, BUFFER), None),
            ("fstat", call("fstat", 2, BUFFER), lambda: os.fstat(host)),
            ("stat /data/a/b/c/file", call("stat", name, BUFFER), lambda: os.stat(deep / "file")),
            ("stat b, from a descriptor", call("newfstatat", directory, relative, BUFFER, 0), None),
            ("openat, close", open_close, lambda: os.close(os.open(deep / "file", os.O_RDONLY))),
            ("poll of two pipes' ends", call("poll", _pollfds(guest, pipe), 2, 0), None),
        ]
        print(f"{'call':28}{'us':>8}{'host call alone':>18}")
        for what, ours, direct in rows:
            alone = f"{us(direct):18.2f}" if direct else ""
            print(f"{what:28}{us(ours):8.2f}{alone}")
        guest.close()
        for fd in (master, slave, reader, writer, host):
            os.close(fd)


def _pollfds(guest, pipe) -> int:
    at = BUFFER + 0x2000
    guest.mm.write(at, b"".join(fd.to_bytes(4, "little") + b"\x05\0\0\0" for fd in pipe))
    return at


if __name__ == "__main__":
    main()
