"""Which packages of the system own what a run used, and what no package owns; asked of the real dpkg."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from provenance.environment.system import dpkg, elf, rpm
from provenance.environment.system import packages as system_packages
from provenance.environment.system.package_database import spellings
from tests.environment.examining import answer, used

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="not a Debian system")
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def installed(package: str, field: str = "Version") -> str:
    command = ["dpkg-query", "--show", f"--showformat=${{{field}}}", package]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def libc() -> str:
    """The C library that this Python itself has loaded."""
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        return next(line.split()[-1] for line in maps if "/libc.so.6" in line or "/libc-2" in line)


@needs_dpkg
def test_the_package_of_a_program_and_of_a_loaded_library() -> None:
    found = answer(system_packages, used(programs=["/usr/bin/ls"], libraries=[libc()]))

    coreutils = found["software"]["deb:coreutils"]
    assert coreutils["version"] == installed("coreutils")
    assert coreutils["kind"] == "deb"
    assert coreutils["is_used"] is True
    assert found["owners"] == {"/usr/bin/ls": "deb:coreutils", libc(): "deb:libc6"}
    purl = PackageURL.from_string(coreutils["purl"])
    assert (purl.type, purl.name, purl.version) == ("deb", "coreutils", installed("coreutils"))
    assert purl.qualifiers["arch"] == installed("coreutils", "Architecture")
    assert purl.qualifiers["distro"].startswith(f"{purl.namespace}-")


@needs_dpkg
@pytest.mark.parametrize("side", ["", "/usr"])
def test_merged_usr_is_one(side: str) -> None:
    if os.path.realpath("/bin") != "/usr/bin":
        pytest.skip("/usr is not merged here")
    assert dpkg.owners([f"{side}/bin/cat"])[f"{side}/bin/cat"].name == "coreutils"


@needs_dpkg
def test_alternatives_and_links_belong_to_what_they_lead_to(tmp_path: Path) -> None:
    link = tmp_path / "my cat"
    link.symlink_to("/bin/cat")
    assert dpkg.owners([str(link)])[str(link)].name == "coreutils"
    awk = Path("/usr/bin/awk")
    if not awk.is_symlink():
        pytest.skip("no alternatives for awk here")
    assert dpkg.owners([str(awk)])[str(awk)].name in ("mawk", "gawk", "original-awk", "busybox")


@needs_dpkg
def test_a_diverted_file_belongs_to_the_package_that_put_it_there() -> None:
    lines = Path("/var/lib/dpkg/diversions").read_text(encoding="utf-8").split("\n")
    diversions = [(path, to, by) for path, to, by in zip(*[iter(lines)] * 3, strict=False) if os.path.isfile(to)]
    if not diversions:
        pytest.skip("no diverted file is installed here")
    for path, to, by in diversions:
        owners = dpkg.owners([path, to])
        assert path not in owners or owners[path].name == by
        assert to not in owners or owners[to].name != by


@needs_dpkg
@pytest.mark.parametrize("name", ["/usr/bin/[", "/usr/bin/c*t", "/usr/bin/?at", "/usr/bin/\\cat", "/usr/bin/cat\n"])
def test_names_are_no_patterns(name: str) -> None:
    owners = dpkg.owners([name])
    assert {path: owner.name for path, owner in owners.items()} == ({name: "coreutils"} if name == "/usr/bin/[" else {})


@needs_dpkg
@settings(deadline=None, max_examples=20)  # each starts programs
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), max_size=5))
def test_odd_paths_are_no_fault_and_belong_to_nobody(names: list[str]) -> None:
    paths = [f"/nonexistent/{name}" for name in names] + ["/nonexistent/\udcff", "/nonexistent/--help"]
    assert dpkg.owners(paths) == {}


@needs_dpkg
def test_apt_accepts_the_list() -> None:
    found = answer(system_packages, used(programs=["/usr/bin/ls", "/bin/sh"], libraries=[libc()]))
    entry = found["files"]["system-packages.txt"]
    pins = entry["text"].split()
    assert f"coreutils={installed('coreutils')}" in pins
    assert f"libc6={installed('libc6')}" in pins
    exact, newest = entry["rebuild"]
    assert exact == "apt-get install --yes --allow-downgrades $(cat system-packages.txt) ||"
    assert newest.startswith("  apt-get install --yes $(cut -d= -f1 system-packages.txt)")
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get here")
    # What is installed is accepted in any case, without lists of packages and without a network.
    done = subprocess.run(
        ["apt-get", "install", "--simulate", "--no-download", *pins], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "0 upgraded, 0 newly installed" in done.stdout or " 0 newly installed" in done.stdout


@needs_dpkg
def test_a_package_installed_after_the_run_is_told() -> None:
    found = answer(system_packages, used(programs=["/usr/bin/ls"], end=1))
    assert any("coreutils" in gap["what"] and "after the run" in gap["why"] for gap in found["gap"])
    assert not answer(system_packages, used(programs=["/usr/bin/ls"]))["gap"]


@needs_dpkg
def test_files_of_software_count_for_their_packages() -> None:
    path = "/usr/share/perl5/Debconf/Db.pm"
    if not os.path.isfile(path):
        pytest.skip("debconf is not installed")
    found = answer(system_packages, used(files=[path, "/usr/share/nothing"]))
    assert found["owners"] == {path: "deb:debconf"}


@needs_compiler
def test_a_program_of_no_package_is_told_by_its_digest_and_is_not_run(tmp_path: Path) -> None:
    program, trace = tmp_path / "simulate", tmp_path / "it ran"
    source = tmp_path / "simulate.c"
    source.write_text(f'#include <stdio.h>\nint main(void) {{ return !fopen("{trace}", "w"); }}\n')
    subprocess.run(["cc", "-Wl,--build-id=0xabcdef0123", "-o", program, source], check=True)

    found = answer(system_packages, used(programs=[program]))

    entry = found["software"]["program:simulate"]
    assert entry["sha256"] == sha256(program.read_bytes()).hexdigest()
    assert entry["build_id"] == "abcdef0123"
    assert entry["path"] == str(program)
    assert entry["architecture"] == os.uname().machine
    assert "version" not in entry
    assert found["owners"] == {str(program): "program:simulate"}
    assert not trace.exists()


def test_a_library_is_told_by_the_file_behind_its_links(tmp_path: Path) -> None:
    (tmp_path / "libsolver.so.4.2.1").write_bytes(b"not really")
    (tmp_path / "libsolver.so.4").symlink_to("libsolver.so.4.2.1")
    found = answer(system_packages, used(libraries=[tmp_path / "libsolver.so.4"]))
    entry = found["software"]["library:libsolver.so.4.2.1"]
    assert entry["path"] == str(tmp_path / "libsolver.so.4.2.1")
    assert "version" not in entry  # these numbers are of its interface
    assert found["owners"] == {str(tmp_path / "libsolver.so.4"): "library:libsolver.so.4.2.1"}


@pytest.mark.parametrize(
    ("folder", "version"),
    [("samtools/1.19", "1.19"), ("samtools-1.19.2", "1.19.2"), ("stack/2023.1", None), ("1.19", None), ("tools", None)],
)
def test_the_folder_tells_a_version_only_when_it_is_named_after_the_program(
    tmp_path: Path, folder: str, version: str | None
) -> None:
    program = tmp_path / folder / "bin" / "samtools"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF")
    found = answer(system_packages, used(programs=[program]))
    assert found["software"]["program:samtools"].get("version") == version


def test_what_changed_after_the_run_has_no_digest(tmp_path: Path) -> None:
    changed, gone = tmp_path / "changed", tmp_path / "gone"
    changed.write_bytes(b"\x7fELF new")
    os.utime(changed, ns=(2000, 2000))
    found = answer(system_packages, used(programs=[changed, gone], end=1000))
    assert "sha256" not in found["software"]["program:changed"]
    assert "program:gone" not in found["software"]
    assert [str(changed) in gap["what"] and str(gone) in gap["what"] for gap in found["gap"]] == [True]


def test_two_programs_of_one_name_are_two(tmp_path: Path) -> None:
    paths = [tmp_path / name / "tool" for name in ("a", "b", "c")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(b"\x7fELF" + bytes([number]))
    found = answer(system_packages, used(programs=paths))
    assert len(found["software"]) == 3
    assert {found["software"][found["owners"][str(path)]]["path"] for path in paths} == set(map(str, paths))


def test_others_know_python_conda_spack_and_the_sources(tmp_path: Path) -> None:
    theirs = [
        tmp_path / "venv/lib/python3.11/site-packages/numpy/core.so",
        tmp_path / "python/lib/python3.11/lib-dynload/_json.so",
        tmp_path / "conda/lib/libz.so.1.3",
        tmp_path / "spack/zlib-1.3-abc/lib/libz.so.1.3",
    ]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\x7fELF")
    (tmp_path / "conda/conda-meta").mkdir()
    (tmp_path / "spack/zlib-1.3-abc/.spack").mkdir()
    (tmp_path / "spack/zlib-1.3-abc/.spack/spec.json").write_text("{}")
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/pyvenv.cfg").touch()
    entry_point = tmp_path / "venv/bin/train"
    entry_point.write_text("#!/x/python\n")
    script = tmp_path / "project/run.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    found = answer(
        system_packages,
        used(programs=[entry_point, script], libraries=theirs, folders=[script.parent]),
    )
    assert dict(found["software"]) == {}


def test_the_interpreter_has_a_digest_but_belongs_to_python() -> None:
    if dpkg.owners([sys.executable]) or rpm.owners([sys.executable]):
        pytest.skip("the interpreter here belongs to a package")
    real = os.path.realpath(sys.executable)
    found = answer(system_packages, used(programs=[real], interpreters=[sys.executable]))
    entry = found["software"][f"program:{Path(real).name}"]
    assert entry["sha256"] == sha256(Path(real).read_bytes()).hexdigest()
    assert found["owners"] == {}


def test_answers_are_json(tmp_path: Path) -> None:
    program = tmp_path / "bl\udcffank \n#?%"
    program.write_bytes(b"\x7fELF")
    found = answer(system_packages, used(programs=[program, "/bin/sh"], libraries=["linux-vdso.so.1", ""]))
    assert json.loads(json.dumps(found)) == found
    assert not found["gap"]
    assert str(program) in found["owners"]


# Answers as rpm 4.18 does: what no package owns is said on standard output, what is not there on the error output.
RPM = """#!{python}
import os, sys
PACKAGES = {{
    "tool-1.2-3.fc40.x86_64": ("tool", "0", "1.2-3.fc40", "x86_64", "1700000000", ["{root}/bin/tool", "{root}/shared"]),
    "libtool-2.0-1.fc40.x86_64": ("lib", "1", "2.0-1.fc40", "x86_64", "1700000000", ["{root}/lib.so", "{root}/shared"]),
}}
query, paths = sys.argv[1], sys.argv[4:]
assert sys.argv[2] == "--qf" and os.environ["LC_ALL"] == "C", sys.argv
for path in paths:
    if query == "-qf":
        if not os.path.exists(path):
            print("error: file %s: No such file or directory" % path, file=sys.stderr)
            continue
        owners = [(key, value) for key, value in PACKAGES.items() if path in value[-1]]
        for key, (name, epoch, version, machine, installed, _) in owners:
            print(key, name, epoch, version, machine, installed, sep="\\t")
        if not owners:
            print("file %s is not owned by any package" % path)
    elif query == "-q":
        assert sys.argv[3] == "[%{{=NVRA}}\\t%{{FILENAMES}}\\n]", sys.argv
        for file in PACKAGES[path][-1]:
            print(path, file, sep="\\t")
    else:
        sys.exit("unknown: %s" % query)
sys.exit(len(paths) > 1)
"""


def test_rpm_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "system"
    (root / "bin").mkdir(parents=True)
    for name in ("bin/tool", "lib.so", "shared"):
        (root / name).write_bytes(b"\x7fELF" + name.encode())
    (root / "link").symlink_to("bin/tool")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "rpm").write_text(RPM.format(root=root, python=sys.executable))
    (programs / "rpm").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    own = root / "bin" / "own"
    own.write_bytes(b"\x7fELF")
    found = answer(system_packages, used(programs=[root / "link", own, root / "gone"], libraries=[root / "lib.so"]))

    assert found["software"]["rpm:tool"]["version"] == "1.2-3.fc40"
    library = found["software"]["rpm:lib"]
    assert library["version"] == "1:2.0-1.fc40"
    purl = PackageURL.from_string(library["purl"])
    assert (purl.type, purl.version, purl.qualifiers["epoch"]) == ("rpm", "2.0-1.fc40", "1")
    assert found["owners"][str(root / "link")] == "rpm:tool"
    assert found["owners"][str(root / "lib.so")] == "rpm:lib"
    assert found["owners"][str(own)] == "program:own"
    entry = found["files"]["system-packages.txt"]
    assert entry["text"].split() == ["lib-1:2.0-1.fc40.x86_64", "tool-1.2-3.fc40.x86_64"]
    assert entry["rebuild"][0] == "dnf install --assumeyes $(cat system-packages.txt) ||"
    names = entry["rebuild"][1].partition("$(")[2].partition(")")[0].replace("system-packages.txt", "list")
    (tmp_path / "list").write_text(entry["text"])
    shell = subprocess.run(
        ["/bin/sh", "-c", names], env={"PATH": os.defpath}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shell.stdout.split() == ["lib", "tool"]


@given(st.binary(max_size=300))
def test_broken_elf_files_are_no_fault(tail: bytes) -> None:
    elf.head(b"\x7fELF\x02\x01\x01" + tail)
    elf.head(b"\x7fELF\x01\x02\x01" + tail)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(lambda name: f"/{name}"))
def test_a_path_is_among_its_spellings(path: str) -> None:
    found = list(spellings(path))
    assert path in found
    assert len(found) == len(set(found))


@needs_dpkg
@needs_compiler
def test_packages_that_bring_only_the_link_that_was_called_are_listed_too() -> None:
    """Without the package "gcc", of which "cc" and "gcc" are, the command of a run is not found in what is rebuilt."""
    real = os.path.realpath("/usr/bin/gcc")
    if real == "/usr/bin/gcc" or "/usr/bin/gcc" not in dpkg.owners(["/usr/bin/gcc"], lambda path: [path]):
        pytest.skip("gcc is no link of a package here")
    asked = replace(used(programs=[real]), called=("/usr/bin/gcc", "/usr/bin/awk", "/nowhere/gcc"))
    found = answer(system_packages, asked)
    names = {each["name"] for each in found["software"].values()}
    assert "gcc" in names and len(names) == 2  # and gcc-12 or the like; not the awk that was not executed
    assert f"gcc={installed('gcc')}" in found["files"]["system-packages.txt"]["text"].split()


def test_a_native_program_of_an_environment_whose_python_did_not_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").touch()
    program = tmp_path / "bin" / "cmake"
    shutil.copy(sys.executable, program)
    found = answer(system_packages, used(programs=[program]))
    assert found["software"]["program:cmake"]["path"] == str(program)
    beside = used(programs=[program], interpreters=[tmp_path / "bin" / "python"])
    assert "program:cmake" not in answer(system_packages, beside)["software"]
