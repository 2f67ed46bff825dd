"""The software of a run in a line for people: interpreters, how many packages of which kind, the locks.

In: the model's Environment. Out: text.
"""

from __future__ import annotations

from collections import Counter

from provenance.run.installed import was_used
from provenance.run.model import Environment, Software

# Kind -> what one and several of it are called; the others are told by name and version.
_COUNTED = {
    "conda": ("conda package", "conda packages"),
    "deb": ("Debian package", "Debian packages"),
    "rpm": ("RPM package", "RPM packages"),
    "spack": ("Spack package", "Spack packages"),
    "module": ("module", "modules"),
    "program": ("other program", "other programs"),
    "library": ("other library", "other libraries"),
}
_NAMED = frozenset(["mpi", "blas", "cuda", "rocm", "driver"])
_CARRIED = frozenset(["package", "source"])
_LOCKS_SHOWN = 4


def software_in_words(environment: Environment) -> str:
    """Tell what a run had: ``Python 3.11.7 with 34 packages (12 used), 8 Debian packages``; empty if nothing is known.

    Only distributions of Python and conda are told with how many of them were used: of all else what was not used is
    not listed either.
    """
    parts = [_pythons(environment)]
    used = Counter(one.kind for one in environment.software if was_used(one))
    total = Counter(one.kind for one in environment.software)
    for kind, words in _COUNTED.items():
        if count := total[kind] if kind == "conda" else used[kind]:
            of_these = f" ({used[kind]} used)" if kind == "conda" else ""
            parts.append(f"{count:,} {words[count != 1]}{of_these}")
    parts += [_named(one) for one in environment.software if one.kind in _NAMED and was_used(one)]
    return ", ".join(filter(None, parts))


def locks_in_words(environment: Environment) -> str:
    """Name the files that the environment is rebuilt from; empty when there are none."""
    names = [file.target for file in environment.files if file.kind not in _CARRIED]
    more = f" and {len(names) - _LOCKS_SHOWN} more" if len(names) > _LOCKS_SHOWN else ""
    return ", ".join(names[:_LOCKS_SHOWN]) + more


def _pythons(environment: Environment) -> str:
    interpreter = environment.interpreter
    found = [one for one in environment.software if one.kind == "python-interpreter"]
    if interpreter is not None and not any(one.version == interpreter.version for one in found):
        found.insert(0, interpreter)
    names = list(dict.fromkeys(_named(one) for one in found))
    count, used = len(environment.packages), sum(map(was_used, environment.packages))
    if not count:
        return " and ".join(names)
    of_these = f" ({used:,} used)" if any(one.is_used is not None for one in environment.packages) else ""
    packages = f"{count:,} package{'s' if count != 1 else ''}{of_these}"
    return f"{' and '.join(names)} with {packages}" if names else packages


def _named(software: Software) -> str:
    name = "Python" if software.name == "CPython" else software.name
    return " ".join(filter(None, [name, software.version]))
