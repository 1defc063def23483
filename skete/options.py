"""The command line. argparse reads it; but importing argparse costs a third of what starting a guest does, so the
options of `skete run` are a table, and a plain `skete run [--option value]... PROG [ARG...]` is read from that.
Everything else (help, mistakes, other commands) goes to argparse, which is fed from the same table."""
from __future__ import annotations

__all__ = ["parse"]


def _seconds(text: str) -> float:
    """seconds are a positive number, as in 2.5"""
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(text)
    return value


def _size(text: str) -> int:
    """a size is in bytes, or with K, M, G, T, as in 512M"""
    power = "KMGT".find(text[-1:].upper()) + 1 if text else 0
    value = int(float(text[:-1] if power else text) * (1 << 10 * power))
    if value <= 0:
        raise ValueError(text)
    return value


def _user(text: str) -> tuple:
    """a user is UID or UID:GID, numbers, as in 1000:1000"""
    uid, colon, gid = text.partition(":")
    ids = int(uid), int(gid) if colon else int(uid)
    if not all(0 <= n < 0xffff_ffff for n in ids):
        raise ValueError(text)
    return ids


def _policy(text: str) -> str:
    """the network is none, loopback or host"""
    if text not in ("none", "loopback", "host"):
        raise ValueError(text)
    return text


#: of `skete run`: (option, metavar or None for a switch, conversion, default, help); a list as default: may be repeated
_RUN = (
    ("engine", "NAME", str, "process", "what executes the program (default: process)"),
    ("mount", "HOST:GUEST[:ro|:cow[=LAYER]]", str, [], "let it see a host file or folder at a guest path, for reading "
                                                      "only or copy-on-write: changes go to the folder LAYER, or "
                                                      "nowhere; may be repeated"),
    ("tmpfs", "GUEST[:SIZE]", str, [], "give it a folder in memory, gone at the end; may be repeated"),
    ("tar", "FILE:GUEST", str, [], "let it see a tar image at a guest path, read-only; may be repeated"),
    ("env", "K=V", str, [], "set a variable of its environment, K alone takes the host's value; may be repeated"),
    ("cwd", "DIR", str, "/", "guest folder it starts in (default: /)"),
    ("timeout", "S", _seconds, None, "end it after S seconds, with status 124"),
    ("user", "UID[:GID]", _user, (1000, 1000), "who it is told that it is: numbers (default: 1000:1000). 0, where "
                                               "skete runs as root, is root over what was mounted; else it gives it "
                                               "no power"),
    ("memory", "SIZE", _size, None, "limit of the private memory of each of its processes: 512M, 2G"),
    ("net", "none|loopback|host", _policy, "none", "let it reach the host's loopback, or its whole network; none: it "
                                                   "has a loopback of its own (default)"),
    ("publish", "[ADDR:]HOST:GUEST[/udp]", str, [], "let the host's port HOST (on 127.0.0.1) reach its port GUEST; may "
                                                    "be repeated"),
    ("trace", None, None, False, "print its system calls on stderr as strace would"),
    ("trace-file", "FILE", str, None, "the same into FILE"),
    ("trace-only", "SET", str, None, "the same for some calls, as strace -e trace= has them: %%file,write"),
    ("no-rewrite", None, None, False, "let every system call trap: rewrite no call site to jump to the engine's gate"),
    ("stats", None, None, False, "print a table of its system calls at the end"),
    ("json", "FILE", str, None, "write what became of it to FILE"),
)


class _Options:
    command = "run"


def parse(argv: list):
    """The options as attributes, ``command`` among them. SystemExit as argparse does it: help 0, mistakes 2."""
    return _plain_run(argv) or _argparse(argv)


def _plain_run(argv: list) -> _Options | None:
    if not argv or argv[0] != "run":
        return None
    options = _Options()
    table = {}
    for name, metavar, convert, default, _ in _RUN:
        table["--" + name] = name.replace("-", "_"), metavar, convert, default
        setattr(options, name.replace("-", "_"), list(default) if type(default) is list else default)
    words = iter(argv[1:])
    for word in words:
        if not word.startswith("-"):
            options.program, options.args = word, list(words)
            return options
        name, equals, value = word.partition("=")
        if name not in table:
            return None
        attribute, metavar, convert, default = table[name]
        if metavar is None:
            if equals:
                return None
            setattr(options, attribute, True)
            continue
        if not equals:
            value = next(words, "-")
            if value.startswith("-"):
                return None         # missing, or another option
        try:
            value = convert(value)
        except (ValueError, OverflowError):
            return None
        if type(default) is list:
            getattr(options, attribute).append(value)
        else:
            setattr(options, attribute, value)
    return None


def _argparse(argv: list):
    import argparse

    def told(convert):
        """The same, with what is wrong in the words of the conversion's docstring."""
        def read(text: str):
            try:
                return convert(text)
            except (ValueError, OverflowError):
                raise argparse.ArgumentTypeError(f"{convert.__doc__}, not {text!r}") from None
        return read if convert is not str else str

    parser = argparse.ArgumentParser(
        prog="skete", allow_abbrev=False,
        description="Run static Linux programs under a monitor that serves their every system call.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run", help="run a program", usage="skete run [OPTION...] PROG [ARG...]", allow_abbrev=False,
        description="Run PROG, a static ELF file, under the monitor. What comes after PROG is the program's own. "
                    "It sees no file, no environment and no memory of the host but what is granted here.",
        epilog="Exit status: the program's own; 128+n when signal n ended it; 124 when --timeout did; 125 when skete "
               "itself failed.")
    for name, metavar, convert, default, text in _RUN:
        if metavar is None:
            run.add_argument("--" + name, action="store_true", help=text)
        elif type(default) is list:
            run.add_argument("--" + name, metavar=metavar, action="append", default=[], help=text)
        else:
            run.add_argument("--" + name, metavar=metavar, type=told(convert), default=default, help=text)
    run.add_argument("program", metavar="PROG")
    run.add_argument("args", metavar="ARG", nargs=argparse.REMAINDER).required = False      # not named as missing
    table = commands.add_parser("syscalls", help="print the system calls, and what each leaves out")
    table.add_argument("filter", nargs="?", default="", help="only calls whose name contains this")
    table.add_argument("--json", action="store_true", help="machine-readable")
    table.add_argument("--markdown", action="store_true", help="as docs/syscalls.md has it")
    inspect = commands.add_parser("inspect", help="say what a program is, and whether it can run here")
    inspect.add_argument("program", metavar="PROG")
    inspect.add_argument("--json", action="store_true", help="machine-readable")
    layer = commands.add_parser(
        "layer", help="look at, keep or throw away what a copy-on-write mount has changed",
        description="A layer is the folder that --mount HOST:GUEST:cow=LAYER names: what programs have changed of HOST. "
                    "list: a line for each change, A added, C changed, D deleted, T another type of file now; diff: "
                    "what has become different, line by line; apply: make the changes in HOST and empty the layer; drop: "
                    "remove the layer.")
    layer.add_argument("action", metavar="ACTION", choices=("list", "diff", "apply", "drop"),
                       help="list, diff, apply or drop")
    layer.add_argument("layer", metavar="LAYER")
    survey = commands.add_parser("engines", help="say which engines work here, and what they cost")
    survey.add_argument("--json", action="store_true", help="machine-readable")
    return parser.parse_args(argv)
