"""Accesses that are known by process and thread alone, as strace tells them: of which task each of them is.

In: :class:`~provenance.run.recorded.Recorded` with two views of one process, that of its own journal file (its tasks)
and that of the tracer (its files). Out: the same with one image for both, and with accesses given to the innermost
task that their thread was in. What another thread did is left to the program: it may be anybody's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

from provenance.run.recorded import CLOSE, Image, Recorded

_TICK = 999  # ns; the tracer's times are cut to microseconds

# Host, thread -> times, and the local id of the task that begins at each of them (0: none).
_Timeline = dict[tuple[str, int], tuple[list[int], list[int]]]


def unite_processes(recorded: Recorded) -> None:
    """Make one image of what a process wrote about itself and what the tracer saw of it; the former's id stays."""
    calling = {id(call.image): call.image for call in recorded.calls.values()}
    own = [image for image in recorded.images.values() if id(image) in calling or image.how == "python"]
    known = {id(image) for image in own}
    traced: dict[tuple[str, int], list[Image]] = defaultdict(list)
    for image in recorded.images.values():
        if id(image) not in known:
            traced[(image.host, image.pid)].append(image)
    renamed: dict[str, str] = {}
    for image in own:
        same = _same(image, traced[(image.host, image.pid)])
        if same is None:
            continue
        traced[(image.host, image.pid)].remove(same)
        del recorded.images[same.id]
        renamed[same.id] = image.id
        same.id, same.task = image.id, image.task or same.task
        same.start, same.last = min(same.start, image.start), max(same.last, image.last)
        recorded.images[image.id] = same
        calling[id(image)] = same
    for image in recorded.images.values():
        if image.parent in renamed:
            image.parent = renamed[image.parent]
    for call in recorded.calls.values():
        call.image = calling[id(call.image)]


def _same(own: Image, traced: list[Image]) -> Image | None:
    """Return which of the tracer's images with this process number it is: the numbers are used again."""
    before = [each for each in traced if each.start <= own.start]
    if before:
        return max(before, key=lambda each: each.start)
    # The tracer tells of a forked copy only once it has done something.
    after = [each for each in traced if each.how == "fork"] if own.how == "fork" else []
    return min(after, key=lambda each: each.start, default=None)


def attribute(recorded: Recorded, by_threads: list[tuple[int, int]], started_by: list[tuple[Image, int]]) -> None:
    """Give accesses and started processes to the task that their thread was in.

    Parameters
    ----------
    by_threads
        Index of an access, and the thread that made it.
    started_by
        A process image, and the thread of its parent that started it.
    """
    timeline = _timeline(recorded)
    writers: dict[tuple[str, str], int] = {}
    threads = dict(by_threads)
    for index, access in enumerate(recorded.accesses):
        thread = threads.get(index)
        image = access.image
        if thread is not None:
            task = _task_at(timeline, image.host, thread, access.time)
            writers[(image.id, access.path)] = task
        elif access.kind == CLOSE:  # the end of earlier writing, found out when the file was used again
            task = writers.get((image.id, access.path), 0)
        else:
            continue
        if task:
            recorded.accesses[index] = access._replace(task=task)
    for image, thread in started_by:
        parent = recorded.images.get(image.parent or "")
        if parent is None or image.task is not None:
            continue
        task = _task_at(timeline, image.host, thread, image.start)
        if task:
            image.task = f"{parent.id}:{task}"


def _timeline(recorded: Recorded) -> _Timeline:
    changes: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
    for order, call in enumerate(recorded.calls.values()):
        local = call.key.rpartition(":")[2]
        if call.thread is None or not local.isdecimal():
            continue
        end = call.end if call.end is not None else max(call.image.end or 0, recorded.last)
        change = changes[(call.image.host, call.thread)]
        change += [(call.start, order, int(local)), (end, order, -int(local))]
    found: _Timeline = {}
    for thread, listed in changes.items():
        listed.sort(key=lambda change: change[0])
        times: list[int] = []
        tasks: list[int] = []
        within = [0]
        for time, _, number in listed:
            if number > 0:
                within.append(number)
            elif -number in within:
                within.remove(-number)
            times.append(time)
            tasks.append(within[-1])
        found[thread] = (times, tasks)
    return found


def _task_at(timeline: _Timeline, host: str, thread: int, time: int) -> int:
    times, tasks = timeline.get((host, thread), ((), ()))
    index = bisect_right(times, time + _TICK) - 1
    return tasks[index] if index >= 0 else 0
