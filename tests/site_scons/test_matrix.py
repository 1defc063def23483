"""The compatibility matrix: what is told from messages, and how it is shown."""
from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("jinja2", reason="jinja2 is not there for this interpreter: ./scons test brings it")

from steps import matrix  # noqa: E402

LINKER = """\
/usr/bin/ld: build/apps/x/up/common/team.o: in function `team_open':
team.c:(.text+0x235): undefined reference to `sysconf'
/usr/bin/ld: team.c:(.text+0x25e): undefined reference to `pthread_create'
team.c:(.text+0x300): undefined reference to `sysconf'
scons: *** [build/apps/x/x] Error 1
"""


@pytest.mark.parametrize("said, found", [
    (LINKER, {"lacks": ["pthread_create", "sysconf"]}),
    ("a.c:7:10: fatal error: semaphore.h: No such file or directory\n", {"lacks": ["<semaphore.h>"]}),
    ("a.c:1:2: error: ‘CLOCK_TAI’ undeclared here (not in a function)\n", {"lacks": ["CLOCK_TAI"]}),
    ("a.c:1:2: error: invalid use of undefined type ‘const struct winsize’\n", {"lacks": ["struct winsize"]}),
    ("a.c:1:2: error: expected ‘;’ before ‘}’ token\n", {"why": "expected ‘;’ before ‘}’ token"}),
    ("skete: the C compiler does not work\n", {"why": "skete: the C compiler does not work"}),
    ("", {"why": "the build ended without a word"}),
])
def test_what_is_lacking_is_named(said, found):
    assert matrix.lacking(said) == found


@pytest.mark.parametrize("cell, words", [
    (None, "-"),
    ({"status": "verified"}, "verified"),
    ({"status": "failed", "why": "it ended with status 1"}, "failed"),
    ({"status": "not built", "why": "expected ;"}, "not built"),
    ({"status": "not built", "lacks": ["a", "b"]}, "lacks a, b"),
    ({"status": "not built", "lacks": ["a", "b", "c", "d", "e", "f"]}, "lacks a, b, c, d and 2 more"),
])
def test_words_of_a_cell(cell, words):
    assert matrix.words_of(cell) == words


def test_picture_is_well_formed_and_says_everything():
    libcs = [{"name": "one", "title": "one", "version": "1.0"}, {"name": "two", "title": "two", "version": "2.0"}]
    rows = [{"app": "a<b", "class": None, "cells": {"one": {"status": "verified"},
                                                   "two": {"status": "not built", "lacks": ["<x.h>"]}}},
            {"app": "npb/c", "class": "S", "cells": {"one": {"status": "failed", "why": "no"}}}]
    root = ElementTree.fromstring(matrix.picture(libcs, rows))
    words = [text.strip() for text in root.itertext() if text.strip()]
    for word in ("one", "2.0", "a<b", "verified", "lacks <x.h>", "failed", "class S", "-"):
        assert word in words, word
