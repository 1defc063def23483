"""Do machines leave anything behind? 1,000 guests one after another, and 50 at once, on each engine that works here.

    python benchmarks/soak.py [--turns 1000] [--at-once 50] [--engine process]

One after another, in this very process: descriptors, child processes, threads, memory files and resident memory before
and after, once a few machines have warmed it up. Every tenth guest crashes and every fiftieth is ended by its timeout.
At once, by the command `skete run`, a tenth of which are killed while their guest runs: no process may be left. What
a monitor leaves to itself is found because this process adopts orphans (PR_SET_CHILD_SUBREAPER). Exit status 1 when
anything leaks.
"""
from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE))

from skete import Machine, engines      # noqa: E402
from skete.engine import EngineError    # noqa: E402

ENGINES = ("process", "kvm", "emulator")
WARM = 5
#: what the monitor's own heap may grow by, in KiB: with soak.c it levels off near 3 MiB within 250 guests, up to 2,500
RSS_KIB = 4096
#: how long the host may take to bury what was killed, in s
GONE_S = 20


def children() -> list:
    """Ids of the processes whose parent this one is."""
    found = []
    for task in os.listdir("/proc/self/task"):
        try:
            found += Path(f"/proc/self/task/{task}/children").read_text().split()
        except FileNotFoundError:
            pass        # that thread has ended meanwhile
    return [int(pid) for pid in found]


def held() -> dict:
    """What this process holds of the host: {what: how much}."""
    gc.collect()
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            pass        # the descriptor that listed the folder
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    memory = Path("/proc/self/maps").read_text()
    return {"descriptors": len(links), "children": len(children()), "threads": int(status["Threads"]),
            "memory files": sum("memfd:" in link for link in links) + memory.count("memfd:"),
            "rss_kib": int(status["VmRSS"].split()[0])}


def leaks(before: dict, after: dict) -> list:
    """What there is more of, as lines."""
    return [f"{what}: {before[what]} before, {after[what]} after" for what in before
            if after[what] > before[what] + (RSS_KIB if what == "rss_kib" else 0)]


def live(program, engine: str, null: int, *args: str, timeout_s: float = 60) -> tuple:
    """One machine from its beginning to its end; (kind, code)."""
    result = Machine(program, args, engine=engine, timeout_s=timeout_s, stdio=(null, null, null)).run()
    return result.kind, result.code


def one_after_another(program, engine: str, turns: int, told=lambda turn: None) -> dict:
    """{"before", "after", "leaks", "seconds"}. RuntimeError where a guest does not end as it should."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        before = began = None
        for turn in range(-WARM, turns):
            if turn == 0:
                before, began = held(), time.monotonic()
            if turn % 50 == 49:         # of the first ones, that warm up, the last
                got, wanted = live(program, engine, null, "hang", timeout_s=0.2), "timeout"
            elif turn % 10 == 9 or turn == -WARM:
                got, wanted = live(program, engine, null, "crash"), "signalled"
            else:
                got, wanted = live(program, engine, null), "exited"
            if got[0] != wanted or wanted == "exited" and got[1] != 0:
                raise RuntimeError(f"guest {turn} of {turns} on {engine}: {got[0]} {got[1]}, where {wanted} was to come")
            told(turn)
        after = held()
        return {"before": before, "after": after, "leaks": leaks(before, after), "seconds": time.monotonic() - began}
    finally:
        os.close(null)


def at_once(program, engine: str, count: int) -> dict:
    """{"leaks", "seconds"}: ``count`` runs of the command beside each other, every tenth killed with SIGKILL."""
    adopt_orphans()
    before, began = set(children()), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="skete-soak-") as folder:
        runs = []
        try:
            for number in range(count):
                command = [str(TREE / "bin" / "skete"), "run", "--engine", engine, "--timeout", "120", str(program),
                           *(["hang"] if number % 10 == 9 else [])]
                runs.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": folder}))
            found = []
            for number, run in enumerate(runs):
                if number % 10 == 9:
                    run.stdout.readline()       # "soak: ok": its guest runs
                    run.send_signal(signal.SIGKILL)
                output = run.communicate(timeout=180)[0].decode(errors="replace")
                if run.returncode != (-signal.SIGKILL if number % 10 == 9 else 0):
                    found.append(f"run {number} of {count} ended with {run.returncode}: {output.strip()}")
        finally:
            for run in runs:
                if run.poll() is None:
                    run.kill()
                    run.wait()
                run.stdout.close()
        left = wait_gone(before)
        found += [f"process {pid} is left" for pid in left]
        found += [f"file {name} is left" for name in os.listdir(folder)]
    return {"leaks": found, "seconds": time.monotonic() - began}


def adopt_orphans() -> None:
    """Let whatever loses its parent become a child of this process, so that it can be seen."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(36, 1, 0, 0, 0):      # PR_SET_CHILD_SUBREAPER
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def wait_gone(before: set) -> list:
    """The processes that are left when those which are ending have had their time; zombies are buried."""
    deadline = time.monotonic() + GONE_S
    while True:
        left = []
        for pid in set(children()) - before:
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    left.append(pid)
            except ChildProcessError:
                pass        # it was waited for elsewhere
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def works(engine: str) -> str:
    """Why an engine does not work here; empty when it does."""
    try:
        engines.make(engine).close()
    except EngineError as error:
        return str(error)
    return ""


def build(folder: str) -> str:
    program = os.path.join(folder, "soak")
    try:
        subprocess.run(["gcc", "-static", "-O1", "-pthread", str(TREE / "tests/guests/soak.c"), "-o", program], check=True,
                       timeout=120)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"soak: gcc compiles no static program (apt-get install gcc libc6-dev): {error}")
    return program


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1000, help="guests one after another (default 1000)")
    parser.add_argument("--at-once", type=int, default=50, help="guests beside each other (default 50)")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="may be repeated (default: each that works)")
    parser.add_argument("--program", help="tests/guests/soak.c, built (default: built here with gcc)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    figures, bad = {}, False
    with tempfile.TemporaryDirectory(prefix="skete-soak-") as folder:
        program = options.program or build(folder)
        for engine in options.engine or ENGINES:
            why = works(engine)
            if why:
                print(f"{engine}: not run: {why}")
                bad = bad or bool(options.engine)
                continue

            def told(turn, engine=engine):
                if sys.stderr.isatty() and turn % 20 == 0:
                    print(f"\r{engine}: {max(turn, 0)} of {options.turns} ", end="", file=sys.stderr, flush=True)
            results = {"one after another": one_after_another(program, engine, options.turns, told),
                       "at once": at_once(program, engine, options.at_once)}
            figures[engine] = {"turns": options.turns, "beside each other": options.at_once, **results}
            for how, result in results.items():
                count = options.turns if how == "one after another" else options.at_once
                print(f"{engine}: {count} guests {how} in {result['seconds']:.1f} s: "
                      + ("; ".join(result["leaks"]) or "nothing is left"), flush=True)
                if "before" in result:
                    for what, value in result["before"].items():
                        print(f"    {what:14}{value:8} before {result['after'][what]:8} after")
                bad = bad or bool(result["leaks"])
    if options.json:
        Path(options.json + ".tmp").write_text(json.dumps(figures, indent=1) + "\n")
        os.replace(options.json + ".tmp", options.json)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
