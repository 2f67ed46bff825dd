"""The packages of the system (Debian's, RPM) that own what a run executed and loaded, and what no package owns.

In: the programs, libraries and files of a run. Out: the sections ``software``, ``owners``, ``files`` and ``gap`` of
the package's docstring; the list of pinned packages is ``system-packages.txt``.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packageurl import PackageURL

from provenance.environment import Section, Used, modules
from provenance.environment.system import dpkg, rpm, unowned
from provenance.environment.system.package_database import Package, own_spellings

LIST = "system-packages.txt"
# The second is for mirrors that keep the newest version only, as most do.
_REBUILD = {
    "deb": (
        f"apt-get install --yes --allow-downgrades $(cat {LIST}) ||",
        f"  apt-get install --yes $(cut -d= -f1 {LIST})  # in the versions that the mirror has now",
    ),
    "rpm": (
        f"dnf install --assumeyes $(cat {LIST}) ||",
        f"  dnf install --assumeyes $(sed 's/-[^-]*-[^-]*$//' {LIST})  # in the versions that the mirror has now",
    ),
}
# Where packages put files; elsewhere only programs and libraries are looked up.
_SYSTEM_FOLDERS = ("/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/etc/")
_PYTHON_LIBRARY = re.compile(r"/lib(?:64)?/(?:python|pypy)3")
_MOST_NAMED = 5  # in one gap
_MOST_LINKS = 40  # that Linux follows one after the other


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the packages that own what was used, a list that installs them, and what no package owns."""
    needed = [path for path in dict.fromkeys([*used.programs, *used.libraries]) if path.startswith("/")]
    files = [path for path in used.files if path.startswith(_SYSTEM_FOLDERS)]
    asked = list(dict.fromkeys([*needed, *files]))
    owners = dpkg.owners(asked)
    owners |= rpm.owners(path for path in asked if path not in owners)
    links = _links(used)
    of_links = dpkg.owners(links, own_spellings)
    of_links |= rpm.owners((path for path in links if path not in of_links), own_spellings)
    packages = {package.pin: package for package in (*owners.values(), *of_links.values())}
    keys = _keys(packages.values())
    if packages:
        yield "software", {keys[pin]: _described(package) for pin, package in sorted(packages.items())}
        of_python = _of_python(owners, used)
        yield "owners", {path: keys[each.pin] for path, each in owners.items() if path not in of_python}
        yield from _lists(packages.values())
        yield from _changed(packages.values(), used)
    brought = modules.folders(recorded.get("modules", {}))
    yield from unowned.examine((path for path in needed if path not in owners), used, brought)


def _links(used: Used) -> list[str]:
    """Return the links that lead from the names that programs were called by to the programs: ``cc`` to ``gcc-12``.

    Packages apart from the program's own bring them (``python3-minimal`` the link ``python3``), and without these the
    command of the run would not be found in what is rebuilt.
    """
    programs = {os.path.realpath(path) for path in used.programs}
    found: dict[str, None] = {}
    for path in used.called:
        if os.path.realpath(path) not in programs:
            continue
        for _ in range(_MOST_LINKS):
            if path in found or not os.path.islink(path):
                break
            found[path] = None
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))  # noqa: PLW2901
    return list(found)


def distribution() -> tuple[str, str]:
    """Return the id of the system's distribution and the same with its version: "debian", "debian-12"."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "linux", "linux"
    name = release.get("ID", "linux").lower()
    version = release.get("VERSION_ID") or release.get("VERSION_CODENAME")
    return name, f"{name}-{version}" if version else name


def _of_python(paths: Iterable[str], used: Used) -> set[str]:
    """Return the paths of which the part that knows Python says what they belong to."""
    interpreters = {each for path in used.interpreters for each in (path, os.path.realpath(path))}
    return {path for path in paths if path in interpreters or _PYTHON_LIBRARY.search(path)}


def _keys(packages: Iterable[Package]) -> dict[str, str]:
    """Return the key of each package, by its pin: with architecture or version where the name alone is not enough."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for package in sorted(packages, key=lambda each: (not each.is_native, each.pin)):
        plain = f"{package.manager}:{package.name}"
        for key in (plain, f"{plain}:{package.architecture}", f"{plain}@{package.version}", package.pin):
            if key not in taken and (package.is_native or key != plain):
                break
        taken.add(key)
        keys[package.pin] = key
    return keys


def _described(package: Package) -> dict[str, Any]:
    vendor, distro = distribution()
    version = package.version
    qualifiers = {"arch": package.architecture, "distro": distro}
    if package.manager == "rpm" and ":" in version:  # the epoch of an RPM is a qualifier, of a Debian package it is not
        qualifiers["epoch"], version = version.split(":", 1)
    return {
        "name": package.name,
        "version": package.version,
        "kind": package.manager,
        "purl": str(PackageURL(package.manager, vendor, package.name, version, qualifiers)),
        "architecture": package.architecture,
        "installer": {"deb": "dpkg", "rpm": "rpm"}[package.manager],
        "is_used": True,
    }


def _lists(packages: Iterable[Package]) -> Iterator[Section]:
    """Yield the list that the installer reads; without comments, since it is put on its command line as it is."""
    pins: dict[str, list[str]] = {}
    for package in packages:
        pins.setdefault(package.manager, []).append(package.pin)
    _, distro = distribution()
    for manager, found in pins.items():
        target = LIST if len(pins) == 1 or manager == "deb" else f"{manager}-{LIST}"
        text = "".join(f"{pin}\n" for pin in sorted(found))
        kind = {"deb": "Debian", "rpm": "RPM"}[manager]
        about = f"{kind} packages that own the programs and libraries that were used, for {distro}"
        rebuild = [line.replace(LIST, target) for line in _REBUILD[manager]]
        yield "files", {target: {"about": about, "kind": "lock", "text": text, "rebuild": rebuild}}


def _changed(packages: Iterable[Package], used: Used) -> Iterator[Section]:
    if used.end is None:
        return
    later = sorted(each.name for each in packages if each.installed is not None and each.installed > used.end)
    if later:
        names = ", ".join(later[:_MOST_NAMED]) + (
            f" and {len(later) - _MOST_NAMED} more" if later[_MOST_NAMED:] else ""
        )
        yield "gap", {"what": f"packages of the system: {names}", "why": "installed or upgraded after the run"}
