"""The guest's ids on the monitor's thread: what may be imported meanwhile is there before."""
import ast
import sys
from pathlib import Path
from types import SimpleNamespace

from skete.kernel.identity import worn

KERNEL = Path(worn.__file__).parent
#: imported when a mount is made, or a machine
BEFORE = {"importlib", "shutil", "tarfile"}


def late_imports(tree: ast.AST) -> set:
    """Modules that functions import when they are called."""
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                modules = {name for name in names if (KERNEL.parent.parent / (name.replace(".", "/") + ".py")).exists()}
                found |= modules or {node.module}
    return found


def test_nothing_is_imported_by_somebody_who_could_not_read_it():
    worn.begin(SimpleNamespace(service=None))
    before, missing = set(sys.modules), set()
    for room in ("files", "net"):
        for path in (KERNEL / room).glob("*.py"):
            missing |= late_imports(ast.parse(path.read_text())) - before
    assert not missing - BEFORE, "to be named in worn.LATE"


def test_whatever_a_call_comes_to_nothing_is_worn_after_it(monkeypatch):
    steps = []
    monkeypatch.setattr(worn, "_change", steps.append)
    wear = (7, 7, (), 0)
    task = SimpleNamespace(creds=SimpleNamespace(wear=wear))

    def waits(task, nr, words):
        def call():
            steps.append((yield "wait"))
            raise ZeroDivisionError
        return call()
    for plain in (lambda task, nr, words: steps.append("served") or 3, lambda task, nr, words: 1 / 0, waits):
        monkeypatch.setattr(worn, "plain", plain)
        try:
            result = worn.service(task, 2, (0,) * 6)
            if plain is waits:
                assert result.send(None) == "wait" and steps == [wear, None, wear, None]
                result.send("woken")
        except ZeroDivisionError:
            steps.append("failed")
        assert steps.pop(0) == wear and steps[-2 if steps[-1] == "failed" else -1] is None
        steps.clear()
    assert worn.service(task, 0, (0,) * 6) is not None and not steps, "a read is not about a name"


def test_the_monitors_own_business_is_its_own(monkeypatch):
    steps = []
    monkeypatch.setattr(worn, "_change", lambda wear: steps.append(wear))
    monkeypatch.setattr(worn, "_state", type("State", (), {"worn": (7, 7, (), 0)})())
    assert worn.as_monitor(lambda: steps.append("done") or 5)() == 5
    assert steps == [None, "done", (7, 7, (), 0)]
    assert worn.fsuid() == 7
