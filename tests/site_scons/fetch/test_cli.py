"""The command as a build runs it: a process of its own, killed, interrupted and run twice."""

import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lying_server import held, slow, status, truncated, whole

TOP = Path(__file__).parents[3]
MACHINE = dict(os.environ)    # with its proxies, before the fixtures take them away
PATHS = os.pathsep.join(filter(None, (str(TOP / "site_scons"), os.environ.get("PYTHONPATH"))))
QUICK = ["--backoff-s", "0.01", "--read-s", "5", "--total-s", "20", "--tries", "2"]


@pytest.fixture
def command(tmp_path):
    """command(recipe, *options): the argument list, and the environment to run it in."""
    (tmp_path / "apt").mkdir()

    def command(recipe, *options):
        return ([sys.executable, "-m", "fetch", str(recipe), "--apt-dir", str(tmp_path / "apt"), *QUICK, *options],
                os.environ | {"PYTHONPATH": PATHS, "COLUMNS": "200"})
    return command


@pytest.fixture
def run(command):
    def run(recipe, *options):
        argv, environ = command(recipe, *options)
        return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30)
    return run


@pytest.fixture
def start(command):
    started = []

    def start(recipe, *options):
        argv, environ = command(recipe, *options)
        started.append(subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]
    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_part(tmp_path, least=1):
    """The size of the piece, once it has that many bytes."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for part in tmp_path.rglob("*.part"):
            if (size := part.stat().st_size) >= least:
                return size
        time.sleep(0.01)
    pytest.fail("no piece appeared")


def test_one_line_on_success_then_nothing_to_do(run, recipe_file, server, body, tmp_path):
    recipe, out = recipe_file(url := server.at("/x-1.0.tar.gz", whole(body))), tmp_path / "o" / "x.tar.gz"
    first = run(recipe, "--version", "1.0", "--output", str(out))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"{out}: thing 1.0, verified, from {url}\n"
    assert out.read_bytes() == body
    server.at("/x-1.0.tar.gz", status(500))
    assert run(recipe, "--output", str(out)).stdout == f"{out}: thing 1.0, verified, from already there\n"
    quiet = run(recipe, "--output", str(out), "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert len(server.requests) == 1


def test_without_output_it_fills_the_cache(run, recipe_file, server, body, tmp_path):
    done = run(recipe_file(server.at("/x", whole(body))))
    assert done.returncode == 0
    (cached,) = (tmp_path / "cache" / "downloads").iterdir()
    assert done.stdout.startswith(f"{cached}: thing 1.0, verified")
    assert cached.read_bytes() == body


def test_the_next_source_says_why_it_was_asked(run, recipe_file, server, body, tmp_path):
    bad, good = server.at("/bad", status(404)), server.at("/good", whole(body))
    done = run(recipe_file(bad, good), "--output", str(tmp_path / "out"))
    assert done.stdout.endswith(f", from {good} (before: {bad}: HTTP 404 Not Found)\n")


def test_a_mirror_of_apt_serves(run, recipe_file, server, body, tmp_path):
    url = server.at("/debian/pool/main/t/thing/thing_1.0.orig.tar.gz", whole(body))
    (tmp_path / "apt" / "sources.list").write_text(f"deb [arch=amd64] {server.url('/debian/')} sid main\n")
    gone = server.at("/x", status(404))
    done = run(recipe_file(gone, "debian:pool/main/t/thing/thing_{version}.orig.tar.gz"))
    assert done.returncode == 0
    assert f"from {url} (before: {gone}: HTTP 404 Not Found)" in done.stdout


def test_a_failure_tells_the_whole_story(run, recipe_file, server, tmp_path):
    bad = server.at("/bad", status(503))
    (tmp_path / "apt" / "sources.list").write_text("deb http://a.example/debian-security x-security main\n")
    recipe = recipe_file(bad, "debian:pool/main/t/thing/thing_{version}.orig.tar.gz")
    done = run(recipe, "--output", str(tmp_path / "out"), "--quiet")
    assert done.returncode == 1
    assert done.stdout == ""
    cached = next(line.split()[2].rstrip(":") for line in done.stderr.splitlines() if " cache " in line)
    assert done.stderr == f"""\
skete: bad (thing 1.0) could not be fetched. Tried, in order:
skete:   cache {cached}: not there
skete:   {bad}: HTTP 503 Service Unavailable after 2 tries
skete:   http://a.example/debian-security ({tmp_path}/apt/sources.list:1): not asked, \
a security archive holds only updates, in a pool of its own
skete:   apt's mirrors for pool/main/t/thing/thing_1.0.orig.tar.gz: not asked, \
none is configured in {tmp_path}/apt/sources.list and {tmp_path}/apt/sources.list.d
skete: Remedy: put the file at {cached} yourself;
skete: its sha256 is {Path(cached).name[:64]}.
"""
    assert not (tmp_path / "out").exists()


def test_the_remedy_works(run, recipe_file, server, body):
    recipe = recipe_file(server.at("/bad", status(404)))
    remedy = next(line for line in run(recipe).stderr.splitlines() if "Remedy" in line)
    Path(remedy.split("put the file at ")[1].removesuffix(" yourself;")).write_bytes(body)
    assert run(recipe, "--offline").returncode == 0


def test_offline_asks_nobody(run, recipe_file, server, body):
    done = run(recipe_file(server.at("/x", whole(body))), "--offline")
    assert done.returncode == 1
    assert "skete:   offline: no other source was asked\n" in done.stderr
    assert server.requests == []


@pytest.mark.parametrize("options, says", [
    (["--version", "9"], "skete: {recipe}: there is no version '9' of thing; there are 1.0\n"),
    (["--tries", "0"], "argument --tries: invalid positive int value: '0'"),
    (["--read-s", "nan"], "argument --read-s: invalid positive float value: 'nan'"),
])
def test_wrong_usage_is_2(run, recipe_file, options, says):
    recipe = recipe_file("http://nobody.invalid/x")
    done = run(recipe, *options)
    assert done.returncode == 2
    assert says.format(recipe=recipe) in done.stderr


def test_a_bad_recipe_is_2(run, recipe_file):
    done = run(recipe_file("http://nobody.invalid/x", extra="[build]\nx = 1.5"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("skete: ") and "thing.toml: build: x must be a string" in done.stderr


def test_help_documents_every_option(run, recipe_file):
    done = run(recipe_file("http://nobody.invalid/x"), "-h")
    assert done.returncode == 0
    for option in ("--version", "--output", "--offline", "--quiet", "--cache", "--apt-dir", "--total-s"):
        assert option in done.stdout


def test_a_kill_half_way_costs_nothing(start, run, recipe_file, server, body, tmp_path):
    recipe = recipe_file(server.at("/x", slow(body, block=10_000, pause_s=4), whole(body)))
    process = start(recipe)
    wait_for_part(tmp_path, least=10_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    have = wait_for_part(tmp_path)
    done = run(recipe, "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_bytes() == body
    assert server.ranges() == [None, f"bytes={have}-"]
    assert server.requests[1][1]["If-Range"] == '"1"'
    (cached,) = (tmp_path / "cache" / "downloads").iterdir()
    assert cached.read_bytes() == body


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130)])
def test_an_interrupt_ends_cleanly_and_keeps_the_piece(start, recipe_file, server, body, tmp_path, number, code):
    process = start(recipe_file(server.at("/x", slow(body, block=10_000, pause_s=4))))
    wait_for_part(tmp_path, least=10_000)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, "", "skete: interrupted; the same command goes on where it was\n")
    assert wait_for_part(tmp_path) >= 10_000
    assert not list(tmp_path.rglob("*.lock"))


def test_a_full_disk_is_no_fault_of_the_source(command, run, recipe_file, server, body, tmp_path):
    """A limit on the file's size stands in for the disk: the same short write, then the same kind of error."""
    recipe = recipe_file(server.at("/x", whole(body)), server.at("/other", whole(body)))
    argv, environ = command(recipe, "--output", str(tmp_path / "out"))
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert done.returncode == 1
    assert re.search(r"^skete:   then the local disk refused: \S+\.part: File too large$", done.stderr, re.MULTILINE)
    assert "skete: Remedy: make room or give access there, or name another cache folder" in done.stderr
    assert len(server.requests) == 1, "another source would fill the same disk"
    assert wait_for_part(tmp_path) == 20_000
    assert run(recipe, "--output", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out").read_bytes() == body
    assert server.ranges()[1:] == ["bytes=20000-"]


def test_two_at_once_fetch_once(start, recipe_file, server, body, tmp_path):
    go = threading.Event()
    recipe = recipe_file(server.at("/x", held(body, 10_000, go)))
    outputs = [tmp_path / f"out{i}" for i in range(2)]
    processes = [start(recipe, "--read-s", "20", "--output", str(out)) for out in outputs]
    told, _, _ = select.select([process.stderr for process in processes], [], [], 20)
    assert ["another process is fetching it, waiting" in pipe.readline() for pipe in told] == [True]
    go.set()
    said = [process.communicate(timeout=30) for process in processes]
    assert [p.returncode for p in processes] == [0, 0], said
    assert [out.read_bytes() for out in outputs] == [body, body]
    assert len(server.requests) == 1
    assert not any(err for _, err in said)


def test_the_second_goes_on_when_the_first_is_killed(start, recipe_file, server, body, tmp_path):
    recipe = recipe_file(server.at("/x", slow(body, block=10_000, pause_s=4), whole(body)))
    first = start(recipe)
    wait_for_part(tmp_path, least=10_000)
    second = start(recipe, "--output", str(tmp_path / "out"))
    assert "waiting" in second.stderr.readline()
    first.kill()
    out, err = second.communicate(timeout=20)
    assert second.returncode == 0, err
    assert (tmp_path / "out").read_bytes() == body
    assert server.ranges()[1].startswith("bytes=")


@pytest.mark.parametrize("quiet, lines", [(False, 1), (True, 0)])
def test_a_terminal_gets_a_bar(command, recipe_file, server, body, tmp_path, quiet, lines):
    pytest.importorskip("rich")
    recipe = recipe_file(server.at("/x", status(503), slow(body, block=10_000, pause_s=0.1)), extra="size = 50000")
    argv, environ = command(recipe, "--output", str(tmp_path / "out"), *["--quiet"] * quiet)
    master, slave = pty.openpty()
    process = subprocess.Popen(argv, env=environ | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while block := os.read(master, 4096):
            shown += block
    except OSError:
        pass    # EIO: the other side is closed
    finally:
        os.close(master)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"50.0/50.0 kB" in shown or b"/50.0 kB" in shown
    assert out.count(b"\n") == lines
    assert (b"skete: x: HTTP 503" in shown) is not quiet


def test_a_log_gets_a_line_for_each_retry(run, recipe_file, server, body):
    done = run(recipe_file(server.at("/x", truncated(body, 100), whole(body))))
    (line,) = done.stderr.splitlines()
    assert line.startswith("skete: x: the body ended after 100 of 50000 bytes; trying again in ")


def test_reading_a_recipe_imports_nothing_slow(recipe_file):
    code = ("import sys, fetch; fetch.load_recipe(sys.argv[1]); "
            "sys.exit(bool({'requests', 'urllib3', 'rich', 'ssl', 'SCons'} & set(sys.modules)))")
    subprocess.run([sys.executable, "-c", code, recipe_file("http://nobody.invalid/x")], check=True, timeout=20,
                   env=os.environ | {"PYTHONPATH": PATHS})


def test_musl_from_wherever_this_machine_can_reach_it(tmp_path):
    """The one test that leaves the machine. The cache is empty here, so a source must really answer."""
    done = subprocess.run([sys.executable, "-m", "fetch", str(TOP / "toolchain/musl.toml"), "--output",
                           str(tmp_path / "musl.tar.gz"), "--connect-s", "3", "--read-s", "5", "--total-s", "8",
                           "--tries", "1"], capture_output=True, text=True, timeout=60,
                          env=MACHINE | {"PYTHONPATH": PATHS,
                                         "SKETE_CACHE": str(tmp_path / "cache")})
    if "could not be fetched. Tried, in order:" in done.stderr and "wrong content" not in done.stderr:
        pytest.skip(f"no source of musl can be reached: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "musl.tar.gz").read_bytes()[:2] == b"\x1f\x8b"
