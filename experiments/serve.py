"""Run the loop under the monitor with getppid answered by a Python handler: serve.py ENGINE WAY PROGRAM CALL COUNT"""
import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from skete import Machine      # noqa: E402  as bin/skete, this is started from anywhere


def can_rewrite() -> bool:
    """Whether this skete has a gate that call sites can jump to."""
    return "rewrite" in inspect.signature(Machine).parameters


def main(engine: str, way: str, program: str, *arguments: str) -> int:
    settings = {"rewrite": way != "caught"} if can_rewrite() else {}
    machine = Machine(program, arguments, engine=engine, timeout_s=300, **settings)
    machine.on("getppid", lambda call: 1)       # which also keeps a gate from answering it
    return machine.run().exit_status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
