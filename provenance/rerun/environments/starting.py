"""The words that start a command in a container.

Comes in: a :class:`~provenance.rerun.records.Ready` environment of the kind ``container``, the folders that the command
is to see, its variables. Goes out: the words that stand before the command.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provenance.errors import UsageError
from provenance.journal.events import ENV_JOURNAL, ENV_PARENT, ENV_SAVE_LIMIT, ENV_SHIM, ENV_START
from provenance.recording import capabilities
from provenance.rerun.records import Ready

KIND = "container"
CHARLIECLOUD = "charliecloud"
# In the details of a plan.
ENGINE, KIND_OF_ENGINE, IMAGE = "engine", "kind of engine", "image"
_SECONDS = 10.0
PRELOAD = "preload"  # whether the recording can be loaded into programs of the image


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this machine that a container sees."""

    source: Path
    target: str  # absolute path inside
    is_writable: bool = False


def container_words(
    ready: Ready,
    *,
    cwd: Path | None,
    binds: Sequence[Bind],
    variables: Mapping[str, str | None],
    network: bool,
) -> tuple[str, ...]:
    """Return the words that start a command in the image of an environment.

    Parameters
    ----------
    cwd
        Folder inside that it runs in; one of the ``binds`` has to have it. None for the image's own.
    binds
        What is seen inside of the file system of this machine; nothing else is.
    variables
        Set inside; None hands on the value that the engine itself has in its environment when it starts.
    network
        Whether the network is reached from within.

    Raises
    ------
    UsageError
        A path that the engine can't be told.
    """
    engine, kind = str(ready.plan.details[ENGINE]), str(ready.plan.details[KIND_OF_ENGINE])
    image = str(ready.plan.details[IMAGE])
    everything = {**dict(ready.variables), **variables}
    if kind in ("podman", "docker"):
        options = _of_oci(kind, cwd, binds, everything, network)
        return (engine, "run", *options, image)
    if kind in ("apptainer", "singularity"):
        return (engine, "exec", *_of_apptainer(cwd, binds, everything, network), image)
    return (engine, *_of_charliecloud(engine, cwd, binds, everything, network), image, "--")


def contained(
    ready: Ready,
    *,
    cwd: Path,
    binds: Sequence[Bind],
    variables: Mapping[str, str | None],
    record_root: Path,
    network: bool,
) -> Ready:
    """Return an environment whose ``prefix`` starts commands in its container, with the recording going on inside.

    Other environments are returned as they are. Where the image can't take the recording library, the container is
    one task of the record, and what it leaves behind is seen all the same.

    Parameters
    ----------
    cwd, binds, variables, network
        As :func:`container_words` has them; the working folder has to be among the binds.
    record_root
        The folder that gets ``.wfprov``.
    """
    if ready.plan.kind != KIND:
        return ready
    binds, variables = list(binds), dict(variables)
    shim = capabilities.find_shim()[0]
    if shim and ready.plan.details.get(PRELOAD):
        binds += [Bind(Path(shim), shim)]
        if not any(bind.is_writable and record_root.is_relative_to(bind.target) for bind in binds):
            binds += [Bind(record_root, str(record_root), is_writable=True)]
        # The launcher sets these for the engine, and the engine hands them on.
        variables |= dict.fromkeys((ENV_JOURNAL, ENV_SHIM, ENV_START, ENV_SAVE_LIMIT, ENV_PARENT))
        variables["LD_PRELOAD"] = shim
    words = container_words(ready, cwd=cwd, binds=binds, variables=variables, network=network)
    return replace(ready, prefix=words)


def _of_oci(
    kind: str, cwd: Path | None, binds: Sequence[Bind], variables: Mapping[str, str | None], network: bool
) -> Iterator[str]:
    yield from ("--rm", "--interactive", "--init=false", "--pull=never", "--entrypoint=")
    yield f"--network={'host' if network else 'none'}"
    yield "--security-opt=label=disable"  # files of this machine keep their labels
    if kind == "podman":
        if os.getuid() != 0:
            yield "--userns=keep-id"
    else:
        yield f"--user={os.getuid()}:{os.getgid()}"
    for bind in binds:
        fields = ["type=bind", f"src={bind.source}", f"dst={bind.target}"]
        yield f"--mount={_csv([*fields, *([] if bind.is_writable else ['ro=true'])])}"
    for name, value in variables.items():
        yield f"--env={name}" if value is None else f"--env={name}={value}"
    if cwd is not None:
        yield f"--workdir={cwd}"


def _of_apptainer(
    cwd: Path | None, binds: Sequence[Bind], variables: Mapping[str, str | None], network: bool
) -> Iterator[str]:
    yield from ("--contain", "--no-home")
    if None not in variables.values():  # else the engine's own environment goes in, and with it what is handed on
        yield "--cleanenv"
    if not network:
        yield from ("--net", "--network=none")
    for bind in binds:
        if set(f"{bind.source}{bind.target}") & set(":,"):
            raise UsageError(f"{bind.source}: apptainer takes no path with ':' or ','; choose another --workdir")
        yield f"--bind={bind.source}:{bind.target}:{'rw' if bind.is_writable else 'ro'}"
    for name, value in variables.items():
        if value is not None:
            yield f"--env={_csv([f'{name}={value}'])}"
    if cwd is not None:
        yield f"--pwd={cwd}"


def _of_charliecloud(
    engine: str, cwd: Path | None, binds: Sequence[Bind], variables: Mapping[str, str | None], network: bool
) -> Iterator[str]:
    if not network:
        raise UsageError("ch-run can't keep a command from the network; isolate with podman or apptainer instead")
    yield "--private-tmp"
    # A bind needs a folder to lie on, which a read-only image may lack; newer versions can seem to make one.
    if _has_feature(engine, "write-fake"):
        yield "--write-fake"
    for bind in binds:
        if ":" in f"{bind.source}{bind.target}":
            raise UsageError(f"{bind.source}: ch-run takes no path with ':'; choose another --workdir")
        yield f"--bind={bind.source}:{bind.target}"
    for name, value in variables.items():
        if value is not None:
            yield f"--set-env={name}={value}"
    if cwd is not None:
        yield f"--cd={cwd}"


def _has_feature(engine: str, name: str) -> bool:
    try:
        words = [engine, f"--feature={name}"]
        return subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _csv(fields: Sequence[str]) -> str:
    """Write fields as the engines read them: one with a comma or a quote stands in quotes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()
