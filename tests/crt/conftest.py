"""Programs linked with our start files, by the wrapper that the build made."""
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def compiled(sysroot, tmp_path_factory):
    """``compiled(source, *flags)``: the path of the program made of tests/crt/SOURCE.c."""
    folder = tmp_path_factory.mktemp("crt")

    def compile_(source: str, *flags: str) -> Path:
        program = folder / "-".join([source, *(flag.strip("-").replace(",", "_").replace("/", "_") for flag in flags)])
        if not program.exists():
            done = subprocess.run([sysroot / "bin" / "skete-gcc", "-O1", *flags, "-o", program, HERE / f"{source}.c"],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
        return program
    return compile_
