"""What an ELF file is, for people and for checks: ``skete inspect``, and names for the addresses of a crash.

    facts = inspect(path)              # a dict for json.dumps; its keys are in report.py
    print(table(facts))                # the same for people
    with Symbols.open(path) as names:
        names.at(0x401136)             # "main+0x12 (hello.c:7)"

Built on pyelftools, which takes 55 ms to import: never imported on the way of ``skete run``
to the guest's first instruction, only by this command and when something has gone wrong.
"""
from skete.inspect.report import InspectError, inspect
from skete.inspect.symbols import Symbols
from skete.inspect.text import table

__all__ = ["InspectError", "Symbols", "inspect", "table"]
