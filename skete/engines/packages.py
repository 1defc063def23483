"""Python packages that an engine needs. The command starts Python without ``site``, so they are only found once asked for."""
from __future__ import annotations

import sys

__all__ = ["find"]


def find(name: str) -> str | None:
    """The file that importing this package would execute; None where it is not installed. It can be imported then."""
    from importlib.machinery import PathFinder
    spec = PathFinder.find_spec(name)
    if spec is None and sys.flags.no_site:
        import site
        site.main()
        spec = PathFinder.find_spec(name)
    return spec and spec.origin
