"""``wfprov publish`` on the sandbox, as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from provenance.publish import preflight, validation
from tests.conftest import PROJECT
from tests.publish.crates import SOURCE, changed, metadata, write_crate, zipped
from tests.publish.practice import Command, Practice, practice, receipt_of

pytestmark = pytest.mark.usefixtures("token")


def again(crate: Path, **root: Any) -> Path:
    """Pack a crate anew, with other metadata."""
    (crate / "ro-crate-metadata.json").write_text(json.dumps(metadata(**root)))
    return crate


def test_a_new_workflow_and_its_receipt(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    done = run("publish", crate, "--to", here.address, "--yes")
    assert here.versions() == [(101, 1, "1.0")]
    assert f"published: {here.address}/workflows/101?version=1" in done.out
    assert "this will be a new workflow" in done.err
    assert "warning" not in done.out + done.err
    receipt = receipt_of(crate)
    assert (receipt.server, receipt.workflow, receipt.version) == (here.address, "101", 1)
    assert (receipt.source, receipt.crate_version, receipt.teams) == (SOURCE, "1.0", (here.team,))
    assert set(receipt.digests) >= {"count.sh", "data/text one.txt"}
    assert (receipt.problems, receipt.differences, receipt.was_there) == ((), (), False)
    assert receipt.time.endswith("+00:00")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crate", "crate.publication.json", "sandbox"]


def test_a_new_version(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    again(crate, version="1.1")
    done = run("publish", crate, "--to", here.address, "--yes")
    assert "a new version of workflow 101" in done.err
    assert here.versions() == [(101, 1, "1.0"), (101, 2, "1.1")]
    assert receipt_of(crate).version == 2
    earlier = json.loads((tmp_path / "crate.publication.json").read_text())["earlier"]
    assert [(one["workflow"], one["version"]) for one in earlier] == [("101", 1)]


@pytest.mark.parametrize("first", [zipped, lambda crate: crate], ids=["zip", "folder"])
@pytest.mark.parametrize("second", [zipped, lambda crate: crate], ids=["zip", "folder"])
def test_the_same_crate_twice_is_one_version(
    tmp_path: Path, run: Command, here: Practice, first: Any, second: Any
) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", first(crate), "--to", here.address, "--yes")
    before, sent = receipt_of(crate), here.uploads()
    done = run("publish", second(crate), "--to", here.address)  # there is nothing to ask
    assert "already there" in done.out
    assert here.uploads() == sent
    assert here.versions() == [(101, 1, "1.0")]
    assert receipt_of(crate) == before  # that of the publication: when, and what was sent


def test_what_is_there_is_found_without_a_receipt(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    (tmp_path / "crate.publication.json").unlink()
    run("publish", crate, "--to", here.address)
    receipt = receipt_of(crate)
    assert receipt.was_there
    assert receipt.sha256 is None
    assert receipt.digests


def test_a_mended_crate_is_recognized_again(tmp_path: Path, run: Command, here: Practice) -> None:
    document = metadata(hasPart=[{"@id": "count.sh"}, {"@id": "data/"}, {"@id": "empty/"}])
    document["@graph"].append({"@id": "empty/", "@type": "Dataset", "name": "empty"})
    crate = write_crate(tmp_path / "crate", document)
    (crate / "empty").mkdir()
    (crate / ".settings").write_text("left out by the server")
    run("publish", crate, "--to", here.address, "--yes")
    assert receipt_of(crate).differences == ()
    assert "already there" in run("publish", crate, "--to", here.address).out
    assert list((crate / "empty").iterdir()) == []


@pytest.mark.parametrize("change", ["other", "more", "less"])
def test_the_same_version_with_other_content_is_told(tmp_path: Path, run: Command, here: Practice, change: str) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "extra.txt").write_text("x")
    run("publish", crate, "--to", here.address, "--yes")
    if change == "other":
        (crate / "count.sh").write_text("something else\n")
    elif change == "more":
        (crate / "more.txt").write_text("x")
    else:
        (crate / "extra.txt").unlink()
    done = run("publish", crate, "--to", here.address, "--yes", status=3)
    assert "with other content" in done.err
    assert "give the crate another version" in done.err
    assert here.versions() == [(101, 1, "1.0")]


def test_the_same_version_with_other_metadata_is_a_warning(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    (crate / "ro-crate-metadata.json").write_text(json.dumps(changed(metadata(), "count.sh", name="another")))
    done = run("publish", crate, "--to", here.address)
    assert "its metadata differ" in done.out


def test_a_fetch_that_fails_is_not_told_as_other_content(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    for stored in (tmp_path / "sandbox/crates").iterdir():
        stored.unlink()
    done = run("publish", crate, "--to", here.address, status=None)
    assert done.status in (4, 5)
    assert "other content" not in done.err


def stranger(here: Practice, team: str = "Strangers") -> str:
    token = here.sandbox.store.add_person("Charles Stranger", (team,))["token"]
    assert isinstance(token, str)
    return token


def test_somebody_elses_workflow_is_left_alone(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    crate = write_crate(tmp_path / "theirs/crate")
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", stranger(here))
    run("publish", crate, "--to", here.address, "--yes", "--access", "download")
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", here.token)
    sent = here.uploads()
    mine = write_crate(tmp_path / "mine/crate", version="2.0")
    done = run("publish", mine, "--to", here.address, "--yes", status=4)
    assert "belongs to none of your teams" in done.err
    assert "url:" in done.err
    assert here.uploads() == sent


def test_somebody_elses_hidden_workflow_is_refused_by_the_server(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", stranger(here))
    run("publish", write_crate(tmp_path / "theirs/crate"), "--to", here.address, "--yes")
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", here.token)
    other = write_crate(tmp_path / "mine/crate", version="2.0")
    assert "somebody else's" in run("publish", other, "--to", here.address, "--yes", status=4).err
    same = write_crate(tmp_path / "same/crate")
    assert "somebody else's workflow 101" in run("publish", same, "--to", here.address, "--yes", status=4).err
    assert not (tmp_path / "same/crate.publication.json").exists()
    assert here.versions() == [(101, 1, "1.0")]


def test_several_workflows_with_the_source(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    for _ in range(2):
        here.create(zipped(crate).read_bytes())
    again(crate, version="2.0")
    done = run("publish", crate, "--to", here.address, "--yes", status=4)
    assert "101, 102" in done.err
    assert "--new-version-of" in done.err
    run("publish", crate, "--to", here.address, "--yes", "--new-version-of", "102")
    assert here.versions() == [(101, 1, "1.0"), (102, 1, "1.0"), (102, 2, "2.0")]
    run("publish", crate, "--to", here.address, "--yes", "--new-version-of", "102")
    assert len(here.versions()) == 3  # it is there already


def test_a_new_version_of_nothing(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    done = run("publish", crate, "--to", here.address, "--yes", "--new-version-of", "999", status=4)
    assert "workflow 999" in done.err


def test_teams(tmp_path: Path, run: Command, here: Practice) -> None:
    store = here.sandbox.store
    person = store.person_of(here.token)
    assert person is not None
    for title in ("Zweite Gruppe", "Third"):
        store.change("insert into members (person, team) values (?, ?)", person["id"], store.add_team(title))
    crate = write_crate(tmp_path / "crate")
    said = run("publish", crate, "--to", here.address, "--yes", status=2).err
    assert "--team" in said
    assert "Zweite Gruppe (" in said
    assert "no such team" in run("publish", crate, "--to", here.address, "--team", "Four", "--yes", status=2).err
    assert here.versions() == []
    run("publish", crate, "--to", here.address, "--yes", "--team", "zweite gruppe", "--team", here.team)
    second = str(store.all("select id from teams where title = 'Zweite Gruppe'")[0]["id"])
    assert set(receipt_of(crate).teams) == {second, here.team}


def test_a_member_of_no_team(tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = here.sandbox.store.add_person("Al One", ())["token"]
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", alone)
    done = run("publish", write_crate(tmp_path / "crate"), "--to", here.address, "--yes", status=2)
    assert "in no team" in done.err


def test_a_former_member_is_told_what_the_server_says(tmp_path: Path, run: Command, here: Practice) -> None:
    store = here.sandbox.store
    person = store.person_of(here.token)
    assert person is not None
    store.leave(person["id"], int(here.team))
    done = run("publish", write_crate(tmp_path / "crate"), "--to", here.address, "--yes", status=4)
    assert "active member" in done.err


def test_access_and_tags_are_set_and_read_back(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes", "--access", "download", "--tag", "tea", "--tag", "a, b")
    seen = here.workflow(101)
    assert seen["policy"]["access"] == "download"
    assert set(seen["tags"]) == {"words", "count", "tea", "a", "b"}
    receipt = receipt_of(crate)
    assert receipt.access == "download"
    assert any("a, b" in problem for problem in receipt.problems)  # the server splits it at its comma


def test_access_of_what_is_there_is_set_only_when_agreed(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    sent = here.uploads()
    run("publish", crate, "--to", here.address, "--access", "view", status=2)
    assert here.uploads() == sent
    run("publish", crate, "--to", here.address, "--access", "view", "--yes")
    assert here.workflow(101)["policy"]["access"] == "view"


def test_a_gatekeeper_holds_the_policy_back(tmp_path: Path, run: Command, here: Practice) -> None:
    store = here.sandbox.store
    store.add_team("Practice team", gatekeeper=store.add_person("Grace Gatekeeper", ())["id"])
    crate = write_crate(tmp_path / "crate")
    done = run("publish", crate, "--to", here.address, "--yes", "--access", "view")
    assert "gatekeeper" in done.out
    assert any("gatekeeper" in problem for problem in receipt_of(crate).problems)


def test_a_dry_run_sends_nothing(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    done = run("publish", crate, "--to", here.address, "--dry-run")
    assert "this will be a new workflow" in done.err
    assert "nothing was sent" in done.out
    assert here.uploads() == []
    assert not (tmp_path / "crate.publication.json").exists()


def test_without_a_terminal_it_must_be_agreed_beforehand(tmp_path: Path, run: Command, here: Practice) -> None:
    done = run("publish", write_crate(tmp_path / "crate"), "--to", here.address, status=2)
    assert "--yes" in done.err
    assert here.uploads() == []


def test_a_failed_preflight_sends_nothing(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate", version=None)
    done = run("publish", crate, "--to", here.address, "--yes", status=3)
    assert "there is no version" in done.err
    assert here.uploads() == []


def test_json_for_programs(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    assert run("publish", crate, "--to", here.address, "--dry-run", "--json").json == {"published": False}
    said = run("publish", crate, "--to", here.address, "--yes", "--json").json
    assert said["published"] is True
    assert (said["workflow"], said["version"]) == ("101", 1)
    assert run("publish", crate, "--check", "--json").json["passed"] is True


def test_status_before_and_after_a_doi(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes", "--access", "download")
    receipt = tmp_path / "crate.publication.json"
    said = run("publish", "--status", receipt).out
    assert "no DOI yet" in said
    assert "Freeze version" in said
    here.sandbox.store.change("update versions set doi = '10.5072/sandbox.workflow.101.1'")
    assert "https://doi.org/10.5072/sandbox.workflow.101.1" in run("publish", "--status", receipt).out
    assert run("publish", "--status", receipt, "--json").json["doi"] == "10.5072/sandbox.workflow.101.1"
    again(crate, version="2.0")
    shutil.copy(receipt, tmp_path / "first.json")
    run("publish", crate, "--to", here.address, "--yes")
    assert "the latest version is 2" in run("publish", "--status", tmp_path / "first.json").out


def test_status_of_what_is_gone_or_no_receipt(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    here.sandbox.store.change("delete from versions")
    assert "not to be seen" in run("publish", "--status", tmp_path / "crate.publication.json").out
    for content in ("", "{}", "[" * 100_000, '{"server": 5}', "\ud800"):
        (tmp_path / "none.json").write_text(content, errors="surrogatepass")
        run("publish", "--status", tmp_path / "none.json", status=3)
    run("publish", "--status", tmp_path / "nowhere.json", status=3)


def test_status_takes_no_crate_and_publishing_needs_one(tmp_path: Path, run: Command) -> None:
    run("publish", status=2)
    run("publish", tmp_path, "--status", tmp_path / "x", status=2)


def test_a_place_where_no_receipt_can_be_written_is_found_before_sending(
    tmp_path: Path, run: Command, here: Practice
) -> None:
    crate = write_crate(tmp_path / "crate")
    (tmp_path / "crate.publication.json").mkdir()
    done = run("publish", crate, "--to", here.address, "--yes", status=2)
    assert "--receipt" in done.err
    assert here.uploads() == []
    run("publish", crate, "--to", here.address, "--yes", "--receipt", "/proc/receipt.json", status=2)
    run("publish", crate, "--to", here.address, "--yes", "--receipt", tmp_path / "nowhere/receipt.json", status=2)
    run("publish", crate, "--to", here.address, "--yes", "--receipt", tmp_path / "receipt.json")
    assert json.loads((tmp_path / "receipt.json").read_text())["workflow"] == "101"


def test_awkward_places(tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder named as a zip, names with blanks, line ends and quotes, the folder that one is in."""
    place = tmp_path / "täglich 'x'\n\x1b[31m"
    folder = write_crate(place / "x.zip")
    run("publish", folder, "--to", here.address, "--yes")
    assert (place / "x.publication.json").is_file()
    monkeypatch.chdir(folder)
    assert "already there" in run("publish", ".", "--to", here.address).out
    monkeypatch.chdir(place)
    assert "already there" in run("publish", "x.zip/../x.zip", "--to", here.address).out
    assert sorted(path.name for path in place.iterdir()) == ["x.publication.json", "x.zip"]


def test_a_server_below_a_path(tmp_path: Path, run: Command, here: Practice) -> None:
    done = run("publish", write_crate(tmp_path / "crate"), "--to", f"{here.address}/seek/", "--yes", status=None)
    assert done.status in (4, 5)
    assert all(path.startswith("/seek/") for _, path in here.asked)


@pytest.mark.parametrize(
    "address",
    ["http://workflowhub.eu", "ftp://x", "https://user:pw@x.org", "https://", "https://x:99999", "http://127.0.0.1.x.org",
     "https://x.org/?a=b", "http://[::1", "file:///etc"],
)  # fmt: skip
def test_only_https_or_this_machine(tmp_path: Path, run: Command, address: str) -> None:
    run("publish", write_crate(tmp_path / "crate"), "--to", address, "--yes", status=2)


def test_nothing_on_the_other_side(tmp_path: Path, run: Command) -> None:
    crate = write_crate(tmp_path / "crate")
    for address in ("http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"):
        done = run("publish", crate, "--to", address, "--yes", status=5)
        assert "the connection failed" in done.err


def test_proxies_of_the_environment_are_not_asked_for_this_machine(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    run("publish", write_crate(tmp_path / "crate"), "--to", here.address, "--yes")


def test_a_large_crate_is_told_beforehand(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate")
    with (crate / "large.png").open("wb") as stream:
        stream.truncate(101_000_000)
    done = run("publish", crate, "--to", here.address, "--dry-run")
    assert "the crate is large" in done.err
    assert "--data reference" in done.err


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    crate = write_crate(tmp_path / "crate")
    checked = preflight.check

    def check_and_change(*arguments: Any, **options: Any) -> Any:
        looked = checked(*arguments, **options)
        again(crate, name="Another one")
        return looked

    monkeypatch.setattr(preflight, "check", check_and_change)
    done = run("publish", crate, "--to", here.address, "--yes", status=3)
    assert "changed since it was looked at" in done.err
    assert here.uploads() == []


def test_nothing_stays_behind_when_it_is_killed(tmp_path: Path, here: Practice) -> None:
    """The zip that is sent has no name, so that not even SIGKILL leaves it behind."""
    crate = write_crate(tmp_path / "crate")
    (crate / "large.bin").write_bytes(os.urandom(1 << 20) * 16)
    code = (
        "import os, signal, sys\n"
        "from provenance.publish import seek\n"
        "seek.Seek.submit = lambda *a: os.kill(os.getpid(), getattr(signal, sys.argv.pop()))\n"
        "from provenance.cli import main\n"
        "main(sys.argv[1:-1])\n"
    )
    environment = {**os.environ, "WORKFLOWHUB_TOKEN": here.token, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    for name in ("SIGTERM", "SIGINT", "SIGKILL"):
        command: list[str | Path] = [
            sys.executable,
            "-c",
            code,
            "publish",
            crate,
            "--to",
            here.address,
            "--yes",
            "--",
            name,
        ]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stderr
        assert "Traceback" not in done.stderr or name != "SIGINT"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["crate", "sandbox", "tmp"]
        assert list((tmp_path / "tmp").iterdir()) == []


def test_an_archive_can_be_published_from_a_read_only_place(tmp_path: Path, run: Command, here: Practice) -> None:
    crate = zipped(write_crate(tmp_path / "crate"))
    crate.chmod(stat.S_IRUSR)
    run("publish", crate, "--to", here.address, "--yes", "--receipt", tmp_path / "receipt.json")
    with zipfile.ZipFile(crate) as archive:
        assert archive.testzip() is None


def test_two_servers_have_their_own_receipts(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", here.address, "--yes")
    with practice(tmp_path / "second") as other:
        monkeypatch.setenv("WORKFLOWHUB_TOKEN", other.token)
        run("publish", crate, "--to", other.address, "--yes")
        earlier = json.loads((tmp_path / "crate.publication.json").read_text())["earlier"]
        assert [one["server"] for one in earlier] == [here.address]


@pytest.mark.parametrize("options", [("--check",), ("--dry-run",)])
def test_a_long_validation_is_told_beforehand(
    tmp_path: Path, run: Command, here: Practice, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    quick = validation.validated

    def slow(path: Path, announce: Any) -> Any:
        announce(25_000, 89.5)
        return quick(path)

    monkeypatch.setattr(validation, "validated", slow)
    done = run("publish", write_crate(tmp_path / "crate"), "--to", here.address, *options)
    assert "validating 25,000 entities, which takes about 90 s" in done.err


def test_a_validator_that_is_killed_does_not_end_the_publication(
    tmp_path: Path, run_whole: Command, here: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_START", "import os; os.kill(os.getpid(), 9)")
    done = run_whole("publish", write_crate(tmp_path / "crate"), "--to", here.address, "--yes")
    assert "could not be validated" in done.err
    assert "too little memory" in done.err
    assert here.versions() == [(101, 1, "1.0")]


def test_an_invalid_crate_is_not_sent(tmp_path: Path, run_whole: Command, here: Practice) -> None:
    crate = write_crate(tmp_path / "crate", datePublished="yesterday")
    run_whole("publish", crate, "--to", here.address, "--yes", status=3)
    assert here.uploads() == []
