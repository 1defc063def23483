"""A server's client on the host: it is waited for, and the server is ended whatever it does."""
from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from steps import client, command
from steps.step import Failure

ECHO = """\
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as s:
    print("ready", flush=True)
    while True:
        connection, _ = s.accept()
        with connection:
            connection.sendall(connection.recv(100))
"""
ASK = """\
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as s:
    s.sendall(sys.argv[2].encode())
    print("got", s.recv(100).decode())
"""


@pytest.fixture
def talk(tmp_path, monkeypatch):
    """talk(CLIENT, timeout): run that against a server of one line; what it printed, and how the server ended."""
    monkeypatch.setattr(client, "MOMENT_S", 0.1)

    def run(text: str, timeout: float = 30):
        (tmp_path / "client.py").write_text(text)
        port = client.free_port()
        server = subprocess.Popen([sys.executable, "-c", ECHO, str(port)], stdout=subprocess.PIPE)
        servers.append(server)
        assert server.stdout.readline() == b"ready\n"
        server.stdout.close()
        description = {"label": "echo", "client": [str(tmp_path / "client.py"), "word"], "timeout": timeout}
        client.talk(description, port, tmp_path / "out", server, dict(os.environ))
        return (tmp_path / "out").read_text()
    servers: list[subprocess.Popen] = []
    yield run
    assert [server.poll() for server in servers] == [-15]


def test_what_the_client_says_is_the_output(talk):
    assert talk(ASK) == "got word\n"


def test_a_note_is_shown_as_well(talk, capfd):
    text = "note: asked twice\nall passed\n"
    assert talk(f"print({text!r}, end='')") == text
    assert capfd.readouterr().out.split("\n") == ["         echo: asked twice", ""]


def test_a_client_that_fails_is_shown(talk):
    with pytest.raises(Failure, match=r"echo: the client .*client.py ended with status 3:\n  \| no good"):
        talk("print('no good')\nraise SystemExit(3)")


def test_a_client_that_does_not_end_is_ended(talk):
    with pytest.raises(Failure, match="client.py is not finished after 0.2 s"):
        talk("import time\ntime.sleep(600)", 0.2)


def test_a_free_port_can_be_had():
    with socket.socket() as s:
        s.bind(("127.0.0.1", client.free_port()))


def test_the_port_is_filled_in_and_published():
    run = {"engine": "process", "monitor": "bin/skete", "timeout": 5, "workdir": None, "mounts": [], "env": {},
           "program": "server", "args": ["-p{port}"], "stdin": None, "client": ["client.py"]}
    words = command.guest(client.filled(run, 1234))
    assert words[words.index("--publish") + 1] == "1234:1234" and words[-1] == "-p1234"
    assert "--publish 8080:8080" in command.by_hand(run)
