"""Malformed crates: each gets an answer of the pre-flight, and what it lets pass the registry can read.

The registry's side is the sandbox, whose reading shares nothing with the pre-flight, so that each checks the other.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from provenance.errors import WfprovError
from provenance.publish.package import pack
from provenance.publish.preflight import check
from provenance.publish.records import Preflight, Weight
from provenance.publish.seek import Seek
from tests.conftest import SHARED
from tests.publish.crates import SOURCE
from tests.publish.malformed import bases, broken, fill
from tests.publish.practice import Command, Practice

_SEEDS = int(os.environ.get("WFPROV_MALFORMED", "300"))  # 1000 find no more, and take a minute longer
_PARTS = 5
METADATA = "ro-crate-metadata.json"


def refused(looked: Preflight, here: Practice, seed: int) -> str | None:
    """What the sandbox says against a crate; None when it takes it."""
    try:
        with pack(looked) as package:
            Seek(here.address, here.token, lambda _: None).submit(package, (here.team,), lambda _: None)
    except WfprovError as error:
        return f"seed {seed}: {error}"
    return None


@pytest.mark.parametrize("part", range(_PARTS))
def test_what_passes_is_taken_and_nothing_breaks_off(tmp_path: Path, here: Practice, part: int) -> None:
    documents = bases(SHARED if SHARED.is_dir() else None)
    crates = []
    for number, document in enumerate(documents):
        crates.append(tmp_path / f"crate{number}")
        fill(crates[-1], document)
    passed, failures = 0, []
    for seed in range(part, _SEEDS, _PARTS):
        number = (seed // _PARTS) % len(documents)
        raw = broken(documents[number], seed).replace(SOURCE.encode(), f"{SOURCE}{seed}".encode())
        (crates[number] / METADATA).write_bytes(raw)
        looked = check(crates[number], validated=False)
        json.dumps([one.as_json() for one in looked.findings])
        assert all(one.message and one.mend for one in looked.findings)
        if looked.passed:
            passed += 1
            failures.append(refused(looked, here, seed))
        else:
            assert any(one.weight is Weight.ERROR for one in looked.findings)
    assert not [one for one in failures if one]
    assert passed > _SEEDS / _PARTS / 5  # else nothing was compared


@pytest.mark.parametrize("seed", (0, 250))
def test_the_command_has_an_answer_to_each(tmp_path: Path, run_whole: Command, seed: int) -> None:
    document = bases(None)[0]
    crate = tmp_path / "crate"
    fill(crate, document)
    (crate / METADATA).write_bytes(broken(document, seed))
    done = run_whole("publish", "--check", "--json", crate, status=None)
    assert done.status in (0, 3)
    assert done.json["passed"] is (done.status == 0)
    shown = run_whole("publish", "--check", crate, status=done.status)
    assert "Traceback" not in shown.err + shown.out
