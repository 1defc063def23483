"""The checks on what was linked: each refuses the program that it is there for."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("elftools", reason="pyelftools is not there for this interpreter: ./scons test brings it")

from steps import elfcheck  # noqa: E402
from steps.step import Failure  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
NOTE = ["-DSKETE_LIBC=tiny", "-DSKETE_LIBC_VERSION=1.0", str(TOP / "crt/note.S")]
START = "int shared;\nint *pointer = &shared;\nvoid _start(void)\n{\n\tfor (;;) ;\n}\n"


@pytest.fixture
def link(tmp_path):
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc")

    def link(*words: str, source: str = START, note: list[str] = NOTE) -> Path:
        (tmp_path / "start.c").write_text(source)
        program = tmp_path / "program"
        done = subprocess.run(["gcc", "-nostdlib", "-o", program, *note, tmp_path / "start.c", *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        assert done.returncode == 0, done.stdout
        return program
    return link


def objections(program: Path) -> list[str]:
    return elfcheck.objections(elfcheck.facts(program), "tiny", "1.0")


@pytest.mark.parametrize("words", [("-static",), ("-static-pie", "-fPIE")])
def test_a_static_program_with_our_note_passes(link, words):
    assert objections(link(*words)) == []


@pytest.mark.parametrize("why, words, objection", [
    ("dynamic", ["-Wl,-dynamic-linker,/lib/ld.so"], "asks for an interpreter"),
    ("an executable stack", ["-static", "-z", "execstack"], "wants an executable stack"),
    ("text that can be written", ["-static", "-Wl,-N"], "segment both writable and executable"),
    ("the wrong entry", ["-static", "-Wl,-e,shared"], "which is not in its text"),
])
def test_a_program_linked_otherwise_is_refused(link, why, words, objection):
    found = objections(link(*words))
    assert any(objection in line for line in found), (why, found)


def test_text_relocations_are_refused(link):
    text = '__attribute__((section(".text#"))) int *const inside = &shared;\n'
    program = link("-pie", "-fPIE", "-Wl,-z,notext", "-Wl,--no-dynamic-linker", source=START + text)
    assert "has relocations in its text" in objections(program)


@pytest.mark.parametrize("note, bears", [
    ([], "bears none"),
    (["-DSKETE_LIBC=other", *NOTE[1:]], "'libc': 'other'"),
    ([NOTE[0], "-DSKETE_LIBC_VERSION=2.0", NOTE[2]], "'version': '2.0'"),
])
def test_the_note_must_be_that_of_the_libc_linked_with(link, note, bears):
    (objection,) = objections(link("-static", note=note))
    assert "should bear the note" in objection and bears in objection


def test_a_program_that_looks_for_the_vdso_is_refused(link):
    found = objections(link("-static", source=START + 'const char *name = "__vdso_clock_gettime";\n'))
    assert found == ["knows of the vDSO: it contains __vdso_"]


@pytest.mark.parametrize("cut", [0, 10, 100, 200])
def test_a_broken_file_is_refused_and_nothing_else(link, cut):
    program = link("-static")
    program.write_bytes(program.read_bytes()[:cut])
    with pytest.raises(Failure, match="no ELF file that can be read"):
        elfcheck.facts(program)


@pytest.mark.parametrize("lacks, passes", [((), False), (("blindness",), False), (("note",), True)])
def test_what_the_libc_lacks_is_not_asked_for(link, lacks, passes):
    """The libc of the machine knows nothing of our start files, and so its programs bear no note."""
    found = elfcheck.objections(elfcheck.facts(link("-static", note=[])), "tiny", "1.0", lacks)
    assert (found == []) == passes, found


@pytest.mark.parametrize("lacks, passes", [((), False), (("note",), False), (("note", "blindness"), True)])
def test_a_libc_may_know_of_the_vdso_if_its_recipe_says_so(link, lacks, passes):
    source = START + 'const char *name = "__vdso_clock_gettime";\n'
    found = elfcheck.objections(elfcheck.facts(link("-static", note=[], source=source)), "tiny", "1.0", lacks)
    assert (found == []) == passes, found
