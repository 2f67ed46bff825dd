"""The conda environments of a run: what is installed in them, and the files that conda, mamba and pixi rebuild from.

In: what the run used. Out: sections ``software``, ``owners`` (for the files that were used) and ``files``: for each
environment an explicit list of archives with their checksums, and an ``environment.yml`` for people.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from provenance.environment import Section, Used
from provenance.environment.conda_meta import CondaPackage, folder_of, packages, prefixes_in_use
from provenance.environment.python.requirements import public_address
from provenance.journal.credentials import hide

_SOME = 5  # names that a gap lists
_HEX = re.compile(r"[0-9a-fA-F]{32}(?:[0-9a-fA-F]{32})?\Z")


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the sections of all conda environments; see :func:`provenance.environment.examine`."""
    for number, prefix in enumerate(prefixes_in_use(used, recorded), 1):
        yield from _environment(prefix, number, used, recorded)


def _environment(prefix: str, number: int, used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    paths = _below(prefix, used)
    found, damaged = packages(prefix, frozenset(paths))
    for name in damaged:
        why = f"its record conda-meta/{name} can't be read, so it is not listed"
        yield "gap", {"what": "a conda package", "why": why, "path": prefix}
    then = recorded.get("conda", {}).get(prefix)
    missing: list[str] = []
    if isinstance(then, Sequence) and not isinstance(then, str):
        now = {f"{each.name}-{each.version}-{each.build}" for each in found}
        missing = sorted(str(name) for name in set(then) - now)
        new = sorted(now - set(then))
        found = [each for each in found if f"{each.name}-{each.version}-{each.build}" not in new]
        if missing or new:
            yield "gap", {"what": "conda packages", "why": _changes(missing, new), "path": prefix}
    software: dict[str, dict[str, Any]] = {}
    owners: dict[str, str] = {}
    has_files = bool(used.files or used.libraries or used.programs)
    for each in found:
        key = f"conda:{each.name}" if number == 1 else f"conda:{each.name}@{each.version}"
        software[key] = _entry(each, bool(each.used_files) if has_files else None)
        owners.update({path: key for name in each.used_files for path in paths[name]})
    for name in missing:
        if parts := _parts(name):
            software[f"conda:{parts[0]}"] = {"name": parts[0], "version": parts[1], "kind": "conda"}
    if software:
        yield "software", software
    if owners:
        yield "owners", owners
    ordered = _in_order(found)
    suffix = "" if number == 1 else f"-{number}"
    explicit, unknown = _explicit(ordered, missing)
    if unknown:
        why = f"no address is recorded for {', '.join(unknown[:_SOME])}: not in {f'conda-explicit{suffix}.txt'}"
        yield "gap", {"what": "conda packages", "why": why, "path": prefix}
    local = [each.name for each in ordered if (each.url or "").startswith("file:")]
    if local:
        why = f"installed from files of the machine itself, which are not carried: {', '.join(local[:_SOME])}"
        yield "gap", {"what": "conda packages", "why": why, "path": prefix}
    command = f"micromamba create --yes --prefix ./{folder_of(number)} --file"
    yield (
        "files",
        {
            f"conda-explicit{suffix}.txt": {
                "about": "conda packages: the archives, with checksums, in an order that installs",
                "kind": "conda-explicit",
                "text": explicit,
                "rebuild": [f"{command} conda-explicit{suffix}.txt"],
            },
            f"conda-environment{suffix}.yml": {
                "about": "conda packages: versions and builds, and what pip installed beside them",
                "kind": "conda-environment",
                "text": _environment_yml(prefix, ordered, missing, _requirements(prefix, used, recorded)),
                "rebuild": [f"{command} conda-environment{suffix}.yml"],
            },
        },
    )


def _below(prefix: str, used: Used) -> dict[str, list[str]]:
    """Return the used files in an environment: relative path -> the paths that they were seen by."""
    roots = {prefix.rstrip("/") + "/", os.path.realpath(prefix).rstrip("/") + "/"}
    found: dict[str, list[str]] = {}
    for path in (*used.programs, *used.interpreters, *used.libraries, *used.files):
        for root in roots:
            if path.startswith(root):
                found.setdefault(path[len(root) :], []).append(path)
                break
    return found


def _entry(package: CondaPackage, is_used: bool | None) -> dict[str, Any]:
    url = public_url(package.url)
    entry = {
        "name": package.name,
        "version": package.version,
        "kind": "conda",
        "purl": purl(package),
        "architecture": package.subdir,
        "sha256": package.sha256,
        "url": url if url and url.startswith("http") else None,
        "installer": "conda",
        "origin": url,
        "is_used": is_used,
        "license": package.license,
    }
    return {key: value for key, value in entry.items() if value is not None}


def purl(package: CondaPackage) -> str:
    """Return the package URL of a package, as the type "conda" of the purl specification wants it."""
    from packageurl import PackageURL

    channel = _channel(package)
    qualifiers = {
        "build": package.build,
        "channel": channel.rstrip("/").rpartition("/")[2] if channel and not channel.startswith("file:") else "",
        "subdir": package.subdir or "",
        "type": "conda" if (package.url or "").endswith(".conda") else "tar.bz2",
    }
    return PackageURL("conda", None, package.name, package.version, qualifiers).to_string()


def public_url(url: str | None) -> str | None:
    """Return the address of an archive or channel without the credentials that conda puts into one.

    >>> public_url("https://ada:pw@repo.example.org/t/tk-1234-abcd/lab/noarch/a-1.0-0.conda")
    'https://repo.example.org/lab/noarch/a-1.0-0.conda'
    """
    if url is None:
        return None
    return hide(re.sub(r"(?<=[^/:])/t/[^/]+/", "/", public_address(url), count=1))


def _channel(package: CondaPackage) -> str | None:
    """Return the channel of a package, with its address where that is known."""
    subdir = f"/{package.subdir}" if package.subdir else ""
    if package.url and subdir and f"{subdir}/" in package.url:
        return public_url(package.url.rpartition(f"{subdir}/")[0] + "/").rstrip("/")  # type: ignore[union-attr]
    channel = public_url(package.channel)
    return channel.rstrip("/").removesuffix(subdir) if channel else None


def _in_order(found: Sequence[CondaPackage]) -> list[CondaPackage]:
    """Return packages so that each comes after what it depends on; circles are cut at some place."""
    by_name = {each.name: each for each in found}
    ordered: dict[str, CondaPackage] = {}
    entered: set[str] = set()
    for first in sorted(by_name):
        stack = [(first, False)]
        while stack:
            name, is_done = stack.pop()
            if is_done:
                ordered.setdefault(name, by_name[name])
            elif name in by_name and name not in entered:
                entered.add(name)
                stack.append((name, True))
                needed = [re.split(r"[\s=<>!~\[]", each, maxsplit=1)[0] for each in by_name[name].depends]
                stack.extend((each, False) for each in sorted(needed, reverse=True))
    return list(ordered.values())


def _explicit(ordered: Sequence[CondaPackage], missing: Sequence[str]) -> tuple[str, list[str]]:
    """Return the text of an explicit list, and the names of packages that have no address."""
    platforms = Counter(each.subdir for each in ordered if each.subdir and each.subdir != "noarch")
    platform = platforms.most_common(1)[0][0] if platforms else "noarch"
    lines = ["# micromamba create --prefix <folder> --file <this file>", f"# platform: {platform}"]
    lines += [f"# changed after the run began, its address is not known: {_one_line(name)}" for name in missing]
    lines.append("@EXPLICIT")
    unknown = []
    for each in ordered:
        url = public_url(each.url)
        if not url or re.search(r"[\s\ud800-\udfff]", url):
            unknown.append(each.name)
            continue
        digest = next((text for text in (each.md5, each.sha256) if text and _HEX.match(text)), None)
        lines.append(f"{url}#{digest}" if digest else url)
    return "\n".join(lines) + "\n", unknown


def _environment_yml(
    prefix: str, ordered: Sequence[CondaPackage], missing: Sequence[str], requirements: str | None
) -> str:
    channels = Counter(channel for each in ordered if (channel := _channel(each)))
    pins = [(each.name, "=".join(filter(None, (each.name, each.version, each.build)))) for each in ordered]
    pins += [(parts[0], "=".join(parts)) for name in missing if (parts := _parts(name))]
    dependencies: list[Any] = [pin for _, pin in sorted(pins)]
    if requirements is not None:
        if not any(name == "pip" for name, _ in pins):
            dependencies.append("pip")
        dependencies.append({"pip": [f"-r {requirements}"]})
    content = {
        "name": os.path.basename(prefix.rstrip("/")) or "environment",
        "channels": [*(channel for channel, _ in channels.most_common()), "nodefaults"],
        "dependencies": dependencies,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def _requirements(prefix: str, used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the name of the requirements file of the Python in an environment; None when it needs none."""
    from provenance.environment.python.installed import has_requirements, look
    from provenance.environment.python.interpreters import environments

    for number, python in enumerate(environments(used, recorded)[0], 1):
        if os.path.realpath(python.prefix) == os.path.realpath(prefix):
            installed = look(python, number, used, recorded)
            return installed.requirements_name if has_requirements(installed) else None
    return None


def _parts(name: str) -> tuple[str, str, str] | None:
    """Return name, version and build of ``name-version-build``."""
    parts = name.rsplit("-", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None


def _changes(missing: Sequence[str], new: Sequence[str]) -> str:
    then = f"{', '.join(missing[:_SOME])} {'is' if len(missing) == 1 else 'are'} gone" if missing else ""
    now = f"{', '.join(new[:_SOME])} {'is' if len(new) == 1 else 'are'} new" if new else ""
    return "the environment has changed since the run began: " + "; ".join(filter(None, (then, now)))


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
