"""Credentials on a command line: the values of options and variables by their names, the rest by form.

The shim has the same rule for what it writes (``recording/shim/secrets.h``).
"""

from __future__ import annotations

from typing import Callable, Iterable, List, Match, Optional

from provenance.journal.credential_names import OF_NAMES, compiled, has_any, looks_like_credential
from provenance.journal.credential_texts import BY_NAME, hide

REMOVED = f"[removed: {BY_NAME}]"
IsFile = Callable[[str], bool]

# A command line without any of these has nothing to hide but what has a form: asked first, as most are harmless.
_OF_COMMANDS = (*OF_NAMES, "\0-u", "\0--user", "\0--proxy-user", "sshpass", "mysql", "mariadb")
_SORT_KEY = r"\d{1,3}(?:\.\d{1,3})?[bdfgiMhnRrV]*(?:,\d{1,3}(?:\.\d{1,3})?[bdfgiMhnRrV]*)?\Z"

_ASSIGNED = r"(?<![\w.-])((?:--?)?[A-Za-z_][\w.-]*=|--[A-Za-z][\w.-]*[ \t]+)(\"[^\"]*\"|'[^']*'|[^\s'\";&|)]+)"
_HEADER = r"(?s)\A([A-Za-z][A-Za-z0-9-]*):[ \t]+(?!.*\[removed:)\S.*\Z"

# Programs whose -u or --user is no `user:password`.
_OTHER_USERS = frozenset(["rsync", "cp", "mv", "scp", "sort", "docker", "podman", "git", "tar", "zip", "chown", "sudo"])
_USER = r"(?s)(-u|-U|--user|--proxy-user)(=?)([^\s:/@=]+):(?!//)([^:].*)\Z"
_OPTION = r"(?s)(--?[A-Za-z][\w.-]*)(?:=(.*))?\Z"
_TAKES_PROGRAM = r"-[a-z]*[ce]\Z|--(?:eval|command|wrap)\Z"  # sh -c, perl -e, sbatch --wrap
_ASSIGNMENT = r"[A-Z_][A-Z0-9_]*=\S*\Z"  # docker run -e NAME=value
_VARIABLE = r"(?s)((?:--?)?[A-Za-z_][\w.-]*)=(.+)\Z"
# Programs that take a password behind -p.
_PASSWORD_OPTIONS = frozenset(["sshpass", "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"])
_PLACEHOLDERS = ("$", "{", "<", "*", "%", "[")  # a variable, a template or a marker stands for a value


def hide_in_command(words: Iterable[str], is_file: Optional[IsFile] = None) -> List[str]:
    """Return the words of a command line with a marker in the place of each credential.

    Hidden are the values of options and variables whose names say so (``--password x``, ``--api-key=x``,
    ``TOKEN=x``), ``user:password`` behind ``-u``, ``-U``, ``--user`` and ``--proxy-user``, passwords behind ``-p``
    of programs that take them there, and what :func:`hide` hides, also within a word that is a program itself
    (``sh -c '...'``).

    Parameters
    ----------
    is_file
        Tells whether a value names a file: that is shown, unless it is a credential by its form.
    """
    shown = list(words)
    if not has_any(_OF_COMMANDS, "\0".join(shown).lower()):
        return [hide(word) for word in shown]
    programs = [word.rpartition("/")[2] for word in shown[:3]]
    before = ""
    for index, word in enumerate(shown):
        shown[index] = _hidden_word(programs, before, word, is_file)
        before = word
    return shown


def _hidden_word(programs: List[str], before: str, word: str, is_file: Optional[IsFile]) -> str:
    option = compiled(_OPTION).match(before)
    if option and option.group(2) is None and looks_like_credential(option.group(1).lstrip("-")):
        if not _is_option(word):
            return _hidden_value(before, word, is_file)
    elif password := _password(programs, before, word):
        return word[: -len(password)] + "[removed: password]"
    is_program = compiled(_TAKES_PROGRAM).match(before) is not None and not compiled(_ASSIGNMENT).match(word)
    given = compiled(_VARIABLE).match(word)
    if given and not (is_program and word[0] != "-") and looks_like_credential(given.group(1).lstrip("-")):
        return f"{given.group(1)}={_hidden_value(given.group(1), given.group(2), is_file)}"
    inner = compiled(_VARIABLE).match(given.group(2)) if given and word[0] == "-" else None  # --env=NAME=value
    if given and inner and looks_like_credential(inner.group(1)):
        return f"{given.group(1)}={inner.group(1)}={_hidden_value(inner.group(1), inner.group(2), is_file)}"
    header = compiled(_HEADER).match(word)
    if header and looks_like_credential(header.group(1)):
        return f"{header.group(1)}: {REMOVED}"
    has_more = any(map(str.isspace, word)) or '"' in word or "," in word
    if has_more and has_any(OF_NAMES, word.lower()):
        word = compiled(_ASSIGNED).sub(_hidden_assignment, word)
    return hide(word, settings=has_more)


def _password(programs: List[str], before: str, word: str) -> str:
    """Return the password at the end of a word that options such as ``-u`` and ``-p`` have; "" for none."""
    if word.startswith("-p") and not word.startswith("-pass") and not _PASSWORD_OPTIONS.isdisjoint(programs):
        password = word[2:]
    elif before == "-p" and "sshpass" in programs:
        password = word
    else:
        joined = f"{before}={word}" if before in ("-u", "-U", "--user", "--proxy-user") else word
        login = compiled(_USER).match(joined) if _OTHER_USERS.isdisjoint(programs) else None
        if login is None or (login.group(3).isdigit() and login.group(4).isdigit()):  # ids of a user and a group
            return ""
        password = login.group(4)
    return "" if password.startswith(_PLACEHOLDERS) else password


def _hidden_assignment(match: Match[str]) -> str:
    given, value = match.groups()
    name = given.lstrip("-").rstrip("= \t")
    if name == "key" or not looks_like_credential(name) or value.lstrip("\"'").startswith(("-", *_PLACEHOLDERS)):
        return match.group(0)
    quote = value[0] if value[0] in "\"'" else ""
    return f"{given}{quote}{REMOVED}{quote}"


def _hidden_value(name: str, value: str, is_file: Optional[IsFile]) -> str:
    if not value or value.startswith(_PLACEHOLDERS):
        return value
    if name.lstrip("-").lower() == "key" and compiled(_SORT_KEY).match(value):
        return value
    return hide(value) if is_file is not None and is_file(value) else REMOVED


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit()
