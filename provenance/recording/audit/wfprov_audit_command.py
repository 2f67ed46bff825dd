"""A command line without its credentials, for the audit hook, which runs in any Python program.

In come the words; out go the same with a marker in the place of each credential. The rule is that of
``provenance.journal.credentials``; it is loaded for the few command lines that may hold a credential, as it would cost
each program 5 ms.
"""

# mypy: ignore-errors

import os
import sys

_HIDDEN = "[removed: may hold a credential]"
# Without one of these, and without a long word, there is none.
_MARKS = (
    *("pass", "pwd", "secret", "token", "key", "cred", "auth", "jwt", "bearer", "cookie", "://", "-u", "mysql"),
    "mariadb",
)
_LONG = 20  # characters without a slash
_ROOT = os.path.abspath(__file__).rsplit("/", 4)[0]  # of the package


def shown(words):
    """Return the words as they may be written down."""
    if not any(map(_may_hold, words)):
        return words
    hide_in_command = _rule()
    if hide_in_command is None:
        return [_HIDDEN if _may_hold(word) and index else word for index, word in enumerate(words)]
    return hide_in_command(words, os.path.lexists)


def _may_hold(word):
    lowered = word.lower()
    return any(mark in lowered for mark in _MARKS) or any(len(part) >= _LONG for part in word.split("/"))


def _rule():
    """Load the package's rule without leaving a trace of it in a program that may have a `provenance` of its own."""
    before = {name for name in sys.modules if name.partition(".")[0] == "provenance"}
    if "provenance.journal.credentials" in before:
        return sys.modules["provenance.journal.credentials"].hide_in_command
    if before:
        return None
    sys.path.insert(0, _ROOT)
    try:
        from provenance.journal.credentials import hide_in_command
    except Exception:  # noqa: BLE001 - an interpreter that can't run it, whatever it says
        return None
    finally:
        if _ROOT in sys.path:
            sys.path.remove(_ROOT)
        for name in [name for name in sys.modules if name.partition(".")[0] == "provenance"]:
            del sys.modules[name]
    return hide_in_command
