"""The emulated machine's file system, as Linux takes it at boot: a cpio archive, written here.

Python is the one that runs this step, with the shared libraries that it and its modules want.
"""
from __future__ import annotations

import gzip
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

from steps.step import Failure, result

#: of skete: its modules, and the sources of what it compiles, which it looks at to see whether that is up to date
OF_SKETE = (".py", ".c", ".S")
#: of the standard library: what is large and not for us
_LEFT_OUT = frozenset(("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages",
                       "dist-packages", "distutils", "pydoc_data", "sqlite3", "unittest", "asyncio"))
#: extension modules that the machine needs; the others want libraries of their own
_EXTENSIONS = re.compile(r"(_ctypes|_struct|_posixsubprocess|array|fcntl|math|mmap|resource|select|_socket|zlib|_json|"
                         r"_random|_datetime|_bisect|_heapq|_sha\w+|_md5|_blake2|_opcode|_pickle|_contextvars|_queue|"
                         r"binascii|termios|syslog|unicodedata|_statistics)\.")


class Archive:
    """A cpio archive of the kind `newc`: Documentation/driver-api/early-userspace/buffer-format.rst.

    What is there under a name stays; folders are made as they are needed.
    """

    def __init__(self, file):
        self._file, self._number, self._there = file, 0, {"."}

    def file(self, source: Path, name: str, mode: int | None = None) -> None:
        """Add a file's content under a name."""
        self.text(source.read_bytes(), name, mode or source.stat().st_mode & 0o777)

    def text(self, data: bytes, name: str, mode: int = 0o644) -> None:
        self._above(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, target: str, name: str) -> None:
        self._above(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def console(self) -> None:
        """/dev/console, which the first process finds as its standard output."""
        self._above("dev/console")
        self._entry("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))

    def end(self) -> None:
        self._entry("TRAILER!!!", 0, b"")

    def _above(self, name: str) -> None:
        for folder in reversed(list(Path(name).parents)):
            if str(folder) not in self._there:
                self._entry(str(folder), stat.S_IFDIR | 0o755, b"")

    def _entry(self, name: str, mode: int, data: bytes, device: tuple = (0, 0)) -> None:
        if name in self._there:
            return
        self._there.add(name)
        self._number += 1
        encoded = name.encode() + b"\0"
        fields = (self._number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))


def write(path: Path, top: Path, programs: list[Path], modules: list[Path]) -> None:
    """Write the archive."""
    with result(path) as unfinished, gzip.open(unfinished, "wb", 1) as file:
        archive = Archive(file)
        archive.console()
        python = _python(archive)
        archive.text(f"#!{python} -IS\n".encode() + (Path(__file__).parent / "inside.py").read_bytes(), "init", 0o755)
        for source in sorted((top / "skete").rglob("*")):
            if source.suffix in OF_SKETE:
                archive.file(source, f"skete/{source.relative_to(top)}")
        archive.file(top / "bin" / "skete", "skete/bin/skete")
        archive.link(python, "bin/python3")
        shell = Path("/bin/sh").resolve()       # it starts bin/skete
        archive.file(shell, "bin/sh")
        _libraries(archive, [shell])
        for number, module in enumerate(modules):
            archive.file(module, f"modules/{number}-{module.name}")
        names = [f"guests/{number}/{program.name}" for number, program in enumerate(programs)]
        for name, program in zip(names, programs):
            archive.file(program, name, 0o755)
        archive.text("".join(f"/{name}\n" for name in names).encode(), "guests/list")
        # Last: it has to be newer than its sources, and unpacking may make everything new.
        for compiled in _compiled(top):
            archive.file(compiled, f"skete/{compiled.relative_to(top)}")
        archive.end()


def _python(archive: Archive) -> str:
    """Add the interpreter and its library; its path."""
    program = Path(sys.executable).resolve()
    library = Path(os.__file__).resolve().parent
    binaries = [program]
    for path in sorted(library.rglob("*")):
        inside = path.relative_to(library)
        if _LEFT_OUT.intersection(inside.parts) or not path.is_file() or inside.parts[0].startswith("config-"):
            continue
        if path.suffix == ".so":
            if not _EXTENSIONS.match(path.name):
                continue
            binaries.append(path)
        elif path.suffix != ".py" and not (path.suffix == ".pyc" and path.stem.endswith(sys.implementation.cache_tag)):
            continue
        archive.file(path, str(path)[1:])
    archive.file(program, str(program)[1:])
    _libraries(archive, binaries)
    return str(program)


def _compiled(top: Path) -> list[Path]:
    """The process engine's stub and the gate, which the machine has no compiler for: see skete/engines/gate/code.py."""
    engines = top / "skete" / "engines"
    paths = [engines / "process" / "__pycache__" / "stub", engines / "gate" / "__pycache__" / "gate"]
    compile_them = "from skete.engines.gate import code; from skete.engines.process import stub; stub.find(); code.gate()"
    try:
        done = subprocess.run([sys.executable, "-c", compile_them], cwd=top, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        raise Failure("compiling the process engine's stub and the gate comes to no end") from None
    for path in paths:
        if done.returncode or not path.exists():
            raise Failure(f"{path} is not there; compiling it:\n{done.stdout}{done.stderr}")
    return paths


def _libraries(archive: Archive, binaries: list[Path]) -> None:
    """Add what the dynamic linker says that these want, under the names by which it finds them."""
    for binary in binaries:
        done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, timeout=60)
        if "not found" in done.stdout:
            raise Failure(f"{binary}: a shared library is missing:\n{done.stdout}")
        for name in re.findall(r"(?:=> )?(/\S+) \(0x", done.stdout):
            archive.file(Path(name), name[1:], 0o755)
