"""The command as a user meets it: what it prints where, and its exit status."""
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

SKETE = str(Path(__file__).resolve().parents[2] / "bin" / "skete")


def test_help_names_every_command(skete):
    done = skete("-h")
    assert done.returncode == 0
    for word in ("run", "syscalls", "inspect"):
        assert word in done.stdout


@pytest.mark.parametrize("why, args, words", [
    ("an option that does not exist", ["run", "--frob", "prog"], "--frob"),
    ("no program", ["run"], "PROG"),
    ("a negative timeout", ["run", "--timeout", "-1", "prog"], "--timeout"),
    ("a size that is none", ["run", "--memory", "lots", "prog"], "as in 512M, not 'lots'"),
    ("a user that is none", ["run", "--user", "root", "prog"], "UID:GID, numbers, as in 1000:1000, not 'root'"),
    ("a network that is none", ["run", "--net", "lan", "prog"], "none, loopback or host, not 'lan'"),
    ("an option without its value", ["run", "--mount"], "--mount"),
    ("a switch with a value", ["run", "--stats=yes", "prog"], "--stats"),
    ("an abbreviated option", ["run", "--tim", "3", "prog"], "--tim"),
    ("an unknown command", ["walk"], "walk"),
    ("no command", [], "COMMAND"),
])
def test_a_wrong_command_line_is_status_2_and_names_the_word(skete, why, args, words):
    done = skete(*args)
    assert done.returncode == 2 and words in done.stderr and not done.stdout, why


@pytest.mark.parametrize("why, args, words", [
    ("no such program", ["/nonexistent/prog"], "/nonexistent/prog: No such file"),
    ("a folder", ["/"], "/: is no regular file"),
    ("a device", ["/dev/zero"], "/dev/zero: is no regular file"),
    ("an image that is none", ["--tar", f"{__file__}:/t", "GUEST"], f"{__file__}: is no tar image"),
    ("a folder for the report", ["--json", "/tmp", "GUEST"], "/tmp: Is a directory"),
    ("text", [__file__], "not an ELF program"),
    ("dynamic", ["/bin/sh"], "interpreter"),
    ("no such engine", ["--engine", "steam", "/bin/sh"], "'steam'"),
    ("a mount that is not there", ["--mount", "/nonexistent:/x", "GUEST"], "/nonexistent"),
    ("a mount without a place", ["--mount", "/tmp", "GUEST"], "HOST:GUEST"),
    ("a mount at a relative place", ["--mount", "/tmp:x", "GUEST"], "x"),
    ("a working directory that was not granted", ["--cwd", "/home", "GUEST"], "'/home'"),
    ("a variable without a name", ["--env", "=x", "GUEST"], "=x"),
    ("a set of calls with a word that is none", ["--trace-only", "open,frob", "GUEST"], "'frob'"),
    ("a place for the report that is not there", ["--json", "/nonexistent/x.json", "GUEST"], "/nonexistent/x.json: No such file"),
    ("a place for the trace that is not there", ["--trace-file", "/nonexistent/x", "GUEST"], "/nonexistent/x"),
])
def test_what_cannot_be_run_is_status_125_and_one_line(skete, guests, why, args, words):
    done = skete("run", *[guests("echo") if arg == "GUEST" else arg for arg in args])
    assert done.returncode == 125, why
    assert words in done.stderr and done.stderr.startswith("skete: ") and done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_everything_after_the_program_is_the_guests(skete, guests):
    done = skete("run", "--env", "A=1", guests("echo"), "--stats", "-h", "--", "x")
    assert done.stdout == "arg --stats\narg -h\narg --\narg x\nenv A=1\n"
    assert done.returncode == 7 and done.stderr == ""


def test_the_environment_is_only_what_was_granted(skete, guests, monkeypatch):
    monkeypatch.setenv("GRANTED", "yes")
    monkeypatch.setenv("SECRET", "no")
    done = skete("run", "--env", "GRANTED", "--env", "UNSET_ON_HOST", "--env", "OTHER=a=b", guests("echo"))
    assert done.stdout == "env GRANTED=yes\nenv OTHER=a=b\n"


def test_the_guest_is_told_who_it_is(skete, guests):
    done = skete("run", "--user", "7:8", "--trace", guests("args"))
    assert re.search(r"^getuid\(\) += 7$", done.stderr, re.M) and re.search(r"^getegid\(\) += 8$", done.stderr, re.M)


def test_timeout_is_status_124(skete, guests):
    done = skete("run", "--timeout", "0.3", guests("spin"))
    assert done.returncode == 124 and done.stdout == "spinning\n"
    assert "0.3 s" in done.stderr


def test_a_killed_run_leaves_no_file(guests, tmp_path):
    run = subprocess.Popen([SKETE, "run", "--json", tmp_path / "report.json", "--trace-file",
                            tmp_path / "trace", guests("spin")], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not (tmp_path / "trace").exists() and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        run.kill()
        run.wait()
    assert os.listdir(tmp_path) == ["trace"]


def test_json_says_what_became_of_it(skete, guests, tmp_path):
    report = tmp_path / "report.json"
    done = skete("run", "--json", report, guests("calls"))
    found = json.loads(report.read_text())
    assert done.returncode == 0
    assert found["schema"] == 1 and found["argv"] == [str(guests("calls"))] and found["engine"] == "process"
    assert found["status"] == {"kind": "exited", "code": 0} and found["exit_status"] == 0
    assert found["syscalls"]["getppid"]["calls"] == 1
    assert found["unserved"] == {"syscall_0x7d1": 2}
    assert os.listdir(tmp_path) == ["report.json"], "no temporary file stays"


def test_unserved_calls_are_named_once(skete, guests):
    done = skete("run", guests("calls"))
    assert done.stderr == "skete: not served, answered ENOSYS: syscall_0x7d1 (2x)\n"


def test_trace_goes_to_stderr_or_a_file(skete, guests, tmp_path):
    done = skete("run", "--trace", guests("echo"), "x")
    assert done.stdout == "arg x\n"
    assert 'write(1, "arg x\\n", 6)' in done.stderr and done.stderr.endswith("+++ exited with 7 +++\n")
    file = tmp_path / "trace"
    done = skete("run", "--trace-file", file, "--trace-only", "write", guests("echo"), "x")
    assert done.stderr == ""
    assert [line.split("(")[0] for line in file.read_text().splitlines()] == ["execve", "write", "+++ exited with 7 +++"]


def test_a_fault_is_placed_in_the_source(skete, guests):
    done = skete("run", guests("fault", "-O0"))
    assert done.returncode == 128 + signal.SIGSEGV
    assert "SIGSEGV at touch+0x" in done.stderr and "fault.c:" in done.stderr and "0x10" in done.stderr


def test_syscalls_prints_the_table(skete):
    done = skete("syscalls")
    assert "getppid" in done.stdout and done.returncode == 0
    nothing = skete("syscalls", "frobnicate")
    assert nothing.returncode == 1 and "'frobnicate'" in nothing.stderr and not nothing.stdout
    rows = json.loads(skete("syscalls", "--json").stdout)
    assert rows


def test_a_reader_that_leaves_early_is_no_traceback():
    done = subprocess.run(f"{SKETE} syscalls | head -1", shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def _started(guests, *args, **kwargs):
    """A run of the guest that spins, started and known to be running."""
    process = subprocess.Popen([SKETE, "run", "--timeout", "60", *args, str(guests("spin"))], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    assert process.stdout.readline() == "spinning\n"
    return process


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_a_terminal_sends_reaches_the_guest(guests, signo):
    process = _started(guests)
    process.send_signal(signo)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signo and "Traceback" not in errors


def test_a_monitor_that_is_killed_takes_its_guest_along(guests):
    process = _started(guests)
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        guest, = children.read().split()
    process.kill()
    process.communicate(timeout=30)
    for _ in range(200):
        if not os.path.exists(f"/proc/{guest}"):
            return
        with open(f"/proc/{guest}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                return
        time.sleep(0.05)
    pytest.fail("the guest lives on")
