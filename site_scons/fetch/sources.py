"""From a release's templates to the addresses to ask, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .aptauth import read_logins, with_login
from .aptconfig import AptConfig, read_config
from .aptsources import Skipped, pool_mirrors, read_sources
from .recipe import Release

DEBIAN = "debian:"


@dataclass(frozen=True)
class Source:
    url: str
    proxies: dict[str, str | None] = field(default_factory=dict)
    """As requests takes them, where they shall not be the environment's."""


def addresses(release: Release, apt_dir: Path | None = None) -> list[Source | Skipped]:
    """Every address of the release, and what was left out, in the recipe's order.

    `apt_dir` stands in for /etc/apt; then apt's own configuration, and with it its proxies, is not asked.
    """
    found: list[Source | Skipped] = []
    for source in release.sources:
        if source.startswith(DEBIAN):
            found += _in_pools(source.removeprefix(DEBIAN), apt_dir)
        else:
            found.append(Source(source))
    return found


def _in_pools(path: str, apt_dir: Path | None) -> list[Source | Skipped]:
    config = AptConfig() if apt_dir else read_config()
    main_list, parts = ((apt_dir / "sources.list", apt_dir / "sources.list.d") if apt_dir else config.source_paths())
    archives, unread = read_sources(main_list, parts)
    logins, closed = read_logins(*((apt_dir / "auth.conf", apt_dir / "auth.conf.d") if apt_dir else config.login_paths()))
    mirrors, unfit = pool_mirrors(archives, component=path.split("/")[1])
    if not mirrors:
        unfit.append(Skipped(f"apt's mirrors for {path}", f"none is configured in {main_list} and {parts}"))
    return [*(Source(with_login(url := f"{mirror}/{path}", logins), _proxies(config, url)) for mirror in mirrors),
            *unread, *closed, *unfit]


def _proxies(config: AptConfig, url: str) -> dict[str, str | None]:
    proxy = config.proxy(url)
    return {} if proxy is None else dict.fromkeys(("http", "https", "all"), proxy or None)
