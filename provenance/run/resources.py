"""What a run and its tasks used of the machine, and what another execution would need.

In: the ``sample`` and ``end`` events of a journal, the uses of single processes. Out: :class:`ResourceUse` and
:class:`Series` of the model, and :class:`Needs`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from provenance.journal.events import Event
from provenance.run.model import ResourceUse, Role, Run, Series
from provenance.run.recorded import Image, Recorded, resources_of

_Amount = TypeVar("_Amount", int, float)
_SHORTEST = 200_000_000  # ns; CPU time comes in hundredths of a second, so that less says little about a rate
_TOLERANCE = 0.2  # processors; a program with one busy thread is measured as a little more than one
_WRITTEN = frozenset([Role.OUTPUT, Role.INTERMEDIATE, Role.SCRATCH])


@dataclass(frozen=True, slots=True)
class Needs:
    """What it takes to execute a run again, as far as it was measured."""

    processors: int | None = None  # that were busy at the same time
    processors_asked: int | None = None  # that the batch system was asked for
    memory: int | None = None  # bytes
    seconds: float | None = None
    storage: int | None = None  # bytes of all files that it writes


def needs(run: Run) -> Needs:
    """Return what another execution of `run` needs."""
    used, job = run.resources or ResourceUse(), run.environment.job
    took = run.end - run.start if run.start is not None and run.end is not None else None
    memory = [amount for amount in (used.max_total_memory, used.max_memory) if amount is not None]
    sizes: dict[str, int] = {}
    for data in run.data:
        if data.role in _WRITTEN and not data.is_directory and data.size is not None:
            sizes[data.path] = max(data.size, sizes.get(data.path, 0))
    return Needs(
        processors=max(1, math.ceil(used.max_cpu - _TOLERANCE)) if used.max_cpu is not None else None,
        processors_asked=(job.tasks or 1) * (job.cpus_per_task or 1)
        if job is not None and (job.tasks or job.cpus_per_task)
        else None,
        memory=max(memory, default=None),
        seconds=took / 1e9 if took is not None and took >= 0 else None,
        storage=sum(sizes.values()) if sizes else None,
    )


def together(uses: Sequence[ResourceUse]) -> ResourceUse | None:
    """Add up what processes used; their largest memory is that of the largest of them."""
    if len(uses) <= 1:
        return uses[0] if uses else None
    return ResourceUse(
        cpu_user=_sum(use.cpu_user for use in uses),
        cpu_system=_sum(use.cpu_system for use in uses),
        max_memory=max((use.max_memory for use in uses if use.max_memory is not None), default=None),
        read_bytes=_sum(use.read_bytes for use in uses),
        written_bytes=_sum(use.written_bytes for use in uses),
    )


def over_time(use: ResourceUse | None, start: int | None, end: int | None) -> ResourceUse | None:
    """Add how many processors were kept busy on the average between two times in ns."""
    if use is None or start is None or end is None or end <= start or use.cpu_user is use.cpu_system is None:
        return use
    seconds = (use.cpu_user or 0.0) + (use.cpu_system or 0.0)
    return replace(use, average_cpu=round(seconds * 1e9 / (end - start), 3))


def take_off_children(images: Mapping[str, Image]) -> None:
    """Make the bytes that processes say they read and wrote their own.

    The kernel adds those of a child to its parent's when the parent has waited for it (``/proc/pid/io`` in
    :manpage:`proc(5)`), so that sums would count them twice. A child that ended first is taken for waited for.
    Very short programs don't say what they moved: it stays with the nearest that waited for them and says it.
    """
    following = {
        image.parent: image
        for image in images.values()
        if image.parent and image.how == "exec"
        if (before := images.get(image.parent)) and _is_same_process(before, image)
    }
    counted_twice: dict[str, list[ResourceUse]] = defaultdict(list)
    for image in images.values():
        if image.use is None or image.use.read_bytes is None or image.end is None:
            continue
        ended, seen = image, {image.id}
        while (parent := _starting(ended, images, following)) is not None and parent.id not in seen:
            if _end(ended) > _end(parent):
                break
            if parent.use is not None and parent.use.read_bytes is not None:
                counted_twice[parent.id].append(image.use)
                break
            ended = parent
            seen.add(parent.id)
    for key, children in counted_twice.items():
        use = images[key].use
        if use is None or use.read_bytes is None or use.written_bytes is None:
            continue
        images[key].use = replace(
            use,
            read_bytes=max(0, use.read_bytes - sum(child.read_bytes or 0 for child in children)),
            written_bytes=max(0, use.written_bytes - sum(child.written_bytes or 0 for child in children)),
        )


def _starting(image: Image, images: Mapping[str, Image], following: Mapping[str, Image]) -> Image | None:
    """Return the last image of the process that started the one of `image`."""
    first, seen = image, {image.id}
    while (before := images.get(first.parent or "")) and before.id not in seen and _is_same_process(before, first):
        first = before
        seen.add(first.id)
    parent = images.get(first.parent or "")
    while parent is not None and parent.id in following and parent.id not in seen:
        seen.add(parent.id)
        parent = following[parent.id]
    return parent


def _end(image: Image) -> int:
    return image.last if image.end is None else image.end


def _is_same_process(before: Image, image: Image) -> bool:
    return before.pid == image.pid and before.host == image.host


def of_run(recorded: Recorded, start: int | None, end: int | None) -> tuple[ResourceUse | None, tuple[Series, ...]]:
    """Return what the whole run used, and its course on each host that has samples.

    The launcher knows the CPU time of all processes that were waited for on its host; processes on other hosts say
    themselves what they used.
    """
    home = recorded.header.get("host")
    ended = resources_of(recorded.ending) if recorded.ending else None
    elsewhere = [i.use for i in recorded.images.values() if i.use is not None and (ended is None or i.host != home)]
    of_all = [image.use for image in recorded.images.values() if image.use is not None]
    use = together(([ended] if ended is not None else []) + elsewhere)
    courses = _courses(recorded.samples, start)
    if use is None and not courses:
        return None, ()
    use = replace(
        use or ResourceUse(),
        read_bytes=_sum(one.read_bytes for one in of_all),
        written_bytes=_sum(one.written_bytes for one in of_all),
    )
    last = end if end is not None else max((course.last for course in courses), default=None)
    use = over_time(use, start, last) or use
    if courses:
        use = _with_courses(use, courses, start, last)
    return use, tuple(course.series() for course in courses)


def _with_courses(use: ResourceUse, courses: list[_Course], start: int | None, end: int | None) -> ResourceUse:
    busiest = [rate for course in courses if (rate := course.max_cpu()) is not None]
    most = [course.max_memory for course in courses if course.max_memory]
    mean = [amount for course in courses if (amount := course.mean_memory()) is not None]
    average = use.average_cpu
    if start is not None and end is not None and end > start:  # some may have used more than was waited for
        average = max(average or 0.0, round(sum(course.cpu for course in courses) * 1e9 / (end - start), 3))
    return replace(
        use,
        average_cpu=average,
        max_cpu=max(sum(busiest), average or 0.0) if busiest else None,
        max_total_memory=sum(most) if most else None,
        average_memory=sum(mean) if mean else None,
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """One sample: what was used in a span of time (ns)."""

    time: int
    span: int
    cpu: float
    memory: int
    max_cpu: float
    mean_memory: int


class _Course:
    """The samples of one host, in order."""

    def __init__(self, host: str, looks: list[_Look]) -> None:
        self._host = host
        if len(looks) > 1 and looks[-1].span < _SHORTEST and not looks[-1].memory:
            # The end of the run cuts the last interval off, maybe short: it is counted to the one before.
            before, cut = looks[-2:]
            looks = [*looks[:-2], replace(before, time=cut.time, span=before.span + cut.span, cpu=before.cpu + cut.cpu)]
        self._looks = looks
        self.cpu = sum(look.cpu for look in looks)
        self.max_memory = max(look.memory for look in looks)
        self.last = looks[-1].time

    def max_cpu(self) -> float | None:
        """Return the processors kept busy in the busiest interval that is long enough to tell."""
        rates: list[float] = []
        span, cpu = 0, 0.0
        for look in self._looks:
            span, cpu = span + look.span, cpu + look.cpu
            if span >= _SHORTEST:
                rates.append(max(cpu * 1e9 / span, look.max_cpu))
                span, cpu = 0, 0.0
        if not rates and span:
            rates.append(cpu * 1e9 / span)
        return round(max(rates), 3) if rates else None

    def mean_memory(self) -> int | None:
        """Return the mean over the time in which there were processes."""
        pairs = [(look.span, look.mean_memory) for look in self._looks if look.memory]
        whole = sum(span for span, _ in pairs)
        return int(sum(span * amount for span, amount in pairs) / whole) if whole else None

    def series(self) -> Series:
        """Return it as the model has it."""
        return Series(
            self._host,
            tuple(look.time for look in self._looks),
            tuple(round(look.cpu * 1e9 / look.span, 3) for look in self._looks),
            tuple(look.memory for look in self._looks),
        )


def _courses(samples: Iterable[Event], start: int | None) -> list[_Course]:
    looks: dict[str, list[_Look]] = defaultdict(list)
    for event in samples:
        try:
            time, cpu, memory = int(event["t"]), float(event["cpu"]), int(event["memory"])
            max_cpu, mean = float(event.get("max_cpu") or 0), int(event.get("mean_memory") or memory)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        listed = looks[str(event.get("host") or "")]
        before = listed[-1].time if listed else start
        if before is None or time <= before or not (0 <= cpu < math.inf and memory >= 0):
            continue  # the first of a run without a beginning, or a clock that was put back
        listed.append(_Look(time, time - before, cpu, memory, max_cpu, mean))
    return [_Course(host, listed) for host, listed in looks.items() if listed]


def _sum(amounts: Iterable[_Amount | None]) -> _Amount | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
