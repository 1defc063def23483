"""Programs to look at, made by the host's compiler."""
import os
import shutil
import subprocess

import pytest

pytest.importorskip("elftools", reason="skete inspect is built on pyelftools")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """``compiled(name, source, *flags)``: the path of a program; the source is name.c in its folder."""
    gcc = shutil.which("gcc")
    folder = tmp_path_factory.mktemp("programs")

    def compile_(name, source, *flags):
        if gcc is None:
            pytest.skip("no gcc here")
        program = folder / "-".join([name, *(f.strip("-").replace(",", "_") for f in flags)])
        if not program.exists():
            (folder / f"{name}.c").write_text(source)
            subprocess.run([gcc, *flags, "-o", str(program), f"{name}.c"], check=True, timeout=120, cwd=folder,
                           env=dict(os.environ, LC_ALL="C"))
        return str(program)
    return compile_
