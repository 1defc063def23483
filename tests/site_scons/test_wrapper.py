"""skete-gcc as anyone would use it, with the real libc: the sysroot that the build has made."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HELLO = '#include <stdio.h>\nint main(void)\n{\n\tputs("hello");\n\treturn 0;\n}\n'


@pytest.fixture
def hello(tmp_path) -> Path:
    source = tmp_path / "hello.c"
    source.write_text(HELLO)
    return source


@pytest.fixture
def gcc(sysroot, tmp_path):
    """Run the wrapper; the CompletedProcess, stdout and stderr together."""
    def gcc(*words, wrapper=sysroot / "bin/skete-gcc", **more):
        return subprocess.run([wrapper, *words], cwd=tmp_path, text=True, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **more)
    return gcc


def printed(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, timeout=10, check=True).stdout


def test_compiling_and_linking_in_one_or_two_steps(gcc, hello, tmp_path):
    assert gcc("-o", "one", hello).returncode == 0
    assert gcc("-c", "-Wall", "-Werror", hello).returncode == 0
    assert gcc("-o", "two", "hello.o", "-lm", "-lpthread", "-lrt", "-ldl").returncode == 0
    assert printed(tmp_path / "one") == printed(tmp_path / "two") == "hello\n"


def test_a_static_pie(gcc, hello, tmp_path):
    assert gcc("-static-pie", "-fPIE", "-o", "pie", hello).returncode == 0
    assert printed(tmp_path / "pie") == "hello\n"


def test_preprocessing_assembling_and_lto(gcc, hello, tmp_path):
    assert 'puts("hello")' in gcc("-E", hello).stdout
    assert gcc("-S", hello).returncode == 0 and gcc("-o", "s", "hello.s").returncode == 0
    assert gcc("-O2", "-flto", "-o", "lto", hello).returncode == 0
    assert printed(tmp_path / "s") == printed(tmp_path / "lto") == "hello\n"


def test_only_the_sysroot_s_headers_are_seen(gcc, hello, sysroot):
    headers = [word for word in gcc("-M", hello).stdout.replace("\\\n", " ").split() if word.endswith(".h")]
    assert headers and all(Path(header).resolve().is_relative_to(sysroot.resolve()) for header in headers)
    assert "no such file" in gcc("-E", "-x", "c", "-", input="#include <gnu/libc-version.h>\n").stdout.lower()


def test_gcc_s_own_headers_are_there(gcc, tmp_path):
    (tmp_path / "v.c").write_text("#include <immintrin.h>\n#include <stdatomic.h>\nint main(void) { return 0; }\n")
    assert gcc("-o", "v", "v.c").returncode == 0


def test_a_header_of_the_user_s_comes_first(gcc, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/stdio.h").write_text("#define OWN 1\n")
    for option in ("-I", "-isystem"):
        done = gcc(option, "own", "-E", "-P", "-x", "c", "-", input="#include <stdio.h>\nfound OWN\n")
        assert "found 1" in done.stdout


def test_the_host_s_libraries_are_not_found(gcc, hello):
    done = gcc(hello, "-lz", "-lncurses")
    assert done.returncode == 1 and "cannot find -lz" in done.stdout


@pytest.mark.parametrize("word", ["-shared", "-pie"])
def test_what_cannot_be_had_is_refused_in_words(gcc, hello, word):
    done = gcc(word, "-fPIC", hello)
    assert done.returncode == 1
    assert done.stdout.startswith("skete-gcc: musl is there as a static library only: " + word)


def test_questions_are_answered_without_linking(gcc):
    for question in ("--version", "-dumpmachine", "-v"):
        done = gcc(question)
        assert done.returncode == 0 and "undefined reference" not in done.stdout, question


def test_through_a_symbolic_link_and_from_path(gcc, hello, sysroot, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cc").symlink_to(sysroot / "bin/skete-gcc")
    assert gcc("-o", "linked", hello, wrapper=tmp_path / "bin/cc").returncode == 0
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", "cc -o found hello.c"], cwd=tmp_path, env={**os.environ, "PATH": path},
                          timeout=30)
    assert done.returncode == 0
    assert printed(tmp_path / "linked") == printed(tmp_path / "found") == "hello\n"


def test_another_gcc_can_be_named(gcc, hello, tmp_path):
    other = tmp_path / "other"
    other.write_text('#!/bin/sh\necho "I am $0"\n')
    other.chmod(0o755)
    assert f"I am {other}" in gcc(hello, env={**os.environ, "SKETE_GCC": str(other)}).stdout


CONFIGURE = """\
#!/bin/sh
# What autoconf asks a compiler, in the order in which it asks.
set -e
echo 'int main(void) { return 0; }' >conftest.c
$CC -o conftest conftest.c && ./conftest
$CC -c conftest.c && test -f conftest.o
$CC -E conftest.c >/dev/null
echo '#include <pthread.h>
#include <math.h>
int main(int c, char **v) { pthread_t t; return pthread_create(&t, 0, 0, 0) + (int)sin(c); }' >conftest.c
$CC -o conftest conftest.c -lm -pthread
echo 'char shm_open(void); int main(void) { return shm_open(); }' >conftest.c
$CC -fno-builtin -o conftest conftest.c
echo 'char gnu_get_libc_version(void); int main(void) { return gnu_get_libc_version(); }' >conftest.c
! $CC -o conftest conftest.c 2>/dev/null
printf 'all:\\n\\t%s -O2 -o hello hello.c\\n' "$CC" >Makefile
"""


def test_configure_and_make(hello, sysroot, tmp_path):
    (tmp_path / "configure").write_text(CONFIGURE)
    done = subprocess.run(["sh", "-c", "sh ./configure && make"], cwd=tmp_path, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "CC": str(sysroot / "bin/skete-gcc")})
    assert done.returncode == 0, done.stdout
    assert printed(tmp_path / "hello") == "hello\n"


def test_a_moved_sysroot_still_works(gcc, hello, sysroot, tmp_path):
    moved = tmp_path / "a place with blanks"
    shutil.copytree(sysroot, moved)
    assert gcc("-o", "moved", hello, wrapper=moved / "bin/skete-gcc").returncode == 0
    assert printed(tmp_path / "moved") == "hello\n"
    assert gcc("-print-file-name=libc.a", wrapper=moved / "bin/skete-gcc").stdout.strip() == f"{moved}/lib/libc.a"
