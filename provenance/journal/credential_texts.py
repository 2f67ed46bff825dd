"""Credentials in a text: where they stand, and the text with a marker in the place of each.

Found are those that :mod:`provenance.journal.credential_forms` knows by their forms and, when asked, the values that
files of settings and literals in code give to the names of credentials.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Iterable, Iterator, List, Tuple

from provenance.journal.credential_forms import FORMS, Form
from provenance.journal.credential_names import OF_NAMES, compiled, has_any, looks_like_credential

BY_NAME = "name looks like a credential"
_UNMARKED = tuple(form for form in FORMS if not form.marks)
# Each mark of a form has one of these in it, which are fewer and as rare: almost all texts are settled by them.
IN_MARKS = (
    *("key", "gl", "pw", ".com", "auth", "toke", "pass", "clou", "gh", "ig=", "_pat_", "lapi", "hv", "k_", "sec", "sl"),
    *("ak", "-us", "ure=", "ial=", "/t/", ":o", "gr1", "xox", "xap", "hf_", "npm_", "-ag", "aiz", "ya2", "goc", "sg."),
    *("q0", "dop_", "dapi", "tt3", "yj", "abia", "3t", "bear", "sk-", "acca", "oftl", "aws", "cook", "cl_", "cl-"),
    *("//", "hine", "asia"),
)

Span = Tuple[int, int, str]  # start, end, reason

_MARKER = r"\[removed: [^\]\n]*\]"
# A value that is given to a name, in files of settings and in code: `name = "value"`, `name: value`, `"name": "value"`.
_GIVEN = (
    r"(?m)(?<![\w.$-])[\"']?([A-Za-z_][\w.-]{0,60})\\{0,3}[\"']?\]?[ \t]*(?::[ \t]*str[ \t]*)?"
    r"(?:=>|:=|<-|(?<!:):(?!:)|=(?!=))[ \t]*(?:[!&]\S*[ \t]+)?"
    r"(?:[rbuf]?(?:\"\")?\"([^\"\n]{4,})\"|[rbuf]?(?:'')?'([^'\n]{4,})'|\\{1,3}\"([^\"\\\n]{4,})\\{1,3}\""
    r"|(?:[|>][+-]?\d?[ \t]*\r?\n[ \t]+)?([^\s\"'#,;&|(){}\[\]<>$]{4,})(?=[ \t]*(?:[#;,&|].*|\}.*)?\r?$|\\[nrt]))"
)
# A variable that is set for one command, or stands in a line of a log: `PGPASSWORD=value psql`.
_ASSIGNED = r"(?<![\w.$-])([A-Za-z_][\w.-]{0,60})=([^\s\"'#,;&|(){}\[\]<>$\\`]{4,})(?=[ \t])"
# A value that is given to an option, in scripts and logs: `--api-key=value`, `--password value`, a login of curl.
_OPTION = (
    r"(?<![\w-])--?([A-Za-z][\w-]{2,40})(?:=|[ \t]+|[\"'][ \t]*,[ \t]*[rbuf]?(?=[\"']))"
    r"(?:\"([^\"\n]{4,})\"|'([^'\n]{4,})'|([^\s\"'$;&|(){}<>\[\]\\`]{4,}))"
)
# Passwords by their place, whatever they look like.
_VALUE = r"[\"']?(?![$<{%*\[])([^\s\"'$]{4,})"
_PLACES = (
    rf"\bsshpass[ \t]+-p[ \t]*{_VALUE}",
    rf"\b(?:mysql(?:dump|admin)?|mariadb(?:-dump)?)[ \t][^\n|;&]*?(?<=[ \t])-p(?!ort\b|ass)(?![ \t]){_VALUE}",
    r"\b(?:auth[ \t]*=[ \t]*|HTTP(?:Basic|Digest)Auth)\([ \t]*[\"'][^\"'\n]+[\"'][ \t]*,"
    r"[ \t]*[rbuf]?[\"'](?![$<{%*\[])([^\"'\n]{4,})[\"']",
)
_OF_PLACES = ("sshpass", "mysql", "mariadb", "auth")
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

    >>> spans("token: " + "ghp_" + "0123456789abcdefghij")
    [(7, 31, 'token')]
    """
    lowered = text.lower()
    forms = _possible_forms(text, lowered)
    if not settings and not any(form.compiled().search(text) for form in forms):
        return []
    found = _Found(text)
    for form in forms:
        found.add((*match.span(1), form.reason) for match in form.compiled().finditer(found.rest))
    if settings and has_any(OF_NAMES, lowered):
        found.add((start, end, BY_NAME) for start, end, _ in _given(found.rest))
    if settings and "curl" in lowered:
        found.add((*match.span(1), "password") for match in compiled(_LOGIN).finditer(found.rest))
    if settings and has_any(_OF_PLACES, lowered):
        for place in _PLACES:
            found.add((*match.span(1), "password") for match in compiled(place).finditer(found.rest))
    return found.spans


def holds_credential(text: str) -> bool:
    """Return whether a text holds what is unmistakably a password, token or private key; code is looked at as well."""
    return bool(spans(text)) or (has_any(OF_NAMES, text.lower()) and any(quoted for _, _, quoted in _given(text)))


def holds_setting(text: str) -> bool:
    """Return whether a file of settings, or a change of one, gives a value to the name of a credential."""
    return has_any(OF_NAMES, text.lower()) and next(_given(text), None) is not None


def hide(text: str, *, settings: bool = False) -> str:
    """Return a text with a marker in the place of each credential that :func:`spans` finds; the rest stays as it is.

    >>> hide("postgresql://ada:pw4@db.example.org/census")
    'postgresql://ada:[removed: password in an address]@db.example.org/census'
    """
    while found := spans(text, settings=settings):  # what stood in the shadow of another comes to light
        parts, place = [], 0
        for start, end, reason in found:
            parts += [text[place:start], f"[removed: {reason}]"]
            place = end
        text = "".join((*parts, text[place:]))
    return text


def _possible_forms(text: str, lowered: str) -> List[Form]:
    return [
        form
        for form in (FORMS if has_any(IN_MARKS, lowered) else _UNMARKED)
        if len(text) >= form.shortest and (has_any(form.marks, lowered) if form.marks else form.literal in text)
    ]


class _Found:
    """What was found in a text up to now, and the text with all that blanked out, to be searched further."""

    def __init__(self, text: str) -> None:
        self.rest = text
        self.spans: List[Span] = []  # in order, without overlaps
        markers = compiled(_MARKER).finditer(text) if "[removed: " in text else ()
        self._markers = [(*match.span(), "") for match in markers]

    def add(self, candidates: Iterable[Span]) -> None:
        """Take those that overlap neither a marker nor what was found before; of two the first."""
        new: List[Span] = []
        starts, marker_starts = [start for start, *_ in self.spans], [start for start, *_ in self._markers]
        end_of_last = 0
        for span in sorted(candidates, key=lambda span: span[0]):
            start, end, _ = span
            if start < end_of_last or _overlaps(self.spans, starts, start, end):
                continue
            if not _overlaps(self._markers, marker_starts, start, end):
                new.append(span)
                end_of_last = end
        if not new:
            return
        self.spans = sorted(self.spans + new)
        parts, place = [], 0
        for start, end, _ in new:
            parts += [self.rest[place:start], "[" + " " * (end - start - 1)]
            place = end
        self.rest = "".join((*parts, self.rest[place:]))


def _overlaps(spans: List[Span], starts: List[int], start: int, end: int) -> bool:
    """Tell whether a place overlaps one of ``spans``, which are in order and begin at ``starts``."""
    last = bisect_left(starts, end) - 1
    return last >= 0 and spans[last][1] > start


def _given(text: str) -> Iterator[Tuple[int, int, bool]]:
    """Yield where values are given to the names of credentials, and whether in quotes."""
    for match in compiled(_GIVEN).finditer(text):
        group = match.lastindex or 0
        if match.group(1) == "PASS" and ":" in text[match.end(1) : match.start(group)]:  # what a test says
            continue
        if looks_like_credential(match.group(1)) and _may_be_credential(match.group(1), match.group(group)):
            yield (*match.span(group), group < 5)
    for match in compiled(_ASSIGNED).finditer(text) if "=" in text else ():
        if looks_like_credential(match.group(1)) and _may_be_credential(match.group(1), match.group(2)):
            yield (*match.span(2), False)
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
