"""Write a software bill of materials, CycloneDX 1.5 as JSON: `python -m steps.sbom RECIPE VERSION SOURCE SYSROOT
SERIES OUTPUT`.

It says what the sysroot is made of: the libc as published (hash, licence, where from), our patches as its pedigree,
our start files. Its time is that of the packed files and its serial number follows from its contents: the same build,
the same bytes. https://cyclonedx.org/docs/1.5/json/
"""
from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime, timezone
from pathlib import Path

from fetch import load_recipe
from steps import step
from steps.patch import newest_member, read_series

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.5.schema.json")
OWN_LICENCE = "MIT"     # LICENSE: of the start files, the wrapper and the patches


def _hash(sha256: str) -> list[dict]:
    return [{"alg": "SHA-256", "content": sha256}]


def _file(path: Path, reference: str) -> dict:
    return {"type": "file", "bom-ref": reference, "name": path.name,
            "hashes": _hash(hashlib.sha256(path.read_bytes()).hexdigest())}


def _patch(path: Path) -> dict:
    return {"type": "unofficial", "diff": {"text": {"contentType": "text/x-diff", "content": path.read_text()}}}


def bill(recipe, version: str, source: Path, sysroot: Path, patches: list[Path]) -> dict:
    """Return the bill for one sysroot, without its serial number."""
    release = recipe.release(version)
    links = [url for url in release.sources if url.startswith("http")]
    upstream = {
        "type": "library", "bom-ref": f"upstream:{recipe.name}@{version}", "name": recipe.name, "version": version,
        "purl": f"pkg:generic/{recipe.name}@{version}", "hashes": _hash(release.sha256),
        "licenses": [{"expression": recipe.licence}],
        "externalReferences": [{"type": "website", "url": recipe.homepage},
                               *({"type": "distribution", "url": url, "hashes": _hash(release.sha256)}
                                 for url in links)],
    }
    patched = {
        "type": "library", "bom-ref": f"{recipe.name}@{version}", "name": recipe.name, "version": f"{version}+skete",
        "description": f"{recipe.title}, patched for skete", "licenses": [{"expression": recipe.licence}],
        "purl": f"pkg:generic/{recipe.name}@{version}%2Bskete",
        "pedigree": {"ancestors": [upstream], "patches": [_patch(path) for path in patches]},
    }
    crt = {"type": "library", "bom-ref": "skete-crt", "name": "skete-crt", "version": "1",
           "description": "start files and compiler wrapper", "licenses": [{"expression": OWN_LICENCE}]}
    packed_source, packed_sysroot = _file(source, "source"), _file(sysroot, "sysroot")
    moment = datetime.fromtimestamp(newest_member(source), timezone.utc)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                     "component": {**packed_sysroot, "version": f"{version}+skete"}},
        "components": [patched, crt, packed_source],
        "dependencies": [{"ref": "sysroot", "dependsOn": [patched["bom-ref"], "skete-crt"]},
                         {"ref": patched["bom-ref"], "dependsOn": []}, {"ref": "skete-crt", "dependsOn": []},
                         {"ref": "source", "dependsOn": []}],
    }


def main(arguments: list[str]) -> None:
    path, version, source, sysroot, series, output = arguments
    recipe = load_recipe(path)
    content = bill(recipe, version, Path(source), Path(sysroot), [patch for patch, _ in read_series(Path(series))])
    serial = uuid.uuid5(NAMESPACE, json.dumps(content, sort_keys=True))
    content["serialNumber"] = f"urn:uuid:{serial}"
    step.write(Path(output), json.dumps(content, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    step.run(main)
