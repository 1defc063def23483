"""The NPB experiment: what it reads off a report, what it makes of records, and the whole of it on made-up figures."""
import json

import pytest

from experiments import npb
from experiments.harness import Failure, Records

REPORT = """
 IS Benchmark Completed
 Class           =                        S
 Time in seconds =                     0.02
 Mop/s total     =                    28.26
 Verification    =               {}
"""


@pytest.mark.parametrize("word, verified", [("SUCCESSFUL", True), ("UNSUCCESSFUL", False)])
def test_a_report_is_read(word, verified):
    assert npb.said(REPORT.format(word)) == {"seconds": 0.02, "mops": 28.26, "verified": verified}


@pytest.mark.parametrize("text", ["", "Killed", REPORT.split("Verification")[0],
                                  REPORT.format("SUCCESSFUL").replace("28.26", "0.00")])
def test_what_is_no_report_has_no_figures(text):
    assert npb.said(text) is None


def made(tmp_path, rates: dict, unverified=()) -> Records:
    records = Records(tmp_path / "records.jsonl", {"machine": "a"})
    for (name, label), values in rates.items():
        for number, mops in enumerate(values, 1):
            records.append({"benchmark": name, "series": label, "repetition": number, "mops": mops, "seconds": 1 / mops,
                            "wall_s": 1.0, "verified": (name, label) not in unverified})
    return records


THERE = {npb.NATIVE: ("musl", "native"), "process": ("musl", "process")}


def test_a_ratio_is_of_times_not_of_rates(tmp_path):
    records = made(tmp_path, {("bt", npb.NATIVE): [100, 110, 90], ("bt", "process"): [50, 40, 60]})
    rows, unverified = npb.summary(records, ["bt"], THERE)
    ratio = next(row for row in rows if row["series"] == "process")["ratio"]
    assert ratio["median"] == 2 and ratio["low"] < 2 < ratio["high"] and ratio["n"] == 3 and not unverified
    assert npb.means(rows, ["bt"]) == {npb.NATIVE: 1, "process": pytest.approx(2)}


def test_what_does_not_verify_has_no_row_and_no_mean(tmp_path):
    rates = {(name, label): [100] for name in ("bt", "is") for label in THERE}
    rows, unverified = npb.summary(made(tmp_path, rates, {("is", "process")}), ["bt", "is"], THERE)
    assert [(row["benchmark"], row["series"]) for row in rows] == [("bt", npb.NATIVE), ("bt", "process"), ("is", npb.NATIVE)]
    assert list(unverified) == ["is, process"] and list(npb.means(rows, ["bt", "is"])) == [npb.NATIVE]


def test_series_that_cannot_be_are_named_with_their_reason():
    programs = {libc: {} for libc in npb.LIBCS}
    there, missing = npb.series(programs, "B", {"process": "", "kvm": "there is no /dev/kvm", "emulator": ""})
    assert list(there) == ["musl native", "process", "dietlibc native", "glibc native"]
    assert missing["kvm"] == "there is no /dev/kvm" and "class S only" in missing["emulator"]
    assert "emulator" in npb.series(programs, "S", {"process": "", "kvm": "", "emulator": ""})[0]


def program(tmp_path, text: str):
    path = tmp_path / "is"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_program_is_run_and_one_that_says_nothing_is_a_failure(tmp_path):
    report = REPORT.format("SUCCESSFUL")
    figures = npb.once(program(tmp_path, f"cat <<'END'\n{report}\nEND"), "native")
    assert figures["mops"] == 28.26 and figures["wall_s"] > 0
    with pytest.raises(Failure, match="status 3: broken"):
        npb.once(program(tmp_path, "echo broken; exit 3"), "native")


def test_a_program_runs_under_an_engine(guests, skete):
    with pytest.raises(Failure, match="status 0"):      # it is no benchmark, but it has run
        npb.once(guests("args"), "process")


@pytest.mark.parametrize("arguments, words", [(["D"], "D"), (["--only", "bt,xx"], "no benchmark 'xx'"),
                                              (["--libc", "uclibc"], "no libc 'uclibc'")])
def test_wrong_arguments_are_named(arguments, words, capsys):
    with pytest.raises(SystemExit):
        npb.options(arguments)
    assert words in capsys.readouterr().err


def test_the_whole_of_it(tmp_path, monkeypatch, capsys):
    """But for building, measuring and drawing: records, tables, and that it goes on."""
    monkeypatch.setattr(npb, "RESULTS", tmp_path)
    monkeypatch.setattr(npb.packages, "provide", lambda: None)
    monkeypatch.setattr(npb.notebook, "execute", lambda source, target: target.write_text("{}"))
    monkeypatch.setattr(npb, "engines_here", lambda: {"process": "", "kvm": "no", "emulator": ""})
    runs = []

    def build(libc, class_, benchmarks):
        if libc == "host":
            raise Failure("no gcc")
        return {name: program(tmp_path, f"# {libc}") for name in benchmarks}

    def once(path, engine):
        runs.append(engine)
        if len(runs) == 5:
            raise KeyboardInterrupt
        return {"mops": 50.0 if engine == "emulator" else 100.0, "seconds": 1.0, "wall_s": 1.0, "verified": True}
    monkeypatch.setattr(npb, "build", build)
    monkeypatch.setattr(npb, "once", once)
    with pytest.raises(KeyboardInterrupt):
        npb.main("S", ("bt", "is"))
    npb.main("S", ("bt", "is"))
    assert len(runs) == 1 + 3 * 2 * 4
    found = json.loads((tmp_path / "S" / "npb.json").read_text())
    assert found["geometric_means"]["emulator"] == pytest.approx(2)
    assert found["not_measured"] == {"glibc native": "no gcc", "kvm": "no"}
    assert len((tmp_path / "S" / "npb.csv").read_text().splitlines()) == 1 + 2 * 4
    assert "not measured: kvm: no" in capsys.readouterr().out
