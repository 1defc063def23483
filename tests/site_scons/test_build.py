"""From a recipe to a verdict, and what happens when a part of the way is broken or the build is killed."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

NATIVE = ("engine=native",)
VERDICT = "build/apps/tiny-1.0-x86_64/hello/O2/native/hello.verdict.json"


def test_one_command_goes_from_the_recipe_to_a_verdict(tree):
    printed = tree.built(*NATIVE)
    for word in ("FETCH", "PATCH", "LIBC", "PACK", "UNPACK", "CC", "LINK", "CHECK", "RUN", "VERIFY"):
        assert f"\n  {word} " in f"\n{printed}", word
    verdict = json.loads((tree.top / VERDICT).read_text())
    assert (verdict["app"], verdict["status"], verdict["why"], verdict["exit_status"]) == ("hello", "verified", None, 0)
    again = subprocess.run(verdict["by_hand"], shell=True, cwd=tree.top, capture_output=True, text=True, timeout=10)
    assert (again.returncode, again.stdout) == (0, "one\ntwo\n")


def test_a_second_build_has_nothing_to_do_and_says_so(tree):
    tree.built(*NATIVE)
    printed = tree.built(*NATIVE)
    assert printed.endswith("skete: nothing had to be done\n")
    assert not any(word in printed for word in ("RUN", "CC ", "LIBC", "up to date"))


def test_what_is_changed_is_what_is_made_again(tree):
    tree.built(*NATIVE)
    hello = tree.top / "apps/hello/hello.c"
    hello.write_text(hello.read_text().replace('puts("two")', 'puts("2")'))
    printed = tree.refused(*NATIVE)
    assert "CC " in printed and "LIBC" not in printed
    tree.write("apps/hello/expected.txt", "one\n2\n")
    printed = tree.built(*NATIVE)
    assert "VERIFY" in printed and "CC " not in printed and "RUN" not in printed
    assert "RUN" in tree.built("run=again", *NATIVE)


def test_cleaning_spares_downloads(tree):
    tree.built(*NATIVE)
    tree.built("dist")
    tree.built("-c")
    assert sorted(path.name for path in (tree.top / "build").iterdir()) == [".sconsign.dblite", "downloads"]
    assert not (tree.top / "dist").exists()
    printed = tree.built(*NATIVE)
    assert "LIBC" in printed and "FETCH" not in printed


def test_verbose_shows_commands_and_output(tree):
    printed = tree.built("verbose=yes", *NATIVE)
    assert "-m steps.libc toolchain/tiny.toml" in printed and "\none\ntwo\n" in printed


def test_compile_commands_are_complete_commands(tree):
    tree.built("run=no")
    (entry,) = json.loads((tree.top / "compile_commands.json").read_text())
    assert entry["file"] == str(tree.top / "apps/hello/hello.c")
    done = subprocess.run(entry["command"], shell=True, cwd=entry["directory"], timeout=20)
    assert done.returncode == 0 and (tree.top / entry["output"]).exists()


def test_a_shared_cache_spares_a_second_checkout_the_libc(tree, another_tree, tmp_path):
    cache = f"cache={tmp_path / 'shared'}"
    assert "LIBC" in tree.built(cache, *NATIVE)
    printed = another_tree.built(cache, *NATIVE)
    assert "Retrieved `build/libc/tiny-1.0-x86_64.tar' from cache" in printed
    assert "LIBC" not in printed and "PATCH" not in printed


# What goes wrong.


def test_a_failing_download_names_the_release(tree):
    for cached in (tree.downloads / "downloads").iterdir():
        cached.unlink()
    printed = tree.refused("offline=yes", *NATIVE)
    assert "tiny 1.0" in printed or "tiny-1.0.tar.gz" in printed
    assert "cache" in printed


def test_a_patch_that_does_not_apply_is_shown_with_file_and_reject(tree):
    tree.publish({**tree.source, "include/stdio.h": "int puts(const char *);\nint something_else(void);\n"})
    printed = tree.refused(*NATIVE)
    assert "patches/tiny/patched.patch (1 of 1 of the series) does not apply" in printed
    assert "file: include/stdio.h" in printed
    assert "+#define PATCHED 1" in printed
    assert not (tree.top / "build/source/tiny-1.0.tar").exists()


def test_a_series_that_lists_a_missing_patch_is_refused(tree):
    tree.write("patches/tiny/series", "patched.patch\nforgotten.patch\n")
    assert "series lists forgotten.patch, which is not there" in tree.refused(*NATIVE)


def test_an_archive_that_is_cut_short_is_refused(tree):
    data = next((tree.downloads / "downloads").iterdir())
    data.write_bytes(data.read_bytes()[:300])
    printed = tree.refused(*NATIVE, "offline=yes")
    assert "sha256" in printed.lower()


@pytest.mark.parametrize("why, change, message", [
    ("a key is missing", ('licences = ["COPYRIGHT"]\n', ""), "build.licences is missing"),
    ("a key is unknown", ("provides =", "provide ="), "build.provide is no key"),
    ("a step asks for what there is not", ("{source}/Makefile", "{sauce}/Makefile"), "cannot be filled in"),
    ("no TOML", ("[build]", "[build"), "is not TOML"),
])
def test_a_wrong_recipe_is_refused_by_key(tree, why, change, message):
    recipe = tree.top / "toolchain/tiny.toml"
    recipe.write_text(recipe.read_text().replace(*change))
    printed = tree.refused(*NATIVE)
    assert "toolchain/tiny.toml" in printed and message in printed, why


def test_a_libc_that_does_not_compile_shows_the_end_of_its_log(tree):
    tree.publish({**tree.source, "tiny.c": "#error this libc is broken\n"})
    printed = tree.refused(*NATIVE)
    assert "#error this libc is broken" in printed
    assert "the whole output is in build/libc/tiny-1.0-x86_64.log" in printed
    assert not (tree.top / "build/libc/tiny-1.0-x86_64.tar").exists()


def test_a_libc_that_installs_too_little_is_refused(tree):
    recipe = tree.top / "toolchain/tiny.toml"
    recipe.write_text(recipe.read_text().replace('["lib/libc.a"]', '["lib/libc.a", "lib/libm.a"]'))
    assert "the steps installed no lib/libm.a" in tree.refused(*NATIVE)


def test_an_app_that_does_not_compile_shows_the_compiler_s_words(tree):
    tree.write("apps/hello/hello.c", "int main(void)\n{\n\treturn nothing;\n}\n")
    printed = tree.refused(*NATIVE)
    assert "apps/hello/hello.c:3:" in printed and "nothing" in printed


def test_a_failed_verification_fails_the_build_with_the_first_difference(tree):
    tree.write("apps/hello/expected.txt", "one\nthree\n")
    for _ in range(2):      # a failed check stays failed
        printed = tree.refused(*NATIVE)
        assert "hello: verification failed: line 2 differs from apps/hello/expected.txt" in printed
        assert "  - three\n  + two\n" in printed
        assert "by hand: env -i build/apps/" in printed
        assert "failed" in printed.splitlines()[-2]     # the table's row
    assert json.loads((tree.top / VERDICT).read_text())["status"] == "failed"


def test_a_monitor_that_fails_fails_the_build(tree):
    monitor = tree.write("monitor", "#!/bin/sh\necho 'skete: no engine here' >&2\nexit 125\n")
    monitor.chmod(0o755)
    printed = tree.refused(f"monitor={monitor}")
    assert "skete: no engine here" in printed and "hello: the monitor failed" in printed


def test_a_program_that_does_not_end_is_stopped(tree):
    hello = tree.top / "apps/hello/hello.c"
    hello.write_text(hello.read_text().replace("return 0;", "return pause_for_ever();"))
    printed = tree.refused("timeout=1", *NATIVE)
    assert "hello: not finished after 1 s" in printed


def test_a_program_killed_by_a_signal_is_named(tree):
    hello = tree.top / "apps/hello/hello.c"
    hello.write_text(hello.read_text().replace("return 0;", "__builtin_trap();"))
    printed = tree.refused(*NATIVE)
    assert "it was killed by signal 4 (SIGILL)" in printed
    assert "| two" in printed


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_build_killed_half_way_recovers_by_the_same_command(tree, signal_number):
    recipe = tree.top / "toolchain/tiny.toml"
    text = recipe.read_text()
    slow = text.replace('steps = [', 'steps = ["touch ../../started", "sleep 30", ')
    recipe.write_text(slow)
    build = subprocess.Popen(tree.command(*NATIVE), cwd=tree.top, env=tree.environment(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    give_up = time.monotonic() + 30
    while not (tree.top / "build/libc/started").exists():
        assert time.monotonic() < give_up and build.poll() is None
        time.sleep(0.02)
    os.killpg(build.pid, signal_number)
    build.wait(20)
    assert not (tree.top / "build/libc/tiny-1.0-x86_64.tar").exists()
    recipe.write_text(text)
    tree.built(*NATIVE)
    left = [path.name for path in (tree.top / "build/libc").iterdir()]
    assert sorted(left) == ["started", "tiny-1.0-x86_64.log", "tiny-1.0-x86_64.tar"]


def test_an_old_verdict_does_not_pass_for_a_new_one(tree):
    tree.built(*NATIVE)
    monitor = tree.write("monitor", "#!/bin/sh\nexit 125\n")
    monitor.chmod(0o755)
    tree.write("apps/hello/hello.c", "#error broken\n")
    printed = tree.refused(*NATIVE)
    assert "verified" not in printed
    tree.write("apps/hello/hello.c", "int puts(const char *);\nint main(void)\n{\n\treturn puts(\"one\") < 0;\n}\n")
    printed = tree.refused("run=again", "timeout=1", f"monitor={monitor}", "-k")
    assert "  hello  -      process  no result      -" in printed
