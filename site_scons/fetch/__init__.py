"""Fetch source archives: from the download cache, the project's own site, or the mirrors that apt is configured with.

    recipe.py       what to fetch: a TOML recipe, read strictly
    aptsources.py   the archives in apt's sources, in both forms; aptconfig.py: where those are, and apt's proxies
    sources.py      a release's URL templates -> the addresses to try, in order
    cache.py        one file of the download cache: verify, lock, place; partial.py: the piece that is there so far
    connection.py   one HTTP request, bounded in time and in redirects
    transfer.py     one source: retries, resume, verification
    obtain.py       all of it in order; the one place that decides and words the outcome
    cli.py          `python -m fetch RECIPE --output FILE`

Knows nothing of SCons: a build runs it as a command, so that a download blocks no build thread. Importing the package
is cheap (no requests, no rich): a SConscript reads recipes with it.
"""

from .errors import FetchError, RecipeError
from .recipe import Recipe, Release, load_recipe

__all__ = ["FetchError", "Recipe", "RecipeError", "Release", "fetch", "load_recipe"]


def fetch(release, **options):
    """Fetch a `Release`; see `fetch.obtain.fetch` for the options and the result. Raises FetchError."""
    from .obtain import fetch as obtain     # requests costs 100 ms, which a build that only reads recipes need not pay
    return obtain(release, **options)
