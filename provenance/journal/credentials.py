"""What must never be written down: passwords, tokens and keys, told by their names, their form and their files.

In: names, texts, command lines, names of files. Out: whether they hold a credential, or the same text with a marker
in the place of each; the marker says why. Forms of tokens are those that their issuers document. What looks like a
credential and is none costs a word in a record; the other way round costs a password.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import AnyStr, Callable, Iterable, List, Match, Pattern, Tuple

REMOVED = "[removed: name looks like a credential]"

# Names of these are no names of credentials, whatever stands before: they say where one is, or how many there are.
_NOT_AT_THE_END = (
    "file|path|dir|folder|stdin|env|var|count|limit|length|len|size|type|name|url|uri|ttl|column|columns|col|index|idx|"
    "format|mode|policy|method|sock|expiry|expires|embedding|embeddings|mask"
)
_OWNED = (
    "db|database|user|usr|my|mysql|pg|sql|redis|mongo|smtp|imap|mail|ftp|http|https|proxy|login|admin|root|auth|ssh"
)
_NAME = (
    r"passw(?:or)?d|passwd|passphrase|passcode|credential|(?:^|_)cookies?(?:_|$)|(?:^|_)bearer(?:_|$)"
    r"|(?:^|_)pwd(?:_|$)|secrets?(?:_|$)|authorization"
    rf"|(?:^|_)(?:{_OWNED})_?pass$|^pass$|sshpass$"
    r"|(?:^|_)(?:auth|jwt)$"
    r"|(?:^|_)(?!(?:pad|eos|bos|unk|sep|cls|mask|special|max|min|num|n|next|stop|start|end|first|last|per)_)"
    r"[a-z0-9]*_?token(?:_|$)"
    r"|(?:api|access|auth|private|secret|ssh|account|encryption|signing|license|deploy|master|storage|service)_?keys?"
    r"(?:_|$)"
    r"|(?:^|_)(?<!sort_)(?<!primary_)(?<!foreign_)(?<!public_)(?<!group_)(?<!join_)(?<!merge_)(?<!cache_)(?<!by_)key$"
)
_HARMLESS_NAME = (
    rf"(?:^|_)(?:{_NOT_AT_THE_END})$|^(?:no|without|skip)_|(?:^|_)(?:pad|eos|bos|unk|sep|cls|mask|special|max|min|num|n|"
    r"next|stop|start|first|last)_token(?:_|$)"
)
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
_SORT_KEY = r"\d{1,3}(?:\.\d{1,3})?[bdfgiMhnRrV]*(?:,\d{1,3}(?:\.\d{1,3})?[bdfgiMhnRrV]*)?\Z"

# A text without any of these holds nothing to hide: asked first, as almost all texts are harmless.
_OF_NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "jwt", "bearer", "cookie")
_OF_TEXTS = (
    *(*_OF_NAMES, "://", "eyj", "akia", "asia", "aiza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "gloas-", "glrt-", "gldt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-"),
    *("xox", "xapp-", "hf_", "sk-", "sk_", "npm_", "pypi-"),
)
_OF_COMMANDS = (*_OF_TEXTS, "\0-u", "\0--user", "\0--proxy-user")

_PLACEHOLDER = r"(?![${<*%\[])"
# What is hidden, why, and in which group of the pattern it stands.
_FORMS: Tuple[Tuple[str, str], ...] = (
    (
        "private key",
        r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z -]*|\Z))",
    ),
    (
        "password in an address",
        rf"[A-Za-z][A-Za-z0-9+.-]{{0,30}}://[^\s/?#:@'\"{{}}$<>]*:{_PLACEHOLDER}([^\s/?#'\"<>{{}}$]+)@",
    ),
    # Passwords with a slash in them are not allowed in addresses, and occur.
    (
        "password in an address",
        rf"[A-Za-z][A-Za-z0-9+.-]{{0,30}}://[^\s/?#:@'\"{{}}$<>]+:(?!\d+/){_PLACEHOLDER}([^\s'\"<>{{}}$@]+)@",
    ),
    ("token in an address", r"https?://([\w-]{20,})@"),
    (
        "credential in an address",
        r"(?i)[?&;][\w.-]*(?:token|secret|passw(?:or)?d|passwd|api_?key|access_?key|signature|credential)="
        rf"{_PLACEHOLDER}([^&\s#'\"]+)",
    ),
    ("credential in an address", rf"[?&](?:sig|key|auth|pwd)={_PLACEHOLDER}([^&\s#'\"]+)"),
    ("token in an address", r"https://hooks\.slack\.com/services/([\w/]{8,})"),
    ("token", r"\b(gh[pousr]_\w{16,}|github_pat_\w{20,})"),
    ("token", r"\b(gl(?:pat|oas|rt|dt|cbt|ptt|ft|imt|agent|soat)-[\w-]{15,})"),
    ("token", r"\b(xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,})"),
    (
        "token",
        r"\b(hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|sk_live_\w{16,}|npm_\w{30,}|pypi-[\w-]{30,}|AIza[\w-]{35})",
    ),
    ("access key", r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    ("token", r"\b(eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)*)"),
    ("token", r"(?i)\bbearer\s+(?=[^\s'\"]*\d)([\w.~+/=-]{8,})"),
    (
        "credential in a header",
        rf"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token|digest|apikey|negotiate)\s+{_PLACEHOLDER}"
        r"([\w.~+/=:-]{4,})",
    ),
)
# A literal text that is given to such a name, in the source code of any language.
_LITERAL = (
    r"(?i)(?:passw(?:or)?d|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|credential)[\w.-]{0,40}[\"']?\]?"
    r"\s*(?::\s*str\s*)?(?:[:=]|=>|<-)\s*[rbu]?[\"'](?=[^\"'\s]*[0-9])(?=[^\"'\s]*[A-Za-z])([^\"'\s${}<>\[]{6,})[\"']"
)
# The same without quotes, as files of settings have it, alone on its line.
_SETTING = (
    r"(?im)^[+\- ]?\s*(?:export\s+)?[\w.-]*(?:passw(?:or)?d|passwd|secret|token|api_?key|access_?key|private_?key)"
    r"\s*[=:]\s*"
    r"(?=[^\"'\s]*[0-9])(?=[^\"'\s]*[A-Za-z])([^\"'\s${}<>\[\]().,;]{6,})[ \t]*\r?$"
)
_ASSIGNED = r"(?<![\w.-])((?:--?)?[A-Za-z_][\w.-]*=|--[A-Za-z][\w.-]*[ \t]+)(\"[^\"]*\"|'[^']*'|[^\s'\";&|)]+)"
_HEADER = r"(?s)\A([A-Za-z][A-Za-z0-9-]*):[ \t]+(\S.*)\Z"

_PRIVATE_NAME = (
    r"(?i)(?:"
    r"\.env(?:\..+)?|.+\.env|\.envrc|[._]netrc|\.pypirc|\.pgpass|\.my\.cnf|\.mylogin\.cnf|\.git-credentials|\.npmrc"
    r"|\.yarnrc|\.dockercfg|\.htpasswd|\.s3cfg|\.boto|\.vault-token|kubeconfig(?:\..+)?|.+\.kubeconfig"
    r"|id_(?:rsa|dsa|ecdsa|ed25519|xmss)(?:_sk)?(?:[._-].*)?"
    r"|.+\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|agekey)"
    r"|(?:.*[._-])?(?:credentials?|secrets?|passwords?|passwd)(?:[._-](?:prod|production|dev|staging|test|local))?"
    r"(?:\.(?:json|ya?ml|toml|ini|cfg|conf|txt|csv|xml|properties|env|sh|enc|gpg|bak))?"
    r"|(?:.*[._-])?token(?:\.(?:txt|json|ya?ml))?|client_secret.*\.json|service[_-]?account.*\.json"
    r")"
)
_PUBLIC_NAME = r"(?i).+\.pub|(?:.*[._-])?env\.(?:example|sample|template|dist)|.+[._-](?:example|template)"
_PRIVATE_PLACES = (".aws/credentials", ".docker/config.json", ".kube/config", ".config/gh/hosts.yml", ".ssh/identity")
# By these names it is code; what it holds is looked at instead.
_CODE = r"(?i).+\.(?:py[xdi]?|ipynb|r|jl|c|h|cc|cpp|hpp|java|js|ts|go|rs|rb|pl|md|rst|html|f90|cu|m|scala)"
_PRIVATE_KEY = rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-|\"private_key\"\s*:"

# Programs whose -u or --user is no `user:password`.
_OTHER_USERS = frozenset(["rsync", "cp", "mv", "scp", "sort", "docker", "podman", "git", "tar", "zip", "chown", "sudo"])
_USER = r"(?s)(-u|-U|--user|--proxy-user)(=?)([^\s:/@=]+):(?!//)([^:].*)\Z"
_OPTION = r"(?s)(--?[A-Za-z][\w.-]*)(?:=(.*))?\Z"
_TAKES_PROGRAM = r"-[a-z]*[ce]\Z|--(?:eval|command|wrap)\Z"  # sh -c, perl -e, sbatch --wrap
_VARIABLE = r"(?s)([A-Za-z_][\w.-]*)=(.+)\Z"


@lru_cache(maxsize=4096)  # a program has few names and asks for them at each call
def looks_like_credential(name: str) -> bool:
    """Return whether a value of this name may be a password, a token or a key, and must not be written.

    >>> [looks_like_credential(name) for name in ("API_TOKEN", "dbPassword", "ssh-key", "n_tokens", "KEYBOARD", "PWD")]
    [True, True, True, False, False, False]
    """
    if name in ("PWD", "OLDPWD") or not _has_any(_OF_NAMES, name):  # the first two are working folders
        return False
    plain = _compiled(_HUMP).sub("_", name).lower().replace("-", "_").replace(".", "_")
    return _compiled(_NAME).search(plain) is not None and _compiled(_HARMLESS_NAME).search(plain) is None


def holds_credential(text: str) -> bool:
    """Return whether a text holds what is unmistakably a password, token or private key; code is looked at as well."""
    if not _has_any(_OF_TEXTS, text):
        return False
    return any(pattern.search(text) for pattern in (*(form for _, form in _forms()), _compiled(_LITERAL)))


def holds_setting(text: str) -> bool:
    """Return whether a file of settings, or a change of one, gives a value to the name of a credential."""
    return _compiled(_SETTING).search(text) is not None


def hide(text: str) -> str:
    """Return a text with a marker in the place of each credential; the rest stays as it is.

    >>> hide("postgresql://ada:pw4@db/census")
    'postgresql://ada:[removed: password in an address]@db/census'
    """
    if not _has_any(_OF_TEXTS, text):
        return text
    for reason, pattern in _forms():
        text = pattern.sub(_marked(reason), text)
    header = _compiled(_HEADER).match(text)
    if header and looks_like_credential(header.group(1)) and "[removed:" not in text:
        return f"{header.group(1)}: {REMOVED}"
    return text


def hide_in_command(words: Iterable[str]) -> List[str]:
    """Return the words of a command line with a marker in the place of each credential.

    Hidden are the values of options and variables whose names say so (``--password x``, ``--api-key=x``,
    ``TOKEN=x``), ``user:password`` behind ``-u``, ``-U``, ``--user`` and ``--proxy-user``, and what :func:`hide`
    hides, also within a word that is a program itself (``sh -c '...'``).
    """
    shown = list(words)
    if not _has_any(_OF_COMMANDS, "\0".join(shown)):
        return shown
    has_login = not any(word.rpartition("/")[2] in _OTHER_USERS for word in shown[:3])
    for index, word in enumerate(shown):
        option = _compiled(_OPTION).match(word)
        if option and looks_like_credential(option.group(1).lstrip("-")):
            name, value = option.group(1), option.group(2)
            following = shown[index + 1] if index + 1 < len(shown) else None
            if value is not None:
                shown[index] = f"{name}={_hidden_value(name, value)}"
            elif following is not None and not _is_option(following):
                shown[index + 1] = _hidden_value(name, following)
        elif has_login and word in ("-u", "-U", "--user", "--proxy-user") and index + 1 < len(shown):
            login = _compiled(_USER).match(f"{word}={shown[index + 1]}")
            if login and not _is_pair_of_numbers(login):
                shown[index + 1] = f"{login.group(3)}:[removed: password]"
        elif has_login and (login := _compiled(_USER).match(word)) and not _is_pair_of_numbers(login):
            shown[index] = f"{login.group(1)}{login.group(2)}{login.group(3)}:[removed: password]"
        else:
            shown[index] = _hidden_word(
                word, index > 0 and _compiled(_TAKES_PROGRAM).match(shown[index - 1]) is not None
            )
    return shown


_PRIVATE_ENDINGS = tuple("/" + place for place in _PRIVATE_PLACES)


def is_private_name(path: str) -> bool:
    """Return whether a file of this name is made to hold credentials, as ``.env``, ``id_rsa`` and ``*.pem`` are."""
    name = path.rpartition("/")[2]
    if path.endswith(_PRIVATE_ENDINGS) or path in _PRIVATE_PLACES:
        return True
    if _compiled(_PRIVATE_NAME).fullmatch(name) is None:
        return False
    return not (_compiled(_PUBLIC_NAME).fullmatch(name) or _compiled(_CODE).fullmatch(name))


def holds_private_key(head: bytes) -> bool:
    """Return whether the beginning of a file has that of a private key."""
    return _compiled(_PRIVATE_KEY).search(head) is not None


def _has_any(marks: Iterable[str], text: str) -> bool:
    lowered = text.lower()
    for mark in marks:  # noqa: SIM110 - asked of every value of a run, and twice as fast as any()
        if mark in lowered:
            return True
    return False


def _hidden_word(word: str, is_program: bool) -> str:
    variable = _compiled(_VARIABLE).match(word)
    if variable and looks_like_credential(variable.group(1)) and not is_program:
        return f"{variable.group(1)}={_hidden_value(*variable.groups())}"
    if any(map(str.isspace, word)) and _has_any(_OF_TEXTS, word):
        word = _compiled(_ASSIGNED).sub(_hidden_assignment, word)
    return hide(word)


def _hidden_assignment(match: Match[str]) -> str:
    given, value = match.groups()
    name = given.lstrip("-").rstrip("= \t")
    if name == "key" or not looks_like_credential(name) or value.lstrip("\"'").startswith(("$", "-", "[removed:")):
        return match.group(0)
    return given + REMOVED


def _hidden_value(name: str, value: str) -> str:
    if value.startswith("[removed:") or not value:
        return value
    is_column = name.lstrip("-").lower() == "key" and _compiled(_SORT_KEY).match(value)
    return value if is_column else REMOVED


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit()


def _is_pair_of_numbers(login: Match[str]) -> bool:
    return login.group(3).isdigit() and login.group(4).isdigit()  # ids of a user and a group


def _marked(reason: str) -> Callable[[Match[str]], str]:
    def replace(match: Match[str]) -> str:
        start, end = match.start(1) - match.start(), match.end(1) - match.start()
        whole = match.group(0)
        if "[removed:" in match.group(1):
            return whole
        return f"{whole[:start]}[removed: {reason}]{whole[end:]}"

    return replace


@lru_cache(maxsize=None)
def _forms() -> Tuple[Tuple[str, Pattern[str]], ...]:
    # Compiled when first needed: programs that hold nothing to hide don't wait for it.
    return tuple((reason, re.compile(pattern, re.S)) for reason, pattern in _FORMS)


@lru_cache(maxsize=None)
def _compiled(pattern: AnyStr) -> Pattern[AnyStr]:
    return re.compile(pattern)
