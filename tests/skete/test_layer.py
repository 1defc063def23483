"""Copy-on-write mounts as a user meets them: --mount HOST:GUEST:cow[=LAYER], and skete layer."""
import os
import shutil
import subprocess

import pytest

from tests.skete.kernel.files.layers import unpack_layer
from tests.skete.kernel.files.test_tree import tree


@pytest.fixture
def folder(tmp_path, guests):
    """A folder in which tests/guests/cowtree.c finds its tree."""
    below = tmp_path / "below"
    for path, text in (("keep", "kept\n"), ("write", "before\n"), ("sub/inner", "inner\n"), ("sub/deep/leaf", "leaf\n"),
                       ("gone", "gone\n"), ("one", "shared\n")):
        (below / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (below / "tree" / path).write_text(text)
    os.link(below / "tree/one", below / "tree/sub/two")
    os.symlink("sub/inner", below / "tree/link")
    os.mkfifo(below / "tree/fifo", 0o644)
    return below


def native_result(guests, folder, tmp_path):
    """The tree after a native run on a copy, and what it printed."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("fifo", "two"))
    os.mkfifo(copy / "tree/fifo", 0o644)
    os.link(copy / "tree/one", copy / "tree/sub/two")
    run = subprocess.run([guests("cowtree")], cwd=copy, env={}, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout
    return tree(copy), run.stdout


def copied(folder, target):
    shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns("fifo", "two"))
    os.mkfifo(target / "tree/fifo", 0o644)
    os.link(target / "tree/one", target / "tree/sub/two")
    return target


def test_a_program_changes_the_layer_as_it_changes_a_folder(guests, folder, tmp_path, engine_name, skete):
    wanted, output = native_result(guests, folder, tmp_path)
    before, layer = tree(folder), tmp_path / "layer"
    run = skete("run", "--engine", engine_name, "--timeout", "60", "--mount", f"{folder}:/work:cow={layer}", "--cwd",
                "/work", guests("cowtree"), timeout=90)
    assert (run.returncode, run.stdout) == (0, output), run.stdout + run.stderr
    assert tree(folder) == before
    merged = copied(folder, tmp_path / "merged")
    unpack_layer(layer, merged)
    assert tree(merged) == wanted
    assert not [name for where, *names in os.walk(layer) for name in sum(names, []) if name.startswith(".wh..wh.tmp")]


def test_without_a_folder_the_changes_are_thrown_away(guests, folder, tmp_path, skete, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    before = tree(folder)
    run = skete("run", "--timeout", "60", "--mount", f"{folder}:/work:cow", "--cwd", "/work", guests("cowtree"))
    assert run.returncode == 0, run.stdout + run.stderr
    assert tree(folder) == before and os.listdir(tmp_path / "tmp") == []


@pytest.fixture
def layer(guests, folder, tmp_path, skete):
    """A layer with what cowtree.c does."""
    run = skete("run", "--mount", f"{folder}:/work:cow={tmp_path / 'layer'}", "--cwd", "/work", guests("cowtree"))
    assert run.returncode == 0, run.stdout + run.stderr
    return tmp_path / "layer"


def test_list_names_every_change(layer, skete):
    run = skete("layer", "list", layer)
    assert run.returncode == 0, run.stderr
    # "sub" is another folder with the same entries, of which "two" is a copy and "within" new.
    assert set(run.stdout.splitlines()) >= {
        "C /tree/keep", "C /tree/write", "D /tree/gone", "A /tree/late", "A /tree/moved/", "C /tree/link",
        "D /tree/one", "A /tree/three", "C /tree/sub/two", "A /tree/sub/deep/within/", "C /tree/fifo"}


def test_diff_shows_lines_and_modes(layer, skete):
    run = skete("layer", "diff", layer)
    assert run.returncode == 0, run.stderr
    assert "--- a/tree/write\n+++ b/tree/write\n@@ -1 +1 @@\n-before\n+BeHIND!\n" in run.stdout
    assert "/tree/fifo: fifo 0644, now fifo 0600\n" in run.stdout
    assert "--- /dev/null\n+++ b/tree/late\n@@ -0,0 +1 @@\n+named late\n" in run.stdout
    assert "/tree/link: link 0777 to sub/inner, now link 0777 to keep\n" in run.stdout


def test_apply_makes_the_changes_and_empties_the_layer(guests, layer, folder, tmp_path, skete):
    merged = copied(folder, tmp_path / "merged")
    unpack_layer(layer, merged)
    run = skete("layer", "apply", layer)
    assert run.returncode == 0, run.stderr
    assert tree(folder) == tree(merged)
    assert os.listdir(layer) == [".wh..wh.lower"]
    assert skete("layer", "list", layer).stdout == ""


def test_drop_removes_the_layer_and_leaves_the_folder(layer, folder, skete):
    before = tree(folder)
    assert skete("layer", "drop", layer).returncode == 0
    assert not layer.exists() and tree(folder) == before


def test_a_layer_whose_folder_is_gone_can_be_dropped(layer, folder, skete):
    shutil.rmtree(folder)
    assert "no folder any more" in skete("layer", "list", layer).stderr
    assert skete("layer", "drop", layer).returncode == 0 and not layer.exists()


def test_a_layer_goes_on_in_the_next_run(layer, folder, guests, skete):
    run = skete("run", "--mount", f"{folder}:/data:cow={layer}", "--cwd", "/data/tree", guests("args"))
    assert run.returncode == 0, run.stderr
    shutil.rmtree(layer / "tree/moved")
    assert "A /tree/moved" not in skete("layer", "list", layer).stdout


@pytest.mark.parametrize("why, mount, says", [
    ("a file", "{folder}/tree/keep:/work:cow", "is no folder"),
    ("a layer inside the folder", "{folder}:/work:cow={folder}/layer", "must not lie in each other"),
    ("a layer around the folder", "{folder}:/work:cow={folder}/..", "must not lie in each other"),
    ("the layer of another folder", "{folder}/tree:/work:cow={layer}", "is a layer of"),
    ("no layer's name", "{folder}:/work:cow=", "cow= names the layer's folder"),
])
def test_what_cannot_be_a_layer_is_refused(why, mount, says, layer, folder, guests, skete):
    run = skete("run", "--mount", mount.format(folder=folder, layer=layer), guests("args"))
    assert run.returncode == 125 and says in run.stderr, (why, run.stderr)


def test_what_is_no_layer_is_refused(folder, skete):
    for action in ("list", "diff", "apply", "drop"):
        run = skete("layer", action, folder)
        assert run.returncode == 125 and "is no layer" in run.stderr
    assert (folder / "tree/keep").exists()


def test_two_machines_cannot_have_one_layer(folder, layer, guests, skete):
    from skete.kernel.files.layer import Layer
    held = Layer(os.fsencode(layer), os.fsencode(folder))
    try:
        run = skete("run", "--mount", f"{folder}:/work:cow={layer}", guests("args"))
        assert run.returncode == 125 and "is in use" in run.stderr
        assert skete("layer", "drop", layer).returncode == 125
    finally:
        held.links.close()
        held.close()


def test_what_is_open_and_mapped_goes_on_with_the_copy(guests, tmp_path, engine_name, skete):
    below = tmp_path / "only"
    below.mkdir()
    (below / "old").write_bytes(b"from the host\n" * 300)
    done = skete("run", "--engine", engine_name, "--timeout", "60", "--mount", f"{below}:/work:cow", "--cwd", "/work",
                 guests("one_file"), timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (below / "old").read_bytes() == b"from the host\n" * 300
