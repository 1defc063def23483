"""A tree to build in: the real build with a libc so small that it is compiled in a second."""
from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]

SOURCE = {
    "COPYRIGHT": "Nobody's: made for a test.\n",
    "Makefile": """\
CC = gcc
OBJECTS = crt1.o crti.o crtn.o tiny.o
all: libc.a
%.o: $(S)/%.c
	$(CC) $(CFLAGS) -I$(S)/include -c -o $@ $<
%.o: $(S)/%.S
	$(CC) -c -o $@ $<
libc.a: $(OBJECTS)
	ar rc $@ tiny.o
install:
	mkdir -p $(DESTDIR)/lib $(DESTDIR)/include
	cp libc.a crt1.o crti.o crtn.o $(DESTDIR)/lib
	cp $(S)/include/*.h $(DESTDIR)/include
""",
    "crt1.S": ".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start_c\n"
              ".section .note.GNU-stack,\"\",@progbits\n",
    "crti.S": ".section .note.GNU-stack,\"\",@progbits\n",
    "crtn.S": ".section .note.GNU-stack,\"\",@progbits\n",
    "include/stdio.h": "int puts(const char *);\nint pause_for_ever(void);\n",
    "tiny.c": """\
#include <stdio.h>

int main(int argc, char **argv);

static long call(long nr, long a, long b, long c)
{
	long result;
	__asm__ volatile ("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

int puts(const char *s)
{
	long n = 0;
	while (s[n]) n++;
	call(1, 1, (long)s, n);
	return call(1, 1, (long)"\\n", 1);
}

int pause_for_ever(void)
{
	for (;;) call(34, 0, 0, 0);
}

__attribute__((used)) void start_c(long *sp)
{
	call(231, main(*sp, (char **)(sp + 1)), 0, 0);
	__builtin_trap();
}
""",
}

PATCH = """\
Description: say that the series was applied
Origin: vendor
Forwarded: not-needed

--- a/include/stdio.h
+++ b/include/stdio.h
@@ -1,2 +1,3 @@
+#define PATCHED 1
 int puts(const char *);
 int pause_for_ever(void);
"""

RECIPE = """\
name = "tiny"
title = "a libc for tests"
homepage = "https://tiny.invalid/"
licence = "0BSD"
default_version = "1.0"
patches = "patches/tiny"
sources = ["https://tiny.invalid/tiny-{version}.tar.gz"]

[versions."1.0"]
sha256 = "SHA256"

[build]
steps = ["make -f {source}/Makefile S={source} -j{jobs}", "make -f {source}/Makefile S={source} install DESTDIR={root}"]
provides = ["lib/libc.a"]
licences = ["COPYRIGHT"]

[build.environment]
CFLAGS = "-O1 -ffreestanding -fno-builtin {map}"

[build.crt]
defines = "-DSKETE_LIBC={name} -DSKETE_LIBC_VERSION={version}"
wrap = ["crt1.o"]
entry = "_start"

[build.files]
"bin/skete-gcc" = "gcc-wrapper.j2"
"lib/skete.specs" = "gcc-specs.j2"

[build.macros]
wrapper = "skete-gcc"
"""

HELLO = """\
#include <stdio.h>
#ifndef PATCHED
#error the series was not applied
#endif
int main(int argc, char **argv)
{
	puts("one");
	puts("two");
	return 0;
}
"""


def tarball(files: dict[str, str], folder: str) -> bytes:
    """Return a source archive of `files`, below `folder`."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mtime, member.mode = len(text.encode()), 1_700_000_000, 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


class Tree:
    """A checkout of its own with the libc `tiny`, the app hello, and the archive in the download cache."""

    def __init__(self, top: Path, downloads: Path):
        self.top, self.downloads, self.source = top, downloads, dict(SOURCE)
        top.mkdir(parents=True)
        for name in ("SConstruct", "scons", "requirements.txt"):
            shutil.copy2(TOP / name, top / name)
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("site_scons", "crt"):
            shutil.copytree(TOP / name, top / name, ignore=ignore)
        (top / "skete").mkdir()
        (top / "toolchain").mkdir()
        for template in (TOP / "toolchain").glob("*.j2"):
            shutil.copy2(template, top / "toolchain")
        self.publish(self.source)
        self.write("patches/tiny/series", "# tiny 1.0\npatched.patch\n")
        self.write("patches/tiny/patched.patch", PATCH)
        self.app("hello", 'Import("env")\nenv.App("hello", ["hello.c"], expect="expected.txt")\n',
                 {"hello.c": HELLO, "expected.txt": "one\ntwo\n"})

    def write(self, path: str, text: str) -> Path:
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def app(self, name: str, sconscript: str, files: dict[str, str]) -> Path:
        for path, text in files.items():
            self.write(f"apps/{name}/{path}", text)
        return self.write(f"apps/{name}/SConscript", sconscript).parent

    def publish(self, source: dict[str, str]) -> None:
        """Make a release of the libc from `source`, and have it in the cache already."""
        self.write("toolchain/tiny.toml", RECIPE.replace("SHA256", self.cached(source, "tiny-1.0")))

    def cached(self, source: dict[str, str], folder: str) -> str:
        """Have a source archive in the cache; return its SHA-256."""
        data = tarball(source, folder)
        digest = hashlib.sha256(data).hexdigest()
        cached = self.downloads / "downloads" / f"{digest}-{folder}.tar.gz"
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(data)
        return digest

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "SKETE_CACHE": str(self.downloads), "LC_ALL": "C.UTF-8", **more}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "SCons", "-Q", *words]

    def scons(self, *words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
        """Run SCons as ./scons does; stdout and stderr together are `.stdout`."""
        return subprocess.run(self.command(*words), cwd=cwd or self.top, env=self.environment(**environment), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)

    def built(self, *words: str) -> str:
        """Run SCons, which must succeed; return what it printed."""
        done = self.scons(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, *words: str, **environment: str) -> str:
        """Run SCons, which must fail; return what it printed."""
        done = self.scons(*words, **environment)
        assert done.returncode == 2, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    pytest.importorskip("SCons", reason="SCons is not there for this interpreter: ./scons test brings it")
    return Tree(tmp_path / "tree", tmp_path / "cache")


@pytest.fixture
def another_tree(tree: Tree, tmp_path: Path) -> Tree:
    """A second checkout, in a folder with a blank in its name, which shares the download cache."""
    return Tree(tmp_path / "another tree", tmp_path / "cache")
