"""Where files go in a crate."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.crate.layout import PathAllocator, Treatment, crate_id, file_uri, plan
from provenance.crate.settings import DataMode, PackSettings
from provenance.run.model import Data, Role, Run, Status

names = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]) | st.sampled_from("\udc80\udcff"),
    min_size=1,
    max_size=300,
).filter(lambda name: name not in (".", ".."))


def run_with(*data: Data, cwd: str = "/work/run", project: str | None = "/work/run") -> Run:
    return Run(id="1", name="r", status=Status.COMPLETED, cwd=cwd, project=project, data=data)


def file(path: str, role: Role = Role.INPUT, size: int = 1, version: int = 0, **more: object) -> Data:
    return Data(f"{path}:{version}", path, role, version, size=size, content=path, **more)  # type: ignore[arg-type]


def paths(run: Run, mode: DataMode = DataMode.COPY) -> list[str]:
    return [item.path for item in plan(run, PackSettings(data=mode))]


def test_sources_and_data_keep_their_folders():
    run = run_with(
        file("/work/run/lib/a.py", Role.SOURCE),
        file("/work/run/in/a.csv"),
        file("/elsewhere/b.csv"),
    )
    assert paths(run) == [
        "application_sources/lib/a.py",
        "dataset/in/a.csv",
        "dataset/elsewhere/b.csv",
    ]


def test_data_beside_a_working_folder_inside_the_project_keep_their_place_in_the_project():
    run = run_with(file("/work/data/a.csv"), file("/work/run/b.csv"), cwd="/work/run", project="/work")
    assert paths(run) == ["dataset/data/a.csv", "dataset/run/b.csv"]


def test_files_of_the_same_name_get_paths_of_their_own():
    run = run_with(file("/work/run/work/run/x"), file("/work/run/x"), file("/x"), file("/X"))
    found = paths(run)
    assert len({path.casefold() for path in found}) == 4


def test_a_file_and_a_folder_never_share_a_path():
    run = run_with(file("/work/run/a"), file("/a/b"), file("/work/run/a/c"), file("/A"))
    found = paths(run)
    folders = {path.rpartition("/")[0].casefold() for path in found}
    assert not folders & {path.casefold() for path in found}


def test_an_earlier_state_goes_to_a_tree_of_its_own():
    run = run_with(file("/work/run/a"), file("/work/run/a", version=2), file("/work/run/b"))
    assert paths(run) == ["earlier_states/0/a", "dataset/a", "dataset/b"]


def test_names_of_sources_that_differ_in_case_only_are_kept():
    run = run_with(file("/work/run/A.py", Role.SOURCE), file("/work/run/a.py", Role.SOURCE))
    assert paths(run) == ["application_sources/A.py", "application_sources/a.py"]


def test_auto_copies_up_to_100_mb_small_files_first():
    run = run_with(file("/a", size=90_000_000), file("/b", size=20_000_000), file("/c", size=15_000_000))
    treatments = [item.treatment for item in plan(run, PackSettings())]
    assert treatments == [Treatment.REFERENCE, Treatment.COPY, Treatment.COPY]


def test_large_files_are_referenced_but_sources_are_always_copied():
    run = run_with(file("/a", size=100), file("/b", size=1), file("/work/run/m.py", Role.SOURCE, size=100))
    settings = PackSettings(data=DataMode.COPY, max_file_size=50)
    assert [i.treatment.value for i in plan(run, settings)] == ["reference", "copy", "copy"]


@pytest.mark.parametrize("role", [Role.SCRATCH, Role.SOFTWARE, Role.IGNORED])
def test_what_is_no_data_of_the_run_is_left_out(role):
    assert paths(run_with(file("/a", role))) == []


def test_what_changed_after_the_run_is_only_described_unless_its_content_was_saved():
    changed = file("/a", changed_after=True)
    saved = Data("b", "/b", Role.INPUT, size=1, content="/saved/0", changed_after=True)
    items = plan(run_with(changed, saved), PackSettings(data=DataMode.COPY))
    assert [item.treatment for item in items] == [Treatment.DESCRIBE, Treatment.COPY]


def test_identifiers_survive_any_name():
    assert crate_id("dataset/a b+c#d?e%f:g") == "dataset/a%20b%2Bc%23d%3Fe%25f%3Ag"
    assert file_uri("node 1", "/d/\udcff") == "file://node%201/d/%FF"


@given(names)
def test_an_identifier_decodes_to_the_bytes_of_the_name(name):
    assert unquote_to_bytes(crate_id(name)) == name.encode("utf-8", "surrogateescape")


@given(st.lists(st.lists(names, min_size=1, max_size=4), max_size=12))
def test_no_two_files_share_a_path_and_every_path_can_be_written_anywhere(wanted):
    allocator = PathAllocator()
    given_paths = [allocator.place("dataset/" + "/".join(parts)) for parts in wanted]
    folded = [path.casefold() for path in given_paths]
    assert len(set(folded)) == len(folded)
    ancestors = {str(parent).casefold() for path in given_paths for parent in Path(path).parents}
    assert not ancestors & set(folded)
    for path in given_paths:
        path.encode()
        assert all(len(part.encode()) <= 255 and part not in ("", ".", "..") for part in path.split("/"))
