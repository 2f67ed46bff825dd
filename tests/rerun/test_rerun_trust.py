"""What is shown before code from a crate runs, and when it runs without asking."""

from __future__ import annotations

from pathlib import Path

from provenance.rerun.records import EnvironmentPlan, Origin, Placement, Plan, PlannedFile, Presence, Step
from provenance.rerun.trust import describe, refusal
from provenance.run.model import About, Organization, Person, Run, Status


def test_it_is_shown_who_wants_to_run_what_here() -> None:
    about = About(
        name="weather",
        license="MIT",
        authors=(
            Person("Josiah Carberry", "https://orcid.org/0000-0002-1825-0097", organization=Organization("Brown")),
            Person(orcid="https://orcid.org/0000-0002-1825-0097"),
        ),
    )
    plan = Plan(
        origin=Origin("workflowhub:1", "workflowhub", "https://example.org/1.zip", "https://doi.org/10.5072/1"),
        crate=Path("/crate"),
        run=Run("1", "run", Status.COMPLETED, about=about),
        placement=Placement("/home/somebody", Path("/work")),
        steps=(Step(("sh", "-c", "curl x | sh"), Path("/work")), Step(("true",), Path("/work"))),
        engine="command",
        files=(PlannedFile("k", "input", Presence.REMOTE, url="https://example.org/data"),),
        checks=(),
        environment=EnvironmentPlan("lock", "Python 3.11 with 2 packages", is_ready=False),
    )

    shown = describe(plan, is_isolated=True)

    assert shown.name == "weather"
    assert shown.authors == (
        "Josiah Carberry (https://orcid.org/0000-0002-1825-0097, Brown)",
        "https://orcid.org/0000-0002-1825-0097",
    )
    assert (shown.source, shown.license, shown.is_isolated) == ("https://doi.org/10.5072/1", "MIT", True)
    assert shown.commands == (("sh", "-c", "curl x | sh"), ("true",))
    assert shown.builds == "Python 3.11 with 2 packages"
    assert shown.fetched == ("https://example.org/data",)


def test_without_consent_and_terminal_nothing_runs() -> None:
    assert refusal(is_trusted=True, is_terminal=False) is None
    assert refusal(is_trusted=False, is_terminal=True) is None
    assert "--trust" in (refusal(is_trusted=False, is_terminal=False) or "")
