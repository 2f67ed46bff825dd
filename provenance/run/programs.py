"""Which program is what: interpreter and script, wrappers that only start others, names for people.

In: executable, argument vector, working folder and the files that the process read. Out: :class:`ProgramName`.
The lists are the field's usual tools; a program that is in none of them is simply itself.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

# Interpreter (pattern of its base name) -> what people call it.
INTERPRETERS = (
    (re.compile(r"(python|pypy)[0-9.]*[tdm]?$"), "Python"),
    (re.compile(r"bash$"), "Bash"),
    (re.compile(r"(sh|dash|ash|busybox)$"), "Shell"),
    (re.compile(r"zsh$"), "Z shell"),
    (re.compile(r"(ksh|mksh|ksh93)$"), "Korn shell"),
    (re.compile(r"perl[0-9.]*$"), "Perl"),
    (re.compile(r"(R|Rscript)$"), "R"),
    (re.compile(r"julia[0-9.]*$"), "Julia"),
    (re.compile(r"(node|nodejs|deno|bun)$"), "JavaScript"),
    (re.compile(r"ruby[0-9.]*$"), "Ruby"),
    (re.compile(r"java$"), "Java"),
    (re.compile(r"(octave|octave-cli|octave-gui)[0-9.-]*$"), "Octave"),
    (re.compile(r"[gmn]?awk$"), "AWK"),
    (re.compile(r"gnuplot[0-9.-]*(-qt|-nox|-x11)?$"), "gnuplot"),
    (re.compile(r"lua(jit)?[0-9.-]*$"), "Lua"),
    (re.compile(r"tclsh[0-9.]*$"), "Tcl"),
)
SHELLS = frozenset(["Bash", "Shell", "Z shell", "Korn shell"])
# Programs whose work is to start other programs, by their base names.
WRAPPERS = frozenset(
    [
        "env",
        "nice",
        "ionice",
        "chrt",
        "time",
        "timeout",
        "nohup",
        "setsid",
        "stdbuf",
        "taskset",
        "numactl",
        "xargs",
        "parallel",
        "flock",
        "script",
        "unbuffer",
        "mpirun",
        "mpiexec",
        "mpiexec.hydra",
        "orterun",
        "prterun",
        "hydra_pmi_proxy",
        "srun",
        "salloc",
        "jsrun",
        "aprun",
        "sudo",
        "doas",
        "catchsegv",
    ]
)
BUILDERS = {"make": "GNU Make", "gmake": "GNU Make", "ninja": "Ninja", "samu": "Ninja"}
_COMPILER = re.compile(
    r"(.*-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|gfortran|flang|nvcc|mpicc|mpicxx|mpic\+\+|mpif(77|90|ort)|icx|icpx|ifx)"
    r"(-[0-9.]+)?$"
)
_COMPILER_PART = re.compile(
    r"(.*-)?(cc1|cc1plus|cc1obj|f951|lto1|lto-wrapper|as|collect2|ld(\.[a-z]+)?|cicc|ptxas|fatbinary|cudafe\+\+)$"
)
_CONTAINER_ENGINE = re.compile(
    r"(apptainer|singularity|docker|podman|podman-remote|nerdctl|ch-run|enroot|sarus|shifter)$"
)
_CONTAINER_ENGINE_PART = re.compile(
    r"(conmon|runc|crun|kata-runtime|podman|docker|docker-init|catatonit|netavark|aardvark-dns|slirp4netns|pasta(\.avx2)?"
    r"|fuse-overlayfs|newuidmap|newgidmap|starter(-suid)?|squashfuse(_ll)?|gocryptfs|fuse2fs|fusermount3?|iptables"
    r"|nft|proot|fakeroot|enroot-.*|unsquashfs|containerd.*)$"
)
_PYTHON_HELPER = re.compile(
    r"multiprocessing[./](spawn|resource_tracker|forkserver|semaphore_tracker)|"
    r"loky[./]backend|joblib[./]externals|from multiprocessing\."
)
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True, slots=True)
class ProgramName:
    """What a program is: `name` for people; `script` is the file that its interpreter runs."""

    name: str
    interpreter: str | None = None  # "Python", "Bash", ...; None for a program that is no interpreter
    script: str | None = None
    module: str | None = None  # of `python -m`
    first_argument: int = 1  # index in the argument vector behind the program and its script


def base_name(exe: str, argv: Sequence[str]) -> str:
    """Return the base name of the program as the user knows it."""
    called = argv[0].rsplit("/", 1)[-1].lstrip("-") if argv else ""
    real = exe.rsplit("/", 1)[-1]
    # busybox, clang and the like look at the name that they are called by; an empty or odd one says nothing.
    return called if called and not called.isspace() else real


def language(exe: str, argv: Sequence[str]) -> str | None:
    """Return what the interpreter is called, None when the program is none."""
    real = exe.rsplit("/", 1)[-1]
    return _language_named(real) or _language_named(base_name(exe, argv))


@functools.lru_cache(maxsize=4096)  # a run has few programs and many executions of each
def _language_named(name: str) -> str | None:
    for pattern, called in INTERPRETERS:
        if pattern.match(name):
            return called
    return None


def is_compiler(exe: str, argv: Sequence[str]) -> bool:
    """Tell whether this is a compiler's driver, which starts the parts of the compiler."""
    return bool(_COMPILER.match(base_name(exe, argv)))


def is_compiler_part(exe: str, argv: Sequence[str]) -> bool:
    """Tell whether this is a part that a compiler's driver starts: preprocessor, assembler, linker."""
    return bool(_COMPILER_PART.match(exe.rsplit("/", 1)[-1] or base_name(exe, argv)))


def is_container_engine(exe: str, argv: Sequence[str]) -> bool:
    """Tell whether this is the command of a container engine."""
    return bool(_CONTAINER_ENGINE.match(base_name(exe, argv)) or _CONTAINER_ENGINE.match(exe.rsplit("/", 1)[-1]))


def is_container_engine_part(exe: str, argv: Sequence[str]) -> bool:
    """Tell whether a container engine starts this for its own work."""
    return bool(_CONTAINER_ENGINE_PART.match(exe.rsplit("/", 1)[-1] or base_name(exe, argv)))


def is_python_helper(exe: str, argv: Sequence[str]) -> bool:
    """Tell whether Python started this by itself, to work for the program that runs."""
    if language(exe, argv) != "Python":
        return False
    return any(_PYTHON_HELPER.search(word) for word in argv[1:6])


def absolute(word: str, cwd: str) -> str:
    """Return `word` as an absolute path, without touching the disk."""
    return os.path.normpath(word if word[:1] == "/" else f"{cwd}/{word}")


def words_as_paths(argv: Sequence[str], cwd: str) -> Iterator[tuple[int, str]]:
    """Yield the index and the absolute path of each argument that may name a file, also after ``=``."""
    for index, word in enumerate(argv):
        if not index or not word or "\0" in word or len(word) > 4096:
            continue
        if word[0] != "-":
            yield index, absolute(word, cwd)
        _, equals, value = word.partition("=")
        if equals and value:
            yield index, absolute(value, cwd)
        elif len(word) > 2 and word[0] == "-" and word[1] != "-":
            yield index, absolute(word[2:], cwd)  # -ofile


def name_program(exe: str, argv: Sequence[str], cwd: str, was_read: Container[str]) -> ProgramName:
    """Say what a program is.

    Parameters
    ----------
    was_read
        Absolute paths of the files that the process read.
    """
    own = base_name(exe, argv) or "unknown program"
    called = language(exe, argv)
    if called is None:
        return ProgramName(own)
    if called == "Python" and (module := _python_module(argv)):
        index, name = module
        return ProgramName(name, called, None, name, index + 1)
    if called == "AWK":
        return _awk(own, argv, cwd, was_read)
    for index, word in enumerate(argv):
        if not index or not word or (word[0] == "-" and not word.startswith("--file=")):
            if index and word in ("-c", "-e", "-E", "--eval"):
                break  # the program stands in the command itself
            continue
        path = absolute(word.removeprefix("--file="), cwd)
        if path in was_read:
            return ProgramName(path.rsplit("/", 1)[-1], called, path, None, index + 1)
    return ProgramName(own, called)


def _python_module(argv: Sequence[str]) -> tuple[int, str] | None:
    index = 1
    while index < len(argv) and argv[index].startswith("-") and argv[index] != "-":
        word = argv[index]
        if word == "-m" and index + 1 < len(argv):
            return index + 1, argv[index + 1]
        if word.startswith("-m") and len(word) > 2:
            return index, word[2:]
        if word == "-c" or word.startswith("-c"):
            return None
        index += 2 if word in ("-W", "-X", "--check-hash-based-pycs") else 1
    return None


def _awk(own: str, argv: Sequence[str], cwd: str, was_read: Container[str]) -> ProgramName:
    for index, word in enumerate(argv[:-1]):
        if word in ("-f", "--file"):
            path = absolute(argv[index + 1], cwd)
            if path in was_read:
                return ProgramName(path.rsplit("/", 1)[-1], "AWK", path, None, index + 2)
    return ProgramName(own, "AWK")


def makefile_of(argv: Sequence[str], cwd: str, was_read: Container[str]) -> str | None:
    """Return the Makefile that ``make`` was run with."""
    folder = cwd
    named: list[str] = []
    for index, word in enumerate(argv[1:], 1):
        following = argv[index + 1] if index + 1 < len(argv) else ""
        if word in ("-C", "--directory"):
            folder = absolute(following, folder)
        elif word.startswith("--directory="):
            folder = absolute(word.partition("=")[2], folder)
        elif word.startswith("-C"):
            folder = absolute(word[2:], folder)
        elif word in ("-f", "--file", "--makefile"):
            named.append(following)
        elif word.startswith(("--file=", "--makefile=")):
            named.append(word.partition("=")[2])
        elif word.startswith("-f") and len(word) > 2:
            named.append(word[2:])
    for name in named or MAKEFILES:
        path = absolute(name, folder)
        if path in was_read:
            return path
    return None
