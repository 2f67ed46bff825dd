"""Software in a crate: entities of what was used, lock files to rebuild from, the bill of materials, read back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sample_runs import FILLED, rich_run, simple_run

from provenance.crate.read import read
from provenance.crate.sbom import bill_of_materials
from provenance.crate.settings import PackSettings
from provenance.crate.software import software_id
from provenance.crate.write import write
from provenance.run.model import Environment, EnvironmentFile, Software

NUMPY = Software(
    "numpy",
    "2.0.1",
    "https://numpy.example.org/",
    kind="python",
    purl="pkg:pypi/numpy@2.0.1",
    sha256="ab" * 32,
    installer="uv",
    is_used=True,
    license="BSD-3-Clause",
)
SIX = Software("six", "1.16.0", kind="python", purl="pkg:pypi/six@1.16.0", is_used=False, license="MIT OR Apache-2.0")
MINE = Software("mine", "0.1", kind="python", origin="file:///srv/mine", is_editable=True, is_used=True)
GAWK = Software("gawk", "1:5.2.1-2+b1", kind="deb", purl="pkg:deb/debian/gawk@1:5.2.1-2%2Bb1?arch=amd64", is_used=True)
GAWK_ARM = replace(GAWK, purl="pkg:deb/debian/gawk@1:5.2.1-2%2Bb1?arch=arm64", architecture="arm64")
TOOL = Software("tool", None, kind="program", path="/opt/a/tool", sha256="cd" * 32, is_used=True)
OTHER_TOOL = replace(TOOL, path="/opt/b/tool", sha256="ef" * 32)
CPYTHON = Software("CPython", "3.11.7", kind="python-interpreter", path="/opt/python/bin/python3", is_used=True)
MODULE = Software("gcc", "12.2", kind="module", path="/apps/modules/gcc/12.2")
LOCK = EnvironmentFile(
    "requirements.txt", "Python packages", "requirements", "numpy==2.0.1\n", None, ("uv venv", "uv x")
)


def environment(*software: Software, files: tuple[EnvironmentFile, ...] = (LOCK,)) -> Environment:
    return Environment(packages=(MINE, NUMPY, SIX), software=software or (GAWK, TOOL, CPYTHON, MODULE), files=files)


def crate(run, folder, **options):
    report = write(run, folder, PackSettings(**options))
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}, report


def ids(entity, name):
    value = entity.get(name, [])
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def test_the_workflow_needs_what_was_used_and_what_the_user_listed(tmp_path):
    listed = Software("COMPSs", "3.3", "https://compss.example.org")
    run = simple_run(tmp_path / "w", environment=environment(), about=replace(FILLED, software=(listed,)))
    graph, _ = crate(run, tmp_path / "crate")
    main = graph["application_sources/run.sh"]
    needed = [graph[one] for one in ids(main, "softwareRequirements")]
    assert [one["name"] for one in needed] == ["COMPSs", "mine", "numpy", "gawk", "tool", "CPython", "gcc"]
    numpy = graph["https://numpy.example.org/#pypi/numpy@2.0.1"]
    assert numpy["version"] == "2.0.1"
    assert numpy["identifier"] == "pkg:pypi/numpy@2.0.1"
    assert numpy["url"] == "https://numpy.example.org/"
    assert graph[numpy["license"]["@id"]]["name"] == "BSD-3-Clause"
    gawk = next(one for one in needed if one["name"] == "gawk")
    assert gawk["@id"] == "https://example.org/model-selection#deb/debian/gawk@1:5.2.1-2%2Bb1?arch=amd64"
    assert gawk["url"] == GAWK.purl
    tool = next(one for one in needed if one["name"] == "tool")
    assert tool["sha256"] == "cd" * 32
    assert tool["url"].startswith("file://")


def test_each_tool_needs_what_its_executions_used(tmp_path):
    run = simple_run(tmp_path / "w", environment=environment())
    sort, head = run.tools
    graph, _ = crate(replace(run, tools=(replace(sort, requirements=(GAWK, NUMPY)), head)), tmp_path / "crate")
    assert len(ids(graph["#tool-sort"], "softwareRequirements")) == 2
    assert ids(graph["#tool-head"], "softwareRequirements") == []


def test_what_differs_has_its_own_identifier(tmp_path):
    run = simple_run(tmp_path / "w")
    several = [NUMPY, replace(NUMPY, version="2.1", purl="pkg:pypi/numpy@2.1"), GAWK, GAWK_ARM, TOOL, OTHER_TOOL]
    several += [replace(SIX, kind="conda", purl=None), replace(SIX, purl=None), Software("a b", "1"), CPYTHON, MODULE]
    assert len({software_id(run, one) for one in several}) == len(several)
    assert all("#" in software_id(run, one) and " " not in software_id(run, one) for one in several)


@pytest.mark.parametrize("make", [simple_run, rich_run])
def test_a_crate_with_software_passes_the_recommended_level(tmp_path, make):
    pytest.importorskip("rocrate_validator")
    from provenance.crate.validate import validate

    carried = tmp_path / "crate.tar.gz"
    carried.write_bytes(b"x")
    files = (
        LOCK,
        EnvironmentFile("system-packages.txt", "Debian packages", "lock", "gawk=1:5\n"),
        EnvironmentFile("packages/a/ro-crate-metadata.json", "part of a", "source", "{}"),
        EnvironmentFile("packages/crate.tar.gz", "a", "package", None, str(carried)),
    )
    known = environment(GAWK, GAWK_ARM, TOOL, OTHER_TOOL, CPYTHON, MODULE, files=files)
    versioned = [replace(one, version="1") for one in known.software]
    run = replace(
        make(tmp_path / "w", about=FILLED), environment=replace(known, software=tuple(versioned)), containers=()
    )
    write(run, tmp_path / "crate")
    assert [(issue.check, issue.entity) for issue in validate(tmp_path / "crate", level="recommended").issues] == []


def test_lock_files_are_written_as_they_are_and_are_build_instructions(tmp_path):
    wheel = tmp_path / "a b.whl"
    wheel.write_bytes(os.urandom(3_000_000))
    folder = tmp_path / "package"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "x.py").write_text("x = 1\n")
    files = (
        LOCK,
        EnvironmentFile("locks/renv.lock", "R packages", "lock", "{}"),
        EnvironmentFile("packages/a b.whl", "a wheel", "package", None, str(wheel)),
        EnvironmentFile("packages/mine", "sources", "source", None, str(folder)),
    )
    graph, report = crate(simple_run(tmp_path / "w", environment=environment(files=files)), tmp_path / "crate")
    written = tmp_path / "crate" / "environment"
    assert (written / "requirements.txt").read_text() == "numpy==2.0.1\n"
    assert (written / "packages" / "a b.whl").read_bytes() == wheel.read_bytes()
    assert (written / "packages" / "mine" / "sub" / "x.py").read_text() == "x = 1\n"
    assert graph["environment/packages/a%20b.whl"]["sha256"] == sha256(wheel.read_bytes()).hexdigest()
    instructions = ["environment/requirements.txt", "environment/locks/renv.lock"]
    assert ids(graph["application_sources/run.sh"], "buildInstructions") == instructions
    for step in (one for one in graph.values() if one["@type"] == "HowToStep"):
        assert ids(step, "buildInstructions") == instructions
    assert all("conformsTo" in graph[one] and graph[one]["about"] for one in instructions)
    listed = ids(graph["./"], "hasPart")
    assert {one for one in graph if one.startswith("environment/")} <= set(listed)
    assert graph["environment/packages/mine/"]["hasPart"] == {"@id": "environment/packages/mine/sub/x.py"}
    assert report.locks == "requirements.txt, locks/renv.lock"
    text = (tmp_path / "crate" / "README.md").read_text()
    assert "## Rebuild the environment" in text
    assert "# Python packages\nuv venv\nuv x\n" in text


def test_a_lock_file_that_is_gone_or_has_the_place_of_another_is_told(tmp_path):
    files = (
        EnvironmentFile("a.lock", "gone", "lock", None, str(tmp_path / "gone.lock")),
        EnvironmentFile("System.json", "odd", "lock", "x"),
        LOCK,
        replace(LOCK, target="Requirements.txt"),
    )
    graph, report = crate(simple_run(tmp_path / "w", environment=environment(files=files)), tmp_path / "crate")
    assert ids(graph["application_sources/run.sh"], "buildInstructions") == ["environment/requirements.txt"]
    assert len([gap for gap in report.gaps if gap.startswith("environment/")]) == 3


def test_without_a_lock_the_packages_are_listed(tmp_path):
    crate(simple_run(tmp_path / "w", environment=environment(files=())), tmp_path / "crate")
    text = (tmp_path / "crate/environment/requirements.txt").read_text()
    assert text == "mine==0.1\nnumpy==2.0.1\nsix==1.16.0\n"


def test_a_run_without_software_has_neither_bill_nor_lock(tmp_path):
    graph, report = crate(simple_run(tmp_path / "w"), tmp_path / "crate")
    assert not {"environment/sbom.cdx.json", "environment/requirements.txt"} & set(graph)
    assert (report.software, report.locks) == ("", "")


def test_the_crate_is_read_back_with_all_its_software(tmp_path):
    listed = Software("COMPSs", "3.3", "https://compss.example.org")
    run = simple_run(tmp_path / "w", environment=environment(), about=replace(FILLED, software=(listed,)))
    sort, head = run.tools
    run = replace(run, tools=(replace(sort, requirements=(GAWK, NUMPY)), head))
    for name in ("crate", "c.crate.zip"):
        write(run, tmp_path / name, PackSettings(as_zip=name.endswith("zip")))
        again = read(tmp_path / name)
        assert again.about.software == (listed,)
        assert set(again.environment.packages) == set(run.environment.packages)
        assert set(again.environment.software) == set(run.environment.software)
        (lock,) = again.environment.files
        assert (lock.target, lock.about, lock.kind, lock.rebuild) == (LOCK.target, LOCK.about, LOCK.kind, LOCK.rebuild)
        assert (lock.text == LOCK.text) if name.endswith("zip") else lock.path.endswith("environment/requirements.txt")
        needed = {tool.name: tool.requirements for tool in again.tools}
        assert [(one.name, one.version, one.purl, one.kind) for one in needed["sort"]] == [
            (one.name, one.version, one.purl, one.kind) for one in (GAWK, NUMPY)
        ]


def test_without_its_bill_a_crate_still_tells_what_was_used(tmp_path):
    write(simple_run(tmp_path / "w", environment=environment()), tmp_path / "crate")
    (tmp_path / "crate/environment/sbom.cdx.json").write_text("no JSON")
    again = read(tmp_path / "crate")
    assert [one.name for one in again.environment.packages] == ["mine", "numpy"]
    assert {one.name for one in again.environment.software} == {"gawk", "tool", "CPython", "gcc"}


def assert_valid(content: bytes) -> dict:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode()) is None
    return json.loads(content)


def test_the_bill_of_materials_lists_all_and_is_the_same_each_time(tmp_path):
    pytest.importorskip("jsonschema")
    run = rich_run(tmp_path / "w", environment=environment(GAWK, GAWK_ARM, TOOL, OTHER_TOOL, CPYTHON, MODULE))
    content = bill_of_materials(run)
    assert content == bill_of_materials(run)
    bill = assert_valid(content)
    assert bill["specVersion"] == "1.6"
    assert UUID(bill["serialNumber"].removeprefix("urn:uuid:")).version == 5
    assert bill["metadata"]["timestamp"].startswith("2025-11-22T08:26:50")
    components = {one["bom-ref"]: one for one in bill["components"]}
    scopes = {one["name"]: one["scope"] for one in components.values()}
    assert (scopes["numpy"], scopes["six"], scopes["gcc"]) == ("required", "optional", "required")
    (root,) = (one for one in bill["dependencies"] if one["ref"] == bill["metadata"]["component"]["bom-ref"])
    assert set(root["dependsOn"]) == set(components)
    numpy = components["python:numpy@2.0.1"]
    assert numpy["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert numpy["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert components["python:six@1.16.0"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    other = bill_of_materials(replace(run, id="another"))
    assert json.loads(other)["serialNumber"] != bill["serialNumber"]


_ODD = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "",
        " ",
        "\udcff",
        "a\x00b",
        "MIT",
        "MIT AND",
        "(MIT OR GPL-2.0-only",
        "LicenseRef-x",
        "GPL",
        "x" * 1100,
        "a\nb" * 300,
    ]
)


@given(name=_ODD, version=_ODD, license_=_ODD, url=_ODD, purl=_ODD)
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking takes minutes
def test_awkward_names_versions_and_licenses_make_a_valid_bill(name, version, license_, url, purl):
    pytest.importorskip("jsonschema")
    from provenance.run.model import Run, Status

    odd = Software(
        name,
        version,
        f"https://example.org/{url}",
        path=name,
        kind="python",
        purl=f"pkg:{purl}",
        sha256=version,
        origin=url,
        license=license_,
    )
    known = Environment(packages=(odd, odd, replace(odd, purl="pkg:pypi/x@1")))
    bill = assert_valid(bill_of_materials(Run(id=name, name=name, status=Status.FAILED, environment=known)) or b"")
    assert len({one["bom-ref"] for one in bill["components"]}) == 3


def test_packages_of_the_system_are_no_requirements_for_pip(tmp_path):
    of_apt = Software("python-apt", "2.6.0", kind="python", installer="apt")
    crate(simple_run(tmp_path / "w", environment=Environment(packages=(of_apt,))), tmp_path / "crate")
    assert not (tmp_path / "crate/environment/requirements.txt").exists()


def test_the_readme_rebuilds_the_system_first_and_conda_before_pip(tmp_path):
    files = (
        EnvironmentFile("requirements.txt", "p", "requirements", "a==1\n", None, ("uv pip install",)),
        EnvironmentFile("conda-explicit.txt", "c", "conda-explicit", "x\n", None, ("micromamba create",)),
        EnvironmentFile("locks/renv.lock", "r", "lock", "{}\n", None, ("renv restore",)),
        EnvironmentFile("system-packages.txt", "s", "lock", "x=1\n", None, ("apt-get install",)),
    )
    crate(simple_run(tmp_path / "w", environment=environment(files=files)), tmp_path / "crate")
    text = (tmp_path / "crate/README.md").read_text()
    places = [text.index(word) for word in ("apt-get install", "micromamba create", "uv pip install", "renv restore")]
    assert places == sorted(places)
