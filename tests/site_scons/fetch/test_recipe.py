import tomllib
from pathlib import Path

import pytest
from fetch import RecipeError, load_recipe

TOP = Path(__file__).parents[3]

GOOD = """
name = "thing"
title = "A thing"
homepage = "https://thing.example/"
licence = "(GPL-2.0-only WITH Classpath-exception-2.0) OR MIT"
default_version = "0.34~cvs20160606"
patches = "patches/thing"
sources = ["https://thing.example/{name}-{version}.tar.xz", "debian:pool/main/t/thing/thing_{version}.orig.tar.xz"]

[versions."0.34~cvs20160606"]
sha256 = "6d0d43846f58e53821407707b9c096e7ac4b0c582ce9e4c0126d1d3f959ffc25"
size = 1000

[versions."1.0"]
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
sources = ["debian:pool/main/t/thing/thing_1.0+ds.orig.tar.gz"]

[build]
configure = ["--static"]
jobs = 2
[build.environment]
CFLAGS = "-O2"
"""


def load(tmp_path, text):
    (tmp_path / "thing.toml").write_text(text)
    return load_recipe(tmp_path / "thing.toml")


def test_a_recipe_is_read(tmp_path):
    recipe = load(tmp_path, GOOD)
    release = recipe.release()
    assert release.version == "0.34~cvs20160606"
    assert release.filename == "thing-0.34~cvs20160606.tar.xz"
    assert release.sources == ("https://thing.example/thing-0.34~cvs20160606.tar.xz",
                               "debian:pool/main/t/thing/thing_0.34~cvs20160606.orig.tar.xz")
    assert release.size == 1000
    assert recipe.patches == "patches/thing"
    assert recipe.build["environment"] == {"CFLAGS": "-O2"}


def test_a_version_may_have_its_own_sources(tmp_path):
    release = load(tmp_path, GOOD).release("1.0")
    assert release.filename == "thing_1.0+ds.orig.tar.gz"
    assert release.size is None


def test_a_version_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(RecipeError, match=r"no version '2\.0' of thing; there are 0\.34~cvs20160606, 1\.0"):
        load(tmp_path, GOOD).release("2.0")


@pytest.mark.parametrize("was, becomes, says", [
    ('title = "A thing"', "", "title is missing"),
    ('title = "A thing"', 'title = ""', "title: must be one line of text; it is ''"),
    ('title = "A thing"', "title = 3", "title: must be one line of text; it is 3"),
    ('name = "thing"', 'name = "../x"', "name: must be a lower-case name; it is '../x'"),
    ("homepage = \"https", "homepage = \"gopher", "homepage: must be an http or https address"),
    ('licence = "(GPL', 'licence = "((GPL', "licence: must be a complete SPDX licence expression"),
    (" OR MIT", " MIT", "licence: must be an SPDX licence expression"),
    ('default_version = "0.34', 'default_version = "0.35', "default_version: is none of [versions]"),
    ('patches = "patches/', 'patches = "/patches/', "patches: must be a folder inside the tree"),
    ('patches = "patches/', 'patches = "../', "patches: must be a folder inside the tree"),
    ('patches = "patches/', 'patch = "patches/', "patch: is no key of a recipe, did you mean patches?"),
    ("{name}-{version}", "{name}-{versoin}", "asks for {versoin}"),
    ("{name}-{version}", "{name}-{version!r}", "asks for {version}"),
    ("{name}-{version}", "{name}-{version", "is no URL template"),
    ("/{name}-{version}.tar.xz", "/", "does not end in a file name"),
    ('"https://thing.example/{name}', '"file:///{name}', "begins with none of https://"),
    ("debian:pool/main/t", "debian:pool/main/../../t", "a debian: source is a file below pool/"),
    ("debian:pool/", "debian:dists/", "a debian: source is a file below pool/"),
    ("debian:pool/", "debian://host/pool/", "a debian: source is a file below pool/"),
    ('sha256 = "6d', 'sha256 = "6D', 'versions."0.34~cvs20160606".sha256: must be 64 lower-case hex digits'),
    ('sha256 = "6d', 'sha256 = "d', 'versions."0.34~cvs20160606".sha256: must be 64'),
    ("size = 1000", "size = 0", "size: must be a positive number of bytes; it is 0"),
    ("size = 1000", "size = true", "size: must be a positive number of bytes"),
    ("size = 1000", "sice = 1000", 'versions."0.34~cvs20160606".sice: is no key of a recipe, did you mean size?'),
    ('[versions."1.0"]', '[versions."../1"]', "the version must begin with a letter or digit"),
    ("jobs = 2", "jobs = 2.5", "build: jobs must be a string"),
    ('["--static"]', "[1]", "build: configure must be a list of strings"),
    ('name = "thing"', "name = ", "is not TOML: Invalid value (at line 2"),
])
def test_what_a_recipe_may_not_say(tmp_path, was, becomes, says):
    assert was in GOOD
    with pytest.raises(RecipeError) as refused:
        load(tmp_path, GOOD.replace(was, becomes, 1))
    assert str(refused.value).startswith(f"{tmp_path}/thing.toml: ")
    assert says in str(refused.value)


def test_a_recipe_that_cannot_be_read(tmp_path):
    with pytest.raises(RecipeError, match="nothing.toml: cannot be read: No such file"):
        load_recipe(tmp_path / "nothing.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(RecipeError, match="latin.toml: is not UTF-8"):
        load_recipe(tmp_path / "latin.toml")


@pytest.mark.parametrize("path", sorted(
    p for p in (TOP / "toolchain").glob("*.toml") if "versions" in tomllib.loads(p.read_text())),
    ids=lambda p: p.name)
def test_our_own_recipes_are_good(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.patches is None or (TOP / recipe.patches).is_dir()
