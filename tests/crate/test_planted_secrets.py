"""A run with 40 credentials of 12 kinds in the places where users leave them: none is passed on, each is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import planted
from tests.conftest import Wfprov

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no git")

WORKFLOW = """\
import configparser, json, os, sys
import provenance
API_KEY = "{in_code}"
DATABASE = "postgresql://ada:{in_code_address}@db.example.org/census"
open(".env").read()
@provenance.task()
def fetch(address, token, api_key):
    return len(address)
@provenance.task()
def login(user, password):
    return user
open("id_deploy").read()
for name in ("app.yaml", "app.json", "app.toml", "app.ini", "app.properties", "notes.txt"):
    open("conf/" + name).read()
settings = json.load(open("conf/app.json"))
fetch("https://ada:{task_address}@example.org/data?token={task_query}", "{task_token}", api_key="{task_key}")
login("ada", "{task_password_reversed}"[::-1])
print("GET https://example.org/x?access_token={log_query}")
print("Authorization: Bearer {log_bearer}")
print("pushing with {log_github}", file=sys.stderr)
print("aws id {log_access}", file=sys.stderr)
print("password: " + "{log_password_reversed}"[::-1])
open("out.csv", "w").write("a,b\\n1,{in_output}\\n2,3\\n")
"""


@dataclass(frozen=True)
class Run:
    """What was recorded and packed, and the credentials by where they were planted."""

    work: Path
    crate: Path
    report: dict[str, Any]
    planted: dict[str, str]


def secrets() -> dict[str, str]:
    """40 credentials, each other than all others."""
    makers = {
        "variable": (planted.github, planted.password, planted.password, planted.access_key),
        "argument": (planted.password, planted.github, planted.password, planted.hugging_face, planted.password),
        "yaml": (planted.github, planted.password, planted.password, planted.jwt),
        "json": (planted.password, planted.slack, planted.password),
        "env": (planted.password, planted.hugging_face),
        "remote": (planted.gitlab,),
        "toml": (planted.password, planted.gitlab),
        "ini": (planted.password, planted.password),
        "properties": (planted.password, planted.access_key),
        "notes": (planted.github,),
        "patch": (planted.slack, planted.password),
    }
    found = {
        f"{kind}{number}": make(hash_free(kind) + number)
        for kind, all_of_kind in makers.items()
        for number, make in enumerate(all_of_kind)
    }
    found |= {
        "in_code": planted.password(901),
        "in_code_address": planted.password(902),
        "task_address": planted.password(903),
        "task_query": planted.password(904),
        "task_token": planted.github(905),
        "task_key": planted.password(906),
        "task_password": planted.password(907),
        "log_query": planted.password(908),
        "log_bearer": planted.jwt(909),
        "log_github": planted.github(910),
        "log_access": planted.access_key(911),
        "log_password": planted.password(912),
        "in_output": planted.github(913),
    }
    return found


def hash_free(kind: str) -> int:
    """A number of a word that is the same in every process."""
    return sum(ord(char) * 31**place for place, char in enumerate(kind)) % 100_000


def plant(work: Path, s: dict[str, str]) -> None:
    conf = work / "conf"
    conf.mkdir(parents=True)
    reversed_ = {f"{name}_reversed": s[name][::-1] for name in ("task_password", "log_password")}
    (work / "workflow.py").write_text(WORKFLOW.format(**s, **reversed_))
    (work / ".env").write_text(f"SMTP_PASSWORD={s['env0']}\nHF_TOKEN={s['env1']}\n")
    (work / "id_deploy").write_text(planted.private_key(7))
    (conf / "app.yaml").write_text(
        f"name: census\ntoken: {s['yaml0']}\ndatabase:\n  url: mysql://ada:{s['yaml1']}@db.example.org/census\n"
        f"  password: {s['yaml2']}\n  session: '{s['yaml3']}'\nyears: [2020, 2021]\n"
    )
    (conf / "app.json").write_text(
        json.dumps({"db_password": s["json0"], "hook": [s["json1"]], "api_key": s["json2"], "n": 3}, indent=1)
    )
    (conf / "app.toml").write_text(f'[registry]\npassword = "{s["toml0"]}"\nother = "{s["toml1"]}"\nlevel = 2\n')
    (conf / "app.ini").write_text(f"[db]\npassword = {s['ini0']}\nsecret_key: {s['ini1']}\n")
    (conf / "app.properties").write_text(f"db.password={s['properties0']}\naws.id={s['properties1']}\n")
    (conf / "notes.txt").write_text(f"The deploy token is {s['notes0']}, ask Ada.\n")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-C", str(work)]
    (work / "steps.py").write_text("A = 1\n")
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", f"https://ada:{s['remote0']}@git.example.org/ada/census.git"],
        ["add", "workflow.py", "steps.py", "conf/notes.txt"],
        ["commit", "-qm", "first"],
    ):
        subprocess.run([*git, *command], check=True, capture_output=True)
    (work / "steps.py").write_text(f'A = 1\nHOOK = "{s["patch0"]}"\npassword = "{s["patch1"]}"\n')


@pytest.fixture(scope="module")
def run(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Run:
    base = tmp_path_factory.mktemp("planted")
    work, s = base / "work", secrets()
    plant(work, s)
    arguments = ["--password", s["argument0"], f"--token={s['argument1']}", f"DB_PASSWORD={s['argument2']}"]
    arguments += [s["argument3"], f"https://ada:{s['argument4']}@example.org/x"]
    script = work / "go.sh"
    script.write_text(f'python workflow.py "$@"\n/bin/echo curl --user "ada:$SMTP_PASS" --api-key={s["variable1"]}\n')
    variables = {"GITHUB_TOKEN": s["variable0"], "SMTP_PASS": s["variable2"], "AWS_ACCESS_KEY_ID": s["variable3"]}
    with (work / "stdout.log").open("wb") as out, (work / "stderr.log").open("wb") as error:
        done = subprocess.run(
            [Path(sys.executable).parent / "wfprov", "run", "--", "sh", "go.sh", *arguments],
            cwd=work,
            env={**wfprov.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=error,
            check=False,
        )
    assert done.returncode == 0, (work / "stderr.log").read_text()
    packed = wfprov("pack", "--json", "--data", "copy", "-o", base / "crate", cwd=work)
    everything = {**s, "key": planted.private_key(7).splitlines()[2]}
    return Run(work, base / "crate", json.loads(packed.stdout), everything)


def leaks(folder: Path, planted_secrets: dict[str, str]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [
        f"{name} in {path.relative_to(folder)}"
        for path in files
        for name, secret in planted_secrets.items()
        if secret.encode() in path.read_bytes()
    ]


def test_40_credentials_are_planted_each_another() -> None:
    assert len(set(secrets().values())) == len(secrets()) + 0 >= 40


def test_none_is_in_any_byte_of_the_crate(run: Run) -> None:
    assert leaks(run.crate, run.planted) == []


def test_none_is_in_any_byte_of_the_journal(run: Run) -> None:
    # A state of a file that was kept before it changed is the file itself, and stays with its owner.
    (folder,) = [path for path in (run.work / ".wfprov").iterdir() if path.is_dir()]
    events = folder.parent / "events"
    events.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy(path, events)
    assert leaks(events, run.planted) == []


def test_each_place_is_told(run: Run) -> None:
    told = {(one["file"], one["line"]) for one in run.report["removed"]}
    expected = {
        ("dataset/conf/app.yaml", 2),
        ("dataset/conf/app.yaml", 4),
        ("dataset/conf/app.yaml", 5),
        ("dataset/conf/app.yaml", 6),
        ("dataset/conf/app.json", 2),
        ("dataset/conf/app.json", 4),
        ("dataset/conf/app.json", 6),
        ("dataset/conf/app.toml", 2),
        ("dataset/conf/app.toml", 3),
        ("dataset/conf/app.ini", 2),
        ("dataset/conf/app.ini", 3),
        ("dataset/conf/app.properties", 1),
        ("dataset/conf/app.properties", 2),
        ("dataset/conf/notes.txt", 1),
        ("application_sources/workflow.py", 3),
        ("application_sources/workflow.py", 4),
        ("dataset/out.csv", 2),
    }
    assert expected <= told
    assert not [one for one in run.report["removed"] if any(s in str(one) for s in run.planted.values())]
    private = {Path(gap.rpartition("(")[2].rstrip(")")).name for gap in run.report["gaps"] if "private" in gap}
    assert {".env", "id_deploy"} <= private


def test_files_of_settings_stay_readable(run: Run) -> None:
    conf = run.crate / "dataset" / "conf"
    settings = yaml.safe_load((conf / "app.yaml").read_text())
    assert settings["name"] == "census" and settings["years"] == [2020, 2021]
    assert settings["token"].startswith("[removed: ") and settings["database"]["url"].startswith("mysql://ada:[removed")
    assert json.loads((conf / "app.json").read_text())["n"] == 3
    assert tomllib.loads((conf / "app.toml").read_text())["registry"]["level"] == 2


def test_the_crate_says_what_is_in_it(run: Run, wfprov: Wfprov) -> None:
    graph = {each["@id"]: each for each in json.loads((run.crate / "ro-crate-metadata.json").read_text())["@graph"]}
    yaml_file = graph["dataset/conf/app.yaml"]
    assert yaml_file["contentSize"] == str((run.crate / "dataset/conf/app.yaml").stat().st_size)
    assert "4 credentials were removed from lines 2, 4, 5 and 6." in yaml_file["description"]
    checked = wfprov("validate", run.crate, "--level", "required", "--json", cwd=run.work, status=None)
    assert {issue["entity"] for issue in json.loads(checked.stdout)["issues"]} <= {"./"}  # that has no license


def test_a_scan_finds_no_credential_afterwards(run: Run, wfprov: Wfprov) -> None:
    shown = json.loads(wfprov("scan", "--json", run.crate, cwd=run.work, status=None).stdout)
    assert [one for one in shown["findings"] if one["kind"] == "secret"] == []
