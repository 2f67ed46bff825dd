"""What is not the same in the surroundings of two runs: packages, software, containers, variables, machine.

Comes in: two Runs. Goes out: :class:`~provenance.rerun.records.Difference`. What neither run used has the aspect
``installed``; what belongs to the place or the moment of a run (hosts, job numbers, folders of environments) is left
out, and so is what only one of the records could tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from provenance.environment.python.distributions import normal_name
from provenance.rerun.places import Places
from provenance.rerun.records import Difference
from provenance.run.installed import was_used
from provenance.run.model import Container, Environment, Role, Run, Software

_PYTHONS = frozenset(["python", "conda"])  # kinds that are told as packages
_NOT_SOFTWARE = frozenset(["python-interpreter"])
# Kinds of which each entry was chosen by the user, so that a missing one tells something.
_CHOSEN = frozenset(["module", "spack", "mpi", "blas", "cuda", "rocm"])
_OWN = frozenset(["wfprov"])
# Variables that tell where and when a run took place, not how it computed.
_OF_THE_PLACE = frozenset(
    [
        *("PATH", "HOME", "PWD", "USER", "HOSTNAME", "TMPDIR", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "CONDA_PREFIX"),
        *("SLURM_JOB_ID", "SLURM_JOBID", "SLURM_JOB_NODELIST", "SLURM_JOB_START_TIME", "SLURM_JOB_END_TIME"),
        *("SLURM_ARRAY_JOB_ID", "SLURM_JOB_NAME", "SLURM_CLUSTER_NAME", "PBS_JOBID", "PBS_JOBNAME", "LSB_JOBID"),
        *("LSB_JOBNAME", "COMPSS_HOME", "COMPSS_MASTER_NODE", "COMPSS_WORKER_NODES", "COMPSS_HOSTNAMES"),
        *("LMOD_SYSTEM_NAME", "BSC_MACHINE", "R_LIBS", "R_LIBS_USER", "JULIA_PROJECT"),
    ]
)


def environment_differences(before: Run, after: Run, places: Places) -> Iterator[Difference]:
    """Hold the surroundings of one run against those of the other."""
    yield from _interpreter(before.environment, after.environment)
    yield from _packages(before, after)
    yield from _software(before, after)
    yield from _containers(before, after)
    yield from _variables(before, after, places)
    yield from _machine(before.environment, after.environment)


def _interpreter(before: Environment, after: Environment) -> Iterator[Difference]:
    first, second = before.interpreter, after.interpreter
    if first is None or second is None:
        return
    said = [one.version if first.name == second.name else _called(one) for one in (first, second)]
    if None not in said and said[0] != said[1]:
        yield Difference("software", "Python", said[0], said[1], "interpreter")


def _packages(before: Run, after: Run) -> Iterator[Difference]:
    first, second = _distributions(before), _distributions(after)
    if not first or not second:
        return
    opened = [_opened_packages(run) for run in (before, after)]
    for key in sorted({**first, **second}):
        if key in _OWN:
            continue
        listed = [first.get(key, []), second.get(key, [])]
        if _versions(listed[0]) == _versions(listed[1]):
            continue
        used = [_is_used(each, key, opened[index]) for index, each in enumerate(listed)]
        name = (listed[0] or listed[1])[0].name
        said = [", ".join(_versions(each)) or None for each in listed]
        if listed[0] and listed[1]:
            if None in said:
                continue
            aspect = "installed" if used[0] is False and used[1] is False else "packages"
            detail = "" if True in used or aspect == "installed" else "whether it was used is not known"
        else:
            aspect, detail = "packages" if True in used else "installed", ""
        yield Difference(aspect, name, said[0], said[1], detail)


def _distributions(run: Run) -> dict[str, list[Software]]:
    found: dict[str, list[Software]] = defaultdict(list)
    conda = (one for one in run.environment.software if one.kind == "conda")
    for one in (*run.environment.packages, *conda):
        found[normal_name(one.name)].append(one)
    return {key: _used_ones(each) for key, each in found.items()}


def _used_ones(listed: list[Software]) -> list[Software]:
    """Of a package that is there in several versions, those that were used."""
    return [one for one in listed if one.is_used] or listed


def _is_used(listed: Iterable[Software], key: str, opened: frozenset[str]) -> bool | None:
    told = [one.is_used for one in listed]
    if True in told or key in opened:
        return True
    return False if told and None not in told else None


def _opened_packages(run: Run) -> frozenset[str]:
    """Name the packages whose modules a run was seen to read, for records whose software was not examined."""
    found = set()
    for data in run.data:
        if data.role is Role.SOFTWARE and (at := data.path.rfind("-packages/")) >= 0:
            name = data.path[at + len("-packages/") :].partition("/")[0]
            if not name.endswith((".dist-info", ".egg-info")):
                name = name.partition(".")[0]
                found.add(normal_name(_CALLED_OTHERWISE.get(name, name)))
    return frozenset(found)


# Modules of packages that are called otherwise.
_CALLED_OTHERWISE = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "Bio": "biopython",
    "tables": "tables",
    "netCDF4": "netcdf4",
    "OpenSSL": "pyopenssl",
}


def _versions(listed: Iterable[Software]) -> tuple[str, ...]:
    return tuple(sorted({one.version for one in listed if one.version}))


def _software(before: Run, after: Run) -> Iterator[Difference]:
    first, second = _named_software(before), _named_software(after)
    if not first or not second:
        return
    owners = _owners(before) | _owners(after)
    for key in sorted({**first, **second}):
        listed = [first.get(key, []), second.get(key, [])]
        said = [", ".join(_versions(each)) or _digest(each) for each in listed]
        if said[0] == said[1]:
            continue
        name = key[1]
        if listed[0] and listed[1]:
            if None not in said:
                yield Difference("software", name, said[0], said[1], key[0])
        elif key[0] in _CHOSEN or name in owners:
            yield Difference("software", name, said[0], said[1], key[0])
        else:
            yield Difference("installed", name, said[0], said[1], key[0])


def _named_software(run: Run) -> dict[tuple[str, str], list[Software]]:
    found: dict[tuple[str, str], list[Software]] = defaultdict(list)
    for one in run.environment.software:
        if one.kind not in _PYTHONS | _NOT_SOFTWARE and was_used(one):
            found[(one.kind or "software", one.name)].append(one)
    return found


def _owners(run: Run) -> set[str]:
    """Name the packages that the programs of the run's tasks belong to."""
    return {tool.requirements[0].name for tool in run.tools if tool.kind == "program" and tool.requirements}


def _digest(listed: Iterable[Software]) -> str | None:
    return ", ".join(sorted({f"sha256:{one.sha256[:12]}" for one in listed if one.sha256})) or None


def _containers(before: Run, after: Run) -> Iterator[Difference]:
    found = [_images(run) for run in (before, after)]
    if not any(found[0] + found[1]) or any(not _identity(one) for one in found[0] + found[1]):
        return  # a container was there, and its image could not be told
    if [_identity(one) for one in found[0]] == [_identity(one) for one in found[1]]:
        return
    labels = [", ".join(_label(one) for one in side) or "none" for side in found]
    yield Difference("container", "image", labels[0], labels[1])


def _images(run: Run) -> list[Container]:
    by_key = {one.key: one for one in run.containers}
    keys = [run.container, *(task.container for task in run.tasks)]
    found = [by_key[key] for key in dict.fromkeys(keys) if key is not None and key in by_key]
    return sorted(found, key=lambda one: (one.image, one.key))


def _identity(one: Container) -> str:
    return one.image_id or one.sha256 or one.image


def _label(one: Container) -> str:
    digest = one.sha256 or one.image_id
    return f"{one.image} ({digest[:12]})" if digest and digest not in one.image else one.image


def _variables(before: Run, after: Run, places: Places) -> Iterator[Difference]:
    if not all(_tells_variables(run) for run in (before, after)):
        return
    first, second = dict(before.environment.variables), dict(after.environment.variables)
    for name in sorted({**first, **second}):
        one, other = first.get(name), second.get(name)
        if name in _OF_THE_PLACE or one == other:
            continue
        if one is not None and other is not None and places.before.text(one) == places.after.text(other):
            continue
        yield Difference("variables", name, one, other)


def _tells_variables(run: Run) -> bool:
    return bool(run.environment.variables) or (run.engine is not None and run.engine.name == "wfprov")


def _machine(before: Environment, after: Environment) -> Iterator[Difference]:
    for what, first, second in (
        ("architecture", before.machine, after.machine),
        ("CPU", before.cpu_model or before.microarchitecture, after.cpu_model or after.microarchitecture),
        ("microarchitecture", before.microarchitecture, after.microarchitecture),
        ("operating system", before.operating_system, after.operating_system),
        ("kernel", before.kernel, after.kernel),
        ("cores", _number(before), _number(after)),
        ("accelerators", _accelerators(before), _accelerators(after)),
    ):
        if first is not None and second is not None and first != second:
            yield Difference("machine", what, first, second)


def _number(environment: Environment) -> str | None:
    count = environment.cpu_limit or environment.cpu_count
    return f"{count:g}" if count else None


def _accelerators(environment: Environment) -> str | None:
    if environment.machine is None:
        return None
    return ", ".join(one.name for one in environment.accelerators) or "none"


def _called(one: Software) -> str | None:
    return f"{one.name} {one.version}" if one.version else None
