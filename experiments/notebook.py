"""Make an executed notebook from a Python file whose cells begin with `# %%` (code) or `# %% [markdown]`.

The cells run here, one after another in the notebook's folder, and what they print is kept as their output. A kernel
of Jupyter's would do the same with thirty packages more.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import re
from pathlib import Path

from experiments.harness import write


def cells(text: str) -> list:
    """[(kind, source), ...]"""
    found = []
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        markdown = "[markdown]" in head
        found.append(("markdown" if markdown else "code",
                      re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip() if markdown else body.strip()))
    return found


def execute(source: Path, target: Path) -> None:
    """Run the cells of `source` in the folder of `target`, and write the notebook there."""
    names: dict = {"__name__": "notebook"}
    made = []
    text, target, before = source.read_text(), target.absolute(), os.getcwd()
    os.chdir(target.parent)
    try:
        for number, (kind, body) in enumerate(cells(text)):
            cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": body.splitlines(keepends=True)}
            if kind == "code":
                said = io.StringIO()
                with contextlib.redirect_stdout(said):
                    exec(compile(body, f"{source.name}, cell {number}", "exec"), names)
                cell["execution_count"] = number + 1
                cell["outputs"] = [{"output_type": "stream", "name": "stdout",
                                    "text": said.getvalue().splitlines(keepends=True)}] if said.getvalue() else []
            made.append(cell)
    finally:
        os.chdir(before)
    write(target, json.dumps({"cells": made, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4,
                              "nbformat_minor": 5}, indent=1) + "\n")
