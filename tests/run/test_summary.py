"""Statistics over a Run."""

from provenance.run.as_dict import run_as_dict, summary_as_dict, time_text
from provenance.run.model import Data, Role, Run, Status, Task, Tool
from provenance.run.summary import seconds, summarize

SECOND = 10**9


def task(key, tool, status=Status.COMPLETED, start=None, end=None):
    return Task(key=key, tool=tool, status=status, start=start, end=end)


RUN = Run(
    id="r",
    name="r",
    status=Status.FAILED,
    start=5 * SECOND,
    end=9 * SECOND,
    tools=(Tool("a", "sort", "program"), Tool("b", "cut", "program")),
    tasks=(
        task("1", "a", start=5 * SECOND, end=6 * SECOND),
        task("2", "b", Status.FAILED, start=6 * SECOND),
        task("3", "a", start=6 * SECOND, end=9 * SECOND),
        task("4", "unlisted"),
    ),
    data=(
        Data("i", "i", Role.INPUT, size=10),
        Data("j", "j", Role.INPUT, is_gone=True),
        Data("d", "d", Role.INPUT, is_directory=True, size=5),
        Data("o", "o", Role.OUTPUT, size=1, changed_after=True),
    ),
)


def test_tools_with_counts_and_times_the_most_used_first():
    uses = summarize(RUN).tools
    assert [(use.name, use.count, use.failed) for use in uses] == [("sort", 2, 0), ("cut", 1, 1), ("unlisted", 1, 0)]
    assert (uses[0].min_time, uses[0].mean_time, uses[0].max_time, uses[0].total_time) == (1.0, 2.0, 3.0, 4.0)
    assert uses[1].mean_time is None


def test_tasks_by_status():
    assert summarize(RUN).statuses == {Status.COMPLETED: 3, Status.FAILED: 1}


def test_data_by_role():
    inputs, outputs = summarize(RUN).data
    assert (inputs.role, inputs.files, inputs.folders, inputs.size) == (Role.INPUT, 2, 1, 15)
    assert (inputs.size_unknown, inputs.gone, inputs.changed) == (1, 1, 0)
    assert (outputs.role, outputs.changed) == (Role.OUTPUT, 1)


def test_an_end_before_the_start_is_no_duration():
    assert seconds(task("1", "a", start=2, end=1)) is None
    assert seconds(RUN) == 4.0


def test_as_dictionaries():
    found = run_as_dict(RUN)
    assert (found["start"], found["seconds"], found["status"]) == ("1970-01-01T00:00:05Z", 4.0, "failed")
    assert [listed["seconds"] for listed in found["tasks"]] == [1.0, None, 3.0, None]
    assert summary_as_dict(summarize(RUN))["statuses"] == {"completed": 3, "failed": 1}


def test_times_keep_their_digits():
    assert time_text(1773655925_123456789) == "2026-03-16T10:12:05.123456789Z"
    assert time_text(1773655925_500000000) == "2026-03-16T10:12:05.5Z"
    assert time_text(10**30) is None
