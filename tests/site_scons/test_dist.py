"""What `scons dist` packs: the same bytes wherever it is built, and good for use anywhere."""
from __future__ import annotations

import json
import re
import subprocess
import tarfile

SOURCE, SYSROOT, SBOM, SUMS = (
    "tiny-1.0-skete.tar.gz", "skete-tiny-1.0-x86_64.tar.gz", "skete-tiny-1.0-x86_64.cdx.json", "SHA256SUMS")


def packed(tree) -> dict[str, bytes]:
    tree.built("dist")
    return {path.name: path.read_bytes() for path in (tree.top / "dist").iterdir()}


def test_two_trees_give_the_same_bytes(tree, another_tree):
    first, second = packed(tree), packed(another_tree)
    assert sorted(first) == sorted([SOURCE, SYSROOT, SBOM, SUMS])
    assert first == second


def test_the_second_time_there_is_nothing_to_do(tree):
    packed(tree)
    assert tree.built("dist") == "skete: nothing had to be done\n"


def test_the_time_can_be_given(tree):
    done = tree.scons("dist", SOURCE_DATE_EPOCH="86400")
    assert done.returncode == 0, done.stdout
    for name in (SOURCE, SYSROOT):
        with tarfile.open(tree.top / "dist" / name) as tar:
            assert {member.mtime for member in tar} == {86400}
    assert json.loads((tree.top / "dist" / SBOM).read_text())["metadata"]["timestamp"] == "1970-01-02T00:00:00Z"


def test_no_member_tells_where_or_by_whom_it_was_built(tree):
    files = packed(tree)
    for name in (SOURCE, SYSROOT):
        with tarfile.open(tree.top / "dist" / name) as tar:
            for member in tar:
                assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
                if member.isfile():
                    assert str(tree.top).encode() not in tar.extractfile(member).read(), member.name
    assert str(tree.top).encode() not in files[SBOM]


def test_the_checksums_are_right(tree):
    packed(tree)
    done = subprocess.run(["sha256sum", "--strict", "-c", SUMS], cwd=tree.top / "dist", capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count(": OK") == 3


def test_the_patched_source_is_patched(tree):
    packed(tree)
    with tarfile.open(tree.top / "dist" / SOURCE) as tar:
        assert b"#define PATCHED 1" in tar.extractfile("tiny-1.0-skete/include/stdio.h").read()


def test_the_sysroot_works_where_it_is_unpacked(tree, tmp_path):
    packed(tree)
    place = tmp_path / "some where"
    place.mkdir()
    subprocess.run(["tar", "xf", tree.top / "dist" / SYSROOT, "-C", place], check=True)
    gcc = place / "tiny-1.0-x86_64/bin/skete-gcc"
    subprocess.run([gcc, "-o", place / "hello", tree.top / "apps/hello/hello.c"], check=True, timeout=30)
    assert subprocess.run([place / "hello"], capture_output=True, text=True).stdout == "one\ntwo\n"
    assert (place / "tiny-1.0-x86_64/share/licenses/tiny/COPYRIGHT").exists()


def test_the_bill_of_materials_names_what_is_inside(tree):
    bill = json.loads(packed(tree)[SBOM])
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    serial = r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(serial, bill["serialNumber"])
    libc = next(component for component in bill["components"] if component["name"] == "tiny")
    (upstream,) = libc["pedigree"]["ancestors"]
    assert (upstream["version"], upstream["licenses"]) == ("1.0", [{"expression": "0BSD"}])
    (digest,) = upstream["hashes"]
    assert digest["alg"] == "SHA-256" and digest["content"] in (tree.top / "toolchain/tiny.toml").read_text()
    (patch,) = libc["pedigree"]["patches"]
    assert patch["diff"]["text"]["content"] == (tree.top / "patches/tiny/patched.patch").read_text()
    references = {component["bom-ref"] for component in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {entry["ref"] for entry in bill["dependencies"]} <= references
    sums = (tree.top / "dist" / SUMS).read_text()
    assert bill["metadata"]["component"]["hashes"][0]["content"] in sums
