"""The printed table of system calls."""
import json

from skete.kernel.row import Row
from skete.observe.table import as_json, as_markdown, as_text, chosen, entries, render

ROWS = entries({0: Row(0, None), 16: Row(16, None, partly="terminals only | nothing else"),
                334: Row(334, None, refused=True)})


def test_every_call_of_linux_is_in_it():
    assert len(ROWS) == 362
    assert [state for _, name, state, _ in ROWS if name in ("read", "write", "ioctl", "rseq")] == \
        ["served", "not served", "partly", "refused"]


def test_filters():
    assert [name for _, name, _, _ in chosen(ROWS, "16")] == ["ioctl"]
    assert [name for _, name, _, _ in chosen(ROWS, "refused")] == ["rseq"]
    assert [name for _, name, _, _ in chosen(ROWS, "readl")] == ["readlink", "readlinkat"]
    assert len(chosen(ROWS, "")) == 362


def test_text_is_aligned_and_folds_notes():
    assert as_text(chosen(ROWS, "16"), width=42).splitlines() == [
        " 16  ioctl  partly      terminals only | nothing",
        "                        else",
        "",
        "1 call: 1 partly",
    ]
    assert chosen(ROWS, "nosuchcall") == []
    assert render("nosuchcall") == ""


def test_json():
    assert json.loads(as_json(chosen(ROWS, "16"))) == [
        {"nr": 16, "name": "ioctl", "state": "partly", "note": "terminals only | nothing else"}]


def test_markdown_escapes_what_would_end_a_cell():
    page = as_markdown(ROWS)
    assert "| 16 | `ioctl` | partly | terminals only \\| nothing else |" in page
    assert "`write`" in page.split("Not served")[1]
    assert page.splitlines()[2] == "362 calls: 1 served, 1 partly, 1 refused, 359 not served. " \
                                   "The numbers are those of x86-64, Linux 6.1."
