"""What `skete inspect` says of programs of every kind, and of what is none."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

from skete.inspect import report
from skete.inspect.facts import InspectError, inspect
from skete.inspect.text import table

HELLO = "#include <stdio.h>\n__thread char t[40] = {1};\nint main(int c, char **v) { return t[c] + puts(v[0]) < 0; }\n"

NOTE = r"""
__asm__(".section .note.skete, \"a\", %note\n .balign 4\n .long 2f-1f\n .long 4f-3f\n .long 1\n"
        "1: .asciz \"skete\"\n 2: .balign 4\n 3: .long 1\n .asciz \"musl\"\n .asciz \"1.2.6\"\n"
        "4: .balign 4\n .text\n");
int main(void) { return 0; }
"""

# The address of main stands in the text itself and moves with it.
TEXTREL = 'int main(void) { return 0; }\n__asm__(".text\\n.globl where\\nwhere: .quad main\\n");\n'


@pytest.mark.parametrize("flags, expected", [
    (["-static"], dict(kind="static executable", static=True, pie=False, starts=True, why=None, interp=None)),
    (["-static-pie"], dict(kind="static-pie executable", static=True, pie=True, starts=True)),
    (["-no-pie"], dict(kind="dynamic executable", static=False, starts=False, needed=["libc.so.6"],
                       interp="/lib64/ld-linux-x86-64.so.2")),
    (["-shared", "-fPIC"], dict(kind="shared library", static=False, starts=False, interp=None)),
    (["-c"], dict(kind="object file", static=False, starts=False, segments=[], tls=None)),
    (["-static", "-z", "execstack"], dict(kind="static executable", exec_stack=True)),
    (["-static", "-s"], dict(symbols=0, lines=False)),
], ids=" ".join)
def test_knows_the_kinds(compiled, flags, expected):
    facts = inspect(compiled("hello", HELLO, *flags))
    assert {key: facts[key] for key in expected} == expected
    assert json.loads(json.dumps(facts)) == facts


def test_agrees_with_readelf(compiled):
    """The columns of `readelf -lW`."""
    program = compiled("hello", HELLO, "-static")
    out = subprocess.run(["readelf", "-lW", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    theirs = [(row[0], *(int(row[i], 16) for i in (2, 5, 4, 1))) for row in rows
              if len(row) > 6 and row[1].startswith("0x")]
    facts = inspect(program)
    ours = [tuple(s[key] for key in ("type", "vaddr", "memsz", "filesz", "offset")) for s in facts["segments"]]
    assert ours == theirs
    assert facts["tls"]["filesz"] >= 40 and facts["symbols"] > 100
    assert facts["build_id"] is None or len(facts["build_id"]) == 40
    assert f"Entry point {facts['entry']:#x}" in out


def test_sees_what_a_libc_asks_of_the_vdso(compiled):
    assert "__vdso_clock_gettime" in inspect(compiled("hello", HELLO, "-static"))["vdso"]
    quiet = 'void _start(void) { __asm__("mov $60, %eax; xor %edi, %edi; syscall"); }\n'
    facts = inspect(compiled("quiet", quiet, "-static", "-nostdlib"))
    assert (facts["vdso"], facts["syscall_bytes"]) == ([], 1)


def test_reads_our_note(compiled):
    assert inspect(compiled("note", NOTE, "-static"))["note"] == {"abi": 1, "libc": "musl", "version": "1.2.6"}
    assert inspect(compiled("hello", HELLO, "-static"))["note"] is None


def test_finds_text_relocations(compiled):
    facts = inspect(compiled("textrel", TEXTREL, "-static-pie", "-Wl,-z,notext"))
    text = [s for s in facts["segments"] if s["flags"] == "r-x"]
    assert facts["text_relocations"] and all(
        any(s["vaddr"] <= at < s["vaddr"] + s["memsz"] for s in text) for at in facts["text_relocations"])
    assert inspect(compiled("hello", HELLO, "-static-pie"))["text_relocations"] == []
    assert inspect(compiled("hello", HELLO, "-static"))["text_relocations"] == []


def test_a_table_for_people(compiled):
    lines = table(inspect(compiled("note", NOTE, "-static"))).splitlines()
    assert ": static executable, x64, " in lines[0]
    assert "  note              skete ABI 1, musl 1.2.6" in lines
    assert any(line.split()[:1] == ["LOAD"] and " r-x " in line for line in lines)
    dynamic = table(inspect(compiled("hello", HELLO, "-no-pie")))
    assert "  starts            no: is dynamic and needs the interpreter /lib64" in dynamic


@pytest.mark.parametrize("data, words", [
    (b"", "is empty, not an ELF program"),
    (b"#!/bin/sh\n", "is a script for /bin/sh"),
    (b"\x7fELF", "ends after 4 bytes, inside the ELF header"),
], ids=["empty", "a script", "four bytes"])
def test_what_is_no_elf_gets_one_line(tmp_path, data, words):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InspectError) as refused:
        inspect(path)
    assert str(refused.value).startswith(f"{path}: {words}") and "\n" not in str(refused.value)


def test_damage_is_one_line_or_facts(compiled, tmp_path):
    with open(compiled("hello", HELLO, "-static"), "rb") as f:
        whole = f.read()
    path = tmp_path / "damaged"
    for at in [*range(16, 64), *range(64, 64 + 56 * 4, 5)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:0x3000])
        try:
            inspect(path)
        except InspectError as e:
            assert "\n" not in str(e)


def test_the_command_prints_either_form(compiled, capsys):
    program = compiled("hello", HELLO, "-static")
    assert report(program) == 0
    assert capsys.readouterr().out == table(inspect(program)) + "\n"
    assert report(program, json=True) == 0
    assert json.loads(capsys.readouterr().out) == inspect(program)


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    (tmp_path / "text").write_text("hello")
    for name, words in (("none", "No such file or directory"), ("text", "is not an ELF program: it starts with")):
        assert report(str(tmp_path / name)) == 125
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(f"skete: {tmp_path / name}: {words}") and err.count("\n") == 1


def test_it_runs_without_site_too(compiled):
    """As bin/skete starts it: -I -S, so that packages are found only when they are needed."""
    tree = Path(__file__).resolve().parents[3]
    program = compiled("hello", HELLO, "-static")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from skete.inspect import report; sys.exit(report(sys.argv[2]))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(tree), program], capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout == table(inspect(program)) + "\n"


@pytest.mark.parametrize("flags", [[], ["-static-pie"]], ids=["static", "static-pie"])
def test_what_our_toolchain_links(sysroot, tmp_path, flags):
    """The checks that the build makes of every app: static, marked, without a vDSO name or a text relocation."""
    (tmp_path / "hello.c").write_text(HELLO)
    program = str(tmp_path / "hello")
    done = subprocess.run([str(sysroot / "bin" / "skete-gcc"), *flags, "-o", program, str(tmp_path / "hello.c")],
                          capture_output=True, text=True, timeout=60)
    if done.returncode and flags:
        pytest.skip(f"the wrapper links no {flags[0]}")
    facts = inspect(program)
    assert facts["static"] and facts["starts"] and facts["note"]["libc"] == "musl", done.stderr
    assert facts["pie"] == bool(flags)
    assert (facts["vdso"], facts["text_relocations"], facts["exec_stack"]) == ([], [], False)
