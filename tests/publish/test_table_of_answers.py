"""Each refusal of the server, as ``docs/reference/workflowhub.md`` lists them: the sentence and the exit status.

What the pre-flight keeps from the server is sent past it here, in both ways of uploading.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import NetworkError, RefusedError, WfprovError
from provenance.publish.records import Package
from provenance.publish.seek import Seek
from tests.publish.crates import changed, metadata, write_crate
from tests.publish.practice import Command, Practice

FILES = {"count.sh": "wc -w", "data/text one.txt": "one two three"}


def zip_of(document: dict[str, Any] | bytes | None = None, files: dict[str, str] | None = None) -> bytes:
    """The zip of a crate."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in (FILES if files is None else files).items():
            archive.writestr(name, content)
        if document is not None:
            raw = document if isinstance(document, bytes) else json.dumps(document)
            archive.writestr("ro-crate-metadata.json", raw)
    return made.getvalue()


def packed(content: bytes) -> Package:
    return Package(io.BytesIO(content), "x.crate.zip", len(content), "", {})


def empty_folder() -> bytes:
    document = metadata()
    document["@graph"][1]["hasPart"].append({"@id": "empty/"})
    document["@graph"].append({"@id": "empty/", "@type": "Dataset", "name": "empty"})
    return zip_of(document, {**FILES, "empty/": ""})


# case -> what is sent, words of the refusal by /submit, and by create_version (None: it is accepted there)
CRATES: dict[str, tuple[bytes, str, str | None]] = {
    "no zip": (b"no zip at all", "--check", "could not be extracted"),
    "empty": (b"", "--check", "could not be"),
    "no metadata": (zip_of(), "--check", "could not be"),
    "bad metadata": (zip_of(b"{"), "--check", "could not be read"),
    "missing file": (zip_of(metadata(), {"count.sh": "x"}), "--check", "could not be read"),
    "no main": (zip_of(metadata(mainEntity=None)), "mainEntity of type", "mainEntity of type"),
    "no source": (zip_of(metadata(isBasedOn=None)), "write url:", None),
    "no version": (zip_of(metadata(version=None)), "write version:", None),
    "no title": (zip_of(metadata(name=None)), "write name:", "write name:"),
    "long title": (zip_of(metadata(name="x" * 256)), "write name:", "write name:"),
    "license": (zip_of(metadata(license="my own")), "SPDX identifier", "SPDX identifier"),
    "empty folder": (empty_folder(), "empty folder", "empty folder"),
    "language a text": (zip_of(changed(metadata(), "count.sh", programmingLanguage="Shell")), "--check", "."),
}


@pytest.mark.parametrize("case", CRATES)
def test_crates_that_submit_refuses(here: Practice, case: str) -> None:
    content, words, _ = CRATES[case]
    with pytest.raises(RefusedError, match=words) as raised:
        Seek(here.address, here.token).submit(packed(content), (here.team,), lambda _: None)
    assert raised.value.exit_status == 4
    assert here.token not in str(raised.value)
    assert here.versions() == []


@pytest.mark.parametrize("case", CRATES)
def test_crates_that_a_new_version_refuses(here: Practice, case: str) -> None:
    seek = Seek(here.address, here.token)
    first = seek.submit(packed(zip_of(metadata())), (here.team,), lambda _: None)
    content, _, words = CRATES[case]
    if words is None:
        assert seek.create_version(first.id, packed(content), (here.team,), lambda _: None).version == 2
        return
    with pytest.raises(WfprovError, match=words) as raised:
        seek.create_version(first.id, packed(content), (here.team,), lambda _: None)
    assert isinstance(raised.value, RefusedError) or case == "language a text"
    assert len(here.versions()) == 1


def first_of(here: Practice) -> str:
    return Seek(here.address, here.token).submit(packed(zip_of(metadata())), (here.team,), lambda _: None).id


def newcomer(here: Practice, *teams: str) -> str:
    found = here.sandbox.store.add_person("Charles Stranger", teams)["token"]
    assert isinstance(found, str)
    return found


# case -> token and teams to upload with, words by /submit, words by create_version
CALLS: dict[str, tuple[Callable[[Practice], str | None], Callable[[Practice], tuple[str, ...]], str, str]] = {
    "no token": (lambda _: None, lambda h: (h.team,), "does not accept the token", "token|may not change"),
    "bad token": (lambda _: "x" * 40, lambda h: (h.team,), "does not accept the token", "token|may not change"),
    "of no team": (newcomer, lambda h: (h.team,), "--team|not authorized", "may not change"),
    "a team that is not theirs": (
        lambda h: newcomer(h, "Strangers"), lambda h: (h.team,), "--team|not authorized", "may not change"),
    "no such team": (lambda h: h.token, lambda _: ("99999",), "--team", "--team"),
    "no right": (
        lambda h: newcomer(h, "Strangers"), lambda h: (str(h.sandbox.store.add_team("Strangers")),),
        "not authorized to edit", "may not change"),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_calls_that_are_refused(here: Practice, case: str) -> None:
    workflow = first_of(here)
    token, teams, by_submit, by_version = CALLS[case]
    seek, chosen = Seek(here.address, token(here)), teams(here)
    other = packed(zip_of(metadata(version="2.0")))
    with pytest.raises(RefusedError, match=by_submit):
        seek.submit(other, chosen, lambda _: None)
    with pytest.raises(RefusedError, match=by_version):
        seek.create_version(workflow, other, chosen, lambda _: None)
    assert len(here.versions()) == 1


def test_nobodys_and_somebody_elses_new_workflow(here: Practice) -> None:
    """Those of no team are told so where the workflow is not known yet."""
    with pytest.raises(RefusedError, match="--team"):
        Seek(here.address, newcomer(here)).submit(packed(zip_of(metadata())), (here.team,), lambda _: None)
    with pytest.raises(RefusedError, match="--team"):
        Seek(here.address, newcomer(here, "x")).submit(packed(zip_of(metadata())), (here.team,), lambda _: None)


def test_a_call_without_a_team_or_any_field(here: Practice) -> None:
    with pytest.raises(RefusedError, match="--team"):
        Seek(here.address, here.token).submit(packed(zip_of(metadata())), (), lambda _: None)
    with pytest.raises(RefusedError, match="--team"):
        Seek(here.address, here.token).submit(packed(zip_of(metadata())), ("",), lambda _: None)


def test_several_workflows_of_one_source(here: Practice) -> None:
    for _ in range(2):
        here.create(zip_of(metadata()))
    with pytest.raises(RefusedError, match="--new-version-of"):
        Seek(here.address, here.token).submit(packed(zip_of(metadata(version="3"))), (here.team,), lambda _: None)


def test_a_workflow_that_is_not_there(here: Practice) -> None:
    seek = Seek(here.address, here.token)
    with pytest.raises(RefusedError, match="workflow 999"):
        seek.create_version("999", packed(zip_of(metadata())), (here.team,), lambda _: None)
    with pytest.raises(RefusedError, match="workflow 999"):
        seek.read("999")


def test_a_workflow_that_may_not_be_seen(here: Practice) -> None:
    workflow = first_of(here)
    stranger = Seek(here.address, newcomer(here, "Strangers"))
    with pytest.raises(RefusedError, match="ask a manager"):
        stranger.read(workflow)
    with pytest.raises(RefusedError, match="ask a manager"):
        stranger.update(workflow, access=None, tags=("x",), teams=())
    with pytest.raises(RefusedError), stranger.crate(workflow, 1):
        pass


def test_a_workflow_whose_versions_come_from_git(here: Practice) -> None:
    workflow = first_of(here)
    here.sandbox.store.change("update workflows set remote = 'https://example.org/x.git' where id = ?", int(workflow))
    with pytest.raises(RefusedError, match="publish a new workflow instead"):
        Seek(here.address, here.token).create_version(
            workflow, packed(zip_of(metadata(version="2"))), (here.team,), lambda _: None
        )


def test_a_bad_token_ends_the_command_with_4(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", "x" * 40)
    done = run("publish", write_crate(tmp_path / "crate"), "--to", here.address, "--yes", status=4)
    assert "API Tokens" in done.err


def test_a_server_that_is_gone_is_trouble(here: Practice) -> None:
    seek = Seek("http://127.0.0.1:9", here.token, lambda _: None)
    with pytest.raises(NetworkError) as raised:
        seek.account()
    assert raised.value.exit_status == 5
