"""The command `skete`: argv in, exit status out."""
from __future__ import annotations

import os
import sys

from skete.options import parse

__all__ = ["main"]


def main(argv: list) -> int:
    """Run one command. The exit status: that of `run` (skete.run); 2 for a command line that makes no sense."""
    options = parse(argv)
    try:
        return {"run": _run, "syscalls": _syscalls, "inspect": _inspect, "engines": _engines,
                "layer": _layer}[options.command](options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)    # the reader has gone; nothing more to flush there
        return 128 + 13


def _run(options) -> int:
    from skete.run import run
    return run(options)


def _syscalls(options) -> int:
    from skete.observe import table
    text = table.render(options.filter, "json" if options.json else "markdown" if options.markdown else "text")
    if not text:
        from skete.run import say
        say(f"no system call is called like {options.filter!r}, or has that number or state")
        return 1
    sys.stdout.write(text)
    return 0


def _inspect(options) -> int:
    from skete.inspect import report
    return report(options.program, json=options.json)


def _layer(options) -> int:
    from skete.layer import run
    return run(options)


def _engines(options) -> int:
    from skete.engines.survey import report
    return report(options.json)
