"""The tasks and files of two runs find each other, whatever the order, the place and the temporary names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.rerun.contents import Contents
from provenance.rerun.data_pairs import pair_data
from provenance.rerun.differences import differences, explain
from provenance.rerun.divergence import in_order_of_flow
from provenance.rerun.places import places, without_chance
from provenance.rerun.records import Difference, Likeness, Placement, TaskComparison
from provenance.rerun.task_pairs import TaskPairs, pair_tasks
from provenance.rerun.two_runs import compare_runs
from provenance.run.model import (
    Attempt,
    Data,
    Edge,
    Environment,
    Role,
    Run,
    Software,
    SourceControl,
    Status,
    Task,
    Tool,
    Value,
)

_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",)) | st.sampled_from("#?% \n-"), min_size=1
).filter(lambda name: name not in (".", ".."))


def _run(cwd: str, steps: Sequence[tuple[str, str, str]], temporary: str = "tmpa1b2c3d4") -> Run:
    """A run whose tasks (tool, argument, output) began in the given order."""
    data = [Data(f"{cwd}/in", f"{cwd}/in", Role.INPUT, sha256="0" * 64)]
    tasks = []
    for index, (tool, argument, output) in enumerate(steps):
        path = f"{cwd}/out/{output}"
        data.append(Data(f"{path}@{index}", path, Role.OUTPUT, sha256=f"{index:064d}"))
        arguments = (Value("n", argument), Value("to", path), Value("work", f"/tmp/{temporary}/x"))
        tasks.append(
            Task(
                f"host-{index}-{cwd}",
                tool,
                Status.COMPLETED,
                start=index,
                inputs=(data[0].key,),
                outputs=(data[-1].key,),
                arguments=arguments,
                command=(tool, argument, path),
                cwd=cwd,
            )
        )
    tools = tuple(Tool(name, name, "function") for name in dict.fromkeys(step[0] for step in steps))
    return Run(cwd, "run", Status.COMPLETED, cwd=cwd, tools=tools, tasks=tuple(tasks), data=tuple(data))


def _paired(before: Run, after: Run) -> tuple[tuple[TaskComparison, ...], TaskPairs]:
    return pair_tasks(before, after, pair_data(before, after, places(before, after)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["sim", "fit", "main"]), _NAMES, _NAMES),
        min_size=1,
        max_size=12,
        unique_by=lambda s: s[2],
    ),
    st.randoms(use_true_random=False),
)
def test_tasks_in_another_order_at_another_place_are_paired_with_themselves(
    steps: list[tuple[str, str, str]], random: object
) -> None:
    shuffled = list(steps)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = _run("/home/a/work", steps), _run("/scratch/b", shuffled, "tmpz9y8x7w6")
    found, pairs = _paired(before, after)
    assert {one.finding for one in found} == {"same"}
    position = {task.key: index for index, task in enumerate(after.tasks)}
    for index, task in enumerate(before.tasks):
        assert shuffled[position[pairs.after_of[task.key]]] == steps[index]
    assert {after for _, after in pairs.data.after_of.items()} == {data.key for data in after.data}


def test_ten_thousand_tasks_are_paired_in_no_time() -> None:
    steps = [("sim", str(index), f"{index}.csv") for index in range(10_000)]
    before, after = _run("/a", steps), _run("/b", steps[::-1], "tmpz9y8x7w6")
    pairs = pair_data(before, after, places(before, after))
    began = time.process_time()
    found, _ = pair_tasks(before, after, pairs)
    assert time.process_time() - began < 2  # a quarter of it on an idle machine; a quadratic step takes minutes
    assert len(found) == 10_000 and {one.finding for one in found} == {"same"}


def test_tasks_without_any_mark_are_paired_in_their_order_and_the_rest_is_missing_or_extra() -> None:
    before = _run("/a", [("sim", "1", "x"), ("sim", "2", "y"), ("old", "1", "z")])
    after = _run("/a", [("sim", "3", "p"), ("sim", "4", "q"), ("new", "1", "r")])
    found, pairs = _paired(before, after)
    keys = [task.key for task in before.tasks]
    assert [pairs.after_of.get(key) for key in keys] == [after.tasks[0].key, after.tasks[1].key, None]
    assert [one.finding for one in found] == ["same", "same", "missing", "extra"]


def test_tools_of_one_name_are_told_apart_by_their_source() -> None:
    def run(cwd: str, order: Sequence[str]) -> Run:
        data = tuple(Data(f"{cwd}/{name}", f"{cwd}/{name}", Role.SOURCE) for name in ("a.py", "b.py"))
        tools = tuple(Tool(f"main-{n}", "main", "function", source_key=f"{cwd}/{n}") for n in ("a.py", "b.py"))
        tasks = tuple(Task(f"{cwd}-{name}", f"main-{name}", Status.COMPLETED, start=i) for i, name in enumerate(order))
        return Run(cwd, "r", Status.COMPLETED, cwd=cwd, tools=tools, tasks=tasks, data=data)

    _, pairs = _paired(run("/x", ["a.py", "b.py"]), run("/y", ["b.py", "a.py"]))
    assert pairs.after_of == {"/x-a.py": "/y-a.py", "/x-b.py": "/y-b.py"}


@pytest.mark.parametrize(
    ("before", "after", "finding", "detail"),
    [
        ((Status.COMPLETED, None), (Status.FAILED, "exit status 3"), "failed", "failed: exit status 3"),
        ((Status.FAILED, "exit status 3"), (Status.FAILED, "exit status 3"), "same", ""),
        ((Status.FAILED, "x"), (Status.COMPLETED, None), "ended differently", "before: failed: x; now: completed"),
        ((Status.COMPLETED, None), (Status.CANCELED, None), "ended differently", "before: completed; now: canceled"),
        (
            (Status.RECOVERED, None),
            (Status.COMPLETED, None),
            "same",
            "before its results were taken from an earlier run",
        ),
        ((Status.COMPLETED, None), (Status.UNKNOWN, None), "same", "how it ended now was not seen"),
    ],
)
def test_how_a_task_ended(
    before: tuple[Status, str | None], after: tuple[Status, str | None], finding: str, detail: str
) -> None:
    runs = []
    for status, error in (before, after):
        run = _run("/a", [("sim", "1", "x")])
        runs.append(replace(run, tasks=(replace(run.tasks[0], status=status, error=error),)))
    (found,), _ = _paired(runs[0], runs[1])
    assert (found.finding, found.detail) == (finding, detail)


def test_attempts_of_an_engine_are_told_and_are_no_difference() -> None:
    before = _run("/a", [("sim", "1", "x")])
    tried = replace(before.tasks[0], attempts=(Attempt(Status.FAILED), Attempt(Status.COMPLETED)))
    (found,), _ = _paired(before, replace(before, tasks=(tried,)))
    assert (found.finding, found.detail) == ("same", "attempts: 1 before, 2 now")
    assert not compare_runs(before, replace(before, tasks=(tried,))).is_different


def test_what_belongs_to_the_place_and_the_moment_is_no_difference() -> None:
    environment = Environment(variables=(("OMP_NUM_THREADS", "4"), ("SLURM_JOB_ID", "17"), ("PYTHONPATH", "/a/p/lib")))
    before = replace(_run("/a/p", [("sim", "1", "x")]), host="n1", user="a", start=1, environment=environment)
    there = replace(environment, variables=(("OMP_NUM_THREADS", "4"), ("PYTHONPATH", "/b/q/lib")))
    after = replace(_run("/b/q", [("sim", "1", "x")], "tmpz9y8x7w6"), host="n2", start=5, environment=there)
    assert differences(before, after, places(before, after)) == ()
    assert without_chance("<f at 0x7f0011223344> in /tmp/tmpa1b2c3d4/x") == "<f at <address>> in /tmp/<temporary>/x"


def test_a_placement_says_what_lay_where_and_what_was_asked_for_comes_first() -> None:
    def run(root: str, source: str, n: str) -> Run:
        data = (
            Data(f"{root}/data/x", f"{root}/data/x", Role.INPUT, sha256="1" * 64),
            Data(f"{root}/main.py", f"{root}/main.py", Role.SOURCE, sha256=source * 64),
        )
        command = ("/opt/python3.11", f"{root}/main.py", "--n", n, f"--data={root}/data/x")
        arguments = (Value("n", n), Value("data", f"{root}/data/x", data_key=data[0].key))
        return Run("r", "r", Status.COMPLETED, command=command, cwd=f"{root}/jobs", data=data, arguments=arguments)

    before, after = run("/home/a", "1", "2"), run("/tmp/rerun/work", "2", "4")
    placement = Placement("/home/a", Path("/tmp/rerun/work"))
    found = differences(before, after, places(before, after, placement))
    assert [(one.aspect, one.what, one.before, one.after) for one in found] == [
        ("code", "../main.py", None, None),
        ("parameters", "n", "2", "4"),
    ]
    asked = Difference("parameters", "--n", "2", "4", "--set")
    assert [one.aspect for one in explain(found, [asked])] == ["parameters", "code"]
    file = Difference("code", "/home/a/main.py")
    assert explain(found, [asked, file]) == (asked, file)


def test_the_environment_is_told_with_what_was_used_first_and_the_machine_last() -> None:
    def run(versions: Sequence[str], machine: str, commit: str, threads: str) -> Run:
        packages = (
            Software("numpy", versions[0], kind="python", is_used=True),
            Software("Unused.Thing", versions[1], kind="python", is_used=False),
        )
        environment = Environment(
            machine=machine,
            interpreter=Software("CPython", versions[2]),
            packages=packages,
            variables=(("OMP_NUM_THREADS", threads),),
            source_control=SourceControl("/a", commit=commit),
        )
        return replace(_run("/a", [("sim", "1", "x")]), environment=environment)

    before = run(["1.26.4", "1", "3.11.7"], "x86_64", "1" * 40, "4")
    after = run(["2.1.0", "2", "3.12.1"], "aarch64", "2" * 40, "8")
    found = differences(before, after, places(before, after))
    assert [(one.aspect, one.what, one.before, one.after) for one in found] == [
        ("commit", "commit", "1" * 12, "2" * 12),
        ("packages", "numpy", "1.26.4", "2.1.0"),
        ("software", "Python", "3.11.7", "3.12.1"),
        ("variables", "OMP_NUM_THREADS", "4", "8"),
        ("machine", "architecture", "x86_64", "aarch64"),
        ("installed", "Unused.Thing", "1", "2"),
    ]


def test_the_states_of_a_file_that_was_changed_in_place_are_paired_one_by_one() -> None:
    before = tuple(
        Data(f"k{version}", "/a/x", role, version)
        for version, role in enumerate([Role.INPUT, Role.INTERMEDIATE, Role.OUTPUT])
    )
    crate = (
        Data("dataset/x", "dataset/x", Role.OUTPUT, original="/a/x"),
        Data("dataset/earlier_states/x", "dataset/earlier_states/x", Role.INPUT, original="/a/x"),
        Data("dataset/earlier_states/x-1", "dataset/earlier_states/x-1", Role.INTERMEDIATE, original="/a/x"),
    )
    first, second = (Run(n, n, Status.COMPLETED, cwd="/a", data=data) for n, data in (("1", before), ("2", crate)))
    pairs = pair_data(first, second, places(first, second))
    assert pairs.after_of == {
        "k0": "dataset/earlier_states/x",
        "k1": "dataset/earlier_states/x-1",
        "k2": "dataset/x",
    }


def test_contents_are_compared_by_the_record_then_by_reading_and_never_guessed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "a b#1"
    file.write_bytes(b"12345")
    digest = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"
    recorded = Data("k", "dataset/a", Role.INPUT, size=5, sha256=digest.upper())
    assert Contents().likeness(recorded, Data("k", "/x", Role.INPUT, size=5, content=str(file))) is Likeness.IDENTICAL
    assert Contents().likeness(recorded, Data("k", "/x", Role.INPUT, size=4)) is Likeness.DIFFERENT
    assert Contents().likeness(recorded, Data("k", "/x", Role.INPUT, size=5)) is Likeness.UNKNOWN
    changed = Data("k", "/x", Role.INPUT, size=5, content=str(file), changed_after=True)
    assert Contents().likeness(recorded, changed) is Likeness.UNKNOWN
    assert Contents({"k": Likeness.TOLERATED}).likeness(recorded, changed) is Likeness.TOLERATED


def test_tasks_are_ordered_by_the_flow_of_data_even_when_clocks_or_loops_say_otherwise() -> None:
    run = _run("/a", [("c", "", "1"), ("b", "", "2"), ("a", "", "3")])
    c, b, a = (task.key for task in run.tasks)
    flowing = replace(run, edges=(Edge(a, b), Edge(b, c)))
    assert [task.key for task in in_order_of_flow(flowing)] == [a, b, c]
    looping = replace(run, edges=(Edge(a, b), Edge(b, c), Edge(c, a)))
    assert sorted(task.key for task in in_order_of_flow(looping)) == sorted([a, b, c])
