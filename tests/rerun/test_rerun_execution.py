"""A step is executed under our recorder; what the run has in files, variables and signals stays its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import LaunchError
from provenance.rerun.execution import Executed, execute
from provenance.rerun.isolation import usable
from provenance.rerun.records import EnvironmentPlan, Placement, Ready, Step
from provenance.rerun.relay import harmless
from provenance.rerun.run_environment import restored, run_environment
from provenance.run import load

READY = Ready(EnvironmentPlan("current", "what is here"))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def run(work: Path, *words: str, **more: object) -> Executed:
    step = Step(words, work, variables=more.pop("variables", ()))  # type: ignore[arg-type]
    return execute(step, READY, record_root=work.parent, **more)  # type: ignore[arg-type]


def test_the_command_takes_place_in_its_folder_and_is_recorded(work: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (work / "a b.txt").write_text("content\n")

    ended = run(work, "sh", "-c", 'cat "$1" > "$2"; echo said; pwd', "-", "a b.txt", "é\udcff\n.txt", name="again")

    assert (ended.status, ended.signal, ended.warnings) == (0, None, ())
    assert capfd.readouterr().out == f"said\n{work}\n"
    assert ended.run_folder is not None and ended.run_folder.parent == work.parent / ".wfprov"
    found = load(ended.run_folder)
    assert (found.name, found.cwd) == ("again", str(work))
    assert {Path(data.path).name for data in found.data} >= {"a b.txt", "é\udcff\n.txt"}
    assert (work / "é\udcff\n.txt").read_text() == "content\n"


def test_how_it_ended_is_told(work: Path, tmp_path: Path) -> None:
    assert run(work, "sh", "-c", "exit 9").status == 9
    ended = run(work, "sh", "-c", "kill -KILL $$")
    assert (ended.status, ended.signal) == (None, signal.SIGKILL)
    with pytest.raises(LaunchError, match="no-such-program: command not found") as failure:
        run(work, "no-such-program")
    assert failure.value.exit_status == 127
    with pytest.raises(LaunchError, match="NUL"):
        run(work, "echo", "a\0b")
    with pytest.raises(LaunchError, match="No such file"):
        run(tmp_path / "gone", "true")


def test_no_module_or_setting_of_the_run_gets_into_the_recorder(
    work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    for name in ("json", "sitecustomize", "usercustomize", "signal", "provenance"):
        (work / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(work))
    monkeypatch.setenv("PYTHONSTARTUP", str(work / "json.py"))
    monkeypatch.chdir(work)

    ended = run(work, "true", variables=(("PYTHONPATH", str(work)), ("PYTHONHOME", str(work))))

    assert ended.status == 0
    assert not mark.exists()


def test_the_run_has_the_variables_of_a_shell_but_some() -> None:
    here = {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "OMP_NUM_THREADS": "4",
        "https_proxy": "http://proxy:3128",
        "MODULEPATH": "/apps/modules",
        "LD_LIBRARY_PATH": "/apps/lib",
        "PYTHONPATH": "/home/me/mine",
        "VIRTUAL_ENV": "/home/me/venv",
        "CONDA_PREFIX": "/home/me/conda",
        "WFPROV_DIR": "/home/me/records",
        "GITHUB_TOKEN": "not-for-strangers",
        "AWS_SECRET_ACCESS_KEY": "not-for-strangers",
        "SSH_AUTH_SOCK": "/tmp/agent",
    }
    ready = Ready(READY.plan, path=("/env/bin",), variables=(("SITE", "1"),))

    found = run_environment(Step((), Path("/"), variables=(("OMP_NUM_THREADS", "2"),)), ready, here)

    assert found == {
        "PATH": "/env/bin:/usr/bin",
        "HOME": "/home/me",
        "OMP_NUM_THREADS": "2",
        "https_proxy": "http://proxy:3128",
        "MODULEPATH": "/apps/modules",
        "LD_LIBRARY_PATH": "/apps/lib",
        "SITE": "1",
    }


def test_recorded_variables_are_set_again_where_they_mean_the_same() -> None:
    placement = Placement("/home/somebody/project", Path("/work"))
    recorded = {
        "OMP_NUM_THREADS": "2",
        "LC_ALL": "C",
        "PYTHONPATH": "src:/home/somebody/project/lib:/opt/theirs:../up",
        "SLURM_JOB_ID": "17",
        "SLURM_ARRAY_TASK_ID": "3",
        "CUDA_VISIBLE_DEVICES": "5",
        "VIRTUAL_ENV": "/home/somebody/venv",
        "LD_PRELOAD": "/tmp/evil.so",
        "PATH": "/tmp/evil",
        "BASH_ENV": "/tmp/evil",
    }

    assert dict(restored(recorded.items(), placement)) == {
        "OMP_NUM_THREADS": "2",
        "LC_ALL": "C",
        "PYTHONPATH": "src:/work/lib",
        "SLURM_ARRAY_TASK_ID": "3",
    }


@given(
    st.dictionaries(st.sampled_from(["PYTHONPATH", "R_LIBS", "LC_X\0", "LC_=", "TZ", "LANG"]), st.text(), min_size=1)
)
def test_no_recorded_variable_leads_out_of_the_work_folder(recorded: dict[str, str]) -> None:
    for name, value in restored(recorded.items(), Placement("/home/a", Path("/work"))):
        assert "\0" not in name + value and "=" not in name
        if name in ("PYTHONPATH", "R_LIBS"):
            for folder in value.split(":"):
                assert not folder.startswith("/") or os.path.normpath(folder).startswith("/work")
                assert ".." not in folder.split("/")


@pytest.mark.parametrize("is_isolated", [False, True])
def test_a_signal_reaches_the_run_which_may_end_in_peace(tmp_path: Path, is_isolated: bool) -> None:
    if is_isolated:
        why = usable()
        if why is not None:
            pytest.skip(why)
    program = f"""
import json, sys
from pathlib import Path
from provenance.rerun.execution import execute
from provenance.rerun.isolation import isolation
from provenance.rerun.records import *
top = Path({str(tmp_path)!r})
(top / "work").mkdir()
walls = isolation(Placement("/home/somebody/project", top / "work"), top) if {is_isolated} else None
script = "trap 'echo tidied > tidied; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
step = Step(("sh", "-c", script), top / "work")
ended = execute(step, Ready(EnvironmentPlan("current", "")), record_root=top, isolation=walls)
print(json.dumps([ended.status, ended.signal, ended.interrupted, str(ended.run_folder)]))
"""
    started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"

    started.send_signal(signal.SIGTERM)

    status, number, interrupted, folder = json.loads(started.communicate(timeout=20)[0])
    assert (status, number, interrupted) == (5, None, signal.SIGTERM)
    assert (tmp_path / "work" / "tidied").read_text() == "tidied\n"
    assert load(Path(folder)).exit_code == 5


_CHARACTERS = st.characters(codec="utf-8") | st.sampled_from("\x1b\x9b\u202e\u2066\u200b\ufeff\x07\r\t\né")


@given(st.lists(st.text(_CHARACTERS)))
def test_what_is_handed_on_to_a_terminal_can_not_command_it(parts: list[str]) -> None:
    raw = "".join(parts).encode()
    handed, rest = b"", b""
    for byte in raw:  # the worst way to cut it
        block, rest = harmless(rest + bytes([byte]))
        handed += block
    shown = (handed + rest).decode()
    assert not set(shown) & set("\x1b\x9b\x07\u202e\u2066\u200b\ufeff\x00\x7f")
    assert len(shown) == len("".join(parts))
    if "".join(parts).isprintable() and "".join(parts).isascii():
        assert shown == "".join(parts)
