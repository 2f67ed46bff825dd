"""Credentials in a text: where they stand, and the text with a marker in the place of each.

Found are those that :mod:`provenance.journal.credential_forms` knows by their forms and, when asked, the values that
files of settings and literals in code give to the names of credentials.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

from provenance.journal.credential_forms import FORMS
from provenance.journal.credential_names import OF_NAMES, compiled, has_any, looks_like_credential

BY_NAME = "name looks like a credential"
# Most texts have none of the marks, and few are as long as a form without a mark.
_MARKS = tuple(dict.fromkeys(mark for form in FORMS for mark in form.marks))
_UNMARKED = tuple(form for form in FORMS if not form.marks)

Span = Tuple[int, int, str]  # start, end, reason

_MARKER = r"\[removed: [^\]\n]*\]"
# A value that is given to a name, in files of settings and in code: `name = "value"`, `name: value`, `"name": "value"`.
_GIVEN = (
    r"(?m)(?<![\w.$-])[\"']?([A-Za-z_][\w.-]{0,60})[\"']?\]?[ \t]*(?::[ \t]*str[ \t]*)?(?:=>|:=|<-|(?<!:):(?!:)|=(?!=))"
    r"[ \t]*(?:[rbuf]?\"([^\"\n]{4,})\"|[rbuf]?'([^'\n]{4,})'"
    r"|([^\s\"'#,;&|(){}\[\]<>$]{4,})(?=[ \t]*(?:[#;,&|].*|\}.*)?\r?$))"
)
# A value that is given to an option, in scripts and logs: `--api-key=value`, `--password value`, a login of curl.
_OPTION = (
    r"(?<![\w-])--?([A-Za-z][\w-]{2,40})(?:=|[ \t]+)(?:\"([^\"\n]{4,})\"|'([^'\n]{4,})'"
    r"|([^\s\"'$;&|(){}<>\[\]\\`]{4,}))"
)
_LOGIN = r"\bcurl\b[^\n|;]*?\s(?:-u|--user|--proxy-user)[ =][\"']?[^\s:\"'$]+:(?![$<{%*\[])([^\s\"']{4,})"
_XML = r"<([A-Za-z_][\w.-]{0,60})>[ \t]*([^<>\s]{4,})[ \t]*</"
_PROPERTY = r"<name>\s*([\w.-]+)\s*</name>\s*<value>\s*([^<>\s]{4,})\s*</value>"
_NO_VALUE = (
    r"(?i)[$<{%*/~.(\[^]|__|\[removed|x{4,}|.*(?:your|example|changeme|placeholder|redacted|dummy|://)"
    r"|[a-z_]\w*(?:\.[a-z_]\w*)+\Z|(?:oauth\d|base\d+|utf-?\d+|(?:hmac[-_])?(?:sha|md)[-_]?\d+|[hrep]s\d{3}|ed25519|argon2\w*)\Z"
)
_PASSWORD = r"(?i)passw|passphrase|passcode|(?:^|[_.-])(?:pwd|pass)$"
_HAS_BOTH = r"(?=.*\d)(?=.*[A-Za-z])"


def spans(text: str, *, settings: bool = False) -> List[Span]:
    """Return start, end and reason of every credential in a text, in order and without overlaps.

    With ``settings``, also the values that files of settings (YAML, JSON, TOML, INI, XML, properties, ``.env``,
    shell) and literals in code give to the names of credentials.

    >>> spans("token: ghp_0123456789abcdefghij")
    [(7, 31, 'token')]
    """
    found = _Found(text)
    lowered = text.lower()
    for form in FORMS if has_any(_MARKS, lowered) else _UNMARKED:
        if len(text) >= form.shortest and (not form.marks or has_any(form.marks, lowered)):
            for match in form.compiled().finditer(found.rest):
                found.add(*match.span(1), form.reason)
    if settings and has_any(OF_NAMES, lowered):
        for start, end, _ in _given(found.rest):
            found.add(start, end, BY_NAME)
    if settings and "curl" in lowered:
        for match in compiled(_LOGIN).finditer(found.rest):
            found.add(*match.span(1), "password")
    return sorted(found.spans)


def holds_credential(text: str) -> bool:
    """Return whether a text holds what is unmistakably a password, token or private key; code is looked at as well."""
    return bool(spans(text)) or (has_any(OF_NAMES, text.lower()) and any(quoted for _, _, quoted in _given(text)))


def holds_setting(text: str) -> bool:
    """Return whether a file of settings, or a change of one, gives a value to the name of a credential."""
    return has_any(OF_NAMES, text.lower()) and next(_given(text), None) is not None


def hide(text: str, *, settings: bool = False) -> str:
    """Return a text with a marker in the place of each credential that :func:`spans` finds; the rest stays as it is.

    >>> hide("postgresql://ada:pw4@db/census")
    'postgresql://ada:[removed: password in an address]@db/census'
    """
    while found := spans(text, settings=settings):  # what stood in the shadow of another comes to light
        parts, place = [], 0
        for start, end, reason in found:
            parts += [text[place:start], f"[removed: {reason}]"]
            place = end
        text = "".join((*parts, text[place:]))
    return text


class _Found:
    """What was found in a text up to now, and the text with all that blanked out, to be searched further."""

    def __init__(self, text: str) -> None:
        self.rest = text
        self.spans: List[Span] = []
        self._markers = [match.span() for match in compiled(_MARKER).finditer(text)] if "[removed: " in text else []

    def add(self, start: int, end: int, reason: str) -> None:
        if any(start < marker_end and marker_start < end for marker_start, marker_end in self._markers):
            return
        if any(start < taken_end and taken_start < end for taken_start, taken_end, _ in self.spans):
            return
        self.spans.append((start, end, reason))
        self.rest = self.rest[:start] + "[" + " " * (end - start - 1) + self.rest[end:]


def _given(text: str) -> Iterator[Tuple[int, int, bool]]:
    """Yield where values are given to the names of credentials, and whether in quotes."""
    for match in compiled(_GIVEN).finditer(text):
        group = match.lastindex or 0
        if looks_like_credential(match.group(1)) and _may_be_credential(match.group(1), match.group(group)):
            yield (*match.span(group), group < 4)
    for match in compiled(_OPTION).finditer(text) if "-" in text else ():
        group = match.lastindex or 0
        if looks_like_credential(match.group(1)) and _may_be_credential(match.group(1), match.group(group)):
            yield (*match.span(group), True)
    for pattern in (_XML, _PROPERTY):
        for match in compiled(pattern).finditer(text) if "</" in text else ():
            if looks_like_credential(match.group(1)) and _may_be_credential(match.group(1), match.group(2)):
                yield (*match.span(2), False)


def _may_be_credential(name: str, value: str) -> bool:
    """Return whether a value given to the name of a credential is one, and no word, number, path or placeholder."""
    if compiled(_NO_VALUE).match(value) or any(map(str.isspace, value)):
        return False
    if compiled(_HAS_BOTH).match(value):
        return len(value) >= (16 if name.lower() == "key" else 6)
    if compiled(_PASSWORD).search(name) is None:
        return False
    return value.isdigit() or (len(value) >= 8 and not value.isalpha() and not value.isidentifier())
