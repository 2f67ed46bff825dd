"""What a container engine's command line starts: which image, which folders of the machine it can reach.

In: an argument vector that begins with the engine. Out: :class:`Start`, or :class:`Unclear` for what starts a container
but does not say of which image. Nothing is looked up: files and engines are asked in :mod:`.images`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from provenance.environment.containers import options
from provenance.environment.containers.options import split

_URI = ("docker://", "library://", "oras://", "shub://", "docker-daemon:", "http://", "https://", "ipfs://")
_ARCHIVES = ("docker-archive:", "oci-archive:", "oci:", "dir:", "oci-sif:")
_INSTANCE = "instance://"
_VOLUMES = frozenset(["v", "volume", "mount"])
_BINDS = frozenset(["B", "b", "bind", "mount", "H", "home", "V", "volume", "m"])


@dataclass(frozen=True)
class Start:
    """A container that was started, as the command line says it; one of the image, the path and the container is set.

    Attributes
    ----------
    kind
        As :class:`provenance.run.model.Container` has it.
    image
        As the user named it.
    path
        Of the image's file or folder, absolute.
    container
        Name of one that was there already, and was entered or started again.
    makes
        Name that the new container got.
    engine
        The engine with its global options: what to ask about the image.
    reaches
        Folders and files of the machine that were mounted into it, absolute.
    storage
        Folder in which Charliecloud keeps its images, when the user named one.
    """

    kind: str
    image: str
    engine: tuple[str, ...]
    path: str | None = None
    container: str | None = None
    makes: str | None = None
    reaches: tuple[str, ...] = ()
    storage: str | None = None


@dataclass(frozen=True)
class Unclear:
    """The start of a container whose image the command line does not tell."""

    kind: str
    why: str


def read(argv: Sequence[str], cwd: str) -> Start | Unclear | None:
    """Tell what a command line starts; None when it starts no container.

    Examples
    --------
    >>> read(["podman", "run", "--rm", "-v", "/data:/d", "quay.io/a/b:1", "ls", "/d"], "/home").image
    'quay.io/a/b:1'
    >>> read(["apptainer", "exec", "--nv", "tools.sif", "python", "x.py"], "/work").path
    '/work/tools.sif'
    """
    if not argv:
        return None
    reader = _READERS.get(argv[0].rpartition("/")[2])
    return reader(tuple(argv), cwd) if reader else None


def _oci(argv: tuple[str, ...], cwd: str) -> Start | Unclear | None:
    _, rest = split(argv[1:], options.OCI_GLOBAL)
    kind = argv[0].rpartition("/")[2].removesuffix("-remote")
    engine = (argv[0], *argv[1 : len(argv) - len(rest)])
    if rest[:1] == ["container"]:
        rest = rest[1:]
    verb = rest[0] if rest else ""
    if verb == "compose":
        return Unclear(kind, "it was started by compose, whose file is not read")
    if verb in ("exec", "start"):
        _, words = split(rest[1:], options.OCI_EXEC)
        return Start(kind, "", engine, container=words[0]) if words else None
    return _oci_run(kind, engine, rest[1:], cwd) if verb in ("run", "create") else None


def _oci_run(kind: str, engine: tuple[str, ...], words: list[str], cwd: str) -> Start | None:
    given, words = split(words, options.OCI_RUN)
    if not words:
        return None
    name = _last(given, "name")
    start = Start(kind, words[0], engine, makes=name, reaches=_reached(given, _VOLUMES, cwd))
    if any(option == "rootfs" and value != "false" for option, value in given):
        return replace(start, path=_absolute(words[0].partition(":")[0], cwd))
    return _with_archive(start, cwd)


def _singularity(argv: tuple[str, ...], cwd: str) -> Start | Unclear | None:
    _, rest = split(argv[1:], options.SINGULARITY_GLOBAL)
    engine = (argv[0], *argv[1 : len(argv) - len(rest)])
    verb, words = "".join(rest[:1]), rest[1:]
    is_instance = verb == "instance"
    if is_instance and words[:1] and words[0] in ("start", "run"):
        words = words[1:]
    elif is_instance or verb not in ("exec", "run", "shell", "test"):
        return None
    given, words = split(words, options.SINGULARITY_RUN)
    if not words:
        return None
    kind = argv[0].rpartition("/")[2]
    image = words[0]
    makes = words[1] if is_instance and len(words) > 1 else None
    start = Start(kind, image, engine, makes=makes, reaches=_reached(given, _BINDS, cwd))
    if image.startswith(_INSTANCE):
        return replace(start, container=image.removeprefix(_INSTANCE))
    if image.startswith((*_URI, *_ARCHIVES)):
        return _with_archive(start, cwd)
    return replace(start, path=_absolute(image, cwd))


def _charliecloud(argv: tuple[str, ...], cwd: str) -> Start | None:
    given, words = split(argv[1:], options.CHARLIECLOUD)
    if not words:
        return None
    image = words[0]
    start = Start("charliecloud", image, argv[:1], reaches=_reached(given, _BINDS - {"m", "mount"}, cwd))
    storage = _last(given, "s", "storage")
    start = replace(start, storage=_absolute(storage, cwd) if storage else None)
    # A name of its storage has no slash in front and no dot; whether a file is there is looked at later.
    return replace(start, path=_absolute(image, cwd))


def _shifter(argv: tuple[str, ...], cwd: str) -> Start | Unclear:
    given, _ = split(argv[1:], options.SHIFTER)
    image = _last(given, "i", "image")
    if not image:
        return Unclear("shifter", "the image was not named on the command line but by the job")
    return Start("shifter", image, argv[:1], reaches=_reached(given, _BINDS, cwd))


def _sarus(argv: tuple[str, ...], cwd: str) -> Start | None:
    _, rest = split(argv[1:], options.SARUS_GLOBAL)
    if rest[:1] != ["run"]:
        return None
    given, words = split(rest[1:], options.SARUS_RUN)
    return Start("sarus", words[0], argv[:1], reaches=_reached(given, _VOLUMES, cwd)) if words else None


def _enroot(argv: tuple[str, ...], cwd: str) -> Start | Unclear | None:
    if argv[1:2] == ("exec",):
        return Unclear("enroot", "a container that was there already was entered")
    if argv[1:2] != ("start",):
        return None
    given, words = split(argv[2:], options.ENROOT)
    if not words:
        return None
    start = Start("enroot", words[0], argv[:1], reaches=_reached(given, _BINDS, cwd))
    if words[0].endswith((".sqsh", ".squashfs")) or "/" in words[0]:
        return replace(start, path=_absolute(words[0], cwd))
    return start


def _slurm(argv: tuple[str, ...], cwd: str) -> Start | Unclear | None:
    """Read the options of Slurm's container plug-in, which hands the image to Enroot."""
    image = _long_option(argv, "--container-image")
    mounts = _long_option(argv, "--container-mounts")
    reaches = _reached([("mount", each) for each in mounts.split(",")] if mounts else [], _BINDS, cwd)
    if image is None:
        if _long_option(argv, "--container-name") is None:
            return None
        return Unclear("enroot", "a container that was there already was entered by its name")
    start = Start("enroot", image, ("enroot",), makes=_long_option(argv, "--container-name"), reaches=reaches)
    if image.startswith(("/", "./", "../")) or image.endswith((".sqsh", ".squashfs")):
        return replace(start, path=_absolute(image, cwd))
    return start


def _long_option(argv: Sequence[str], name: str) -> str | None:
    for index, word in enumerate(argv[1:], 1):
        if word == name:
            return argv[index + 1] if index + 1 < len(argv) else None
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
    return None


def _with_archive(start: Start, cwd: str) -> Start:
    """Tell the file of an image that is given as an archive or a folder of a layout."""
    for scheme in _ARCHIVES:
        if start.image.startswith(scheme):
            path = start.image.removeprefix(scheme).removeprefix("//").partition(":")[0]
            return replace(start, path=_absolute(path, cwd))
    return start


def _reached(given: Iterable[tuple[str, str]], names: frozenset[str], cwd: str) -> tuple[str, ...]:
    """Return the places of the machine that options mount; a volume that the engine manages has no slash."""
    found: dict[str, None] = {}
    for name, value in given:
        if name not in names or not value:
            continue
        for part in [value] if "=" in value else value.split(","):
            if "=" in part:  # type=bind,source=/a,target=/b
                fields = dict(each.partition("=")[::2] for each in part.split(","))
                source = fields.get("source") or fields.get("src") or ""
            else:
                source = part.partition(":")[0]
            if source.startswith(("/", "./", "../")) or source in (".", ".."):
                found[_absolute(source, cwd)] = None
    return tuple(found)


def _last(given: Iterable[tuple[str, str]], *names: str) -> str | None:
    found = None
    for name, value in given:
        if name in names:
            found = value
    return found


def _absolute(path: str, cwd: str) -> str:
    return os.path.normpath(path if path.startswith("/") else f"{cwd}/{path}")


_Reader = Callable[[tuple[str, ...], str], "Start | Unclear | None"]
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("docker", "podman", "podman-remote", "nerdctl"), _oci),
    **dict.fromkeys(("apptainer", "singularity"), _singularity),
    "ch-run": _charliecloud,
    "shifter": _shifter,
    "sarus": _sarus,
    "enroot": _enroot,
    "srun": _slurm,
}
