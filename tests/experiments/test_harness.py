"""What experiments share: records that last and do not mix, notebooks."""
import json

import pytest

from experiments import notebook
from experiments.harness import Failure, Records, aligned, spread, work

OURS = {"machine": {"cpu": "a"}, "program": "1"}


def test_work_goes_on_where_it_was_interrupted(tmp_path, capsys):
    path, plan, measured = tmp_path / "records.jsonl", [{"repetition": n} for n in range(4)], []

    def measure(step):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(step)
        return {"ns": 1.5}
    with pytest.raises(KeyboardInterrupt):
        work(Records(path, OURS), plan, measure)
    work(Records(path, OURS), plan, lambda step: {"ns": 2.5})
    assert [(row["repetition"], row["ns"]) for row in Records(path, OURS).rows] == [(0, 1.5), (1, 1.5), (2, 2.5), (3, 2.5)]
    assert "2 of 4 repetitions are there already" in capsys.readouterr().err


@pytest.mark.parametrize("torn", ['{"repetition": 1, "n', "{"])
def test_a_line_that_was_torn_is_measured_again(tmp_path, torn):
    path = tmp_path / "records.jsonl"
    Records(path, OURS).append({"repetition": 0})
    with open(path, "a") as file:
        file.write(torn)
    records = Records(path, OURS)
    assert records.rows == [{"repetition": 0}]
    records.append({"repetition": 1})
    assert Records(path, OURS).rows == [{"repetition": 0}, {"repetition": 1}]


@pytest.mark.parametrize("change", [{"machine": {"cpu": "b"}}, {"program": "2"}])
def test_results_of_another_machine_or_binary_are_refused(tmp_path, change):
    path = tmp_path / "records.jsonl"
    Records(path, OURS).append({"repetition": 0})
    before = path.read_bytes()
    with pytest.raises(Failure, match=f"another {next(iter(change))}.*move it away"):
        Records(path, {**OURS, **change})
    assert path.read_bytes() == before


def test_spread_is_median_and_quartiles():
    assert spread([1.0, 2.0, 3.0, 4.0, 100.0]) == {"median": 3.0, "low": 2.0, "high": 4.0, "n": 5}
    assert spread([7.0])["low"] == 7.0


def test_a_table_is_aligned():
    assert aligned([("a", "b"), ("long", "1,000")]) == "a         b\nlong  1,000\n"


def test_a_notebook_is_executed(tmp_path):
    source = tmp_path / "source.py"
    source.write_text("# %% [markdown]\n# # Title\n# %%\nx = 20\nprint(x + 1)\n# %%\nx += 1\n")
    notebook.execute(source, tmp_path / "made.ipynb")
    made = json.loads((tmp_path / "made.ipynb").read_text())
    assert [cell["cell_type"] for cell in made["cells"]] == ["markdown", "code", "code"]
    assert made["cells"][0]["source"] == ["# Title"]
    assert made["cells"][1]["outputs"][0]["text"] == ["21\n"] and made["cells"][2]["outputs"] == []
