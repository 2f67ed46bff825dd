"""Which RPM packages own files.

In: absolute paths. Out: the package of each, as ``rpm`` tells.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable

from provenance.environment.system.package_database import Package, ask, spellings

_FORMAT = "%{NVRA}\t%{NAME}\t%{EPOCHNUM}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{INSTALLTIME}\n"
_FILES = "[%{=NVRA}\t%{FILENAMES}\n]"
_SECOND = 1_000_000_000  # ns


def owners(paths: Iterable[str], names_of: Callable[[str], Iterable[str]] = spellings) -> dict[str, Package]:
    """Return the package that each path, by the ``names_of`` it, belongs to; paths of no package are left out.

    Two calls: the first names the packages, but not which of the files each owns, and says more than one line of a
    file that several packages share; the second lists their files.
    """
    names = {path: [each for each in names_of(path) if "\n" not in each] for path in paths}
    if not names or shutil.which("rpm") is None:
        return {}
    asked = dict.fromkeys(each for found in names.values() for each in found[:1])
    packages = dict(filter(None, map(_package, ask(["rpm", "-qf", "--qf", _FORMAT], list(asked)))))
    wanted = {each for found in names.values() for each in found}
    owner: dict[str, str] = {}
    for line in ask(["rpm", "-q", "--qf", _FILES], list(packages)):
        key, _, path = line.partition("\t")
        if path in wanted and key in packages:
            owner.setdefault(path, key)
    return {
        path: packages[owner[each]]
        for path, found in names.items()
        if (each := next((each for each in found if each in owner), None))
    }


def _package(line: str) -> tuple[str, Package] | None:
    fields = line.split("\t")
    if len(fields) != 6:  # "file ... is not owned by any package"
        return None
    key, name, epoch, version, architecture, installed = fields
    if epoch not in ("", "0"):
        version = f"{epoch}:{version}"
    return key, Package(
        "rpm",
        name,
        version,
        architecture,
        f"{name}-{version}.{architecture}",
        installed=int(installed) * _SECOND if installed.isdigit() else None,
    )
