"""Programs in other languages, linked statically against the host's own libraries, run as they do natively."""
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent.parent / "guests" / "languages"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    made = {}

    def compile_(source: str, compiler: str, *flags: str) -> Path:
        if source not in made:
            if shutil.which(compiler) is None:
                pytest.skip(f"there is no {compiler}: apt-get install {compiler}")
            program = tmp_path_factory.mktemp("language") / "program"
            subprocess.run([compiler, "-O2", "-static", "-o", program, SOURCES / source, *flags], check=True, timeout=120)
            made[source] = program
        return made[source]
    return compile_


@pytest.mark.parametrize("source, compiler, flags", [
    ("threads.cpp", "g++", ("-pthread",)),
    ("arrays.f90", "gfortran", ()),
], ids=["C++", "Fortran"])
def test_runs_as_natively(source, compiler, flags, compiled, engine_name, skete, tmp_path):
    program = compiled(source, compiler, *flags)
    native = subprocess.run([program], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60)
    assert native.returncode == 0 and native.stdout and "DIFFERS" not in native.stdout, native.stdout + native.stderr
    guest = skete("run", "--engine", engine_name, "--timeout", "60", "--mount", f"{tmp_path}:/work", "--cwd", "/work",
                  program, timeout=90)
    assert (guest.returncode, guest.stdout) == (0, native.stdout), guest.stderr
    assert not list(tmp_path.iterdir())
