"""skete: run a static Linux program under a monitor that serves its every system call.

    from skete import Machine
    result = Machine("hello").run()

Names are imported when they are first used, so that `skete run` starts quickly.
"""

__all__ = ["EngineError", "LoadError", "Machine", "Result"]


def __getattr__(name: str):
    if name in ("Machine", "Result"):
        from skete import machine
        return getattr(machine, name)
    if name == "LoadError":
        from skete.loader import LoadError
        return LoadError
    if name == "EngineError":
        from skete.engine import EngineError
        return EngineError
    raise AttributeError(f"module 'skete' has no attribute {name!r}")
