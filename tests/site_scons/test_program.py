"""Programs from elsewhere: recipes in toolchain/programs, env.Source and env.Native."""
from __future__ import annotations

import json
import os

import pytest

from steps import headers, verify
from steps.step import Failure

NATIVE = "engine=native"

MAIN = """\
#include <stdio.h>
int main(int argc, char **argv)
{
	puts(SAID);
	return 0;
}
"""

RECIPE = """\
name = "prog"
title = "a program"
homepage = "https://prog.invalid/"
licence = "0BSD"
default_version = "2.0"
sources = ["https://prog.invalid/prog-{version}.tar.gz"]

[versions."2.0"]
sha256 = "SHA256"

[build]
steps = ["skete-cc -DSAID='\\"hello\\"' -o sub/prog main.c"]
libcs = ["tiny"]

[build.environment]
SOME = "variable"

[build.provides]
prog = "sub/prog"
data = "data.txt"
"""

SCONSCRIPT = """\
Import("env")
prog = env.Source("prog")
env.App("app", prog["prog"], files=[prog["data"]], expect=env.Native(r"^hello$"))
"""


def publish(tree, *changes: tuple[str, str]) -> None:
    """Have a release of a program in the cache, and its recipe, with changes, and an app of it in the tree."""
    digest = tree.cached({"main.c": MAIN, "data.txt": "data\n", "sub/keep": ""}, "prog-2.0")
    recipe = RECIPE
    for old, new in changes:
        assert old in recipe
        recipe = recipe.replace(old, new)
    tree.write("toolchain/programs/prog.toml", recipe.replace("SHA256", digest))
    tree.app("prog", SCONSCRIPT, {})


def test_a_program_is_fetched_built_and_verified(tree):
    publish(tree)
    printed = tree.built("app=prog", NATIVE, "offline=yes")
    assert "FETCH" in printed and "BUILD" in printed and "verified" in printed
    folder = tree.top / "build/programs/tiny-1.0-x86_64/prog-2.0"
    assert (folder / "data").read_text() == "data\n" and os.access(folder / "prog", os.X_OK)
    assert "+ skete-cc " in folder.with_name("prog-2.0.log").read_text()
    assert "nothing had to be done" in tree.built("app=prog", NATIVE)
    assert not list((tree.top / "build").rglob(".work-*"))
    tree.built("-c", "app=prog", NATIVE)
    assert not folder.exists() and (tree.top / "build/downloads/prog-2.0.tar.gz").exists()


@pytest.mark.parametrize("old, new, why", [
    ("-o sub/prog", "-o elsewhere", "the steps made no sub/prog"),
    ("main.c\"]", "absent.c\"]", "ended with status 1; the whole output is in"),
    ("skete-cc -D", "no-such-command -D", "no-such-command cannot be started"),
    ("skete-cc -DSAID", "gcc -no-pie -include stdio.h -DSAID", "sub/prog is a dynamic program"),
    ("libcs =", "libs =", "build.libs is no key of a recipe; known are"),
    ("data = \"data.txt\"", "data = \"../data.txt\"", "build.provides.data must be a path in the source tree"),
    ("main.c\"]", "main.c {what}\"]", "cannot be filled in: 'what'"),
    ("[build.provides]", "[build.gives]", "build.gives is no key"),
    ("[build.provides]", '[build.commands]\nno-such-command = "nothing"\n[build.provides]',
     "a program cannot be built without no-such-command; on Debian: apt-get install nothing"),
])
def test_what_is_wrong_is_said(tree, old, new, why):
    publish(tree, (old, new))
    assert why in tree.refused("app=prog", NATIVE, "offline=yes")


KERNEL = "#include <linux/version.h>\n#include <asm/types.h>\n__u64 release = LINUX_VERSION_CODE;\n"


def test_the_kernels_headers_are_there_for_who_asks(tree):
    """For a recipe and for an app; and with them comes nothing else of the machine's headers."""
    digest = tree.cached({"main.c": KERNEL + MAIN, "data.txt": "data\n", "sub/keep": ""}, "prog-2.0")
    recipe = RECIPE.replace("SHA256", digest)
    tree.write("toolchain/programs/prog.toml", recipe)
    tree.app("prog", SCONSCRIPT, {})
    assert "linux/version.h: No such file" in tree.refused("app=prog", NATIVE, "offline=yes")
    tree.write("toolchain/programs/prog.toml", recipe.replace("[build]", "[build]\nkernel_headers = true"))
    printed = tree.built("app=prog", NATIVE, "offline=yes")
    assert "GATHER" in printed and "verified" in printed
    places = {path.name for path in (tree.top / "build/headers/x86_64").iterdir()}
    assert {"linux", "asm", "asm-generic"} <= places <= {".complete", "linux", "asm", "asm-generic", *headers.MORE}
    plain = 'Import("env")\nenv.App("plain", ["main.c"], kernel_headers=True)\n'
    tree.app("plain", plain, {"main.c": KERNEL + "int main(int argc, char **argv) { return 0; }\n"})
    assert "verified" in tree.built("app=plain", NATIVE)
    tree.built("-c", "app=plain", NATIVE)
    assert not (tree.top / "build/headers/x86_64").exists()


def test_where_a_machine_has_no_kernel_headers_it_is_said_what_to_install(tmp_path):
    def header(name: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    for name in ("linux/version.h", "asm-generic/types.h", "x86_64-linux-gnu/asm/types.h"):
        with pytest.raises(Failure, match="are not installed.*apt-get install linux-libc-dev"):
            headers.found("x86_64", tmp_path)
        header(name)
    assert headers.found("x86_64", tmp_path) == {
        "linux": tmp_path / "linux", "asm-generic": tmp_path / "asm-generic", "asm": tmp_path / "x86_64-linux-gnu/asm"}


def test_a_failing_step_shows_the_end_of_its_output(tree):
    publish(tree, ("main.c\"]", "absent.c\"]"))
    assert "absent.c: No such file" in tree.refused("app=prog", NATIVE, "offline=yes")
    assert "absent.c: No such file" in (tree.top / "build/programs/tiny-1.0-x86_64/prog-2.0.log").read_text()


def test_an_archive_with_another_hash_is_not_used(tree):
    publish(tree, ("SHA256", "0" * 64))
    (tree.top / "build/downloads").mkdir(parents=True, exist_ok=True)
    printed = tree.refused("app=prog", NATIVE, "offline=yes")
    assert "prog-2.0.tar.gz" in printed
    assert not (tree.top / "build/programs").exists() or not list((tree.top / "build/programs").rglob("prog"))


def test_an_unknown_program_is_refused_with_the_known_ones(tree):
    publish(tree)
    tree.app("other", 'Import("env")\nenv.Source("nonesuch")\n', {})
    assert "there is no nonesuch.toml in toolchain/programs; there are prog" in tree.refused("app=other", NATIVE)


def test_what_cannot_be_built_with_this_libc_is_left_out_among_others(tree):
    publish(tree, ('libcs = ["tiny"]', 'libcs = ["large"]'))
    printed = tree.built("app=prog,hello", NATIVE, "offline=yes")
    assert "left out: a program is built with large, not with a libc for tests" in printed and "verified" in printed
    assert "a program is built with large" in tree.refused("app=prog", NATIVE, "offline=yes")


@pytest.fixture
def runs(tmp_path):
    """Two runs of a program that came out the same; return the expectation, and the monitored run's files."""
    for name in ("native", "monitored"):
        folder = tmp_path / name / "work"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub/file").write_text("contents")
        (folder / "link").symlink_to("sub/file")
        (folder.parent / "out").write_text("done\n")
        (folder.parent / "result").write_text(json.dumps({"status": {"kind": "exited", "code": 0}, "exit_status": 0}))
    expect = {"kind": "native", "pattern": "^done$", "status": 0, "output": str(tmp_path / "native/out"),
              "result": str(tmp_path / "native/result"),
              "folders": [str(tmp_path / name / "work") for name in ("native", "monitored")]}
    return expect, tmp_path / "monitored"


def objection(expect, run) -> str | None:
    return verify.objection(expect, run / "out", run / "result")


def test_two_runs_that_are_the_same(runs):
    assert objection(*runs) is None


@pytest.mark.parametrize("change, why", [
    (lambda run: (run / "out").write_text("other\n"), "line 1 differs from"),
    (lambda run: (run / "work/sub/file").write_text("Contents"), "sub/file is a file of 8 bytes"),
    (lambda run: (run / "work/sub/file").unlink(), "sub/file is missing; natively"),
    (lambda run: (run / "work/more").mkdir(), "more is a folder, mode 755; natively"),
    (lambda run: (run / "work/sub/file").chmod(0o600), "mode 600; natively"),
    (lambda run: ((run / "work/link").unlink(), (run / "work/link").symlink_to("sub")), "a link to sub"),
])
def test_what_differs_from_the_native_run_is_said(runs, change, why):
    expect, run = runs
    change(run)
    assert why in objection(expect, run)


def test_what_may_differ_is_left_out_of_the_comparison(runs):
    expect, run = runs
    for folder, text in ((run, "took 5 s\ndone\n"), (run.parent / "native", "took 9 s\ndone\n")):
        (folder / "out").write_text(text)
    assert "line 1 differs from" in objection(expect, run)
    assert objection({**expect, "besides": "[0-9]+ s$"}, run) is None


def test_another_status_than_natively(runs):
    expect, run = runs
    (run.parent / "native/result").write_text(
        json.dumps({"status": {"kind": "exited", "code": 3}, "exit_status": 3}))
    assert "natively it ended with status 3" in objection(expect, run)


def test_both_runs_alike_do_not_make_a_failure_right(runs):
    expect, run = runs
    for folder in (run, run.parent / "native"):
        (folder / "out").write_text("failed\n")
    assert "natively its output has no /^done$/" in objection(expect, run)
