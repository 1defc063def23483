"""The words for a result that is not what was expected."""
from __future__ import annotations

import pytest

from steps.verify import difference, ending, reported


@pytest.mark.parametrize("why, expected, output, words", [
    ("equal", b"a\nb\n", b"a\nb\n", None),
    ("both empty", b"", b"", None),
    ("another line", b"a\nb\nc\n", b"a\nX\nc\n", "line 2 differs from golden:\n    a\n  - b\n  + X"),
    ("three lines before it", b"1\n2\n3\n4\n5", b"1\n2\n3\n4\nX\n",
     "line 5 differs from golden:\n    2\n    3\n    4\n  - 5  (no newline)\n  + X"),
    ("too short", b"a\nb\n", b"a\n", "line 2 differs from golden:\n    a\n  - b\n  + (the end)"),
    ("too long", b"a\n", b"a\nb\n", "line 2 differs from golden:\n    a\n  - (the end)\n  + b"),
    ("no last newline", b"a\n", b"a", "line 1 differs from golden:\n  - a\n  + a  (no newline)"),
    ("what cannot be seen", b"a\n", b"a\t\n", "line 1 differs from golden:\n  - a\n  + 'a\\t'"),
    ("no UTF-8", b"a\n", b"\xff\n", "line 1 differs from golden:\n  - a\n  + \\xff"),
])
def test_the_first_difference_is_shown(why, expected, output, words):
    assert difference(expected, output, "golden") == words, why


@pytest.mark.parametrize("status, words", [
    ({"kind": "exited", "code": 3}, "ended with status 3"),
    ({"kind": "signalled", "code": 11}, "was killed by signal 11 (SIGSEGV)"),
    ({"kind": "signalled", "code": 99}, "was killed by signal 99 (no signal that we know)"),
])
def test_how_a_program_ended_is_said_in_words(status, words):
    assert ending(status) == words


def test_what_a_benchmark_measured_is_kept():
    assert reported(b" Class =  S\n Time in seconds =                     0.02\n Mop/s total     =                 12345.67\n") \
        == {"seconds": 0.02, "mops": 12345.67}
    assert reported(b"no benchmark, Time in seconds = 3\n") == {}
