"""Compiling the NPB programs and small drivers of their parts with the host's compiler."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NPB = Path(__file__).resolve().parents[3] / "apps" / "npb"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
SOLVER = [f"common/{name}.c" for name in ("grid", "field", "residual", "norms", "report", "timer", "turn", "verify")]

# Vector widths: what they need of the processor, and the flags.
WIDTHS = {
    "sse2": ([], ["-O3"]),
    "avx2": (["avx2", "fma"], ["-O3", "-mavx2", "-mfma", "-ffp-contract=fast"]),
    "avx512": (["avx512f"], ["-O3", "-mavx512f", "-ffp-contract=fast"]),
}


def processor_flags() -> set[str]:
    """The flags of the first processor, from /proc/cpuinfo."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


class Declared:
    """Stands in for a build's environment: remembers what an SConscript declares."""

    def __init__(self, benchmark: str):
        self.words = {}
        script = NPB / benchmark / "SConscript"
        names = {"Import": lambda *names: None, "Split": str.split, "env": self}
        exec(compile(script.read_text(), str(script), "exec"), names)

    def App(self, name: str, sources: list[str], **words) -> None:    # noqa: N802: the build's name
        self.sources, self.words = sources, words

    def Generate(self, *words) -> tuple:    # noqa: N802
        return words

    Pattern = Checker = Generate


class Npb:
    """Builds programs from apps/npb in a folder of their own, each only once."""

    tree = NPB
    solver = SOLVER

    def __init__(self, folder: Path, host):
        self.folder, self.host = folder, host

    def facts(self, benchmark: str) -> dict:
        """What verification.json has about a benchmark."""
        return json.loads((NPB / benchmark / "verification.json").read_text())

    def header(self, benchmark: str, letter: str, *more: str, environ: dict | None = None) -> subprocess.CompletedProcess:
        """Run header.py as the build does."""
        return subprocess.run(
            [sys.executable, str(NPB / "common" / "header.py"), str(NPB / benchmark / "verification.json"), "--class", letter,
             *more], capture_output=True, text=True, timeout=60, env={**os.environ, **(environ or {})})

    def compile(self, name: str, sources: list[Path | str], flags: list[str], compiler: str | None = None) -> Path:
        """Compile without a warning; sources are absolute or relative to apps/npb."""
        program = self.folder / name / "program"
        if program.exists():
            return program
        compiler = self.host.command(compiler) if compiler else self.host.cc
        program.parent.mkdir(exist_ok=True)
        done = subprocess.run([compiler, *STRICT, *flags, f"-I{program.parent}", f"-I{NPB / 'common'}",
                               *(str(NPB / source) for source in sources), "-o", str(program), "-lm"],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return program

    @staticmethod
    def width(name: str) -> list[str]:
        """The flags for vectors of a width. Skips where the processor has none."""
        needs, flags = WIDTHS[name]
        if not set(needs) <= processor_flags():
            pytest.skip(f"the processor has no {' '.join(needs)}")
        return flags

    def benchmark(self, name: str, letter: str, width: str = "sse2", change=None, compiler: str | None = None,
                  plain: bool = False) -> Path:
        """A benchmark for one class, from the sources that its SConscript has. `change(text)` may alter the header.

        plain: without optimisation, which takes a third of the time to compile and decides about right and wrong as well
        """
        flags = ["-O0"] if plain else self.width(width)
        folder = "-".join(filter(None, [name, letter, width, change and change.__name__, compiler and "other"]))
        place = self.folder / folder / "params.h"
        place.parent.mkdir(exist_ok=True)
        done = self.header(name, letter, "--output", str(place))
        assert done.returncode == 0, done.stderr
        if change:
            text = place.read_text()
            place.write_text(change(text))
            assert place.read_text() != text, "nothing was changed"
        sources = [os.path.normpath(f"{name}/{source}") for source in Declared(name).sources]
        return self.compile(folder, sources, flags, compiler)

    @staticmethod
    def declared(name: str) -> Declared:
        """What the SConscript of a benchmark says."""
        return Declared(name)

    @staticmethod
    def run(program: Path, *arguments: str, timeout: float = 200, **more) -> subprocess.CompletedProcess:
        """Run a benchmark to its end."""
        return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=timeout, **more)

    @staticmethod
    def block(done: subprocess.CompletedProcess) -> dict[str, str]:
        """The standard block of a benchmark's printout."""
        lines = done.stdout.split(" Benchmark Completed")[1].splitlines()
        return {line[1:17].rstrip(): line[18:].strip() for line in lines[1:]}


@pytest.fixture(scope="session")
def npb(tmp_path_factory, host) -> Npb:
    return Npb(tmp_path_factory.mktemp("npb"), host)
