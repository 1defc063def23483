"""The series for musl: well described, applying cleanly to every release, and doing what it says."""
import re
import subprocess
from pathlib import Path

import pytest
from musl_series import FOLDER, series

NEWLIB = Path("/usr/include/newlib")


def header(patch: Path) -> dict[str, str]:
    """The DEP-3 header: field name to text, continuation lines included."""
    fields: dict[str, str] = {}
    name = ""
    for line in patch.read_text().partition("\n---\n")[0].splitlines():
        if line.startswith(" "):
            fields[name] += "\n" + line
        else:
            name, _, text = line.partition(": ")
            fields[name] = text
    return fields


def apply(patch: Path, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "--input", patch], cwd=folder,
                          capture_output=True, text=True, timeout=60)


def test_series_names_its_base_first():
    first = (FOLDER / "series").read_text().splitlines()[0]
    assert first.startswith("# musl 1.2.6")


def test_series_and_folder_agree():
    assert {p.name for p in FOLDER.glob("*.patch")} == {p.name for p in series()}


@pytest.mark.parametrize("patch", series(), ids=lambda p: p.stem)
def test_header_is_dep3(patch):
    fields = header(patch)
    assert list(fields) == ["Description", "Origin", "Forwarded", "Author", "Last-Update"]
    summary, _, reason = fields["Description"].partition("\n")
    assert 10 < len(summary) < 80 and len(reason.split()) > 20
    assert re.fullmatch(r"[^<>]+ <[^<>@ ]+@[^<>@ ]+>", fields["Author"])
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", fields["Last-Update"])


@pytest.mark.parametrize("patch", series(), ids=lambda p: p.stem)
def test_patch_keeps_musls_form(patch):
    """Tabs, no trailing blanks, and no local path or date in the file names."""
    for line in patch.read_text().partition("\n---\n")[2].splitlines():
        if line.startswith(("--- ", "+++ ")):
            assert re.fullmatch(r"(--- a/|\+\+\+ b/|--- /dev/null)\S*", line), line
        elif line.startswith("+"):
            assert not re.search(r"[ \t]$", line) and not line.startswith("+    "), line


def test_series_applies_without_fuzz_or_rejects(release):
    for patch in series():
        done = apply(patch, release)
        assert done.returncode == 0, f"{patch.name}: {done.stdout}"
        assert "fuzz" not in done.stdout and "FAILED" not in done.stdout
    assert not list(release.rglob("*.rej")) and not list(release.rglob("*.orig"))


def test_each_patch_comes_off_again(release):
    for patch in series():
        apply(patch, release)
    for patch in reversed(series()):
        done = subprocess.run(["patch", "-p1", "-R", "--fuzz=0", "--input", patch], cwd=release, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, f"{patch.name}: {done.stdout}"


def test_a_different_source_is_refused(release):
    """The control of the tests above: a changed line makes the series fail."""
    source = release / "src/errno/__errno_location.c"
    source.write_text(source.read_text().replace("errno_val", "another_val"))
    assert any(apply(patch, release).returncode for patch in series())


def constants() -> dict[str, int]:
    """The layout that reent.h states, from the patch that adds it."""
    text = (FOLDER / "getreent.patch").read_text()
    return {name: int(value) for name, value in re.findall(r"^\+#define (REENT_\w+) (\d+)$", text, re.MULTILINE)}


@pytest.mark.skipif(not NEWLIB.is_dir(), reason="newlib's headers are not installed: apt-get install libnewlib-dev")
@pytest.mark.parametrize("flags", [[], ["-D__DYNAMIC_REENT__"], ["-D__LARGE64_FILES"], ["-D_REENT_SMALL"],
                                   [f"-isystem{NEWLIB}/nano"]], ids=" ".join)
def test_layout_is_newlibs(tmp_path, flags):
    """What reent.h says about newlib holds for newlib's own headers, in each of their variants."""
    layout = constants()
    assert set(layout) == {"REENT_SIZE", "REENT_RAND_NEXT", "REENT_RAND48", "REENT_FILES", "REENT_FILE_SIZE"}
    source = tmp_path / "layout.c"
    source.write_text(f"""
        #include <reent.h>
        #include <stddef.h>
        #define SAME(a, b) _Static_assert((a) == (b), #a)
        SAME(offsetof(struct _reent, _errno), 0);
        SAME(offsetof(struct _reent, _stdin), 8);
        SAME(offsetof(struct _reent, _stdout), 16);
        SAME(offsetof(struct _reent, _stderr), 24);
        _Static_assert(_Alignof(struct _reent) <= 8, "alignment");
        _Static_assert(sizeof(struct _reent) <= {layout["REENT_SIZE"]}, "size");
        _Static_assert({layout["REENT_FILES"]} + 2*{layout["REENT_FILE_SIZE"]} + sizeof(__FILE) <= {layout["REENT_SIZE"]},
            "the last stream");
        #ifndef _REENT_SMALL
        SAME(offsetof(struct _reent, _new._reent._rand_next), {layout["REENT_RAND_NEXT"]});
        SAME(offsetof(struct _reent, _new._reent._r48), {layout["REENT_RAND48"]});
        SAME(offsetof(struct _reent, __sf), {layout["REENT_FILES"]});
        #ifndef __LARGE64_FILES
        SAME(sizeof(__FILE), {layout["REENT_FILE_SIZE"]});
        #endif
        #endif
    """)
    done = subprocess.run(["gcc", *flags, "-isystem", NEWLIB, "-fsyntax-only", source], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
