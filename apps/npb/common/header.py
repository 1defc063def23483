"""Write the header of one problem class from a benchmark's verification.json.

    python header.py bt/verification.json --class A --output params.h

The header has NPB_CLASS, every parameter of the class as NPB_<NAME>, the tolerance as NPB_EPSILON where it is a number,
the constants of the benchmark, and every reference value as static const npb_<name>. Numbers keep the digits they have
in the file. NPB_COMPILE_DATE comes from SOURCE_DATE_EPOCH (reproducible-builds.org) and is the epoch itself where that
is not set, so the same input always makes the same header.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time


class Literal(str):
    """A number with a fraction or exponent, spelt as in the file."""


class Refused(Exception):
    """The request cannot be served; the text says why."""


def scalar(value: object) -> str:
    """The C constant for a number, string or truth value."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def leaves(value: object) -> list:
    """The scalars of nested lists, in order."""
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def shape(value: object) -> list[int]:
    """The lengths of nested lists, outermost first. ValueError where rows differ in length."""
    if not isinstance(value, list):
        return []
    inner = [shape(item) for item in value]
    if any(s != inner[0] for s in inner):
        raise ValueError("rows differ in length")
    return [len(value)] + (inner[0] if inner else [])


def initialiser(value: object) -> str:
    """The C initialiser of nested lists."""
    return "{ " + ", ".join(map(initialiser, value)) + " }" if isinstance(value, list) else scalar(value)


def array(name: str, value: list) -> str:
    """The declaration of a constant array: double, or long long if every number is an integer."""
    items = leaves(value)
    ctype = "long long" if all(type(item) is int for item in items) else "double"
    if any(isinstance(item, str) and not isinstance(item, Literal) for item in items):
        ctype = "char *const"
    bounds = "".join(f"[{n}]" for n in shape(value))
    return f"static const {ctype} npb_{name.lower()}{bounds} = {initialiser(value)};"


def declare(name: str, value: object) -> list[str]:
    """The lines for one named value; the members of an object are joined to its name."""
    name = re.sub(r"\W+", "_", name)
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in declare(f"{name}_{key}", item)]
    if isinstance(value, list):
        return [array(name, value)]
    return [f"#define NPB_{name.upper()} {scalar(value)}"]


def compile_date(environ: dict[str, str]) -> str:
    """SOURCE_DATE_EPOCH (seconds since 1970, UTC) as the standard printout has it: 01 Jan 2026."""
    text = environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isdecimal():
        raise Refused(f"SOURCE_DATE_EPOCH is no number of seconds: {text!r}")
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    when = time.gmtime(int(text))
    return f"{when.tm_mday:02d} {months[when.tm_mon - 1]} {when.tm_year}"


def header(facts: dict, letter: str, date: str) -> str:
    """The text of the header for class `letter`. Refused where there is no such class."""
    classes = facts["classes"]
    if letter not in classes:
        absent = facts.get("absent_classes")
        why = f" ({absent})" if isinstance(absent, str) else ""
        raise Refused(f"no class {letter!r}{why}; the classes are {' '.join(classes)}")
    chosen = classes[letter]
    lines = [f"/* Class {letter}. Generated from verification.json; do not edit. */",
             "#ifndef NPB_PARAMS_H", "#define NPB_PARAMS_H", "",
             f"#define NPB_CLASS '{letter}'", f'#define NPB_COMPILE_DATE "{date}"']
    epsilon = facts.get("tolerance", {}).get("epsilon")
    if epsilon is not None:
        lines += declare("epsilon", epsilon)
    for group in (facts.get("constants", {}), chosen["params"], chosen["verify"]):
        lines.append("")
        for name, value in group.items():
            lines += declare(name, value)
    return "\n".join(lines + ["", "#endif", ""])


def main(argv: list[str]) -> int:
    """Read the arguments, write the file. 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(description="Write the C header of one NPB class.")
    parser.add_argument("facts", help="the benchmark's verification.json")
    parser.add_argument("--class", dest="letter", required=True, help="S, W, A, B, C, ...")
    parser.add_argument("--output", required=True, help="the header to write")
    args = parser.parse_args(argv)
    try:
        with open(args.facts, encoding="utf-8") as file:
            facts = json.load(file, parse_float=Literal)
        text = header(facts, args.letter, compile_date(os.environ))
    except (OSError, ValueError, Refused) as error:
        print(f"header.py: {args.facts}: {error}", file=sys.stderr)
        return 2
    unfinished = f"{args.output}.{os.getpid()}"
    try:
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(unfinished, args.output)
    except OSError as error:
        print(f"header.py: {args.output}: {error.strerror}", file=sys.stderr)
        return 2
    finally:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
