"""dietlibc: the series applies, and the libc that comes of it does what the patches say."""
from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TREE = HERE.parents[1]
FOLDER = TREE / "patches" / "dietlibc"
RECIPE = TREE / "toolchain" / "dietlibc.toml"
VERSION = tomllib.loads(RECIPE.read_text())["default_version"]
NEWLIB = Path("/usr/include/newlib")
VSYSCALL = bytes.fromhex("000060ff")    # the low half of the page's address, as every instruction that has it ends
SERIES = [FOLDER / line for line in (FOLDER / "series").read_text().splitlines() if not line.startswith("#")]


def run(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Path:
    """The source folder as published."""
    folder = tmp_path_factory.mktemp("dietlibc")
    done = run(sys.executable, "-m", "fetch", RECIPE, "--output", folder / "archive", "--quiet", "--tries", "1",
               cwd=TREE / "site_scons")
    if done.returncode:
        pytest.skip(f"dietlibc is not to be had: {done.stderr}")
    with tarfile.open(folder / "archive") as tar:
        # Python 3.11.2, which Debian 12 has, knows no filter yet (and its tar no xz); what is unpacked was verified.
        tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / f"dietlibc-{VERSION}"


@pytest.fixture(scope="session")
def diet() -> Path:
    """The sysroot that `scons test` has built; where the source was not to be had, it has left us the reason."""
    built = [Path(os.environ.get("SKETE_SYSROOT", "/")), TREE / "build" / "sysroot" / f"dietlibc-{VERSION}-x86_64"]
    for sysroot in built:
        if (sysroot / "bin" / "skete-diet-gcc").exists():
            return sysroot
    pytest.skip(os.environ.get("SKETE_NO_DIETLIBC")
                or "there is no sysroot of dietlibc: ./scons libc=dietlibc builds one")


@pytest.fixture
def linked(diet, tmp_path):
    """``linked(source, *flags)``: the program made of a file here."""
    def link(source: str, *flags) -> Path:
        done = run(diet / "bin" / "skete-diet-gcc", "-O1", "-o", tmp_path / "program", HERE / source, *flags)
        assert done.returncode == 0, done.stderr
        return tmp_path / "program"
    return link


def test_series_and_folder_agree():
    assert (FOLDER / "series").read_text().startswith(f"# dietlibc {VERSION}\n")
    assert sorted(SERIES) == sorted(FOLDER.glob("*.patch"))


@pytest.mark.parametrize("patch", SERIES, ids=lambda p: p.stem)
def test_header_is_dep3(patch):
    header = patch.read_text().partition("\n---\n")[0]
    assert re.findall(r"^([A-Z][A-Za-z-]+): ", header, re.MULTILINE) == [
        "Description", "Origin", "Forwarded", "Author", "Last-Update"]
    summary, _, reason = header.partition("\nOrigin:")[0].partition("\n")
    assert len(summary) < 92 and len(reason.split()) > 12


def test_series_applies_without_fuzz_and_comes_off_again(pristine, tmp_path):
    tree = shutil.copytree(pristine, tmp_path / "tree")
    for patch in SERIES:
        done = run("patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "--input", patch, cwd=tree)
        assert done.returncode == 0 and "fuzz" not in done.stdout, f"{patch.name}: {done.stdout}"
    for patch in reversed(SERIES):
        done = run("patch", "-p1", "-R", "--fuzz=0", "--no-backup-if-mismatch", "--input", patch, cwd=tree)
        assert done.returncode == 0, f"{patch.name}: {done.stdout}"
    assert run("diff", "-r", pristine, tree).stdout == ""


def test_libc_reaches_neither_vdso_nor_vsyscall_page(linked):
    """Told of the vDSO (it enters past our filter), which then is taken away: it never looks."""
    done = run(linked("diet_clocks.c", "-Wl,-e,__skete_libc_start"))
    if "given 0" in done.stdout or "taken away 0" in done.stdout:
        pytest.skip("this machine's kernel maps no vDSO")
    assert (done.returncode, done.stdout) == (0, "given 1 told 1\ntaken away 1\nfailed 0\n")


def test_the_kernel_gives_a_vdso_and_the_libc_hears_of_none(linked):
    done = run(linked("diet_clocks.c"))
    if "given 0" in done.stdout:
        pytest.skip("this machine's kernel maps no vDSO")
    assert (done.returncode, done.stdout) == (0, "given 1 told 0\ntaken away 1\nfailed 0\n")


def test_under_the_monitor_neither_page_exists(linked, skete, engine_name):
    done = skete("run", "--engine", engine_name, linked("diet_clocks.c"))
    assert (done.returncode, done.stdout) == (0, "given 0 told 0\ntaken away 0\nfailed 0\n")


def test_no_code_holds_the_address_of_the_vsyscall_page(diet):
    assert VSYSCALL not in (diet / "lib" / "libc.a").read_bytes()
    assert b"__vdso" not in (diet / "lib" / "libc.a").read_bytes()


def test_as_published_it_takes_the_vsyscall_page_for_an_elf_image(pristine, diet, tmp_path):
    """The control of the four tests above: the same program, our start files and libc, but the three objects that look for
    the time are as published."""
    tree = shutil.copytree(pristine, tmp_path / "tree")
    objects = [f"bin-x86_64/{name}.o" for name in ("stackgap", "clock_gettime", "vdso_dlsym")]
    done = run("make", "-C", tree, "prefix=", *objects)
    assert done.returncode == 0, done.stderr[-2000:]
    assert VSYSCALL in (tree / objects[0]).read_bytes()
    (tmp_path / "clock.c").write_text("#include <time.h>\nint main(void) { struct timespec t; "
                                      "return clock_gettime(CLOCK_REALTIME, &t); }\n")
    done = run("gcc", "-static", "-no-pie", "-fno-pie", "-nostdlib", "-nostdinc", "-isystem", tree / "include", "-o",
               tmp_path / "clock", tmp_path / "clock.c", diet / "lib" / "crt1.o", *(tree / name for name in objects),
               diet / "lib" / "libc.a", "-lgcc")
    assert done.returncode == 0, done.stderr
    assert run(tmp_path / "clock").returncode == -signal.SIGSEGV


def test_printf_of_floating_point_is_exact(linked, host, tmp_path):
    native = run(host.gcc, "-O1", "-static", "-w", "-o", tmp_path / "native", HERE / "diet_printf.c")
    assert native.returncode == 0, native.stderr
    expected, got = run(tmp_path / "native").stdout.splitlines(), run(linked("diet_printf.c")).stdout.splitlines()
    assert len(expected) > 10000
    differences = [(want, had) for want, had in zip(expected, got, strict=True) if want != had]
    assert not differences, differences[:10]


@pytest.mark.parametrize("align", [8, 16, 64, 256])
@pytest.mark.parametrize("size", [8, 16, 24, 1000])
def test_thread_local_storage_lies_where_the_linker_put_it(linked, align, size):
    done = run(linked("diet_startup.c", f"-DALIGN={align}", f"-DSIZE={size}"))
    assert (done.returncode, done.stdout) == (0, "constructor 101\nconstructor\nstorage: 0 in main, 0 in a thread\n"
                                                 "destructor\ndestructor 101\n")


@pytest.mark.skipif(not NEWLIB.is_dir(), reason="newlib's headers are not installed: apt-get install libnewlib-dev")
def test_newlib_object_shares_errno(linked, tmp_path):
    """Compiled as Debian's headers are, without dynamic reentrancy; apps/errno has the other kind."""
    subprocess.run(["gcc", "-O1", "-fno-pie", "-isystem", NEWLIB, "-c", "-o", tmp_path / "plain.o", HERE / "plain.c"],
                   check=True, timeout=60)
    done = run(linked("plain_main.c", tmp_path / "plain.o"))
    assert (done.returncode, done.stdout) == (0, "main: 33 34 9, thread's own 1, global 1\n"
                                                 "streams 1, both globals alike 1\n"
                                                 "thread: 33 34 9, thread's own 0, global 0\nmain afterwards: 0\n")


def test_wrapper_refuses_what_there_is_not(diet, tmp_path):
    for flag in ("-shared", "-static-pie"):
        done = run(diet / "bin" / "skete-diet-gcc", flag, "-o", tmp_path / "x", HERE / "diet_startup.c")
        assert done.returncode == 1 and flag in done.stderr


@pytest.mark.skipif("SKETE_SLOW" not in os.environ, reason="builds two sysroots: set SKETE_SLOW")
def test_dist_is_the_same_bytes_wherever_it_was_made(tmp_path):
    made = []
    for name in ("one", "another place"):
        tree = tmp_path / name
        subprocess.run(["git", "clone", "--quiet", TREE, tree], check=True, timeout=60)
        shutil.copytree(TREE / "build" / "downloads", tree / "build" / "downloads")
        done = run(sys.executable, "-m", "SCons", "-Q", "-C", tree, "libc=dietlibc", "dist")
        assert done.returncode == 0, done.stdout + done.stderr
        made.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tree / "dist").iterdir()})
    assert made[0] == made[1] and len(made[0]) == 4
