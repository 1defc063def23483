"""The emulated machine of `scons test kvm=nested`: what surrounds it. The machine itself takes minutes."""
import io

import pytest
from steps.nested import __main__ as nested
from steps.nested import image, inside, kernel
from steps.step import Failure


def test_without_qemu_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(nested.shutil, "which", lambda name: None)
    with pytest.raises(Failure, match="apt-get install --no-install-recommends qemu-system-x86"):
        nested.main([str(tmp_path / "log"), "/bin/true", "--"])


def test_without_apt_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="apt-get install"):
        kernel.obtain(tmp_path / "kernel")


def test_a_kernel_without_kvm_is_refused_by_name(tmp_path):
    with pytest.raises(Failure, match=r"irqbypass\.ko"):
        kernel.modules(tmp_path)


@pytest.mark.parametrize("text, good", [
    ("nested: 2 of 2 guests are the same on both engines\r\nnested: all the same\r\nnested: end\r\n", True),
    ("nested: 1 of 2 guests are the same on both engines\r\nnested: end\r\n", False),
    ("nested: all the same\r\n[ 1.0] Kernel panic\r\n", False),
    ("", False),
])
def test_only_a_machine_that_got_to_its_end_is_good(tmp_path, text, good, capsys):
    log = tmp_path / "log"
    log.write_bytes(b"booting\r\n" + text.encode())
    if good:
        nested.judge(log)
    else:
        with pytest.raises(Failure, match=str(log)):
            nested.judge(log)


@pytest.mark.parametrize("process, kvm, good", [
    ((0, "a", ""), (0, "a", ""), True),
    ((0, "a", ""), (0, "b", ""), False),
    ((0, "a", ""), (1, "a", ""), False),
    ((125, "", "no gate"), (125, "", "no gate"), False),
])
def test_a_guest_is_good_where_both_engines_have_run_it(process, kvm, good, monkeypatch, capsys):
    monkeypatch.setattr(inside, "run", lambda engine, words: (*(process if engine == "process" else kvm), 1.0))
    assert inside.compare("/guests/0/hello") is good
    assert ("same" in capsys.readouterr().out) is good


def test_the_machine_has_the_sources_of_what_is_compiled():
    from skete.engines.gate import code
    from skete.engines.process import stub
    for path in (*code.SOURCES, *stub._SOURCES):
        assert path.endswith(image.OF_SKETE)


def entries(data: bytes):
    """(name, mode, content) of a newc archive."""
    at = 0
    while True:
        assert data[at:at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11] - 1].decode()
        at = at + 110 + fields[11] + 3 & -4
        if name == "TRAILER!!!":
            return
        yield name, fields[1], data[at:at + fields[6]]
        at = at + fields[6] + 3 & -4


def test_an_archive_has_its_folders_first_and_each_name_once():
    file = io.BytesIO()
    archive = image.Archive(file)
    archive.console()
    archive.text(b"one", "a/b/c", 0o755)
    archive.text(b"two", "a/b/c")
    archive.link("c", "a/b/d")
    archive.end()
    assert list(entries(file.getvalue())) == [
        ("dev", 0o040755, b""), ("dev/console", 0o020600, b""), ("a", 0o040755, b""), ("a/b", 0o040755, b""),
        ("a/b/c", 0o100755, b"one"), ("a/b/d", 0o120777, b"c")]
