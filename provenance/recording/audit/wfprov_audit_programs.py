"""Which programs the audit hook can follow: Python ones with their environment and ``site``.

In come a program, its arguments and its environment; out goes why it can't be watched, or nothing.
"""

# mypy: ignore-errors
# pathlib and typing would cost each program 10 ms.
# ruff: noqa: PTH123

import os

_BLIND_OPTIONS = frozenset("IES")  # isolated, without environment, without site
_OPTIONS_WITH_VALUE = frozenset("cmWX")


def why_not_watched(program, words, env):
    """Return why `program`, called with `words` in `env` (None: ours), will not be watched."""
    interpreter = _interpreter(_find(program))
    if not os.path.basename(interpreter).lower().startswith(("python", "pypy")):
        return "not a Python program; the audit hook sees Python programs only"
    if env is not None and not _has_journal(env):
        return "started without the environment of the recording"
    if interpreter == program or _find(program) == interpreter:
        for word in words[1:]:
            if not word.startswith("-") or word == "-":
                break
            if word.startswith("--"):
                continue
            letters = word[1:]
            cut = min((letters.find(c) for c in _OPTIONS_WITH_VALUE if c in letters), default=len(letters))
            if _BLIND_OPTIONS & set(letters[:cut]):
                return f"Python option {word} leaves out the audit hook"
            if cut < len(letters):
                break
    return ""


def _has_journal(env):
    return any(name in ("WFPROV_JOURNAL", b"WFPROV_JOURNAL") for name in env)


def _find(program):
    if "/" in program:
        return program
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = os.path.join(folder, program)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return program


def _interpreter(path):
    """Return the program that runs `path`: itself, or what the first line of a script names."""
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError:
        return path
    if not head.startswith(b"#!"):
        return os.path.realpath(path) if os.path.islink(path) and "python" not in os.path.basename(path) else path
    words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    if not words:
        return path
    if os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-")] or words
    return words[0]
