"""What an SConscript can declare: apps/README.md, line by line."""
from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from verbs import apps

NATIVE = "engine=native"

ARGS_C = """\
#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) puts(argv[i]);
	return CODE;
}
"""


def declare(tree, name: str, declaration: str, **files: str) -> str:
    """Make an app of one declaration; return the option that names it."""
    tree.app(name, f'Import("env")\n{declaration}\n', {path.replace("__", "."): text for path, text in files.items()})
    return f"app={name}"


def test_arguments_class_threads_and_macros_are_filled_in(tree):
    app = declare(tree, "args", 'env.App("args", ["a.c"], args=["class $class", "$threads"],\n'
                  '        defines={"CODE": "$threads+1"}, classes=["S", "A"], status=4, expect="want")',
                  a__c=ARGS_C, want="class A\n3\n")
    tree.built(app, NATIVE, "class=A", "threads=3")
    assert (tree.top / "build/apps/tiny-1.0-x86_64/args/O2-A-t3/args").exists()
    assert "args: App('args') has no class W; it has S, A" in tree.refused(app, NATIVE, "class=W")


def test_a_header_is_generated_before_compiling(tree):
    app = declare(
        tree, "gen", 'env.App("gen", ["a.c"], classes=["S"], expect=7,\n'
        '        generate=[env.Generate("code.h", ["make.py", "data"],\n'
        '        "$PYTHON ${SOURCES[0]} ${SOURCES[1]} $class $TARGET")])',
        a__c='#include "code.h"\n' + ARGS_C, data="7",
        make__py="import sys\nfrom pathlib import Path\ndata, name, target = sys.argv[1:]\nassert name == 'S'\n"
                 "Path(target).write_text('#define CODE ' + Path(data).read_text() + '\\n')\n")
    assert "GEN " in tree.built(app, NATIVE)
    tree.write("apps/gen/data", "8")
    assert "it ended with status 8, expected was status 7" in tree.refused(app, NATIVE)


@pytest.mark.parametrize("expression, verdict", [(r"^b+$", "verified"), (r"^b$", "failed")])
def test_a_pattern_is_looked_for_line_by_line(tree, expression, verdict):
    app = declare(tree, "pat", 'env.App("pat", ["a.c"], args=["a", "bbb"], defines={"CODE": 0},\n'
                  f'        expect=env.Pattern(r"{expression}"))', a__c=ARGS_C)
    printed = tree.built(app, NATIVE) if verdict == "verified" else tree.refused(app, NATIVE)
    assert verdict in printed
    assert (f"its output has no /{expression}/" in printed) == (verdict == "failed")


@pytest.mark.parametrize("limit, verdict", [("3", "verified"), ("2", "failed")])
def test_a_checker_sees_output_and_result(tree, limit, verdict):
    app = declare(tree, "chk", 'env.App("chk", ["a.c"], args=["a", "bbb"], defines={"CODE": 0},\n'
                  f'        expect=env.Checker("c.py", "{limit}"))', a__c=ARGS_C,
                  c__py="import json, sys\noutput, result, limit = sys.argv[1:]\n"
                        "assert json.load(open(result))['exit_status'] == 0\n"
                        "longest = max(map(len, open(output).read().split()))\n"
                        "sys.exit(f'a word has {longest} letters' if longest > int(limit) else 0)\n")
    printed = tree.built(app, NATIVE) if verdict == "verified" else tree.refused(app, NATIVE)
    assert ("says no (status 1):\n  | a word has 3 letters" in printed) == (verdict == "failed")


@pytest.mark.parametrize("declaration, message", [
    ('env.App("x", ["a.c"], argz=[])', "there is no keyword argz; there are args, expect"),
    ('env.App("x", ["b.c"])', "there is no file b.c in"),
    ('env.App("x", ["a.c"], expect="missing")', "there is no file missing"),
    ('env.App("x", ["a.c"], opt="99")', "opt='99'; there are 0, 1"),
    ('env.App("x", ["a.c"], expect=1.5)', "expect=1.5 is no status"),
    ("pass", "declares no app"),
    ('env.App("x", ["a.c"]', "SConscript:2: '(' was never closed\n"),
    ('env.App("x")', "SConscript:2: TypeError: "),
])
def test_a_wrong_declaration_is_refused(tree, declaration, message):
    app = declare(tree, "wrong", declaration, a__c=ARGS_C)
    assert message in tree.refused(app, NATIVE)


def test_a_folder_elsewhere_is_an_app(tree, tmp_path):
    folder = tmp_path / "else where"
    shutil.copytree(tree.top / "apps/hello", folder)
    printed = tree.built(f"app={folder}", NATIVE)
    assert "else where:hello" in printed and "verified" in printed
    assert sorted(path.name for path in folder.iterdir()) == ["SConscript", "expected.txt", "hello.c"]
    assert tree.built(f"app={folder}", NATIVE).endswith("nothing had to be done\n")


def test_a_family_a_list_and_all(tree):
    for name in ("kin/a", "kin/b"):
        declare(tree, name, f'env.App("{name[-1]}", ["a.c"], defines={{"CODE": 0}})', a__c=ARGS_C)
    def verified(printed): return [line.split()[0] for line in printed.splitlines() if " verified " in line]
    assert verified(tree.built("app=kin", NATIVE)) == ["kin/a", "kin/b"]
    assert verified(tree.built("app=kin/b,hello", NATIVE)) == ["kin/b", "hello"]
    assert verified(tree.built("app=all", NATIVE)) == ["hello", "kin/a", "kin/b"]
    results = json.loads((tree.top / "build/results.json").read_text())
    assert [(result["app"], result["status"]) for result in results] == [
        (name, "verified") for name in ("hello", "kin/a", "kin/b")]


def test_what_lacks_the_class_is_left_out_of_a_family(tree):
    for name, classes in (("kin/a", ["S", "A"]), ("kin/b", ["S"])):
        declare(tree, name, f'env.App("{name[-1]}", ["a.c"], defines={{"CODE": 0}}, classes={classes})', a__c=ARGS_C)
    printed = tree.built("app=kin", "class=A", NATIVE)
    assert "kin/b: App('b') has no class A; it has S: left out" in printed
    assert "kin/a  A " in printed and "kin/b  A " not in printed


def test_one_failure_does_not_hide_the_other_verdicts(tree):
    declare(tree, "bad", 'env.App("bad", ["a.c"], defines={"CODE": 5})', a__c=ARGS_C)
    printed = tree.refused("-k", "app=all", NATIVE)
    rows = {line.split()[0]: line.split()[3] for line in printed.splitlines() if " native " in line}
    assert rows == {"bad": "failed", "hello": "verified"}


def test_a_terminal_has_the_size_that_was_asked_for(tree):
    app = declare(tree, "tty", 'env.App("tty", ["a.c"], tty=(24, 80), expect=24)', a__c="""\
int main(int argc, char **argv)
{
	unsigned short size[4] = { 0, 0, 0, 0 };
	long result;
	__asm__ volatile ("syscall" : "=a"(result) : "a"(16L), "D"(1L), "S"(0x5413L), "d"(size) : "rcx", "r11", "memory");
	return result == 0 && size[1] == 80 ? size[0] : 1;
}
""")
    tree.built(app, NATIVE)


CAT_C = """\
#include <stdio.h>
static long call(long nr, long a, long b, long c)
{
	long result;
	__asm__ volatile ("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}
int main(int argc, char **argv)
{
	static char buffer[64];
	long fd = argc > 1 ? call(2, (long)argv[1], 0, 0) : 0;
	buffer[call(0, fd, (long)buffer, 63)] = 0;
	puts(buffer);
	return 0;
}
"""


def test_standard_input_is_a_file_or_empty(tree):
    app = declare(tree, "cat", 'env.App("cat", ["c.c"], stdin="in.txt", expect="want")\n'
                  'env.App("null", ["c.c"], expect="nothing")', c__c=CAT_C, in__txt="given", want="given\n",
                  nothing="\n")
    tree.built(app, NATIVE)


def test_the_working_directory_has_the_files_and_is_new_each_time(tree):
    app = declare(tree, "cwd", 'env.App("cwd", ["c.c"], args=["in.txt"], files=["in.txt"], expect="want")', c__c=CAT_C,
                  in__txt="given", want="given\n")
    tree.built(app, NATIVE)
    work = tree.top / "build/apps/tiny-1.0-x86_64/cwd/O2/native/cwd.work"
    (work / "left over").touch()
    tree.built(app, NATIVE, "run=again")
    assert [path.name for path in work.iterdir()] == ["in.txt"]


def test_the_line_to_run_it_by_hand_works_from_a_working_directory(tree):
    app = declare(tree, "cwd", 'env.App("cwd", ["c.c"], files=["in.txt"], stdin="std.txt",\n'
                  '        expect="want")', c__c=CAT_C, in__txt="given", std__txt="input", want="input\n")
    tree.built(app, NATIVE)
    verdict = tree.top / "build/apps/tiny-1.0-x86_64/cwd/O2/native/cwd.verdict.json"
    done = subprocess.run(json.loads(verdict.read_text())["by_hand"], shell=True, cwd=tree.top, capture_output=True,
                          text=True, timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (0, "input\n", "")


def test_the_monitor_is_told_everything_that_was_declared(tree):
    """With a stand-in for the monitor that writes down how it was called."""
    monitor = tree.write("monitor.py", """\
#!/usr/bin/env python3
import json, sys
words = sys.argv[1:]
result = words[words.index("--json") + 1]
json.dump({"status": {"kind": "exited", "code": 0}, "exit_status": 0, "syscalls": {"write": {"calls": 2, "errors": 0}},
           "time": {"wall_s": 1, "guest_s": 1, "monitor_s": 0}}, open(result, "w"))
words[words.index("--json"):][:2] = []
print("\\n".join(word for word in words if word != result))
""")
    monitor.chmod(0o755)
    app = declare(tree, "told", 'env.App("told", ["a.c"], defines={"CODE": 0}, args=["-x", "$threads"],\n'
                  '        env={"A": "b c"}, mounts=["data:/data:ro"], files=["in.txt"], timeout=9,\n'
                  '        expect=env.Pattern("."))', a__c=ARGS_C, in__txt="x", data__x="y")
    tree.built(app, f"monitor={monitor}")
    out = "build/apps/tiny-1.0-x86_64/told/O2"
    told = (tree.top / out / "process/told.out").read_text().splitlines()
    words = ["run", "--engine", "process", "--timeout", "9", "--json", "--mount", f"{out}/process/told.work:/app",
             "--cwd", "/app", "--mount", "apps/told/data:/data:ro", "--env", "A=b c", f"{out}/told", "-x", "1"]
    assert told == words
    verdict = json.loads((tree.top / out / "process/told.verdict.json").read_text())
    assert (verdict["calls"], verdict["syscalls"]) == (2, {"write": 2})


def test_a_part_for_newlib_is_left_out_with_a_note(tree):
    app = declare(tree, "nl", 'env.Replace(NEWLIB="/nowhere")\nenv.App("nl", ["a.c"], newlib=["n.c"], expect=3)',
                  a__c="#ifdef HAVE_NEWLIB\n#error no\n#endif\n#define CODE 3\n" + ARGS_C, n__c="#include <reent.h>\n")
    assert "nl: left out, as newlib's headers are not installed (libnewlib-dev): n.c" in tree.built(app, NATIVE)


def test_an_app_that_runs_a_command_of_the_host_is_left_out_without_it(tree):
    app = declare(tree, "drives", 'env.App("drives", ["a.c"], commands={"no-such-drive": "drive", "sh": "dash"})', a__c=ARGS_C)
    why = "it runs the host's no-such-drive, which is not installed; on Debian: apt-get install drive"
    assert f"drives: App('drives'): {why}" in tree.refused(app, NATIVE)
    assert f"drives: App('drives'): left out: {why}" in tree.built(f"{app},hello", NATIVE)


def test_choosing_apps_by_name():
    names = ["hello", "npb/bt", "npb/sp", "npbx"]
    assert [name for name, _ in apps.chosen("npb", names)] == ["npb/bt", "npb/sp"]
    assert [name for name, _ in apps.chosen("npb/sp,hello,npb", names)] == ["npb/sp", "hello", "npb/bt"]
