"""benchmarks/calls.py measures every operation on every engine, and says what it could not measure."""
import importlib.util
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def calls():
    spec = importlib.util.spec_from_file_location("calls", BENCHMARKS / "calls.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def program(host, tmp_path_factory):
    import subprocess
    built = tmp_path_factory.mktemp("calls") / "calls"
    subprocess.run([host.gcc, "-O1", "-static", "-pthread", "-Wall", "-Werror", BENCHMARKS / "calls.c", "-o", built],
                   check=True, timeout=120)
    return str(built)


def test_every_operation(calls, program, engine_name, tmp_path):
    command, environment = calls.ways(str(tmp_path))[f"skete {engine_name}"]
    figures = calls.once([*command, program, "1"], environment, str(tmp_path))
    assert tuple(figures) == calls.OPERATIONS
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_named(calls, monkeypatch, tmp_path):
    monkeypatch.setattr(calls, "ways", lambda folder: {"none": (["skete-no-such-command"], {}), "bad": (["false"], {})})
    measured, failed = calls.measure("/bin/true", str(tmp_path), 2, 1, [])
    assert measured == {}
    assert failed == {"none": "not installed: apt-get install skete-no-such-command", "bad": "status 1: no output"}
