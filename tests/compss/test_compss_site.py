"""``wfprov-compss`` in the place of COMPSs' own generator: called as COMPSs does, at the end of a job."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.compss.runs import CompssRun, file_in, file_out, scalar, snapshot
from tests.compss.site import Site, installed_script
from tests.conftest import PROJECT, Wfprov

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
# Pythons that jobs may have, as far as they are on this machine.
PYTHONS = sorted(
    {
        found
        for name in ("3", "3.6", "3.7", "3.8", "3.9", "3.12", "3.13")
        for folder in (None, "/usr/bin")
        if (found := shutil.which(f"python{name}", path=folder))
        and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    }
)


def small_run(folder: Path, version: str = "3.4", info_text: str | None = None, **more: object) -> CompssRun:
    run = CompssRun(folder, version=version, **more)  # type: ignore[arg-type]
    a = run.file("inputs/a b.txt", "1\n")
    c = run.path("outputs/c.txt")
    run.task("mod.f", [file_in("a", a), file_out("c", c), scalar("n", 4)], makes={c: "2\n"})
    run.task(
        "mod.g", [file_in("a", c), file_out("c", run.path("outputs/d.txt"))], makes={run.path("outputs/d.txt"): "3"}
    )
    return run.finish(info_text=info_text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, installed_script(tmp_path / "env" / "bin"))


def status_of(done: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r"^status (\d+)$", done.stderr, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return int(found[1])


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What was printed; nothing of it is an error of Python."""
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def graph(crate: Path) -> dict[str, dict[str, object]]:
    if crate.suffix == ".zip":
        text = zipfile.ZipFile(crate).read("ro-crate-metadata.json")
    else:
        text = (crate / "ro-crate-metadata.json").read_bytes()
    return {entity["@id"]: entity for entity in json.loads(text)["@graph"]}


def new_in(run: CompssRun, before: dict[str, object]) -> list[str]:
    """What came up in the working folder, and nothing else has changed there or in the log folder."""
    work = run.work_folder
    made = sorted(path for path in work.iterdir() if str(path) not in before)
    now = snapshot(work, run.log_folder)
    inside = tuple(f"{path}/" for path in made)
    rest = {name: value for name, value in now.items() if not f"{name}/".startswith(inside)}
    gone = before.keys() - rest.keys()
    # COMPSs itself removes what it wrote for the generator.
    assert {Path(name).name for name in gone} <= {
        ".compss_submission_command_line.txt",
        "compss_submission_command_line.txt",
    }
    folder = str(work)  # its own time changes with what is made in it
    assert {name: value for name, value in rest.items() if name != folder} == {
        name: value for name, value in before.items() if name not in gone and name != folder
    }
    return [path.name for path in made]


# ---- as COMPSs calls it


def test_a_run_of_compss_3_4_gets_its_crate_where_it_was_told(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    before = snapshot(run.work_folder, run.log_folder)
    done = site.end_of_run(run)
    assert status_of(done) == 0, done.stdout
    assert new_in(run, before) == ["crate"]
    found = graph(run.work_folder / "crate")
    assert found["./"]["name"] == "Sample"
    assert sum("ControlAction" in str(entity["@type"]) for entity in found.values()) == 2


def test_the_lines_are_those_that_users_of_compss_know(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    lines = said(site.end_of_run(run)).splitlines()
    start = lines.index("PROVENANCE | STARTING RO-CRATE GENERATION SCRIPT")
    text = "\n".join(lines[start + 1 : lines.index("PROVENANCE | ENDED WORKFLOW PROVENANCE SCRIPT")])
    wanted = [
        rf"COMPSs version: 3\.4, main_entity: {re.escape(str(run.main))}",
        r"COMPSs runtime detected inputs \(1\)",
        r"COMPSs runtime detected outputs \(2\)",
        r"dataprovenance\.log processing TIME: \d+\.\d+ s",
        r"Application source files detected \(\d+\)",
        r"RO-Crate adding source, input and output files TIME \(Persistence: auto\): \d+\.\d+ s",
        r"RO-Crate writing to disk TIME: \d+\.\d+ s",
        "COMPSs Workflow Provenance successfully generated in sub-folder:\n\tcrate",
        r"Workflow Provenance generation TOTAL EXECUTION TIME: \d+\.\d+ s",
    ]
    at = -1
    for pattern in wanted:
        match = re.compile(rf"^PROVENANCE \| {pattern}$", re.MULTILINE).search(text, at + 1)
        assert match, (pattern, text)
        at = match.start()
    assert all(line.startswith(("PROVENANCE | ", "\t")) for line in text.splitlines())


@pytest.mark.parametrize("destination", ["crate", "crate/", "crate.zip"])
def test_a_zip_is_written_when_compss_wants_one(site: Site, tmp_path: Path, destination: str) -> None:
    run = small_run(tmp_path)
    before = snapshot(run.work_folder, run.log_folder)
    done = site.end_of_run(run, destination, "true")
    assert status_of(done) == 0, done.stdout
    assert new_in(run, before) == ["crate.zip"]
    assert graph(run.work_folder / "crate.zip")["./"]["name"] == "Sample"
    assert "generated in ZIP file:\n\tcrate.zip\n" in done.stdout


@pytest.mark.parametrize("version", ["3.3", "3.3.1"])
def test_older_versions_get_a_folder_with_a_name_of_its_own(site: Site, tmp_path: Path, version: str) -> None:
    run = small_run(tmp_path, version)
    before = snapshot(run.work_folder, run.log_folder)
    done = site.end_of_run(run, version="3.3")
    assert status_of(done) == 0, done.stdout
    (name,) = new_in(run, before)
    assert re.fullmatch(r"COMPSs_RO-Crate_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)
    assert graph(run.work_folder / name)["./"]["name"] == "Sample"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("is_copy", [False, True], ids=["link", "copy"])
def test_any_python_of_a_job_will_do(tmp_path: Path, python: str, is_copy: bool) -> None:
    script = installed_script(tmp_path / "env" / "bin")
    site = Site(tmp_path, script, python, is_copy)
    done = subprocess.run(
        [python, "-O", site.generator, "--check"],
        env={**site.environment, "PYTHONPATH": str(site.generator.parents[1]), "PYTHONHOME": "/nowhere"}
        if python == sys.executable
        else {**site.environment, "PYTHONPATH": str(site.generator.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"PROVENANCE \| wfprov \S+, Python 3\S+ \({re.escape(sys.executable)}\): ready\n", done.stdout)


def test_the_link_can_be_called_as_a_program(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    done = subprocess.run(
        [site.generator, "ro-crate-info.yaml", run.log_folder, "", "false"],
        cwd=run.work_folder,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = run.work_folder.glob("COMPSs_RO-Crate_*")
    assert re.fullmatch(r"COMPSs_RO-Crate_\d{8}_\d{6}", made.name)


def test_modules_of_the_user_are_not_ours(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    for name in ("provenance", "click", "yaml", "json", "rocrate", "site", "sitecustomize"):
        (run.work_folder / f"{name}.py").write_text("raise SystemExit('a module of the user')\n")
    done = site.end_of_run(run, env={"PYTHONPATH": str(run.work_folder), "PYTHONSTARTUP": "json.py"})
    # The Python of the job itself stumbles over the user's own site customization, as it would over COMPSs' script.
    for name in ("site", "sitecustomize", "json"):
        (run.work_folder / f"{name}.py").unlink()
    done = site.end_of_run(run, env={"PYTHONPATH": str(run.work_folder)})
    assert status_of(done) == 0, done.stdout + done.stderr


@pytest.mark.skipif(UV is None, reason="uv is not installed")
@pytest.mark.parametrize("kind", ["uv", "pip", "editable"])
def test_installed_for_real_the_script_knows_its_python(tmp_path: Path, built: tuple[Path, Path], kind: str) -> None:
    wheel, checkout = built
    environment = tmp_path / ("a folder with blanks" if kind == "uv" else "env")
    packages = next(path for path in map(Path, sys.path) if (path / "click").is_dir())
    subprocess.run([str(UV), "venv", "-q", "--python", sys.executable, environment], check=True)
    (here,) = environment.glob("lib/python*/site-packages")
    (here / "needed.pth").write_text(f"{packages}\n")
    python = environment / "bin" / "python"
    alone = ("-q", "--no-deps", "--no-index")
    if kind == "pip":
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", *alone, str(wheel)]
    else:
        what = [str(wheel)] if kind == "uv" else ["--no-build-isolation", "-e", str(checkout)]
        command = [str(UV), "pip", "install", "--offline", "--python", str(python), *alone, *what]
    subprocess.run(command, check=True, capture_output=True)
    site = Site(tmp_path, environment / "bin" / "wfprov-compss")
    run = small_run(tmp_path)
    done = site.end_of_run(run)
    assert status_of(done) == 0, done.stdout + done.stderr
    assert (run.work_folder / "crate" / "ro-crate-metadata.json").is_file()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel, and the checkout that it was made of."""
    checkout, folder = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in ("provenance", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout / name)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"),
            *("--wheel-dir", str(folder), str(checkout)),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel, checkout


@pytest.mark.parametrize(
    "first",
    [
        "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''",
        "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''",
        "#!/bin/sh\n'''exec' '{}' \"$0\" \"$@\"\n' '''",
        "#!{} -E",
        "#! {}",
    ],
)
def test_the_first_line_may_have_any_form_of_the_installers(tmp_path: Path, first: str) -> None:
    script = installed_script(tmp_path)
    rest = script.read_text().partition("\n")[2]
    script.write_text(f"{first.format(sys.executable)}\n{rest}")
    done = subprocess.run(["python3", "-O", script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"({sys.executable}): ready" in done.stdout


# ---- what the machine tells


def test_the_crate_says_where_the_run_took_place(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path, slurm=3846825)
    slurm = {"SLURM_JOB_ID": "3846825", "SLURM_JOB_PARTITION": "gp_debug", "SLURM_JOB_USER": "secretuser"}
    done = site.end_of_run(run, env=slurm)
    assert status_of(done) == 0, done.stdout
    text = (run.work_folder / "crate" / "ro-crate-metadata.json").read_text()
    assert "gp_debug" in text
    assert "secretuser" not in text
    # Python packages of the interpreter that the job has.
    lists = [path.read_text() for path in (run.work_folder / "crate" / "environment").iterdir() if path.is_file()]
    assert any("click" in text for text in lists)


def test_uncommitted_changes_of_the_sources_are_kept(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    git = ["git", "-C", str(run.work_folder), "-c", "user.name=Ada Example", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "src"], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *words], check=True, env={**os.environ, **site.environment})
    run.main.write_text("# Changed.\n")
    done = site.end_of_run(run)
    assert status_of(done) == 0, done.stdout
    crate = run.work_folder / "crate"
    assert any("+# Changed." in path.read_text() for path in crate.rglob("*.patch"))


@pytest.mark.parametrize("case", ["another job", "no job", "long after"])
def test_a_machine_that_may_be_another_one_is_not_described(site: Site, tmp_path: Path, case: str) -> None:
    run = small_run(tmp_path, slurm=None if case == "long after" else 3846825)
    if case == "long after":
        os.utime(run.log_folder / "dataprovenance.log", (1_700_000_000, 1_700_000_000))
    env = {"SLURM_JOB_ID": "77", "SLURM_JOB_PARTITION": "other"} if case == "another job" else {}
    done = site.end_of_run(run, env=env)
    assert status_of(done) == 0, done.stdout
    assert "PROVENANCE | WARNING: not known: the machine and the software of the run: " in done.stdout
    text = (run.work_folder / "crate" / "ro-crate-metadata.json").read_text()
    assert '"other"' not in text
    assert not list((run.work_folder / "crate").rglob("*requirements*"))


def test_the_output_of_the_job_grows_while_it_is_packed(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path, slurm=3846825)
    site.end_of_run(run, env={"SLURM_JOB_ID": "3846825"}, redirection=">>compss-3846825.out")
    console = (run.work_folder / "compss-3846825.out").read_text()
    assert "successfully generated" in console
    kept = [path.read_text() for path in (run.work_folder / "crate" / "logs").rglob("*") if path.is_file()]
    assert any("Starting COMPSs Runtime" in text for text in kept)


# ---- what the user says


def test_a_run_without_information_is_packed_too(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path, info_text="")
    before = snapshot(run.work_folder, run.log_folder)
    done = site.end_of_run(run)
    assert status_of(done) == 0
    assert "PROVENANCE | WARNING: YAML file ro-crate-info.yaml is not there" in said(done)
    assert new_in(run, before) == ["crate"]  # and no template


def test_wrong_information_is_named_by_its_lines_and_does_not_lose_the_crate(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path, info_text="COMPSs Workflow Information:\n  name: X\n  licence: MIT\nAuthor:\n  name: Y\n")
    done = site.end_of_run(run)
    assert status_of(done) == 0
    assert re.search(r"PROVENANCE \| WARNING: .*ro-crate-info\.yaml:3: ", said(done))
    assert re.search(r"PROVENANCE \| WARNING: .*ro-crate-info\.yaml:4: ", done.stdout)
    assert (run.work_folder / "crate" / "ro-crate-metadata.json").is_file()


def test_another_information_file_can_be_named(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    (run.work_folder / "ro-crate-info.yaml").rename(run.work_folder / "FULL.yaml")
    done = site.end_of_run(run, info="FULL.yaml")
    assert status_of(done) == 0
    assert graph(run.work_folder / "crate")["./"]["name"] == "Sample"


# ---- where the crate goes


def test_what_is_at_the_destination_stays(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    kept = run.work_folder / "crate" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    for name in ("crate_2", "crate_3"):
        done = site.end_of_run(run)
        assert status_of(done) == 0
        assert f"PROVENANCE | WARNING: crate is there already and stays as it is; the crate is {name}\n" in done.stdout
        assert (run.work_folder / name / "ro-crate-metadata.json").is_file()
    assert [path.name for path in kept.parent.iterdir()] == ["mine.txt"]


def test_a_zip_that_is_there_stays(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    (run.work_folder / "crate.zip").write_text("mine")
    assert status_of(site.end_of_run(run, "crate", "true")) == 0
    assert (run.work_folder / "crate.zip").read_text() == "mine"
    assert zipfile.is_zipfile(run.work_folder / "crate_2.zip")


def test_an_empty_folder_is_taken(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    (run.work_folder / "crate").mkdir()
    assert status_of(site.end_of_run(run)) == 0
    assert (run.work_folder / "crate" / "ro-crate-metadata.json").is_file()


def test_a_destination_may_be_anywhere(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    far = tmp_path / "project" / "crates" / "today's crate"
    assert status_of(site.end_of_run(run, far)) == 0
    assert (far / "ro-crate-metadata.json").is_file()
    assert status_of(site.end_of_run(run, "crates/today/")) == 0
    assert (run.work_folder / "crates" / "today" / "ro-crate-metadata.json").is_file()


@pytest.mark.parametrize("destination", [".", "..", "./"])
def test_a_folder_around_the_run_gets_the_crate_in_it(site: Site, tmp_path: Path, destination: str) -> None:
    run = small_run(tmp_path)
    assert status_of(site.end_of_run(run, destination)) == 0
    (made,) = (run.work_folder / destination).glob("COMPSs_RO-Crate_*")
    assert (made / "ro-crate-metadata.json").is_file()


# ---- what goes wrong


def the_command_of(done: subprocess.CompletedProcess[str]) -> str:
    found = re.search(r"To make it later: (.+)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return found[1]


@pytest.mark.parametrize("case", ["no folder", "no log", "not a run"])
def test_logs_that_are_not_there_cost_the_crate_and_not_the_job(site: Site, tmp_path: Path, case: str) -> None:
    run = small_run(tmp_path)
    folder = run.log_folder
    if case == "no folder":
        folder = tmp_path / "nowhere"
    elif case == "no log":
        (folder / "dataprovenance.log").unlink()
    else:
        folder = tmp_path / "empty"
        folder.mkdir()
    before = snapshot(run.work_folder, run.log_folder)
    done = site.end_of_run(run, log_folder=folder)
    assert status_of(done) == 3
    assert "PROVENANCE | ERROR: " in said(done)
    assert "pack --compss" in the_command_of(done)
    assert new_in(run, before) == []


def test_the_command_that_is_named_makes_the_crate(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    blocked = run.work_folder / "blocked"
    blocked.write_text("a file is no folder")
    before = snapshot(run.work_folder, run.log_folder)
    done = site.end_of_run(run, "blocked/crate")
    assert status_of(done) == 8
    assert "PROVENANCE | ERROR: " in said(done)
    assert new_in(run, before) == []
    later = tmp_path / "later"
    later.mkdir()
    command = the_command_of(done)
    subprocess.run(["sh", "-c", f"{command} -q"], cwd=later, env=site.environment, check=True, capture_output=True)
    (made,) = later.iterdir()
    assert graph(made)["./"]["name"] == "Sample"


def test_a_full_disk_leaves_no_half_crate(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    run.file("inputs/large", b"x" * 200_000)
    (run.work_folder / "ro-crate-info.yaml").write_text(
        "COMPSs Workflow Information:\n  data_persistence: true\n  inputs: inputs/large\n"
    )
    before = snapshot(run.work_folder, run.log_folder)
    # No file may be larger than 100 KiB: what a quota does in the middle of a file.
    done = site.end_of_run(run, limits="ulimit -f 100")
    assert status_of(done) == 8
    assert "PROVENANCE | ERROR: " in said(done)
    assert new_in(run, before) == []


def test_the_end_of_the_jobs_time_leaves_no_half_crate(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    (run.work_folder / "ro-crate-info.yaml").write_text(
        "COMPSs Workflow Information:\n  data_persistence: false\n  inputs: huge\n"
    )
    before = snapshot(run.work_folder, run.log_folder)
    huge = Path(run.file("huge"))
    with huge.open("wb") as file:
        file.truncate(64 << 30)  # has no blocks; takes a minute to hash
    words = ["python3", "-O", site.generator, "ro-crate-info.yaml", run.log_folder, "crate", "false"]
    process = subprocess.Popen(
        words, cwd=run.work_folder, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Machine, job and software" in line:
            break
    while not list(run.work_folder.glob("crate.partial-*")):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "PROVENANCE | ERROR: it was stopped by signal 15\n" in text
    assert "Traceback" not in text
    huge.unlink()
    assert new_in(run, before) == []


def test_a_python_that_is_gone_is_named(tmp_path: Path) -> None:
    site = Site(tmp_path, installed_script(tmp_path / "env", tmp_path / "env" / "gone" / "python"))
    run = small_run(tmp_path)
    done = site.end_of_run(run)
    assert status_of(done) == 1
    assert f"is not there any more: {tmp_path}/env/gone/python" in said(done)
    assert "wfprov pack --compss" in done.stdout


def test_a_python_without_wfprov_is_named(tmp_path: Path) -> None:
    bare = next((python for python in PYTHONS if Path(python) != Path(sys.executable)), None)
    if bare is None or "pyenv" in bare:
        bare = shutil.which("python3", path="/usr/bin")
    if bare is None:
        pytest.skip("no other Python")
    site = Site(tmp_path, installed_script(tmp_path / "env", bare))
    done = site.end_of_run(small_run(tmp_path))
    assert status_of(done) == 1
    assert f"wfprov can't be loaded by {bare}" in said(done)


@pytest.mark.parametrize("arguments", [[], ["only.yaml"], ["a", "b", "c", "d", "e"]])
def test_a_wrong_call_is_said_in_a_line(tmp_path: Path, arguments: list[str]) -> None:
    script = installed_script(tmp_path)
    done = subprocess.run([script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith("PROVENANCE | ERROR: 2 to 4 arguments are needed")
    assert done.stderr == ""


def test_help_says_what_it_is_for(tmp_path: Path) -> None:
    script = installed_script(tmp_path)
    done = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "in the place of COMPSs' own" in done.stdout


def test_a_closed_standard_output_costs_nothing(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    done = site.end_of_run(run, redirection=">&-")
    assert status_of(done) == 0, done.stderr
    assert (run.work_folder / "crate" / "ro-crate-metadata.json").is_file()


def test_a_full_standard_output_costs_nothing(site: Site, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    done = site.end_of_run(run, redirection=">/dev/full")
    assert status_of(done) == 0, done.stderr
    assert (run.work_folder / "crate" / "ro-crate-metadata.json").is_file()


def test_both_ways_make_the_same_crate(site: Site, tmp_path: Path, wfprov: Wfprov) -> None:
    """But for what only the machine of the run could tell."""
    run = small_run(tmp_path)
    wfprov("pack", "--compss", run.log_folder, "--workdir", run.work_folder, "-o", tmp_path / "by-hand", cwd=tmp_path)
    assert status_of(site.end_of_run(run, tmp_path / "at-the-end")) == 0
    one, other = graph(tmp_path / "by-hand"), graph(tmp_path / "at-the-end")

    def actions(found: dict[str, dict[str, object]]) -> set[str]:
        return {str(entity["name"]) for entity in found.values() if entity["@type"] == "CreateAction"}

    assert actions(one) == actions(other)
