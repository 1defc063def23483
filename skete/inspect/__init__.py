"""What an ELF file is, for people and for checks: ``skete inspect``, and names for the addresses of a crash.

    report("a.out")                         # prints, as the command does
    symbolise("a.out", [0x401136])          # ["main+0x12 (hello.c:7)"]
    facts.inspect("a.out")                  # a dict for json.dumps; its keys are in facts.py

Built on pyelftools, which takes 55 ms to import: never on the way of ``skete run`` to the guest's first
instruction, only for this command and when something has gone wrong. So nothing is imported here.
"""
from __future__ import annotations

import sys

__all__ = ["report", "symbolise"]


def report(program: str, json: bool = False) -> int:
    """``skete inspect PROG [--json]``: to stdout; the exit status. What cannot be said is one line on stderr."""
    try:
        _find_pyelftools()
    except ImportError:
        return _refuse("inspect needs pyelftools: python3 -m pip install pyelftools")
    from skete.inspect.facts import InspectError, inspect
    try:
        facts = inspect(program)
    except InspectError as e:
        return _refuse(str(e))
    except OSError as e:
        return _refuse(f"{program}: {e.strerror}")
    if json:
        from json import dumps
        text = dumps(facts, indent=1)
    else:
        from skete.inspect.text import table
        text = table(facts)
    sys.stdout.write(text + "\n")
    return 0


def symbolise(program: str, addresses: list, bias: int = 0) -> list:
    """Words for each address, ``main+0x12 (hello.c:7)``; the bare address where nothing is known. Raises nothing.

    bias: where a position-independent program was loaded (Image.bias)
    """
    try:
        _find_pyelftools()
        from skete.inspect.symbols import Symbols
        with Symbols.open(program, bias) as names:
            return [names.at(address) for address in addresses]
    except (ImportError, OSError):
        return [f"{address:#x}" for address in addresses]


def _find_pyelftools() -> None:
    """ImportError. The command starts Python without ``site`` (-S): installed packages are only now looked for."""
    try:
        import elftools     # noqa: F401
    except ImportError:
        if not sys.flags.no_site:
            raise
        import site
        site.main()
        import elftools     # noqa: F401


def _refuse(words: str) -> int:
    sys.stderr.write(f"skete: {words}\n")
    return 125
