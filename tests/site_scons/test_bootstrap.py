"""The first call of ./scons: what it makes, what it says, and that no half-made environment is ever used."""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


#: Python's own venv takes some seconds for each environment, and what most tests are about is when one is made
VENV = """
import os, sys
os.makedirs(os.path.join(sys.argv[1], "bin"))
os.symlink(sys.executable, os.path.join(sys.argv[1], "bin", "python"))
"""
PIP = """
import os, time
give_up = time.monotonic() + 60
while os.path.exists("slow") and time.monotonic() < give_up:
    time.sleep(0.01)
"""


class Checkout:
    """A tree with the bootstrap and a requirements.txt that is made in a moment: it asks for nothing."""

    def __init__(self, top: Path):
        self.top = top
        (top / "site_scons").mkdir(parents=True)
        for name in ("scons", "site_scons/bootstrap.py", "site_scons/system.py"):
            shutil.copy2(TOP / name, top / name)
        self.require("")
        # In the place of SCons: it is started as a module, from the tree, when all is there.
        (top / "SCons.py").write_text("import sys\nprint('started', *sys.argv[1:])\n")

    def quick(self) -> None:
        """From now on environments are made in a moment, but while there is a file `slow` pip does not end: a module of the
        folder that python3 -m is called in comes before the library's."""
        (self.top / "venv.py").write_text(VENV)
        (self.top / "pip.py").write_text(PIP)

    def require(self, text: str) -> None:
        (self.top / "requirements.txt").write_text(text)

    def start(self, *words: str, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(["./scons", *words], cwd=self.top, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True,
                                env={**os.environ, "PIP_NO_INDEX": "1", **environment})

    def scons(self, *words: str, **environment: str) -> tuple[int, str]:
        child = self.start(*words, **environment)
        printed, _ = child.communicate(timeout=120)
        return child.returncode, printed


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path / "a tree")


def test_the_first_call_sets_up_and_later_ones_do_not(checkout):
    status, printed = checkout.scons("app=x")
    assert (status, printed.splitlines()[-1]) == (0, "started -Q app=x")
    assert "VENV   .venv (Python 3" in printed
    assert checkout.scons("-h") == (0, "started -Q -h\n")
    checkout.quick()
    checkout.require("# changed\n")
    status, printed = checkout.scons()
    assert status == 0 and "VENV" in printed


def test_a_killed_set_up_is_made_again(checkout):
    checkout.quick()
    (checkout.top / "slow").touch()
    child = checkout.start()
    give_up = time.monotonic() + 30
    while not (checkout.top / ".venv/bin/python").exists():
        assert time.monotonic() < give_up and child.poll() is None
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate(timeout=10)
    assert not (checkout.top / ".venv/stamp").exists()
    (checkout.top / "slow").unlink()
    status, printed = checkout.scons()
    assert status == 0 and "VENV" in printed and printed.endswith("started -Q\n")


def test_two_first_calls_at_once_do_not_get_in_each_other_s_way(checkout):
    checkout.quick()
    children = [checkout.start(str(i)) for i in range(2)]
    printed = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert [text.splitlines()[-1] for text in printed] == ["started -Q 0", "started -Q 1"]
    assert "".join(printed).count("VENV   .venv (Python") == 1


def test_a_failing_pip_shows_its_words_and_the_same_command_recovers(checkout):
    checkout.require("no-such-thing==1.0 --hash=sha256:" + "0" * 64 + "\n")
    status, printed = checkout.scons()
    assert status == 2
    assert "no-such-thing==1.0" in printed and "pip could not install requirements.txt" in printed
    assert "started" not in printed
    checkout.quick()
    checkout.require("")
    assert checkout.scons()[0] == 0


def path_without(gone: set[str], folder: Path) -> str:
    folder.mkdir()
    for directory in ("/bin", "/usr/bin"):
        for name in os.listdir(directory):
            if name not in gone and not (folder / name).is_symlink():
                (folder / name).symlink_to(os.path.join(directory, name))
    if "python3" not in gone:
        (folder / "python3").unlink(missing_ok=True)
        (folder / "python3").symlink_to(sys.executable)
    return str(folder)


@pytest.mark.parametrize("gone, packages", [
    ({"python3"}, "python3 python3-venv gcc make patch"),
    ({"make", "patch"}, "make patch"),
    ({"gcc"}, "gcc"),
])
def test_missing_packages_are_named_in_one_command(checkout, tmp_path, gone, packages):
    status, printed = checkout.scons(PATH=path_without(gone, tmp_path / "bin"))
    assert status == 2
    assert re.search(rf"^    (sudo )?apt-get install {packages}$", printed, re.MULTILINE), printed
    assert not (checkout.top / ".venv").exists()


def test_a_python_without_venv_asks_for_python3_venv(checkout):
    (checkout.top / "site_scons/ensurepip.py").write_text("raise ImportError('Debian keeps it in python3-venv')\n")
    status, printed = checkout.scons()
    assert status == 2 and re.search(r"apt-get install python3-venv$", printed, re.MULTILINE)


def test_it_can_be_called_from_elsewhere_and_through_a_link(checkout, tmp_path):
    checkout.quick()
    checkout.scons()
    (tmp_path / "link").symlink_to(checkout.top / "scons")
    done = subprocess.run([tmp_path / "link", "app=."], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(checkout.top)})
    assert done.stdout == f"started -Q -C {checkout.top} app=.\n", done.stderr


def test_an_environment_that_is_a_link_is_left_alone(checkout, tmp_path):
    """Somebody's own, that several trees share: what does not fit is said, and nothing is removed."""
    (tmp_path / "shared" / "bin").mkdir(parents=True)
    (checkout.top / ".venv").symlink_to(tmp_path / "shared")
    status, printed = checkout.scons()
    assert (status, printed.count("\n")) == (2, 1) and printed.startswith("skete: .venv is a link to "), printed
    assert (tmp_path / "shared" / "bin").is_dir()
