"""Our own crates pass the recommended level of the four profiles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_runs import FILLED, rich_run, simple_run

from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.write import write

pytest.importorskip("rocrate_validator")


def problems(crate, level="recommended"):
    from provenance.crate.validate import validate

    report = validate(crate, level=level)
    return [(issue.check, issue.entity) for issue in report.issues]


@pytest.mark.parametrize("make", [simple_run, rich_run])
@pytest.mark.parametrize("settings", [PackSettings(data=DataMode.COPY), PackSettings(data=DataMode.REFERENCE)])
def test_with_all_that_the_user_knows_nothing_is_found(tmp_path, make, settings):
    write(make(tmp_path / "work", about=FILLED), tmp_path / "crate", settings)
    assert problems(tmp_path / "crate") == []


def test_a_zip_and_a_crate_without_tasks_pass_too(tmp_path):
    run = rich_run(tmp_path / "work", about=FILLED)
    write(run, tmp_path / "c.crate.zip", PackSettings(as_zip=True))
    write(run, tmp_path / "crate", PackSettings(tasks=False))
    assert problems(tmp_path / "c.crate.zip") == []
    assert problems(tmp_path / "crate") == []


def test_remote_inputs_and_a_missing_description_pass(tmp_path):
    about = replace(FILLED, description=None, remote_inputs=("https://example.org/data.csv",))
    write(rich_run(tmp_path / "work", about=about), tmp_path / "crate")
    assert problems(tmp_path / "crate") == []


def test_without_the_user_only_what_the_user_can_say_is_listed(tmp_path):
    write(simple_run(tmp_path / "work"), tmp_path / "crate")
    found = problems(tmp_path / "crate")
    assert {entity for check, entity in found if check != "SoftwareApplication id"} <= {
        "./",
        "application_sources/run.sh",
    }
    # Tools have no address of their own: `url`, which only the user knows, is what theirs begin with.
    assert ("SoftwareApplication id", "#tool-sort") in found
    assert not {entity for check, entity in found if check == "SoftwareApplication id" and entity[0] != "#"}
    required = {entity for _, entity in problems(tmp_path / "crate", "required")}
    assert required == {"./"}  # the license
