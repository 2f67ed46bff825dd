"""What tests of publishing share: a sandbox, the command, and a world in which nothing waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.crate.validate import ValidationReport
from provenance.publish import validation
from tests.publish.practice import Command, Practice, practice


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Practice]:
    """A sandbox with one person, in one team."""
    with practice(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def run(run_whole: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command without the validation against profiles, which takes seconds and has its own tests."""

    def nothing_found(path: Path, *_: object) -> ValidationReport:
        return ValidationReport(path, "none", "required", ())

    monkeypatch.setattr(validation, "validated", nothing_found)
    return run_whole


@pytest.fixture
def run_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command as it is, with nothing set by who runs the tests; it waits in no time."""
    for name in ("WORKFLOWHUB_TOKEN", "PYTHON_KEYRING_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    command = Command(capsys)
    monkeypatch.setattr(time, "sleep", command.waits.append)
    return command


@pytest.fixture
def token(here: Practice, run_whole: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of the sandbox's person, set as users set it."""
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", here.token)
    return here.token
