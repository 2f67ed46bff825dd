"""Which names say that a value or a file is a credential.

In: names of variables, options, parameters and files. Out: whether what has such a name must not be written down.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import AnyStr, Iterable, Pattern

# Every name of a credential has one of these in it, in lower case: asked first, as almost no name has.
OF_NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "jwt", "bearer", "cookie")

# Names of these are no names of credentials, whatever stands before: they say where one is, or how many there are.
_NOT_AT_THE_END = (
    "file|path|dir|folder|stdin|env|var|count|limit|length|len|size|type|name|url|uri|ttl|column|columns|col|index|idx|"
    "format|mode|policy|method|sock|expiry|expires|embedding|embeddings|mask|pattern|regex|prefix|suffix|label|field"
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
    r"next|stop|start|first|last)_token(?:_|$)|public_?key_?token"
)
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"

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


@lru_cache(maxsize=4096)  # a program has few names and asks for them at each call
def looks_like_credential(name: str) -> bool:
    """Return whether a value of this name may be a password, a token or a key, and must not be written.

    >>> [looks_like_credential(name) for name in ("API_TOKEN", "dbPassword", "ssh-key", "n_tokens", "KEYBOARD", "PWD")]
    [True, True, True, False, False, False]
    """
    if name in ("PWD", "OLDPWD") or not has_any(OF_NAMES, name.lower()):  # the first two are working folders
        return False
    plain = compiled(_HUMP).sub("_", name).lower().replace("-", "_").replace(".", "_")
    return compiled(_NAME).search(plain) is not None and compiled(_HARMLESS_NAME).search(plain) is None


_PRIVATE_ENDINGS = tuple("/" + place for place in _PRIVATE_PLACES)


def is_private_name(path: str) -> bool:
    """Return whether a file of this name is made to hold credentials, as ``.env``, ``id_rsa`` and ``*.pem`` are."""
    name = path.rpartition("/")[2]
    if path.endswith(_PRIVATE_ENDINGS) or path in _PRIVATE_PLACES:
        return True
    if compiled(_PRIVATE_NAME).fullmatch(name) is None:
        return False
    return not (compiled(_PUBLIC_NAME).fullmatch(name) or compiled(_CODE).fullmatch(name))


def holds_private_key(head: bytes) -> bool:
    """Return whether the beginning of a file has that of a private key."""
    return compiled(_PRIVATE_KEY).search(head) is not None


def has_any(marks: Iterable[str], lowered: str) -> bool:
    """Return whether a text in lower case has one of the marks."""
    for mark in marks:  # noqa: SIM110 - asked of every value of a run, and twice as fast as any()
        if mark in lowered:
            return True
    return False


@lru_cache(maxsize=None)
def compiled(pattern: AnyStr) -> Pattern[AnyStr]:
    """Return a pattern, compiled when it is first needed: programs that hold nothing to hide don't wait for it."""
    return re.compile(pattern)
