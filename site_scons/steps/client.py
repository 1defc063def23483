"""The other side of a server under test: a Python program on the host, which talks to it over loopback.

It is started as `python CLIENT PORT ARGUMENT...`, and what it prints is what the run is judged by; a line that begins with
"note: " is shown to the user as well. The server may not be listening yet. When the client has ended the server is given
a moment to end by itself, then SIGTERM.
"""
from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from steps.step import Failure

MOMENT_S, TERM_S = 2, 10
PORT_BY_HAND = 8080     # in the line that tells how to do it by hand
NOTE = "note: "
SHOWN = 10              # last lines of a client that failed


def free_port() -> int:
    """Return a TCP port that nobody has on 127.0.0.1 now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def filled(run: dict, port: int) -> dict:
    """Return the description of a run with a client, with the server's port filled in."""
    return {**run, "args": [word.replace("{port}", str(port)) for word in run["args"]], "publish": [f"{port}:{port}"]}


def talk(run: dict, port: int, output: Path, server: subprocess.Popen, environment: dict[str, str]) -> None:
    """Run the client to its end, then end the server. Failure when the client does not end well, or not in time."""
    command = [sys.executable, "-P", run["client"][0], str(port), *run["client"][1:]]
    try:
        with open(output, "wb") as f:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, env=environment,
                                  timeout=run["timeout"])
        if done.returncode:
            said = output.read_text(errors="replace").splitlines()[-SHOWN:]
            raise Failure(f"{run['label']}: the client {run['client'][0]} ended with status {done.returncode}:\n"
                          + "\n".join(f"  | {line}" for line in said))
        for line in output.read_text(errors="replace").splitlines():
            if line.startswith(NOTE):
                print(f"         {run['label']}: {line.removeprefix(NOTE)}", flush=True)
    except subprocess.TimeoutExpired:
        raise Failure(f"{run['label']}: the client {run['client'][0]} is not finished after {run['timeout']} s "
                      "(timeout= gives it longer)") from None
    finally:
        end(server)


def end(server: subprocess.Popen) -> None:
    """Wait for the server's end, ask for it, and see to it."""
    for seconds, then in ((MOMENT_S, server.terminate), (TERM_S, server.kill)):
        try:
            server.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            then()
    server.wait()
