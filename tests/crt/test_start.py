"""The start files: a hidden vDSO, a note, and a start-up that is as it always was."""
import re
import signal
import struct
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CRT = HERE.parents[1] / "crt"
AT_SYSINFO, AT_SYSINFO_EHDR = 32, 33
NO_FILTER = "-Wl,-e,__skete_libc_start"    # enter at the libc's own start, past ours
KINDS = [pytest.param([], id="static"), pytest.param(["-static-pie", "-fPIE"], id="static-pie"),
         pytest.param(["-Wl,--gc-sections", "-ffunction-sections"], id="gc-sections")]

STARTUP = """\
constructor 101: tls 42 0 tls, stack 1, canary 1
constructor 102
constructor
main: tls 43 0 tls, aligned 1, stack 1
argc 3, ended by a null 1
argv one
argv 
envp KEY=value
envp EMPTY=
getenv value
atexit: registered second
atexit: registered first
destructor
destructor 101
"""


def run(program, *args, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=60, **kwargs)


@pytest.mark.parametrize("flags", KINDS)
def test_startup_is_intact(compiled, flags):
    # musl sets the canary up only in a program that has something to protect
    done = run(compiled("startup", "-fstack-protector-all", *flags), "one", "", env={"KEY": "value", "EMPTY": ""})
    assert done.stdout == STARTUP
    assert done.returncode == 7


@pytest.mark.parametrize("flags", KINDS)
def test_startup_is_intact_under_the_monitor(compiled, skete, engine_name, flags):
    done = skete("run", "--engine", engine_name, "--env", "KEY=value", "--env", "EMPTY=",
                 compiled("startup", "-fstack-protector-all", *flags), "one", "")
    assert (done.returncode, done.stdout) == (7, STARTUP)


def test_stack_protector_has_its_canary(compiled):
    done = run(compiled("startup", "-fstack-protector-all"), "smash")
    assert "nobody noticed" not in done.stdout
    assert done.returncode in (-signal.SIGSEGV, -signal.SIGABRT)


@pytest.mark.parametrize("flags", KINDS)
def test_vdso_is_dropped_and_all_else_kept(compiled, flags):
    """What the program sees is what the kernel gives this process too, in that order, without the vDSO."""
    rows = [tuple(map(int, line.split())) for line in run(compiled("auxv", *flags)).stdout.splitlines()]
    data = Path("/proc/self/auxv").read_bytes()
    given = [kind for kind, _ in struct.iter_unpack("=QQ", data) if kind not in (AT_SYSINFO, AT_SYSINFO_EHDR)]
    assert [kind for kind, _ in rows] == given
    assert rows[-1] == (0, 0)


def test_without_the_filter_the_vdso_shows(compiled):
    """The control of the test above: the kernel of this machine does give one."""
    assert f"\n{AT_SYSINFO_EHDR} " in "\n" + run(compiled("auxv", NO_FILTER)).stdout


@pytest.fixture(scope="module")
def filtered(tmp_path_factory, host):
    """``filtered(*words)``: the words of a stack after the filter went over it."""
    program = tmp_path_factory.mktemp("filter") / "filter"
    # A trap needs no run-time library of the sanitizer, and so no libc that it was made for.
    # Under another name it can be linked beside the one in our start files.
    subprocess.run([host.cc, "-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-D__skete_auxv=auxv_filter",
                    "-o", program, HERE / "filter.c", CRT / "auxv.c"], check=True, timeout=60)

    def filter_(*words: int) -> list[int]:
        done = subprocess.run([program], input=" ".join(map(str, words)) + "\n", capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, "")
        return list(map(int, done.stdout.split()))
    return filter_


@pytest.mark.parametrize("why, auxv, left", [
    ("an empty vector",        [0, 0],                                    [0, 0]),
    ("nothing to drop",        [6, 4096, 25, 7, 0, 0],                    [6, 4096, 25, 7, 0, 0]),
    ("the first entry",        [33, 99, 6, 4096, 0, 0],                   [6, 4096, 0, 0, 0, 0]),
    ("the last entry",         [6, 4096, 33, 99, 0, 0],                   [6, 4096, 0, 0, 0, 0]),
    ("the only entry",         [33, 99, 0, 0],                            [0, 0, 0, 0]),
    ("both of i386",           [32, 98, 33, 99, 6, 4096, 0, 0],           [6, 4096, 0, 0, 0, 0, 0, 0]),
    ("one that comes twice",   [33, 1, 6, 4096, 33, 2, 9, 5, 0, 0],       [6, 4096, 9, 5, 0, 0, 0, 0, 0, 0]),
    ("a value like a type",    [6, 33, 33, 6, 9, 32, 0, 0],               [6, 33, 9, 32, 0, 0, 0, 0]),
    ("an entry of value 0",    [33, 0, 7, 0, 8, 0, 0, 0],                 [7, 0, 8, 0, 0, 0, 0, 0]),
    ("words above the vector", [33, 99, 0, 0, 33, 99],                    [0, 0, 0, 0, 33, 99]),
])
@pytest.mark.parametrize("before", [
    pytest.param([2, 1001, 1002, 0, 2001, 0], id="argv and envp"),
    pytest.param([0, 0, 0], id="neither argv nor envp"),
    pytest.param([1, 33, 0, 33, 33, 0], id="pointers like types"),
])
def test_filter(filtered, before, why, auxv, left):
    assert filtered(*before, *auxv) == before + left, why


@pytest.mark.parametrize("flags", KINDS)
def test_note(compiled, sysroot, flags):
    """A PT_NOTE by which readers without section headers find it; the libc named as the sysroot's folder names it."""
    elffile = pytest.importorskip("elftools.elf.elffile")
    name, version = re.fullmatch(r"(.+)-([^-]+)-[^-]+", sysroot.resolve().name).groups()
    with compiled("startup", *flags).open("rb") as stream:
        elf = elffile.ELFFile(stream)
        found = [(note["n_type"], note["n_desc"]) for segment in elf.iter_segments("PT_NOTE")
                 for note in segment.iter_notes() if note["n_name"] == "skete"]
        assert len(found) == 1
        kind, descriptor = found[0]
        if isinstance(descriptor, str):    # pyelftools decodes types that it does not know as Latin-1
            descriptor = descriptor.encode("latin-1")
        assert descriptor == struct.pack("<I", 1) + f"{name}\0{version}\0".encode()
        assert kind in (1, "NT_GNU_ABI_TAG")    # pyelftools' name for 1, whoever the owner is
        section = elf.get_section_by_name(".note.skete")
        assert section["sh_type"] == "SHT_NOTE" and section["sh_flags"] == 2


@pytest.mark.parametrize("linker", ["gold", "lld"])
def test_note_survives_other_linkers(compiled, host, linker):
    host.command(f"ld.{linker}")
    program = compiled("auxv", f"-fuse-ld={linker}", "-Wl,--gc-sections")
    assert b"skete\0" in program.read_bytes()
    assert run(program).returncode == 0


def test_start_files_ask_for_no_header_of_a_libc():
    for source in [*CRT.glob("*.[cSh]"), *CRT.glob("*/*.[cSh]")]:
        included = re.findall(r'^\s*#\s*include\s+(.*)$', source.read_text(), re.MULTILINE)
        assert all(name == '"crt.h"' for name in included), source


def test_libc_knows_no_vdso(compiled):
    """The libc by itself, told of a vDSO that then is taken away: it never looks."""
    done = run(compiled("novdso", NO_FILTER))
    if "taken away 0" in done.stdout:
        pytest.skip("this machine's kernel maps no vDSO")
    assert (done.returncode, done.stdout) == (0, "told 1\ntaken away 1\nfailed 0\n")


def test_a_libc_that_uses_the_vdso_does_not_survive(tmp_path, host):
    """The control of the test above: the host's own libc."""
    subprocess.run([host.gcc, "-static", "-O1", "-o", tmp_path / "novdso", HERE / "novdso.c"], check=True, timeout=60)
    done = run(tmp_path / "novdso")
    if "taken away 0" in done.stdout or "told 0" in done.stdout:
        pytest.skip("this machine's kernel maps no vDSO")
    assert done.returncode == -signal.SIGSEGV and "failed" not in done.stdout


def test_archive_holds_no_trace_of_the_vdso(sysroot):
    data = (sysroot / "lib" / "libc.a").read_bytes()
    for word in (b"__vdso", b"LINUX_2.6", b"linux-gate"):
        assert word not in data, word
