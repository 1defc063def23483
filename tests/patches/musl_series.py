"""Where the series for musl is, and what it consists of."""
import tomllib
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
RECIPE = TREE / "toolchain" / "musl.toml"
FOLDER = TREE / "patches" / "musl"
VERSIONS = sorted(tomllib.loads(RECIPE.read_text())["versions"])


def series() -> list[Path]:
    """The patches in their order."""
    lines = (FOLDER / "series").read_text().splitlines()
    return [FOLDER / line for line in lines if line and not line.startswith("#")]
