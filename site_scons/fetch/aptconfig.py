"""What apt's configuration says about fetching: where its lists of sources are, and through which proxy.

`apt-config dump` is asked, because apt.conf has includes, a folder of parts and its own syntax; it prints one
`Name::Of::Option "value";` a line (apt.conf(5)). A machine without apt has no configuration, which is no error.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

OPTION = re.compile(r'^(\S+) "(.*)";$')
ASK_TIMEOUT_S = 20


@dataclass(frozen=True)
class AptConfig:
    options: dict[str, str] = field(default_factory=dict)
    """By lower-case name, as apt compares them. The last one wins."""

    def source_paths(self) -> tuple[Path, Path]:
        """The sources.list file and the sources.list.d folder."""
        return self._etc("sourcelist", "sources.list"), self._etc("sourceparts", "sources.list.d")

    def login_paths(self) -> tuple[Path, Path]:
        """The auth.conf file and the auth.conf.d folder."""
        return self._etc("netrc", "auth.conf"), self._etc("netrcparts", "auth.conf.d")

    def _etc(self, name: str, otherwise: str) -> Path:
        def get(name: str, otherwise: str) -> str:
            return self.options.get(name.lower(), otherwise)
        return Path(get("Dir", "/"), get("Dir::Etc", "etc/apt"), get(f"Dir::Etc::{name}", otherwise))

    def proxy(self, url: str) -> str | None:
        """The proxy for this URL; "" for none at all; None where apt leaves it to the environment.

        https falls back on http's setting (apt.conf(5)); one for the host precedes the general one.
        """
        parts = urlsplit(url)
        for scheme in dict.fromkeys((parts.scheme, "http")):
            for name in (f"acquire::{scheme}::proxy::{parts.hostname}", f"acquire::{scheme}::proxy"):
                value = self.options.get(name, "")
                if value and value.lower() != "false":
                    return "" if value.upper() == "DIRECT" else value
        return None


def read_config(command: str = "apt-config") -> AptConfig:
    """Ask apt-config. Without it, or when it fails, apt's defaults."""
    try:
        answer = subprocess.run([command, "dump"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                errors="replace", timeout=ASK_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return AptConfig()
    found = (OPTION.match(line) for line in answer.stdout.splitlines())
    return AptConfig({m[1].lower(): m[2] for m in found if m})
