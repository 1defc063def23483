"""argv, stderr, exit status: the command `skete`."""
from __future__ import annotations

import os
import sys

__all__ = ["main"]

#: exit status when the monitor itself failed, as env(1), timeout(1) and docker have it
FAILED = 125


def main(argv: list) -> int:
    """Run one command. The exit status: for `run` the guest's own, 128+n for death by signal n, 124 for a
    timeout; 125 when skete itself failed, 2 for a command line that it does not understand."""
    import argparse
    parser = argparse.ArgumentParser(
        prog="skete", description="Run static Linux programs under a monitor that serves their every system call.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _run_parser(commands)
    table = commands.add_parser("syscalls", help="print the system calls, and what each leaves out")
    table.add_argument("filter", nargs="?", help="only calls whose name contains this")
    table.add_argument("--json", action="store_true", help="machine-readable")
    table.add_argument("--markdown", action="store_true", help="as docs/syscalls.md has it")
    inspect = commands.add_parser("inspect", help="say what a program is, and whether it can run here")
    inspect.add_argument("program", metavar="PROG")
    inspect.add_argument("--json", action="store_true", help="machine-readable")
    options = parser.parse_args(argv)
    try:
        return {"run": _run, "syscalls": _syscalls, "inspect": _inspect}[options.command](options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)    # the reader has gone; nothing more to flush there
        return 128 + 13


def _run_parser(commands) -> None:
    import argparse
    run = commands.add_parser(
        "run", help="run a program", usage="skete run [OPTION...] PROG [ARG...]",
        description="Run PROG, a static ELF file, under the monitor. What comes after PROG is the program's own. "
                    "It sees no file, no environment and no memory of the host but what is granted here.")
    run.add_argument("--engine", default="process", metavar="NAME", help="what executes it (default: process)")
    run.add_argument("--mount", action="append", default=[], metavar="HOST:GUEST[:ro]",
                     help="let it see a host file or folder at a guest path; may be repeated")
    run.add_argument("--env", action="append", default=[], metavar="K=V",
                     help="set a variable of its environment; K alone takes the host's value")
    run.add_argument("--cwd", default="/", metavar="DIR", help="guest folder it starts in (default: /)")
    run.add_argument("--timeout", type=_positive, metavar="S", help="end it after S seconds, with status 124")
    run.add_argument("--memory", type=_size, metavar="SIZE", help="limit of its private memory: 512M, 2G")
    run.add_argument("--trace", action="store_true", help="print its system calls on stderr as strace would")
    run.add_argument("--trace-file", metavar="FILE", help="the same into FILE")
    run.add_argument("--stats", action="store_true", help="print a table of its system calls at the end")
    run.add_argument("--json", metavar="FILE", help="write what became of it to FILE")
    run.add_argument("program", metavar="PROG")
    run.add_argument("args", metavar="ARG", nargs=argparse.REMAINDER)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(text)
    return value


def _size(text: str) -> int:
    number, factor = text, 1
    for power, unit in enumerate("KMGT", 1):
        if text[-1:].upper() == unit:
            number, factor = text[:-1], 1 << 10 * power
    value = int(float(number) * factor)
    if value <= 0:
        raise ValueError(text)
    return value


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
    opened = []
    try:
        machine = Machine(options.program, options.args, engine=options.engine, mounts=options.mount,
                          env=_environment(options), cwd=options.cwd, timeout_s=options.timeout,
                          memory=options.memory)
        if options.trace or options.trace_file:
            from skete.observe.strace import Strace
            stream = sys.stderr
            if options.trace_file:
                stream = open(options.trace_file, "w", encoding="utf-8", errors="backslashreplace")
                opened.append(stream)
            machine.watch(Strace(stream))
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
        for stream in opened:
            stream.close()
    _report(options, result, stats)
    return result.exit_status


def _report(options, result, stats) -> None:
    if options.stats:
        sys.stderr.write(stats.table())
    if result.unserved:
        _say("not served, answered ENOSYS: " + ", ".join(
            f"{name} ({count}x)" for name, count in sorted(result.unserved.items())))
    if result.kind == "timeout":
        _say(f"{options.program}: ended after the {options.timeout:g} s that --timeout allows")
    if options.json:
        _write_json(options, result)


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
