"""`skete engines`: what works here, why the rest does not, what it costs."""
import json
import os
import stat

import pytest

from skete import engines
from skete.engine import EngineError
from skete.engines import survey


def test_every_engine_has_a_row_and_what_works_has_figures(skete):
    done = skete("engines", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["engines"]
    assert [row["name"] for row in rows] == list(engines.NAMES)
    for row in rows:
        if row["works"]:
            assert row["why"] == "" and 0.1 < row["call_us"] < 5000 and 0.1 < row["start_ms"] < 5000
        else:
            assert row["why"] and row["call_us"] is None and row["start_ms"] is None


def test_the_table_names_the_reason_below(skete, monkeypatch, capsys):
    def make(name):
        raise EngineError("there is no /dev/nonsense: make one")
    monkeypatch.setattr(engines, "make", make)
    assert survey.report() == 1, "none works"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["engine", "works", "null", "call", "start"]
    assert f"{engines.NAMES[0]}: there is no /dev/nonsense: make one" in lines


@pytest.mark.parametrize("error, remedy", [
    (FileNotFoundError(2, "No such file or directory"), "modprobe"),
    (PermissionError(13, "Permission denied"), "usermod -aG kvm"),
    (OSError(19, "No such device"), "modprobe"),
])
def test_what_is_missing_is_one_line_with_its_remedy(monkeypatch, error, remedy):
    from skete.engines.kvm import device

    def refuse(*_):
        raise error
    monkeypatch.setattr(device.os, "open", refuse)
    with pytest.raises(EngineError) as told:
        device.Device()
    assert remedy in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("answers, said", [
    ({0xAE00: 11}, "version 11"),
    ({0xAE03: 0}, "KVM_CAP_SYNC_REGS"),
])
def test_a_kvm_that_is_too_old_is_told(monkeypatch, answers, said):
    from skete.engines.kvm import device
    monkeypatch.setattr(device.os, "open", lambda *_: os.dup(0))
    monkeypatch.setattr(device.fcntl, "ioctl", lambda fd, request, argument: answers.get(request, 12))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(EngineError) as told:
        device.Device()
    assert said in str(told.value) and "\n" not in str(told.value)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_device_that_is_no_kvm_is_told(monkeypatch):
    from skete.engines.kvm import device
    monkeypatch.setattr(device, "_PATH", os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    with pytest.raises(EngineError) as told:
        device.Device()
    assert "version" in str(told.value)
