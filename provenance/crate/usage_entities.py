"""What a run used of the machine, what the machine and the job were, and what another execution needs.

Comes in: the Run. Goes out: PropertyValue entities for ``resourceUsage`` and ``environment`` of actions, properties of
the workflow, and entries of ``environment/system.json``. Units are named as QUDT names them; each ``propertyID`` leads
to the definition of the quantity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from provenance.crate.entities import Entity, refs, slug, without_nothing
from provenance.run.model import Accelerator, Job, ResourceUse, Run
from provenance.run.resources import Needs, needs

# The exact duration of an action, in seconds, beside its start and end in milliseconds.
WALL_TIME = "wall_time"
HARDWARE, JOB = "#hardware-", "#job-"  # how the identifiers begin
_MANUAL = "https://man7.org/linux/man-pages/"
_GETRUSAGE = f"{_MANUAL}man2/getrusage.2.html#:~:text="
_STAT = f"{_MANUAL}man5/proc_pid_stat.5.html#:~:text="
_IO = f"{_MANUAL}man5/proc_pid_io.5.html#:~:text="
_CONTROL_GROUPS = "https://docs.kernel.org/admin-guide/cgroup-v2.html#"
_SECONDS = "https://qudt.org/vocab/unit/SEC"
_BYTES = "https://qudt.org/vocab/unit/BYTE"
_NUMBER = "https://qudt.org/vocab/unit/NUM"

# Field of ResourceUse -> what defines the quantity, and its unit.
_USED = (
    ("cpu_user", f"{_GETRUSAGE}ru_utime", _SECONDS),
    ("cpu_system", f"{_GETRUSAGE}ru_stime", _SECONDS),
    ("average_cpu", f"{_MANUAL}man1/time.1.html#:~:text=Percentage%20of%20the%20CPU", _NUMBER),
    ("max_cpu", f"{_STAT}utime", _NUMBER),
    ("max_memory", f"{_GETRUSAGE}ru_maxrss", _BYTES),
    ("max_total_memory", f"{_STAT}rss", _BYTES),
    ("average_memory", f"{_STAT}rss", _BYTES),
    ("read_bytes", f"{_IO}rchar", _BYTES),
    ("written_bytes", f"{_IO}wchar", _BYTES),
)
_SCHEDULERS = {
    "Slurm": "https://slurm.schedmd.com/",
    "PBS": "https://openpbs.org/",
    "LSF": "https://www.ibm.com/docs/en/spectrum-lsf",
    "Flux": "https://flux-framework.org/",
    "Grid Engine": "https://gridscheduler.sourceforge.net/",
}
# Field of Job -> Slurm's variable of the same meaning, and the unit.
_JOB = (
    ("scheduler", None, None),
    ("id", "SLURM_JOB_ID", None),
    ("name", "SLURM_JOB_NAME", None),
    ("partition", "SLURM_JOB_PARTITION", None),
    ("nodes", "SLURM_JOB_NUM_NODES", _NUMBER),
    ("tasks", "SLURM_NTASKS", _NUMBER),
    ("cpus_per_task", "SLURM_CPUS_PER_TASK", _NUMBER),
    ("time_limit", "SLURM_JOB_END_TIME", _SECONDS),
    ("node_list", "SLURM_JOB_NODELIST", None),
)


def usage_entities(owner: str, used: ResourceUse | None, start: int | None, end: int | None) -> Iterator[Entity]:
    """Describe what an action used; ``owner`` is its identifier, the times are ns since the epoch."""
    if start is not None and end is not None:
        # The profile's form of a time ends with milliseconds, and many tasks are shorter.
        yield {
            "@id": f"{owner}-{WALL_TIME}",
            "@type": "PropertyValue",
            "name": WALL_TIME,
            "propertyID": "https://qudt.org/vocab/quantitykind/Time",
            "unitCode": _SECONDS,
            "value": f"{(end - start) / 1e9:.9f}",
        }
    if used is None:
        return
    for name, definition, unit in _USED:
        amount = getattr(used, name)
        if amount is not None:
            yield {
                "@id": f"{owner}-{name}",
                "@type": "PropertyValue",
                "name": name,
                "propertyID": definition,
                "unitCode": unit,
                "value": str(amount),
            }
    for number, measured in enumerate(used.extra, 1):
        yield without_nothing(
            {
                "@id": f"{owner}-measured-{number}",
                "@type": "PropertyValue",
                "name": measured.name,
                "propertyID": measured.definition or measured.name,
                "unitCode": measured.unit,
                "value": str(measured.value),
            }
        )


def hardware_and_job(run: Run) -> tuple[list[str], list[Entity]]:
    """Describe the machine and the job of a run: the identifiers that its action refers to, and all entities."""
    found = run.environment
    facts = [
        _fact("cpu_model", found.cpu_model, f"{_MANUAL}man5/proc_cpuinfo.5.html"),
        _fact("microarchitecture", found.microarchitecture, "https://archspec.readthedocs.io/"),
        _fact("cpu_features", " ".join(found.cpu_features), "https://archspec.readthedocs.io/"),
        _fact("cpu_count", found.cpu_count, f"{_MANUAL}man2/sched_getaffinity.2.html", _NUMBER),
        _fact("cpu_limit", found.cpu_limit, f"{_CONTROL_GROUPS}cpu", _NUMBER),
        _fact("memory", found.memory, f"{_MANUAL}man3/sysconf.3.html#:~:text=_SC_PHYS_PAGES", _BYTES),
        _fact("memory_limit", found.memory_limit, f"{_CONTROL_GROUPS}memory", _BYTES),
        _fact("file_system", found.file_system, f"{_MANUAL}man5/filesystems.5.html"),
        *(_accelerator(number, one) for number, one in enumerate(found.accelerators, 1)),
        *(_job(found.job) if found.job else ()),
    ]
    named = [entities[0]["@id"] for entities in facts if entities]
    return named, [entity for entities in facts for entity in entities]


def _fact(name: str, value: object, definition: str, unit: str | None = None, kind: str = HARDWARE) -> list[Entity]:
    if value in (None, ""):
        return []
    entity = {
        "@id": f"{kind}{slug(name)}",
        "@type": "PropertyValue",
        "name": name,
        "propertyID": definition,
        "unitCode": unit,
        "value": str(value),
    }
    return [without_nothing(entity)]


def _accelerator(number: int, one: Accelerator) -> list[Entity]:
    """Describe an accelerator; what else is known of it are values that explain its name."""
    about = "https://docs.kernel.org/gpu/index.html"
    known = (("vendor", one.vendor, None), ("driver", one.driver, None), ("memory", one.memory, _BYTES))
    more = [
        entity
        for name, value, unit in known
        for entity in _fact(name, value, about, unit, f"{HARDWARE}accelerator-{number}-")
    ]
    (entity,) = _fact("accelerator", one.name, about)
    entity["@id"] = f"{HARDWARE}accelerator-{number}"
    if more:
        entity["valueReference"] = refs(each["@id"] for each in more)
    return [entity, *more]


def _job(job: Job) -> Iterator[list[Entity]]:
    for field, variable, unit in _JOB:
        definition = _SCHEDULERS.get(job.scheduler, _SCHEDULERS["Slurm"])
        if variable is not None and definition == _SCHEDULERS["Slurm"]:
            definition += f"sbatch.html#OPT_{variable}"
        for entity in _fact(f"job_{field}", getattr(job, field), definition, unit):
            yield [entity | {"@id": f"{JOB}{slug(field)}"}]


def requirements(run: Run) -> Entity:
    """Return what another execution needs, as properties of the main workflow (schema.org)."""
    needed = needs(run)
    return without_nothing(
        {
            "processorRequirements": _processors(run, needed),
            "memoryRequirements": _amount(needed.memory),
            "storageRequirements": _amount(needed.storage),
            "totalTime": f"PT{needed.seconds:.3f}S" if needed.seconds is not None else None,
        }
    )


def system_entries(run: Run) -> dict[str, object]:
    """Return what ``environment/system.json`` says of machine, job and needs; nothing that is not known."""
    found = run.environment
    entries: dict[str, object] = {
        "microarchitecture": found.microarchitecture,
        "cpu_features": list(found.cpu_features),
        "cpu_limit": found.cpu_limit,
        "memory_limit_bytes": found.memory_limit,
        "file_system": found.file_system,
        "accelerators": [_known(asdict(one)) for one in found.accelerators],
        "job": _known(asdict(found.job)) if found.job else None,
        "needs": _known(
            {
                "processors": (needed := needs(run)).processors,
                "processors_asked": needed.processors_asked,
                "memory_bytes": needed.memory,
                "seconds": needed.seconds,
                "storage_bytes": needed.storage,
            }
        ),
    }
    return {name: value for name, value in entries.items() if value not in (None, [], {})}


def _known(found: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in found.items() if value is not None}


def _processors(run: Run, needed: Needs) -> str | None:
    counts = [count for count in (needed.processors, needed.processors_asked) if count is not None]
    if not counts:
        return None
    kind = " ".join(filter(None, [run.environment.machine, run.environment.microarchitecture]))
    return f"{max(counts)} processor{'s' if max(counts) > 1 else ''}" + (f" ({kind})" if kind else "")


def _amount(count: int | None) -> str | None:
    """Write bytes for people and, exactly, for programs: ``113 MiB (118489088 B)``."""
    if count is None:
        return None
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count} B" if unit == "B" else f"{size:.3g} {unit} ({count} B)"
