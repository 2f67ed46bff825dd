"""The software of a re-run: chosen by looking alone, built from the crate alone, and held against the record."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import NetworkError, UsageError, WfprovError
from provenance.rerun import environments
from provenance.rerun.environments import cache
from provenance.rerun.environments.requirements import python_locks
from provenance.rerun.records import Difference
from provenance.run.model import Environment, EnvironmentFile, Run, Software, Status
from tests.environment.package_index import serving, write_project, write_wheel

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
needs_uv = pytest.mark.skipif(UV is None, reason="uv is not installed")
VERSION = ".".join(map(str, sys.version_info[:3]))


@dataclass
class Heard:
    """Keeps what is said."""

    sentences: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def progress(self, what: str, done: int, total: int | None) -> None:
        pass


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, and an index that nobody serves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache of #1"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.delenv("PYTHONPATH", raising=False)


def crate_with(folder: Path, files: dict[str, str], **environment: object) -> tuple[Run, Path]:
    """Write the environment files of a crate, and the Run that tells of them."""
    listed = []
    for target, text in files.items():
        path = folder / "environment" / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        kind = "requirements" if target.startswith("requirements") else target.partition(".")[0]
        listed.append(EnvironmentFile(target, target, kind, path=str(path)))
    known = Environment(files=tuple(listed), **environment)  # type: ignore[arg-type]
    return Run("1", "run", Status.COMPLETED, environment=known), folder


def head(path: str, version: str = VERSION) -> str:
    return f"# For CPython {version}, which the run called {path}\n"


def python(name: str, version: str, is_used: bool | None = True) -> Software:
    return Software(name, version, kind="python", is_used=is_used)


@needs_uv
def test_an_environment_is_built_from_the_crate_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels, crate = tmp_path / "wheels", tmp_path / "crate ü"
    write_wheel(wheels, "tone", "1.2", {"tone.py": "def say():\n    return 'a tone'\n"})
    wheel = write_wheel(crate / "environment/packages", "carried", "0.3", {"carried.py": "VALUE = 7\n"})
    write_project(crate / "environment/packages/written", "written", "2.0", {"written.py": "HERE = __file__\n"})
    text = (
        head("/gone/venv/bin/python") + "tone==1.2\n"
        f"./packages/{wheel.name}  # carried 0.3, from a folder of the machine\n"
        "-e ./packages/written  # written 2.0, from a folder of the machine\n"
    )
    recorded = (python("tone", "1.2"), python("carried", "0.3"), python("written", "1.9"), python("idle", "1", False))
    interpreter = Software("CPython", VERSION, path="/gone/venv/bin/python")
    run, _ = crate_with(crate, {"requirements.txt": text}, packages=recorded, interpreter=interpreter)
    before = {path: path.stat().st_mtime_ns for path in sorted(crate.rglob("*"))}

    plan = environments.choose(run, crate)
    assert (plan.kind, plan.is_ready, plan.problems) == ("lock", False, ())
    assert f"Python {VERSION} with 3 packages of environment/requirements.txt, by uv" in plan.description
    assert "building written runs code of it" in plan.description
    assert not cache.folder().exists()  # only looked

    with serving(wheels) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple/")
        ready = environments.prepare(plan, crate, run, Heard())
    assert ready.python is not None
    assert ready.pythons == (("/gone/venv/bin/python", ready.python),)
    assert ready.path == (str(Path(ready.python).parent),)
    code = "import tone, carried, written; print(tone.say(), carried.VALUE, written.HERE)"
    said = subprocess.run([ready.python, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("a tone 7 ")
    assert str(cache.folder()) in said  # an editable package lies with its environment
    packages = [(one.what, one.before, one.after) for one in ready.differences if one.aspect == "packages"]
    assert packages == [("written", "1.9", "2.0"), ("idle", "1", None)]  # used ones first
    assert {path: path.stat().st_mtime_ns for path in sorted(crate.rglob("*"))} == before

    # The index is gone: the second time it comes from the cache; what a run has changed there is built again.
    plan = environments.choose(run, crate, "lock")
    assert plan.is_ready
    heard = Heard()
    again = environments.prepare(plan, crate, run, heard)
    assert (again.python, heard.sentences) == (ready.python, [])
    shutil.rmtree(next(Path(ready.python).parent.parent.glob("lib/python3*/site-packages/tone-1.2.dist-info")))
    mended = environments.prepare(plan, crate, run, heard)  # from the cache of uv, without a network
    assert [one.what for one in mended.differences if one.aspect == "packages"] == ["written", "idle"]
    assert len(heard.sentences) == 1


@needs_uv
def test_what_can_not_be_installed_is_left_out_or_an_error_in_the_words_of_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, crate = tmp_path / "wheels", tmp_path / "crate"
    write_wheel(wheels, "tone", "1.2", {"tone.py": ""})
    text = head("/gone/bin/python") + "idle==9\ntone==1.2\n"
    recorded = (python("tone", "1.2"), python("idle", "9", False))
    run, _ = crate_with(crate, {"requirements.txt": text}, packages=recorded)
    plan = environments.choose(run, crate, "lock")
    with pytest.raises(NetworkError, match=r"(?s)uv says:.*--env current"):
        environments.prepare(plan, crate, run, Heard())
    assert not any(path.is_dir() for path in cache.folder().iterdir())  # nothing half built stays
    with serving(wheels) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple/")
        heard = Heard()
        ready = environments.prepare(plan, crate, run, heard)
        assert [one for one in ready.differences if one.aspect == "packages"] == [
            Difference("packages", "idle", "9", None, "installed, not used by the run")
        ]
        assert "now with 1 of the 2 packages only" in heard.sentences[-1]
        worse = replace(run.environment, packages=(python("tone", "1.2"), python("idle", "9")))
        other = text.replace("tone==1.2", "tone==3")
        run, _ = crate_with(crate, {"requirements.txt": other}, packages=worse.packages)
        with pytest.raises(WfprovError, match=r"(?s)idle.*mend what it names"):
            environments.prepare(environments.choose(run, crate, "lock"), crate, run, Heard())


def test_what_is_here_is_taken_when_all_that_was_used_is_as_recorded(tmp_path: Path) -> None:
    here = metadata.version("click")
    recorded = (python("Click", here), python("never-used", "1.0", False))
    interpreter = Software("CPython", VERSION, path=sys.executable)
    text = head(sys.executable) + f"click=={here}\nnever-used==1.0\n"
    run, crate = crate_with(tmp_path, {"requirements.txt": text}, packages=recorded, interpreter=interpreter)
    began = time.perf_counter()
    plan = environments.choose(run, crate)
    assert time.perf_counter() - began < 2  # half a second on a quiet machine
    assert (plan.kind, plan.problems) == ("current", ())
    assert "every package that the run used, as recorded" in plan.why
    ready = environments.prepare(plan, crate, run, Heard())
    assert ready.python == sys.executable
    assert [one.what for one in ready.differences if one.aspect == "packages"] == ["never-used"]

    changed = replace(run.environment, packages=(python("click", "0.0.1"),))
    plan = environments.choose(replace(run, environment=changed), crate, "current")
    assert Difference("packages", "click", "0.0.1", here, "used by the run") in plan.differences
    if UV is not None:
        assert environments.choose(replace(run, environment=changed), crate).kind == "lock"
    older = replace(run.environment, interpreter=Software("CPython", "3.6.1", path="/gone/python3.6"), files=())
    plan = environments.choose(replace(run, environment=older), crate)
    (difference,) = (one for one in plan.differences if one.what == "Python")
    assert (difference.aspect, difference.before, difference.detail) == ("software", "3.6.1", "interpreter")


def test_a_run_without_python_gets_the_programs_that_are_here(tmp_path: Path) -> None:
    software = (
        Software("no-such-package", "1:2.0-1", kind="deb", architecture="amd64", is_used=True),
        Software("--evil", "1", kind="deb"),
        Software("solver", kind="program", path=str(tmp_path / "gone"), sha256="ab" * 32),
    )
    run, crate = crate_with(tmp_path, {}, software=software)
    plan = environments.choose(run, crate)
    assert (plan.kind, plan.problems, plan.why) == ("current", (), "")
    found = {one.what: one for one in plan.differences}
    assert found["solver"].detail == f"was at {tmp_path / 'gone'}"
    if shutil.which("dpkg-query"):
        assert (found["no-such-package"].before, found["no-such-package"].after) == ("1:2.0-1", None)
    ready = environments.prepare(plan, crate, run, Heard())
    assert (ready.python, ready.path, ready.prefix) == (None, (), ())


def test_a_kind_that_can_not_be_had_is_a_problem(tmp_path: Path) -> None:
    run, crate = crate_with(tmp_path, {})
    for wish in ("container", "lock", "modules"):
        plan = environments.choose(run, crate, wish)
        assert len(plan.problems) == 1
        assert f"--env {wish}" in plan.problems[0]
        with pytest.raises(WfprovError, match=f"--env {wish}"):
            environments.prepare(plan, crate, run, Heard())
    with pytest.raises(UsageError, match="auto, container"):
        environments.choose(run, crate, "conda")


def test_choosing_executes_nothing_that_a_crate_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    (tools / "lib/python3.11/site-packages").mkdir(parents=True)
    (tools / "bin").mkdir()
    for name in ("halt", "python3.99"):
        (tools / "bin" / name).write_text(f"#!/bin/sh\ntouch '{tmp_path}/executed-{name}'\n")
        (tools / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tools / 'bin'}")
    for path in ("/gone/bin/halt", str(tools / "bin/halt"), str(tools / "bin/python3.99")):
        run, crate = crate_with(tmp_path / "crate", {}, interpreter=Software("CPython", "3.11.0", path=path))
        for wish in environments.KINDS:
            environments.choose(run, crate, wish)
    assert not list(tmp_path.glob("executed-*"))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://127.0.0.1:1/simple",
        "-r /etc/passwd",
        "-e ../../../home",
        "-e ./packages/../../x",
        "./packages/missing-1.0-py3-none-any.whl",
        "./packages/link",
        "name @ file:///etc/passwd",
        "name @ git+file:///srv/code",
        "name @ git+ssh://-oProxyCommand=touch%20x/code",
        "name @ git+https://host/code@--upload-pack=x",
        "name==1.0 --hash=sha256:00 --global-option=x",
        "name==1.0; python_version > '3'",
        "name>=1",
        "\x1b[2Jname==1",
    ],
)
def test_no_installer_is_given_what_could_lead_elsewhere(tmp_path: Path, line: str) -> None:
    run, crate = crate_with(tmp_path, {"requirements.txt": head("/gone/bin/python") + line + "\n"})
    (crate / "environment/packages").mkdir()
    (crate / "environment/packages/link").symlink_to("/etc")
    (lock,) = python_locks(run, crate)
    assert lock.requirements == ()
    plan = environments.choose(run, crate, "lock")
    assert "line 2" in plan.problems[0]
    assert environments.choose(run, crate).kind == "current"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=5))
def test_whatever_a_file_holds_only_known_forms_are_taken(lines: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run, crate = crate_with(Path(folder), {"requirements.txt": "\n".join(lines)})
        for lock in python_locks(run, crate):
            for one in lock.requirements:
                assert not one.text.startswith("-")
                assert one.text.isascii()


def test_two_builds_at_once_are_one(tmp_path: Path) -> None:
    built: list[Path] = []
    begun = threading.Event()

    def build(folder: Path) -> dict[str, str]:
        begun.set()
        built.append(folder)
        (folder / "content").write_text("whole")
        return {"a": "b"}

    # What a killed build left behind does not count.
    (cache.folder() / "key").mkdir(parents=True)
    (cache.folder() / "key" / "half").touch()
    threads = [threading.Thread(target=cache.built, args=("key", build, Heard())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert sorted(path.name for path in built[0].iterdir()) == ["complete", "content"]
    with pytest.raises(ZeroDivisionError):
        cache.built("other", lambda folder: {"x": 1 / 0}, Heard())
    assert not (cache.folder() / "other").exists()


@needs_uv
def test_code_that_imports_this_package_finds_it(tmp_path: Path) -> None:
    recorded = (python("wfprov", "0.0.9"),)
    interpreter = Software("CPython", VERSION, path="/gone/bin/python")
    text = head("/gone/bin/python") + "\n# Left out:\n# - wfprov 0.0.9: it was installed from the machine itself\n"
    run, crate = crate_with(tmp_path, {"requirements.txt": text}, packages=recorded, interpreter=interpreter)
    ready = environments.prepare(environments.choose(run, crate, "lock"), crate, run, Heard())
    variables = {**os.environ, **dict(ready.variables)}
    code = "import provenance, sys; print(provenance.task, 'click' in sys.modules)\nimport click"
    done = subprocess.run([str(ready.python), "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("<function task")
    assert "No module named 'click'" in done.stderr  # and nothing that lies beside it here
    (difference,) = (one for one in ready.differences if one.what == "wfprov")
    assert (difference.before, difference.detail) == ("0.0.9", "that of this installation, on a path of its own")


@needs_uv
def test_each_python_of_a_run_gets_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    for version in ("1.2", "2.0"):
        write_wheel(wheels, "tone", version, {"tone.py": f"VERSION = '{version}'\n"})
    first, second = "/gone/one/bin/python", "/gone/two/bin/python"
    files = {"requirements.txt": head(first) + "tone==1.2\n", "requirements-2.txt": head(second) + "tone==2.0\n"}
    packages = (python("tone", "1.2"), python("tone", "2.0"))
    interpreter = Software("CPython", VERSION, path=first)
    run, crate = crate_with(tmp_path / "crate", files, packages=packages, interpreter=interpreter)
    plan = environments.choose(run, crate)
    assert plan.kind == "lock"
    with serving(wheels) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple/")
        ready = environments.prepare(plan, crate, run, Heard())
    assert [recorded for recorded, _ in ready.pythons] == [first, second]
    code = "import tone; print(tone.VERSION)"
    said = [subprocess.check_output([path, "-c", code], text=True).strip() for _, path in ready.pythons]
    assert said == ["1.2", "2.0"]
    assert ready.python == ready.pythons[0][1]
    assert [one for one in ready.differences if one.aspect == "packages"] == []


def test_the_commands_of_a_crate_tell_for_which_python_a_lock_is(tmp_path: Path) -> None:
    commands = {
        "uv venv --python 3.13.1t .venv": ("3.13.1t", False, None),
        "uv venv --python pypy@3.10.14 .venv": ("pypy@3.10.14", False, None),
        "uv venv --python /usr/bin/python3 --system-site-packages .venv": ("3.11.2", True, None),
        "uv pip install --python conda-env/bin/python --no-deps -r requirements.txt": ("3.11.2", False, "conda-env"),
        "uv venv --python $(touch x) .venv": ("3.11.2", False, None),
        "touch x": ("3.11.2", False, None),
    }
    for line, (request, sees_system, conda) in commands.items():
        run, crate = crate_with(tmp_path, {"requirements.txt": head("/usr/bin/python3", "3.11.2") + "tone==1\n"})
        (file,) = run.environment.files
        known = replace(run.environment, files=(replace(file, rebuild=(line,)),))
        (lock,) = python_locks(replace(run, environment=known), crate)
        assert (lock.request, lock.sees_system, lock.conda) == (request, sees_system, conda), line
