"""The command `skete run`: from options to a machine, from its result to stderr, files and an exit status."""
from __future__ import annotations

import os
import sys
from errno import EISDIR

__all__ = ["FAILED", "run", "say"]

#: exit status when the monitor itself failed, as env(1), timeout(1) and docker have it
FAILED = 125

#: calls that nobody serves are named at the end, the most frequent of them
_NAMED = 12


def say(text: str) -> None:
    """One line to the user."""
    print(f"skete: {text}", file=sys.stderr, flush=True)


def run(options) -> int:
    """Run the program. The exit status: the guest's own, 128 + signal, 124 for a timeout, FAILED when we failed."""
    from skete.engine import EngineError
    from skete.loader import LoadError
    from skete.machine import Machine
    _raise_descriptor_limit()
    outputs = _Outputs(options)
    try:
        outputs.open()
        machine = Machine(options.program, options.args, engine=options.engine, mounts=options.mount,
                          env=_environment(options), cwd=options.cwd, timeout_s=options.timeout, memory=options.memory,
                          net=options.net, publish=options.publish, tmpfs=options.tmpfs, tars=options.tar,
                          rewrite=not options.no_rewrite, user=options.user)
        for observer in outputs.observers:
            machine.watch(observer)
        machine.give_up = lambda status: _give_up(options.program, *status)
        result = machine.run()
        outputs.write(result)
    except (LoadError, ValueError) as error:
        say(str(error))
    except EngineError as error:
        say(f"{options.engine} engine: {error}{_place(options.program, error)}")
    except OSError as error:
        path = options.program if error.filename is None else os.fsdecode(error.filename)
        say(f"{path}: {os.strerror(error.errno)}")
    else:
        return result.exit_status
    finally:
        outputs.close()
    return FAILED


def _give_up(program: str, kind: str, code: int) -> None:
    """The run is over, and a call that we have made to the host for it does not come back. Every guest ends with us."""
    import select
    look = select.poll()
    look.register(2, select.POLLOUT)
    if look.poll(0):            # or it is what that call waits for: nobody reads the trace
        os.write(2, f"skete: {program}: is to end, and a call to the host that was made for it does not come back; "
                    "no report is written\n".encode(errors="surrogateescape"))
    os._exit(128 + code if kind == "signalled" else code)


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


def _raise_descriptor_limit() -> None:
    """A guest may have 1024 descriptors, as on Linux; ours, which stand behind them, must be more."""
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Outputs:
    """What a run leaves besides the guest's own output: trace, statistics, report. Places that cannot be written
    are found out before the guest runs, and a report is there whole or not at all."""

    def __init__(self, options):
        self.options = options
        self.observers = []
        self.trace = self.stats = self.trace_file = None

    def open(self) -> None:
        """Make the observers and open their files. OSError with the file's name, ValueError"""
        options = self.options
        if options.json:
            _open_beside(options.json).close()
            os.unlink(_beside(options.json))        # so that a run that is killed leaves nothing
        if options.trace or options.trace_file or options.trace_only:
            from skete.observe import select
            from skete.observe.strace import Strace
            if options.trace_file:
                self.trace_file = open(options.trace_file, "w", encoding="utf-8", errors="backslashreplace")
            only = select.calls(options.trace_only) if options.trace_only else None
            self.trace = Strace(self.trace_file or sys.stderr, trace=only)
            self.observers.append(self.trace)
        if options.stats or options.json:
            from skete.observe.stats import Stats
            self.stats = Stats()
            self.observers.append(self.stats)

    def write(self, result) -> None:
        """Say what became of the run."""
        options = self.options
        if self.trace is not None:
            self.trace.close()
        if options.stats:
            sys.stderr.write(self.stats.table() + _gate(result.gate))
        if result.unserved:
            names = [f"{name} ({count}x)" for name, count in sorted(result.unserved.items(), key=lambda row: -row[1])]
            more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
            say("not served, answered ENOSYS: " + ", ".join(names[:_NAMED] + more))
        for note in result.notes:
            say(f"{options.program}: {note}")
        if result.fault is not None:
            say(_crash(options.program, result))
        if result.kind == "timeout":
            say(f"{options.program}: ended after the {options.timeout:g} s that --timeout allows")
        if options.json:
            import json
            text = json.dumps({"schema": 1, "program": options.program, "argv": [options.program, *options.args],
                               "engine": options.engine, **result.as_dict()}, indent=1)
            with _open_beside(options.json) as report:
                report.write(text + "\n")
            os.replace(report.name, options.json)

    def close(self) -> None:
        """Finish what is open."""
        if self.trace_file is not None:
            self.trace_file.close()


def _beside(path: str) -> str:
    return f"{path}.{os.getpid()}"


def _open_beside(path: str):
    """A file that is to become ``path``. OSError with that name"""
    if os.path.isdir(path):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), path)
    try:
        return open(_beside(path), "w", encoding="utf-8")
    except OSError as error:
        error.filename = path
        raise


def _gate(gate: dict) -> str:
    """Lines below the table: what the engine's gate did, where it did anything."""
    text = (f"{gate['answered']} answered in the guest, {gate['posted']} came without a trap, {gate['rewritten']} call "
            "sites rewritten\n") if any(gate.values()) else ""
    return text + "".join(f"{count} call sites left alone: {why}\n" for why, count in sorted(gate["left"].items()))


def _place(program: str, error) -> str:
    """A line that says where in the program the engine failed, if that is known."""
    if error.address is None:
        return ""
    from skete.inspect import symbolise
    return f"\nthe program was at {symbolise(program, [error.address], error.bias)[0]}"


def _crash(program: str, result) -> str:
    """Where a fault was, in the words of the program's own symbols where it has any."""
    from skete.inspect import symbolise
    from skete.observe.values import signal_name
    rip, address, code, bias = result.fault
    what = {1: f", which touched {address:#x}, where nothing is mapped",
            2: f", which touched {address:#x} against its protection"}.get(code, "") if result.code == 11 else ""
    return f"{program}: {signal_name(result.code)} at {symbolise(program, [rip], bias)[0]}{what}"
