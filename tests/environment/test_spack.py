"""Spack's packages, from the specs in their prefixes; trees as Spack leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from packageurl import PackageURL

from provenance.environment import modules, spack
from tests.environment.examining import answer, used

TARGET = {"name": "zen2", "vendor": "AuthenticAMD", "features": ["avx2"], "generation": 0, "parents": ["zen"]}
ARCH = {"platform": "linux", "platform_os": "rocky9", "target": TARGET}


def node(name: str, version: str, letter: str, needs: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "arch": ARCH,
        "namespace": "builtin",
        "parameters": {
            "build_system": "autotools",
            "shared": True,
            "pic": False,
            "cflags": [],
            "cxxflags": ["-O2", "-g"],
        },
        "package_hash": letter * 52 + "====",
        **({"dependencies": [edge(each) for each in needs]} if needs else {}),
        **more,
        "hash": letter * 32,
    }


def edge(to: dict[str, Any], virtuals: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": to["name"], "hash": to["hash"], "parameters": {"deptypes": ["link"], "virtuals": list(virtuals)}}


GCC = {"compiler": {"name": "gcc", "version": "12.2.0"}}
ZLIB = node("zlib", "1.3.1", "a", **GCC)
HDF5 = node("hdf5", "1.14.3", "b", (ZLIB,), **GCC)


def install(root: Path, own: dict[str, Any], *others: dict[str, Any], version: int = 4) -> Path:
    prefix = root / f"{own['name']}-{own['version']}-{own['hash']}"
    (prefix / ".spack").mkdir(parents=True)
    spec = {"spec": {"_meta": {"version": version}, "nodes": [own, *others]}}
    (prefix / ".spack/spec.json").write_text(json.dumps(spec))
    (prefix / "lib").mkdir()
    (prefix / "lib" / f"lib{own['name']}.so").write_bytes(b"\x7fELF")
    return prefix


def libraries(*prefixes: Path) -> list[Path]:
    return [next((prefix / "lib").iterdir()) for prefix in prefixes]


def test_the_packages_in_use(tmp_path: Path) -> None:
    hdf5, zlib = install(tmp_path, HDF5, ZLIB), install(tmp_path, ZLIB)
    install(tmp_path, node("unused", "1", "c", **GCC))

    found = answer(modules, used(libraries=libraries(hdf5, zlib), programs=["/bin/sh"]))

    assert set(found["software"]) == {"spack:hdf5", "spack:zlib"}
    entry = found["software"]["spack:hdf5"]
    assert entry["version"] == "1.14.3"
    assert entry["kind"] == "spack"
    assert entry["architecture"] == "linux-rocky9-zen2"
    assert entry["path"] == str(hdf5)
    assert PackageURL.from_string(entry["purl"]).to_dict() == {
        "type": "spack", "namespace": "builtin", "name": "hdf5", "version": "1.14.3",
        "qualifiers": {"sha": "b" * 32}, "subpath": None,
    }  # fmt: skip
    assert found["owners"] == {f"{hdf5}/": "spack:hdf5", f"{zlib}/": "spack:zlib"}


def test_the_manifest_pins_them(tmp_path: Path) -> None:
    found = answer(modules, used(libraries=libraries(install(tmp_path, HDF5, ZLIB))))
    entry = found["files"]["spack.yaml"]
    manifest = yaml.safe_load(entry["text"])
    assert manifest["spack"]["specs"] == [
        'hdf5@=1.14.3 build_system=autotools cxxflags="-O2 -g" ~pic +shared %gcc@12.2.0 arch=linux-rocky9-zen2'
    ]
    assert entry["rebuild"] == ["spack --env-dir . install"]


@pytest.mark.parametrize(("specs", "lock"), [(3, 4), (4, 5), (5, 6), (6, 8)])
def test_the_lock_holds_all_that_they_need(tmp_path: Path, specs: int, lock: int) -> None:
    hdf5, zlib = install(tmp_path, HDF5, ZLIB, version=specs), install(tmp_path, ZLIB, version=specs)
    found = answer(modules, used(libraries=libraries(hdf5, zlib)))
    content = json.loads(found["files"]["spack.lock"]["text"])
    assert content["_meta"] == {"file-type": "spack-lockfile", "lockfile-version": lock, "specfile-version": specs}
    assert content["concrete_specs"] == {"a" * 32: ZLIB, "b" * 32: HDF5}
    # Spack takes a root of the lock for one of the manifest by its text.
    wanted = yaml.safe_load(found["files"]["spack.yaml"]["text"])["spack"]["specs"]
    assert [root["spec"] for root in content["roots"]] == wanted
    assert [root["hash"] for root in content["roots"]] == ["b" * 32, "a" * 32]
    assert not found["gap"]


def test_later_specs_have_the_compiler_among_what_they_need(tmp_path: Path) -> None:
    gcc = node("gcc", "13.2.0", "d")
    own = {**node("zlib", "1.3.1", "a"), "dependencies": [edge(gcc, ("c", "cxx"))]}
    prefix = install(tmp_path, own, gcc, version=5)
    found = answer(modules, used(libraries=libraries(prefix)))
    assert " %gcc@13.2.0 " in yaml.safe_load(found["files"]["spack.yaml"]["text"])["spack"]["specs"][0]


def test_why_there_is_no_lock(tmp_path: Path) -> None:
    incomplete = answer(modules, used(libraries=libraries(install(tmp_path / "1", HDF5))))
    old = answer(modules, used(libraries=libraries(install(tmp_path / "2", ZLIB, version=2))))
    prefixes = install(tmp_path / "3", ZLIB, version=4), install(tmp_path / "3", HDF5, ZLIB, version=5)
    mixed = answer(modules, used(libraries=libraries(*prefixes)))
    for found, why in ((incomplete, "not complete"), (old, "version 2"), (mixed, "mixed")):
        assert set(found["files"]) == {"spack.yaml"}
        assert [why in gap["why"] for gap in found["gap"]] == [True]


def test_links_into_a_prefix_and_two_builds_of_one_version(tmp_path: Path) -> None:
    first, second = install(tmp_path, ZLIB), install(tmp_path, node("zlib", "1.3.1", "e", **GCC))
    view = tmp_path / "view.so"
    view.symlink_to(libraries(first)[0])
    found = answer(modules, used(libraries=[view, *libraries(second)]))
    assert len(found["software"]) == 2
    assert {entry["path"] for entry in found["software"].values()} == {str(first), str(second)}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"spec": {"_meta": {"version": 4}, "nodes": []}}', '{"spec": [1]}'])
def test_specs_that_can_not_be_read_are_told(tmp_path: Path, text: str) -> None:
    prefix = install(tmp_path, ZLIB)
    (prefix / ".spack/spec.json").write_text(text)
    found = answer(modules, used(libraries=libraries(prefix)))
    assert not found["software"]
    assert [str(prefix) in gap["what"] for gap in found["gap"]] == [True]


def test_the_prefix_of_a_file(tmp_path: Path) -> None:
    prefix = install(tmp_path, ZLIB)
    assert spack.prefix_of(str(prefix / "lib/deep/er/file")) == str(prefix)
    assert spack.prefix_of(str(tmp_path / "elsewhere")) is None
