"""argv, stderr, exit status: the command `skete`."""
from __future__ import annotations

import os
import sys

from skete.options import parse

__all__ = ["main"]

#: exit status when the monitor itself failed, as env(1), timeout(1) and docker have it
FAILED = 125

#: calls that nobody serves are named at the end, the most frequent of them
_NAMED = 12


def main(argv: list) -> int:
    """Run one command. The exit status: for `run` the guest's own, 128+n for death by signal n, 124 for a
    timeout; 125 when skete itself failed, 2 for a command line that it does not understand."""
    options = parse(argv)
    try:
        return {"run": _run, "syscalls": _syscalls, "inspect": _inspect}[options.command](options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)    # the reader has gone; nothing more to flush there
        return 128 + 13


def _say(text: str) -> None:
    print(f"skete: {text}", file=sys.stderr, flush=True)


def _environment(options) -> dict:
    env = {}
    for text in options.env:
        name, equals, value = text.partition("=")
        if not name:
            raise ValueError(f"--env {text}: a variable has a name, as in --env HOME=/")
        if equals:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
    return env


def _run(options) -> int:
    from skete.engine import EngineError
    from skete.loader import LoadError
    from skete.machine import Machine
    opened, trace = [], None
    _raise_descriptor_limit()
    try:
        machine = Machine(options.program, options.args, engine=options.engine, mounts=options.mount,
                          env=_environment(options), cwd=options.cwd, timeout_s=options.timeout,
                          memory=options.memory)
        if options.trace or options.trace_file or options.trace_only:
            from skete.observe import select
            from skete.observe.strace import Strace
            stream = sys.stderr
            if options.trace_file:
                stream = open(options.trace_file, "w", encoding="utf-8", errors="backslashreplace")
                opened.append(stream)
            trace = Strace(stream, trace=select.calls(options.trace_only) if options.trace_only else None)
            machine.watch(trace)
        stats = None
        if options.stats or options.json:
            from skete.observe.stats import Stats
            stats = Stats()
            machine.watch(stats)
        result = machine.run()
    except LoadError as error:
        _say(str(error))
        return FAILED
    except EngineError as error:
        _say(f"{options.engine} engine: {error}")
        return FAILED
    except ValueError as error:
        _say(str(error))
        return FAILED
    except OSError as error:
        _say(f"{options.program}: {error.strerror}" if error.filename is None else
             f"{os.fsdecode(error.filename)}: {error.strerror}")
        return FAILED
    finally:
        if trace is not None:
            trace.close()
        for stream in opened:
            stream.close()
    _report(options, result, stats)
    return result.exit_status


def _raise_descriptor_limit() -> None:
    """A guest may have 1024 descriptors, as on Linux; ours, which stand behind them, must be more."""
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _report(options, result, stats) -> None:
    if options.stats:
        sys.stderr.write(stats.table())
    if result.unserved:
        names = [f"{name} ({count}x)" for name, count in sorted(result.unserved.items(), key=lambda row: -row[1])]
        more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
        _say("not served, answered ENOSYS: " + ", ".join(names[:_NAMED] + more))
    if result.fault is not None:
        _say(_crash(options.program, result))
    if result.kind == "timeout":
        _say(f"{options.program}: ended after the {options.timeout:g} s that --timeout allows")
    if options.json:
        _write_json(options, result)


def _crash(program: str, result) -> str:
    """Where a fault was, in the words of the program's own symbols where it has any."""
    from skete.inspect import symbolise
    from skete.observe.values import signal_name
    rip, address, code, bias = result.fault
    what = {1: f", which touched {address:#x}, where nothing is mapped",
            2: f", which touched {address:#x} against its protection"}.get(code, "") if result.code == 11 else ""
    return f"{program}: {signal_name(result.code)} at {symbolise(program, [rip], bias)[0]}{what}"


def _write_json(options, result) -> None:
    """Whole or not at all: a temporary name beside it, then rename."""
    import json
    temporary = f"{options.json}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump({"schema": 1, "program": options.program, "argv": [options.program, *options.args],
                   "engine": options.engine, **result.as_dict()}, file, indent=1)
        file.write("\n")
    os.replace(temporary, options.json)


def _syscalls(options) -> int:
    from skete.observe import table
    sys.stdout.write(table.render(options.filter or "", "json" if options.json else
                                  "markdown" if options.markdown else "text"))
    return 0


def _inspect(options) -> int:
    from skete.inspect import report
    return report(options.program, json=options.json)
