"""Whether QEMU would be worth an engine: its guest, as far as that needs no QEMU."""
import shutil

import pytest

from experiments import qemu
from experiments.harness import Failure


def test_the_rom_begins_where_an_x86_does():
    image = qemu.rom()
    assert len(image) == 0x10000 and image[0xfff0] == 0xea and image[:2] == bytes.fromhex("31c0")


def test_without_qemu_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Failure, match="apt-get install"):
        qemu.measure("tcg")


def test_an_accelerator_that_is_not_there_is_a_failure():
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not here: apt-get install --no-install-recommends qemu-system-x86")
    with pytest.raises(Failure, match="QEMU ended"):
        qemu.measure("steam")
