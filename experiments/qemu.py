"""Would QEMU be worth an engine? What a call costs that its guest makes to Python: python -m experiments.qemu

The cheapest that QEMU allows: guest memory is a file that the monitor has mapped too, the guest writes the call there and
one byte to a port (isa-debugcon), whose chardev wakes the monitor; the monitor writes the answer, which the guest polls for.
The guest is 19 bytes in place of a BIOS. What is measured is a lower bound of an engine: no kernel entry, no registers.
"""
from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.harness import TREE, Failure, aligned, machine, spread, write

RESULTS = TREE / "results" / "qemu"
_SIZE, _CALL, _ANSWER = 16 << 20, 0x1000, 0x1002
#: xor %ax,%ax; mov %ax,%ds; inc %ax; 1: mov %ax,CALL; out %al,$0xe9; 2: cmp ANSWER,%ax; jne 2b; inc %ax; jmp 1b
_GUEST = bytes.fromhex("31c0 8ed8 40 a30010 e6e9 3b060210 75fa 40 ebf2")
_RESET = bytes.fromhex("ea000000f0")        # where an x86 begins: jmp to the ROM's start
_CALLS, _ROUNDS, _LIMIT_S = 500, 10, 60


def rom() -> bytes:
    image = bytearray(b"\xf4" * (64 << 10))
    image[:len(_GUEST)] = _GUEST
    image[0xfff0:0xfff0 + len(_RESET)] = _RESET
    return bytes(image)


def measure(accel: str) -> dict:
    """{"start_ms", "call_us": spread of rounds, "bytes": that QEMU keeps resident}. Failure where it does not run."""
    command = shutil.which("qemu-system-x86_64")
    if command is None:
        raise Failure("qemu-system-x86_64 is not here: apt-get install --no-install-recommends qemu-system-x86")
    with tempfile.TemporaryDirectory(prefix="qemu-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        bios, memory = Path(folder, "rom"), Path(folder, "memory")
        bios.write_bytes(rom())
        with open(memory, "wb") as file:
            file.truncate(_SIZE)
        begun = time.monotonic()
        qemu = subprocess.Popen(
            [command, "-accel", accel, "-M", "pc,memory-backend=m,usb=off", "-nodefaults", "-display", "none", "-bios", bios,
             "-object", f"memory-backend-file,id=m,size={_SIZE},mem-path={memory},share=on",
             "-chardev", "stdio,id=d,signal=off", "-device", "isa-debugcon,iobase=0xe9,chardev=d"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            return _serve(qemu, memory, begun)
        finally:
            qemu.kill()
            qemu.communicate()


def _serve(qemu, memory: Path, begun: float) -> dict:
    with open(memory, "r+b") as file, mmap.mmap(file.fileno(), _SIZE) as ram:
        fd, words, rounds, start_s = qemu.stdout.fileno(), memoryview(ram).cast("H"), [], None
        try:
            for _ in range(_ROUNDS + 1):        # the first one warms up
                before = time.perf_counter()
                for _ in range(_CALLS):
                    if not os.read(fd, 1):
                        raise Failure(f"QEMU ended: {qemu.stderr.read().decode()[-300:]}")
                    start_s = start_s or time.monotonic() - begun
                    words[_ANSWER // 2] = words[_CALL // 2]
                rounds.append((time.perf_counter() - before) / _CALLS * 1e6)
                if time.monotonic() - begun > _LIMIT_S:
                    raise Failure(f"QEMU has made {len(rounds) * _CALLS} calls in {_LIMIT_S} s: too slow to measure here")
        finally:
            words.release()
        with open(f"/proc/{qemu.pid}/statm") as statm:
            resident = int(statm.read().split()[1]) * mmap.PAGESIZE
    return {"start_ms": round(start_s * 1e3, 1), "call_us": spread(rounds[1:]), "bytes": resident}


def main() -> None:
    rows, missing = [], {}
    for accel in ("tcg", "kvm"):
        try:
            rows.append({"what": f"QEMU, {accel}", **measure(accel)})
        except Failure as failure:
            missing[f"QEMU, {accel}"] = str(failure)
    done = subprocess.run([str(TREE / "bin/skete"), "engines", "--json"], capture_output=True, text=True, timeout=120)
    for row in json.loads(done.stdout)["engines"]:
        if row["works"]:
            rows.append({"what": f"skete, {row['name']}", "start_ms": row["start_ms"], "call_us": spread([row["call_us"]])})
    RESULTS.mkdir(parents=True, exist_ok=True)
    write(RESULTS / "qemu.json", json.dumps({"machine": machine(), "rows": rows, "not_measured": missing}, indent=1) + "\n")
    lines = [("a call that Python answers", "us", "quartiles", "start ms")]
    lines += [(row["what"], f"{row['call_us']['median']:.1f}", f"{row['call_us']['low']:.1f}-{row['call_us']['high']:.1f}",
               f"{row['start_ms']:.1f}") for row in rows]
    print(aligned(lines) + "".join(f"not measured: {name}: {why}\n" for name, why in missing.items()), end="")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"experiment qemu: {failure}")
