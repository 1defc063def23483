"""musl's sources, as the recipe fetches them, with our series applied."""
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from musl_series import RECIPE, TREE, VERSIONS  # noqa: E402


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """``archive(version)``: the verified release, from the download cache or from where the build would fetch it."""
    folder, refused = tmp_path_factory.mktemp("archives"), {}

    def get(version: str) -> Path:
        target = folder / f"musl-{version}.tar.gz"
        if not target.exists() and version not in refused:
            done = subprocess.run(
                [sys.executable, "-m", "fetch", RECIPE, "--version", version, "--output", target, "--quiet", "--tries", "1"],
                capture_output=True, text=True, timeout=120, cwd=TREE / "site_scons")
            if done.returncode:
                refused[version] = done.stderr
        if version in refused:
            pytest.skip(f"musl {version} is not to be had: {refused[version]}")
        return target
    return get


@pytest.fixture(params=VERSIONS)
def release(request, archive, tmp_path) -> Path:
    """The source folder of each release, as published."""
    # Python 3.11.2, which Debian 12 has, knows no extraction filter yet; what is unpacked was verified.
    subprocess.run(["tar", "--extract", "--file", archive(request.param), "--directory", tmp_path], check=True, timeout=60)
    return tmp_path / f"musl-{request.param}"
