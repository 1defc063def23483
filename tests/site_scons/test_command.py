"""The command that runs a guest: what the description of a run becomes for the monitor, and without one."""
from __future__ import annotations

import os

from steps import command

RUN = {"engine": "process", "monitor": "bin/skete", "timeout": 5, "workdir": None, "mounts": ["there:/here:ro"], "env": {"A": "1"},
       "program": "prog", "args": ["-x"], "stdin": None, "client": [], "tmpfs": ["/tmp:1M"], "same_user": True}


def test_what_an_app_asks_for_is_asked_of_the_monitor():
    assert command.guest(RUN) == ["bin/skete", "run", "--engine", "process", "--timeout", "5", "--mount", "there:/here:ro",
                                  "--tmpfs", "/tmp:1M", "--user", f"{os.getuid()}:{os.getgid()}", "--env", "A=1", "prog", "-x"]


def test_natively_there_is_nobody_to_ask():
    assert command.guest({**RUN, "engine": "native"}) == ["env", "-i", "A=1", "prog", "-x"]
