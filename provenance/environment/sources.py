"""Which files are source code, told by their names: the one list of suffixes and names that all of us use.

In: paths. Out: whether they are named like source code, and the interpreters that run such files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Suffix of source code -> the interpreters that run it (then reading it is executing it, not using data).
SOURCE_SUFFIXES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(["py", "pyx", "pxd", "pyi", "pyw", "ipynb"], frozenset(["Python"])),
    **dict.fromkeys(["r", "rmd", "qmd", "rnw"], frozenset(["R"])),
    **dict.fromkeys(
        ["sh", "bash", "zsh", "ksh", "sbatch", "slurm", "job", "pbs", "lsf"],
        frozenset(["Bash", "Shell", "Z shell", "Korn shell"]),
    ),
    **dict.fromkeys(["pl", "pm", "t"], frozenset(["Perl"])),
    "jl": frozenset(["Julia"]),
    "rb": frozenset(["Ruby"]),
    **dict.fromkeys(["js", "mjs", "cjs", "ts"], frozenset(["JavaScript"])),
    "awk": frozenset(["AWK"]),
    "m": frozenset(["Octave"]),
    "lua": frozenset(["Lua"]),
    "tcl": frozenset(["Tcl"]),
    **dict.fromkeys(["gp", "gnuplot", "plt"], frozenset(["gnuplot"])),
    **dict.fromkeys(["jar", "class"], frozenset(["Java"])),
    **dict.fromkeys(
        [
            *("c", "h", "cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "inl", "cu", "cuh", "cl", "f", "for"),
            *("f77", "f90", "f95", "f03", "f08", "ftn", "java", "scala", "kt", "go", "rs", "hs", "ml", "swift"),
            *("cs", "fs", "sql", "sed", "mk", "mak", "cmake", "ninja", "smk", "nf", "cwl", "wdl", "do", "sas"),
            *("sps", "stan", "bugs", "jags", "pro", "mod", "dockerfile", "def", "inc", "mli", "lisp", "clj"),
            *("ex", "erl", "fish", "csh", "bat", "ps1", "ga"),
        ],
        frozenset[str](),
    ),
}
_SOURCE_NAMES = re.compile(
    r"(GNUmakefile|[Mm]akefile(\..*)?|CMakeLists\.txt|Snakefile|Dockerfile|Containerfile|Singularity|Rakefile|"
    r"SConstruct|SConscript|meson\.build|wscript|[Jj]ustfile|configure|Vagrantfile|Jenkinsfile|.*\.mk\.in)$"
)
# Run as they are, by engines that are no interpreters of a language.
_WORKFLOW_SUFFIXES = frozenset(["nf", "smk", "cwl", "wdl", "mk", "ga", "pyc"])


def suffix(path: str) -> str:
    """Return the lower-case suffix of a path without its dot."""
    name = path.rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    return end.lower() if dot and stem else ""


def looks_like_source(path: str) -> bool:
    """Tell whether the name of a file is that of source code."""
    return suffix(path) in SOURCE_SUFFIXES or bool(_SOURCE_NAMES.match(path.rpartition("/")[2]))


def is_script(path: str) -> bool:
    """Tell whether a file of this name is run as it is, by an interpreter or a workflow engine."""
    end = suffix(path)
    return end in _WORKFLOW_SUFFIXES or bool(SOURCE_SUFFIXES.get(end))
