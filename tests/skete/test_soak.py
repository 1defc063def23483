"""Machines leave nothing behind; `python benchmarks/soak.py` does the same with 1,000 and with 50 at once."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "soak.py"


@pytest.fixture(scope="module")
def soak():
    import importlib.util
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_left(guests, engine_name):
    done = subprocess.run([sys.executable, SOAK, "--engine", engine_name, "--turns", "100", "--at-once", "20",
                           "--program", guests("soak")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("nothing is left") == 2


def test_a_descriptor_that_is_left_is_seen(soak):
    before = soak.held()
    assert soak.leaks(before, soak.held()) == []
    fd = os.memfd_create("left")
    try:
        assert {line.split(":")[0] for line in soak.leaks(before, soak.held())} == {"descriptors", "memory files"}
    finally:
        os.close(fd)


def test_a_process_that_is_left_is_seen(soak, monkeypatch):
    monkeypatch.setattr(soak, "GONE_S", 0.1)
    before = set(soak.children())
    child = subprocess.Popen(["sleep", "100"])
    try:
        assert soak.wait_gone(before) == [child.pid]
    finally:
        child.kill()
        child.wait()
    assert soak.wait_gone(before) == []
