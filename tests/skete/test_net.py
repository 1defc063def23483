"""Sockets as a user meets them: --net, --publish, and real traffic from the host's side."""
import socket
import subprocess
from contextlib import contextmanager

import pytest

from tests.conftest import TREE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(program, *options, engine="process"):
    """`skete run` of the echo server; the port it says it has."""
    with subprocess.Popen([TREE / "bin" / "skete", "run", "--engine", engine, "--timeout", "20", *options[:-2], program,
                           *options[-2:]], stdout=subprocess.PIPE, text=True) as server:
        try:
            yield int(server.stdout.readline()), server
        finally:
            server.terminate()


def echo(port: int, connections: int) -> None:
    """Send each of several clients' data through the server, interleaved."""
    clients = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(connections)]
    try:
        for round_ in range(10):
            for number, client in enumerate(clients):
                client.sendall(b"%d/%d" % (number, round_))
            for number, client in enumerate(clients):
                assert client.recv(100) == b"%d/%d" % (number, round_)
    finally:
        for client in clients:
            client.close()


def test_a_server_on_the_hosts_loopback(guests, engine_name):
    with serving(guests("echo_server"), "--net", "loopback", "0", "20", engine=engine_name) as (port, server):
        echo(port, 20)
        assert server.wait(10) == 0


@pytest.mark.parametrize("policy", ["none", "loopback"])
def test_a_published_port(guests, policy):
    host = free_port()
    with serving(guests("echo_server"), "--net", policy, "--publish", f"{host}:7777", "7777", "3") as (port, server):
        assert port == 7777
        echo(host, 3)
        assert server.wait(10) == 0


def test_the_same_program_with_a_loopback_of_its_own_is_not_there_for_the_host(guests):
    with serving(guests("echo_server"), "0", "1") as (port, _):
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), 2).close()


def test_tcp_and_udp_on_the_hosts_loopback_are_as_natively(guests, engine_name, skete):
    done = skete("run", "--engine", engine_name, "--net", "loopback", "--timeout", "30", guests("sockets_inet"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [("--net", "all"), ("--publish", "x"), ("--publish", "99999:1")])
def test_mistakes_are_named(skete, guests, words):
    done = skete("run", *words, guests("args"))
    assert done.returncode in (2, 125)
    assert words[1] in done.stderr


def test_a_socket_file_may_stand_in_memory(guests, skete, tmp_path):
    program = guests("sockets_unix")
    native = subprocess.run([program], cwd=tmp_path, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=60)
    guest = skete("run", "--timeout", "60", "--tmpfs", "/work", "--cwd", "/work", program, timeout=90)
    assert (guest.stdout, guest.returncode) == (native.stdout, 0), guest.stderr
