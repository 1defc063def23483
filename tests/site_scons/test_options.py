"""What the command line takes, and what is said about the rest."""
from __future__ import annotations

import os
import shutil

import pytest


def test_help_lists_targets_variables_and_apps(tree):
    printed = tree.built("-h")
    for text in ("scons test", "scons dist", "Apps: hello;", "class=S", "(S|W|A|B|C)", "tiny_version=1.0", "run=yes",
                 "verbose=no"):
        assert text in printed, text


def test_an_unknown_variable_is_refused_with_the_known_ones(tree):
    printed = tree.refused("clas=A")
    assert "there is no variable clas" in printed and "class" in printed and "threads" in printed


@pytest.mark.parametrize("given, allowed", [
    ("class=Z", "'S', 'W', 'A', 'B', 'C'"),
    ("run=perhaps", "'yes', 'no', 'again'"),
    ("libc=glibc", "'tiny'"),
    ("tiny_version=2.0", "'1.0'"),
    ("engine=steam", "'process', 'kvm', 'emulator', 'native'"),
    ("arch=z80", "'x86_64'"),
    ("syscalls=slow", "'normal', 'direct'"),
    ("npb=D", "'usual', 'A', 'B', 'C'"),
    ("opt=11", "'default', '0', '1'"),
    ("threads=none", "whole numbers"),
    ("timeout=-1", "whole numbers"),
])
def test_a_wrong_value_is_refused_with_the_right_ones(tree, given, allowed):
    printed = tree.refused(given)
    assert allowed in printed and given.split("=")[0] in printed


def test_a_libc_that_cannot_jump_is_refused(tree):
    assert "libc=tiny has no syscalls=direct" in tree.refused("syscalls=direct")


def test_as_many_tests_run_beside_each_other_as_j_says(tree):
    pytest.importorskip("xdist", reason="pytest-xdist is not there for this interpreter: ./scons test brings it")
    assert "-n 3 --dist worksteal" in tree.built("test", "-n", "-j3", "verbose=yes")
    assert "worksteal" not in tree.built("test", "-n", "-j1", "verbose=yes")


@pytest.mark.parametrize("wanted, why", [
    ("nonesuch", "there is no app nonesuch"),
    ("/nowhere/app", "there is no folder /nowhere/app"),
    (".", "has no SConscript"),
    (",", "names no app"),
])
def test_an_unknown_app_is_refused_with_the_known_ones(tree, wanted, why):
    printed = tree.refused(f"app={wanted}")
    assert why in printed and "there are the apps hello" in printed


def test_an_unknown_target_does_not_pass_for_an_idle_build(tree):
    printed = tree.refused("nonsense")
    assert "nonsense" in printed and "nothing had to be done" not in printed


def without(commands: set[str], folder) -> str:
    """Return a PATH whose one folder has every command of ours except some."""
    folder.mkdir()
    for directory in reversed(os.environ["PATH"].split(os.pathsep)):
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                (folder / name).unlink(missing_ok=True)
                if name not in commands:
                    (folder / name).symlink_to(os.path.join(directory, name))
    return str(folder)


@pytest.mark.parametrize("gone, packages", [({"make"}, "make"), ({"gcc", "patch"}, "gcc patch"), ({"ld"}, "binutils")])
def test_a_missing_system_package_is_named_with_the_command_that_installs_it(tree, tmp_path, gone, packages):
    printed = tree.refused(PATH=without(gone, tmp_path / "bin"))
    sudo = "" if os.geteuid() == 0 else "sudo "
    assert f"\n    {sudo}apt-get install {packages}\n" in printed


def test_a_compiler_that_does_not_work_is_found_out_before_anything_is_built(tree, tmp_path):
    path = without({"gcc"}, tmp_path / "bin")
    gcc = tmp_path / "bin/gcc"
    gcc.write_text("#!/bin/sh\necho 'gcc: fatal error: cannot execute cc1' >&2\nexit 1\n")
    gcc.chmod(0o755)
    printed = tree.refused("engine=native", PATH=path)
    assert "the C compiler does not work" in printed and "cannot execute cc1" in printed
    assert "LIBC" not in printed


def test_a_missing_python_package_is_named_with_the_remedy(tree):
    tree.write("site_scons/sitecustomize.py", "import sys\nsys.modules['jinja2'] = None\n")
    printed = tree.refused(PYTHONPATH=str(tree.top / "site_scons"))
    assert "lacks the Python package jinja2" in printed and "./scons" in printed


def test_it_works_from_elsewhere(tree, tmp_path):
    app = tmp_path / "mine"
    shutil.copytree(tree.top / "apps/hello", app)
    done = tree.scons("-C", str(tree.top), "app=mine", "engine=native", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "mine" in done.stdout and "verified" in done.stdout
