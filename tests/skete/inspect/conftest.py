"""Programs to look at."""
import os
import subprocess

import pytest

pytest.importorskip("elftools", reason="skete inspect is built on pyelftools")


class Compiled:
    """``compiled(name, source, *flags)``: the path of a program; the source is name.c in its folder."""

    def __init__(self, folder, compiler):
        self.folder, self.compiler = folder, compiler

    def __call__(self, name, source, *flags):
        compiler, folder = self.compiler(), self.folder
        program = folder / "-".join([name, *(f.strip("-").replace(",", "_") for f in flags)])
        if not program.exists():
            (folder / f"{name}.c").write_text(source)
            subprocess.run([compiler, *flags, "-o", str(program), f"{name}.c"], check=True, timeout=120, cwd=folder,
                           env=dict(os.environ, LC_ALL="C"))
        return str(program)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory, host):
    """Programs with the host's own C library, which is not ours in what the inspection tells of it."""
    return Compiled(tmp_path_factory.mktemp("programs"), lambda: host.gcc)


@pytest.fixture(scope="session")
def compiled_anyhow(tmp_path_factory, host):
    """Programs whose C library is no matter."""
    return Compiled(tmp_path_factory.mktemp("programs"), lambda: host.cc)
