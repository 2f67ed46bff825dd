"""What is private in a run stays in its record: credentials on command lines, files that hold them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provenance.crate.write import write
from provenance.run import load
from provenance.run.model import Gap, Run
from tests.run.journals import Journal, put

SECRETS = ["tok123", "pw1", "pw2", "pw3", "pw4"]
COMMAND = [
    *("env", "API_TOKEN=tok123", "fetch", "--password=pw1", "-u", "ada:pw2", "--password", "pw3"),
    *("--db", "postgresql://ada:pw4@db/census", "--year", "2020"),
]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def run_of(journal: Journal) -> Run:
    journal.end_run()
    return load(journal.save())


def test_credentials_on_the_command_line_leave_no_trace_in_the_crate(journal: Journal, tmp_path: Path) -> None:
    journal.run(*COMMAND)
    fetch = journal.process(*COMMAND[2:])
    journal.write(fetch, journal.work / "out.csv")
    journal.end(fetch)
    run = run_of(journal)
    assert run.command[1].startswith("API_TOKEN=[removed") and run.command[-1] == "2020"
    values = {value.name: value.value for value in run.tasks[0].arguments}
    assert values["year"] == "2020" and values["db"] == "postgresql://ada:[removed: password in an address]@db/census"
    write(run, tmp_path / "crate")
    for path in (tmp_path / "crate").rglob("*"):
        if path.is_file():
            assert not [secret for secret in SECRETS if secret in path.read_text(errors="replace")], path


def test_an_address_given_to_a_function_loses_its_password(journal: Journal) -> None:
    journal.run("python", "wf.py")
    python = journal.process("python", "wf.py")
    journal.tool(python, 1, "connect")
    argument = {"name": "where", "type": "str", "value": "postgresql://ada:pw4@db"}
    journal.task(python, 1, args=(argument,))
    journal.done(python, 1, "failed", error="OSError: postgresql://ada:pw4@db is not there")
    journal.end(python)
    (task,) = run_of(journal).tasks
    assert "pw4" not in str(task) and str(task.arguments[0].value).startswith("postgresql://ada:[removed")


def test_private_files_are_described_and_not_taken_along(journal: Journal, tmp_path: Path) -> None:
    journal.run("python", "wf.py")
    python = journal.process("python", "wf.py")
    key = "-----BEGIN RSA PRIVATE KEY-----\nsecret\n" + "x" * 60
    private = {".env": "TOKEN=secret\n", "conf/.env.local": "TOKEN=secret\n", "mykey": key, "made.pem": "secret\n"}
    before = journal.start - 10**12
    for name in (".env", "conf/.env.local", "mykey"):
        journal.read(python, put(journal.work / name, private[name], before))
    journal.read(python, put(journal.work / "data.csv", "1\n", before))
    journal.write(python, journal.work / "made.pem", private["made.pem"])
    journal.end(python)
    run = run_of(journal)
    found = {data.path: data for data in run.data}
    for name in private:
        data = found[str(journal.work / name)]
        assert data.content is None and data.sha256 is None and not data.is_gone
        assert Gap("the content of a file", "it looks private, not taken along", data.path) in run.gaps
    assert found[str(journal.work / "data.csv")].content
    write(run, tmp_path / "crate")
    assert not [p for p in (tmp_path / "crate").rglob("*") if p.is_file() and "secret" in p.read_text(errors="replace")]
    graph = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())["@graph"]
    (entity,) = [each for each in graph if each.get("name") == ".env" or str(each.get("@id")).endswith("/.env")][:1]
    assert "sha256" not in entity


def test_a_private_file_is_not_taken_from_what_was_saved_either(journal: Journal) -> None:
    journal.run("python", "wf.py")
    python = journal.process("python", "wf.py")
    path = put(journal.work / ".env", "TOKEN=secret\n", journal.start - 10**12)
    journal.read(python, path)
    (journal.folder / "saved").mkdir()
    (journal.folder / "saved" / "1").write_text("TOKEN=secret\n")
    journal.event(python, "save", p=str(path), **{"as": "1", "s": list(range(4))})
    journal.write(python, path, "TOKEN=other\n")
    journal.end(python)
    assert [data.content for data in run_of(journal).data if data.path == str(path)] == [None, None]
