"""The engines by name. Each is imported only when it is asked for."""

__all__ = ["NAMES", "make"]

NAMES = ("process", "kvm", "emulator")


def make(name: str):
    """A new engine. ValueError for a name that does not exist, EngineError where it cannot work here."""
    if name == "process":
        from skete.engines.process.engine import ProcessEngine
        return ProcessEngine()
    if name == "kvm":
        from skete.engines.kvm.engine import KvmEngine
        return KvmEngine()
    if name == "emulator":
        from skete.engines.emulator.engine import EmulatorEngine
        return EmulatorEngine()
    raise ValueError(f"no engine is called {name!r}; there is: {', '.join(NAMES)}")
