import hashlib
import os
import socket
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SITE_SCONS = HERE.parents[2] / "site_scons"
sys.path[:0] = [str(SITE_SCONS), str(HERE)]

pytest.importorskip("requests")

from fetch.recipe import Release  # noqa: E402
from lying_server import LyingServer  # noqa: E402

BODY = bytes(i * i % 251 for i in range(50_000))


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Nothing of the user's: no proxy, no CA bundle, no cache."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SKETE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def resolver(monkeypatch):
    """Names are answered here: `.invalid` is unknown, `.busy` fails for now, and nobody's name server is asked."""
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host == "127.0.0.1":
            return real(host, *args, **kwargs)
        asked.append(host)
        if str(host).endswith(".busy"):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture
def server():
    server = LyingServer()
    yield server
    server.close()


@pytest.fixture
def body():
    return BODY


@pytest.fixture
def release(body):
    """make(*sources, size=None): a release whose file is `body`."""
    def make(*sources, size=None):
        return Release(recipe="thing", version="1.0", filename="thing-1.0.tar.gz",
                       sha256=hashlib.sha256(body).hexdigest(), size=size, sources=sources)
    return make


@pytest.fixture
def recipe_file(tmp_path, body):
    """make(*sources, **versions): the path of a recipe whose version 1.0 is `body`."""
    def make(*sources, extra=""):
        path = tmp_path / "thing.toml"
        path.write_text(f"""
name = "thing"
title = "A thing"
homepage = "https://thing.example/"
licence = "MIT"
default_version = "1.0"
sources = {list(sources)!r}
[versions."1.0"]
sha256 = "{hashlib.sha256(body).hexdigest()}"
{extra}
""")
        return path
    return make
