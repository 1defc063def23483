"""The command: `python -m fetch RECIPE [--version V] --output FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .errors import FetchError
from .progress import PREFIX
from .recipe import load_recipe

EPILOG = """\
The file comes from the download cache, else from the recipe's sources in their order; `debian:` stands for every
Debian mirror in apt's sources. Its SHA-256 is checked before it gets its name. A download that broke off goes on
where it was when the same command is run again. Proxies and CA bundles are those of the environment
(HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, SSL_CERT_FILE), for apt's mirrors also apt's own proxy and
logins (auth.conf).

Exit status: 0 the file is there; 1 it could not be fetched; 2 wrong usage or recipe; 130 interrupted.
"""


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        release = _release(options)
        if release is None:
            return 2
        return _fetch(release, options)
    except FetchError as e:
        _say(str(e))
        return 1
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on where it was")
        return 130


def _release(options):
    try:
        return load_recipe(options.recipe).release(options.version)
    except FetchError as e:
        _say(str(e))
        return None


def _fetch(release, options) -> int:
    from .connection import Limits
    from .obtain import fetch
    from .progress import for_stderr
    given = {name: value for name, value in vars(options).items()
             if name in Limits.__dataclass_fields__ and value is not None}
    progress = for_stderr(release.filename, options.quiet)
    try:
        fetched = fetch(release, output=options.output, offline=options.offline, cache=options.cache,
                        apt_dir=options.apt_dir, limits=Limits(**given), progress=progress)
    finally:
        progress.close()
    if not options.quiet:
        before = f" (before: {'; '.join(fetched.failed[1:])})" if len(fetched.failed) > 1 else ""
        print(f"{fetched.path}: {release.recipe} {release.version}, verified, from {fetched.origin}{before}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fetch", description="Fetch a release that a recipe describes, and verify it.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe, such as toolchain/musl.toml")
    parser.add_argument("--version", metavar="V", help="which of its versions (default: the recipe's)")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="where to put the file (default: only into the cache)")
    parser.add_argument("--offline", action="store_true", help="use the cache alone")
    parser.add_argument("--quiet", "-q", action="store_true",
                        help="print nothing that stays but errors; a terminal still has its bar")
    parser.add_argument("--cache", type=Path, metavar="DIR",
                        help="the cache (default: $SKETE_CACHE, $XDG_CACHE_HOME/skete, ~/.cache/skete)")
    parser.add_argument("--apt-dir", type=Path, metavar="DIR", help="in place of /etc/apt")
    bounds = parser.add_argument_group("bounds, for each source")
    for name, kind, text in (
        ("tries", int, "how often to try"),
        ("connect_s", float, "seconds to connect"),
        ("read_s", float, "seconds of silence"),
        ("block_s", float, "seconds for 16 KiB"),
        ("total_s", float, "seconds in all"),
        ("backoff_s", float, "seconds before the second try, doubled after each"),
        ("max_bytes", int, "bytes, where the recipe gives no size"),
    ):
        bounds.add_argument("--" + name.replace("_", "-"), type=_positive(kind), metavar="N", help=text)
    return parser


def _positive(kind: type):
    def convert(text: str):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value
    convert.__name__ = f"positive {kind.__name__}"
    return convert


def _say(text: str) -> None:
    for line in text.splitlines():
        print(PREFIX + line, file=sys.stderr)
