"""Statistics of methods and what the nodes used -> Measurements, with the names that COMPSs gives them.

In: the statistics and the use of each node. Out: :class:`~provenance.run.model.Measurement` objects. The vocabulary is
COMPSs' own, https://w3id.org/ro/terms/compss; units are named as QUDT names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provenance.engines.compss.records import OVERALL, NodeUsage, Statistic
from provenance.run.model import Measurement

_TERMS = "https://w3id.org/ro/terms/compss#"
_DISK = "https://docs.kernel.org/admin-guide/iostats.html"  # COMPSs has no term for bytes of disks
_MILLISECONDS = "https://qudt.org/vocab/unit/MilliSEC"
_PERCENT = "https://qudt.org/vocab/unit/PERCENT"
_BYTES = "https://qudt.org/vocab/unit/BYTE"
_NUMBER = "https://qudt.org/vocab/unit/NUM"
_OF_METHOD = (
    ("executions", "executions", _NUMBER),
    ("longest", "maxTime", _MILLISECONDS),
    ("average", "avgTime", _MILLISECONDS),
    ("shortest", "minTime", _MILLISECONDS),
)
_OF_NODE = (
    ("cpu_average", "cpuAvg", _PERCENT, None),
    ("cpu_most", "cpuMax", _PERCENT, None),
    ("memory_average", "memAvg", _PERCENT, None),
    ("memory_least", "memMin", _PERCENT, None),
    ("memory_most", "memMax", _PERCENT, None),
    ("sent", "byteSent", _BYTES, None),
    ("received", "byteRecv", _BYTES, None),
    ("read", "byteReadDisk", _BYTES, _DISK),
    ("written", "byteWriteDisk", _BYTES, _DISK),
)


def measurements(
    statistics: Iterable[Statistic], nodes: Iterable[NodeUsage], application: str | None, duration: int | None
) -> tuple[Measurement, ...]:
    """Return all that COMPSs measured.

    Parameters
    ----------
    duration
        Of the whole run, nanoseconds.
    """
    found = []
    if duration is not None and application:
        name = f"{OVERALL}.{application}.executionTime"
        found.append(Measurement(name, duration // 1_000_000, _MILLISECONDS, f"{_TERMS}executionTime"))
    for statistic in statistics:
        found += _of_method(statistic)
    for node in nodes:
        found += _of_node(node)
    return tuple(found)


def _of_method(statistic: Statistic) -> Iterator[Measurement]:
    for field, name, unit in _OF_METHOD:
        value = getattr(statistic, field)
        if value is not None:
            label = f"{statistic.resource}.{statistic.signature}.{name}"
            yield Measurement(label, value, unit, f"{_TERMS}{name}")


def _of_node(node: NodeUsage) -> Iterator[Measurement]:
    # A master's file may be told by its name alone, and then its host has the ending already.
    master = "-MASTER" if node.is_master and not node.host.endswith("-MASTER") else ""
    for field, name, unit, definition in _OF_NODE:
        value = getattr(node, field)
        if value is not None:
            yield Measurement(f"{node.host}{master}.{name}", value, unit, definition or f"{_TERMS}{name}")
