import pytest
from fetch.aptconfig import AptConfig, read_config
from fetch.aptsources import Skipped, deb822_entries, one_line_entries, pool_mirrors, read_sources
from fetch.sources import Source, addresses


def uris(entries):
    return [e.uri for e in entries if not isinstance(e, Skipped)]


@pytest.mark.parametrize("line, uri, suites, components, signed_by", [
    ("deb http://a.example/debian bookworm main contrib", "http://a.example/debian", ("bookworm",),
     ("main", "contrib"), ""),
    ("  deb-src\thttps://a.example/debian/ bookworm-updates main # the sources", "https://a.example/debian/",
     ("bookworm-updates",), ("main",), ""),
    ("deb [ arch=amd64,arm64 signed-by=/k/debian-archive-keyring.gpg ] http://a.example/d sid main",
     "http://a.example/d", ("sid",), ("main",), "/k/debian-archive-keyring.gpg"),
    ("deb [trusted=yes # not a comment]  http://a.example/d ./", "http://a.example/d", ("./",), (), ""),
    ("deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main", "cdrom:[Debian GNU/Linux 12 _Bookworm_]/",
     ("bookworm",), ("main",), ""),
])
def test_one_line_form(line, uri, suites, components, signed_by):
    (entry,) = one_line_entries(f"# comment\n\n{line}\n#deb http://off.example/debian sid main\n", "list")
    assert (entry.uri, entry.suites, entry.components, entry.signed_by) == (uri, suites, components, signed_by)
    assert entry.where == "list:3"


@pytest.mark.parametrize("line", ["deb http://a.example/debian", "rpm http://a.example/ x main", "deb [arch=amd64]",
                                  "deb [arch=amd64 http://a.example/", "nonsense"])
def test_a_line_that_is_none_is_put_aside_with_its_place(line):
    (entry,) = one_line_entries(line, "list")
    assert entry == Skipped("list:1", "is no `deb uri suite component...` line")


DEB822 = """\
# the main archive
Types: deb deb-src
URIs: http://a.example/debian
# a comment inside
 https://b.example/debian/
Suites: bookworm
 bookworm-updates
components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: sid
Components: main
\t
Types: deb
Suites: sid

Types: deb
URIs: http://c.example/x
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_deb822_form():
    entries = list(deb822_entries(DEB822, "d.sources"))
    assert uris(entries) == ["http://a.example/debian", "https://b.example/debian/", "http://c.example/x"]
    assert entries[1].suites == ("bookworm", "bookworm-updates")
    assert entries[1].components == ("main", "contrib")
    assert "BEGIN PGP" in entries[1].signed_by
    assert entries[0].where == "d.sources:2"
    assert entries[2] == Skipped("d.sources:20", "is no stanza with Types, URIs and Suites")
    assert entries[3].where == "d.sources:23"


def test_files_are_read_in_apts_order_and_others_left(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://first.example/debian sid main\n")
    (parts / "b.list").write_text("deb http://third.example/debian sid main\n")
    (parts / "a.sources").write_text("Types: deb\nURIs: http://second.example/debian\nSuites: sid\nComponents: main\n")
    for name in ("c.list.disabled", "d.list~", "e f.list", "g.txt"):
        (parts / name).write_text("deb http://never.example/debian sid main\n")
    (parts / "h.list").mkdir()
    archives, skipped = read_sources(tmp_path / "sources.list", parts)
    assert uris(archives) == [f"http://{n}.example/debian" for n in ("first", "second", "third")]
    assert skipped == [Skipped(str(parts / "h.list"), "cannot be read: Is a directory")]


def test_no_apt_at_all(tmp_path):
    assert read_sources(tmp_path / "sources.list", tmp_path / "sources.list.d") == ([], [])


def test_likely_mirrors_come_first_and_once():
    entries = one_line_entries("""
deb https://vendor.example/apt stable main
deb http://mirror.example/debian/ bookworm main
deb http://mirror.example/debian bookworm-updates main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://in.house.example/os bookworm main
""", "list")
    mirrors, skipped = pool_mirrors(list(entries), "main")
    assert mirrors == ["http://mirror.example/debian", "http://in.house.example/os", "https://vendor.example/apt"]
    assert skipped == []


@pytest.mark.parametrize("line, why", [
    ("deb http://a.example/debian-security bookworm-security main", "a security archive"),
    ("deb http://a.example/debian bookworm-security main", "a security archive"),
    ("deb http://a.example/debian buster/updates main", "a security archive"),
    ("deb http://user:secret@a.example/tools stable tool", "without the component main"),
    ("deb http://a.example/flat ./", "a flat repository has no pool"),
    ("deb mirror+https://a.example/list.txt sid main", "a list of mirrors"),
    ("deb mirror+file:/etc/apt/mirrors.list sid main", "a list of mirrors"),
    ("deb file:/srv/debian sid main", "only http and https are fetched, not file"),
    ("deb cdrom:[x y]/ sid main", "only http and https are fetched, not cdrom"),
    ("deb tor+http://a.example/debian sid main", "only http and https are fetched, not tor+http"),
    ("deb http:/debian sid main", "it has no host"),
    ('deb "http://[1/debian" sid main', "it is no address"),
])
def test_an_archive_that_cannot_serve_is_put_aside_with_the_reason(line, why):
    mirrors, (skipped,) = pool_mirrors(list(one_line_entries(line, "x.list")), "main")
    assert mirrors == []
    assert why in skipped.why
    assert "x.list:1" in skipped.what
    assert "secret" not in skipped.what


def test_a_mirror_with_a_security_suite_beside_others_serves():
    stanza = "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm bookworm-security\nComponents: main\n"
    assert pool_mirrors(list(deb822_entries(stanza, "x")), "main") == (["http://a.example/debian"], [])


@pytest.mark.parametrize("options, url, proxy", [
    ({}, "http://a.example/x", None),
    ({"acquire::http::proxy": "http://p:3128/"}, "http://a.example/x", "http://p:3128/"),
    ({"acquire::http::proxy": "http://p:3128/"}, "https://a.example/x", "http://p:3128/"),
    ({"acquire::http::proxy": "http://p/", "acquire::https::proxy": "DIRECT"}, "https://a.example/x", ""),
    ({"acquire::http::proxy": "http://p/", "acquire::http::proxy::a.example": "DIRECT"}, "http://a.example/x", ""),
    ({"acquire::http::proxy": "false"}, "http://a.example/x", None),
])
def test_apts_proxy(options, url, proxy):
    assert AptConfig(options).proxy(url) == proxy


def test_apts_own_configuration_is_followed(tmp_path, monkeypatch, release):
    etc = tmp_path / "etc"
    (etc / "parts").mkdir(parents=True)
    (etc / "my.list").write_text("deb http://a.example/debian sid main\n")
    tool = tmp_path / "bin" / "apt-config"
    tool.parent.mkdir()
    tool.write_text(f"""#!/bin/sh
[ "$1" = dump ] || exit 1
echo 'Dir::Etc "{etc}";'
echo 'Dir::Etc::sourcelist "my.list";'
echo 'Dir::Etc::sourceparts "parts";'
echo 'Acquire::HTTP::Proxy "http://proxy.example:3128";'
echo 'Some::List:: "one";'
""")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    found = addresses(release("debian:pool/main/t/thing/thing_1.0.orig.tar.gz"))
    assert found == [Source("http://a.example/debian/pool/main/t/thing/thing_1.0.orig.tar.gz",
                            dict.fromkeys(("http", "https", "all"), "http://proxy.example:3128"))]


def test_without_apt_config_the_usual_places_count():
    config = read_config("no-such-command")
    assert [str(p) for p in config.source_paths()] == ["/etc/apt/sources.list", "/etc/apt/sources.list.d"]


def test_sources_keep_the_recipes_order(tmp_path, release):
    (tmp_path / "sources.list").write_text("deb http://m.example/debian sid main\n")
    found = addresses(release("https://site.example/x", "debian:pool/main/t/x", "https://other.example/x"), tmp_path)
    assert [s.url for s in found] == ["https://site.example/x", "http://m.example/debian/pool/main/t/x",
                                      "https://other.example/x"]


def test_no_mirror_is_said(tmp_path, release):
    (skipped,) = addresses(release("debian:pool/main/t/x"), tmp_path)
    assert skipped.why == f"none is configured in {tmp_path}/sources.list and {tmp_path}/sources.list.d"
