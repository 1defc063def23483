"""docs/extensions.md: its code is what is run here."""
import os
import re
from pathlib import Path

import pytest

from skete import Machine

PAGE = Path(__file__).resolve().parent.parent / "docs" / "extensions.md"


@pytest.fixture
def page() -> dict:
    """The names that the page's code defines."""
    names = {}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), names)
    return names


@pytest.fixture
def run(guests, engine_name):
    """Run the guest `extensions` on a machine that was prepared; its exit status and what it prints."""
    def go(prepare, *args):
        read, write = os.pipe()
        with open(os.devnull) as null:
            machine = Machine(guests("extensions"), args, engine=engine_name, stdio=(null.fileno(), write, 2),
                              timeout_s=60)
            prepare(machine)
            try:
                result = machine.run()
            finally:
                os.close(write)
        with open(read, "rb") as pipe:
            return result.exit_status, pipe.read()
    return go


def test_random_numbers_are_the_same_every_time(page, run):
    first = run(lambda machine: page["seed"](machine, 7), "random")
    assert first == run(lambda machine: page["seed"](machine, 7), "random")
    assert first[0] == 0 and len(first[1]) == 33
    assert first != run(lambda machine: page["seed"](machine, 8), "random")


def test_a_path_is_answered_from_a_dict(page, run):
    def prepare(machine):
        page["files_of"](machine, {b"/etc/greeting": b"hello from a dict\n" * 300})
    assert run(prepare, "cat", "/etc/greeting") == (0, b"hello from a dict\n" * 300)
    assert run(prepare, "cat", "/etc/other")[0] == 2


def test_its_descriptors_are_bounded_and_come_back(page, run):
    def prepare(machine):
        page["files_of"](machine, {b"/a": b"x"})
    assert run(prepare, "many", "/a") == (0, b"64 opened, then EMFILE; 64 closed; 1 opened\n")
