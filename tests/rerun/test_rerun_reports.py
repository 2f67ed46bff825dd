"""``plan.json`` and ``verdict.json`` have the form that their page of the reference gives, key by key."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from provenance.rerun import records
from provenance.rerun.differences import ASPECTS
from provenance.rerun.reports import dumps
from tests.conftest import Wfprov
from tests.rerun.test_rerun_false_friends import packed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdict.md"


def documented() -> dict[str, set[str]]:
    """Section of the page -> the keys that it has."""
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
        found[title] = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    return found


def test_the_page_has_every_key_of_real_reports(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = packed(wfprov, tmp_path, 'cat given > table\necho "$(pwd)" >> table\n', {"given": "a\n"})
    (tmp_path / "mine").write_text("b\n")
    wfprov("rerun", crate, "--workdir", "again", "--trust", "-q", "--data", "given=mine", cwd=tmp_path, status=1)
    plan = json.loads((tmp_path / "again" / "plan.json").read_text())
    verdict = json.loads((tmp_path / "again" / "verdict.json").read_text())
    page = documented()
    assert plan["version"] == verdict["version"] == 1
    real: dict[str, Any] = {
        "plan.json": plan,
        "verdict.json": verdict,
        "origin": verdict["origin"],
        "placement": plan["placement"],
        "step": plan["steps"][0],
        "file": plan["files"][0],
        "environment": plan["environment"],
        "requirement": plan["machine"][0],
        "difference": verdict["changes"][0],
        "output": verdict["outputs"][0],
        "task": verdict["tasks"][0],
        "check": verdict["checks"][0],
        "divergence": verdict["divergence"],
    }
    assert {title: set(value) for title, value in real.items()} == {title: page[title] for title in real}
    assert page.keys() - real.keys() == {"rewrite"}
    assert page["rewrite"] == {field.name for field in fields(records.Rewrite)}


def test_the_page_has_every_word_that_a_key_may_hold() -> None:
    page = PAGE.read_text(encoding="utf-8")
    words = {
        one.value for kind in (records.Result, records.Likeness, records.Agreement, records.Presence) for one in kind
    }
    assert [word for word in (*sorted(words), *ASPECTS) if f"`{word}`" not in page] == []


def test_numbers_and_texts_that_json_has_not_do_not_break_it() -> None:
    told = json.loads(dumps({"a": math.inf, "b": (math.nan, "\udcff\n"), "c": Path("/x")}), parse_constant=int)
    assert told == {"a": None, "b": [None, "\udcff\n"], "c": "/x"}
