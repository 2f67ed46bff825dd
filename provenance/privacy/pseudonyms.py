"""Pseudonyms: which stands for which name, and a text with all names replaced.

Comes in: texts, to learn the names of a whole crate from; then the same texts. Goes out: the texts with ``user1``,
``group1``, ``account1`` and ``host1`` in the place of names, and nothing else changed. A pseudonym is never taken that
stood in a text before, so that putting the names back gives the original.
"""

from __future__ import annotations

import builtins
import json
import keyword
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote

from provenance.privacy.names import Kind, Mention, is_machine, is_somebody, mentions, public_addresses

_STEMS = {
    Kind.HOME: "user",
    Kind.USER: "user",
    Kind.GROUP: "group",
    Kind.ACCOUNT: "account",
    Kind.HOST: "host",
    Kind.ADDRESS: "host",
}
_RANK = {kind: rank for rank, kind in enumerate(_STEMS)}  # a name in two kinds is of the first
_USED = re.compile(r"(?:user|group|account|host)\d+")
_DOMAIN = re.compile(r"[\w.%+-]@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,18})\b")  # an institution's
_ORDINARY = """
root user users data test tests testing run runs runner running admin ubuntu python local login node host
server worker workers master main name names file files path paths home work working project projects
result results output outputs input inputs config configuration default sample samples model models train
training valid batch job jobs task tasks step steps time date year month day number count value values
type types string text code source sources script scripts tool tools library lib bin doc docs example
examples demo temp tmp log logs error errors warning info debug true false none null left right start
stop end begin first last new old open close read write create delete update list set get put add remove
find search index key keys table row rows column columns field fields group groups account accounts
client service system machine computer cluster compute storage cloud gpu cpu memory disk network web site
page link image images video audio graph plot figure map chart report summary description title author
version release build package module modules class function method object global public private internal
external science research lab institute university physics chemistry biology astro climate ocean weather
energy mean max min sum average median the and for with from this that not all any some one two three red
green blue black white may june april august mark will bill rose hope grace guest postgres mysql redis
mongo nginx apache docker podman slurm conda java perl ruby julia node1 frontend backend head dev prod
stage staging production base core common shared student students teacher staff team box pc desktop
laptop notebook workstation
"""
# What a name is a part of another word by: scripts that put no blanks between words are not among them.
_LETTERS = "A-Za-z0-9À-ÖØ-öø-ɏ"
_WORDS = frozenset(_ORDINARY.split())


@lru_cache(maxsize=4096)
def is_ordinary(name: str) -> bool:
    """Tell whether a name is also a word of texts or code, so that it is replaced only where it is surely a name."""
    plain = name.lower()
    if re.fullmatch(r"[\d.]+", name):
        return False
    return (
        (len(name) < 3 and name.isascii())  # two characters are a whole name in Chinese
        or plain in _WORDS
        or name in sys.stdlib_module_names
        or keyword.iskeyword(name)
        or hasattr(builtins, name)
    )


class Learned:
    """The names that the texts of a crate hold, and the words that can be no pseudonyms there."""

    def __init__(self, known: Mapping[str, Kind] | None = None) -> None:
        self.kinds: dict[str, Kind] = {}
        self.used: set[str] = set()
        for name, kind in (known or {}).items():
            self.note(name, kind)

    def note(self, name: str, kind: Kind) -> None:
        """Take a name that is known from elsewhere; names that everybody has are not taken."""
        if kind not in _STEMS or not (is_machine(name) if kind in (Kind.HOST, Kind.ADDRESS) else is_somebody(name)):
            return
        before = self.kinds.get(name)
        if before is None or _RANK[kind] < _RANK[before]:
            self.kinds[name] = kind

    def read(self, text: str) -> None:
        """Learn from a text."""
        self.used.update(_USED.findall(text))
        for mention in mentions(text):
            self.note(mention.name, mention.kind)

    def pseudonyms(self, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return name -> pseudonym for all names; those that were ``given`` before keep theirs."""
        chosen = dict(given or {})
        taken = self.used | set(chosen.values())
        numbers: dict[str, int] = {}
        for name, kind in self.kinds.items():
            if name in chosen:
                continue
            stem = _STEMS[kind]
            while (pseudonym := f"{stem}{numbers.setdefault(stem, 1)}") in taken:
                numbers[stem] += 1
            taken.add(pseudonym)
            chosen[name] = pseudonym
        return chosen


class Replacer:
    """Puts pseudonyms into texts.

    Parameters
    ----------
    pseudonyms
        Name -> pseudonym.
    kept
        Phrases that stay as they are wherever they stand: what is said of the authors on purpose.
    """

    def __init__(self, pseudonyms: Mapping[str, str], kept: Iterable[str] = ()) -> None:
        self._pseudonyms = dict(pseudonyms)
        self._written = {form: name for name in self._pseudonyms if not is_ordinary(name) for form in _forms(name)}
        self._words = _any_word(self._written)
        phrases = sorted({phrase for phrase in kept if phrase}, key=len, reverse=True)
        self._kept = re.compile("|".join(map(re.escape, phrases))) if phrases else None

    def in_text(self, text: str, *, words: bool = True) -> str:
        """Replace the names in a text; with ``words`` off only where they are surely names or folders (in data)."""
        found = list(self.places(text, words=words))
        if not found:
            return text
        parts, place = [], 0
        for mention in found:
            parts += [text[place : mention.start], self._pseudonyms[mention.name]]
            place = mention.end
        return "".join((*parts, text[place:]))

    def places(self, text: str, *, words: bool = True) -> Iterator[Mention]:
        """Find what would be replaced, in order."""
        candidates = [mention for mention in mentions(text) if mention.name in self._pseudonyms]
        if self._words is not None:
            found = self._as_words(text)
            candidates += found if words else (each for each in found if _is_folder(text, each))
        if not candidates:
            return
        kept = [match.span() for match in self._kept.finditer(text)] if self._kept else []
        if "http" in text:
            kept += [match.span() for match in public_addresses(text)]
        if "@" in text:
            kept += [match.span(1) for match in _DOMAIN.finditer(text)]
        candidates.sort(key=lambda mention: (mention.start, -mention.end))
        end = 0
        for mention in candidates:
            if mention.start >= end and not any(a <= mention.start and mention.end <= b for a, b in kept):
                yield mention
                end = mention.end

    def in_value(self, text: str) -> str:
        """Replace the names in a value of the metadata."""
        return self.in_text(text)

    def _as_words(self, text: str) -> Iterator[Mention]:
        assert self._words is not None
        for match in self._words.finditer(text):
            yield Mention(*match.span(), Kind.USER, self._written[match.group()])


def put_back(text: str, pseudonyms: Mapping[str, str]) -> str:
    """Undo :meth:`Replacer.in_text`: write the names where their pseudonyms stand."""
    names = {pseudonym: name for name, pseudonym in pseudonyms.items()}
    pattern = _any_word(names)
    return text if pattern is None else pattern.sub(lambda match: names[match.group()], text)


def _is_folder(text: str, mention: Mention) -> bool:
    """Tell whether a known name is a folder in a path, as in ``/gpfs/projects/lab/ada/x``."""
    return text[mention.start - 1 : mention.start] == "/" == text[mention.end : mention.end + 1]


def _forms(name: str) -> Iterator[str]:
    """Ways to write a name: as it is, in addresses, in JSON."""
    yield name
    yield quote(name, safe="", errors="surrogateescape")
    yield quote(name, safe="+@", errors="surrogateescape")
    yield json.dumps(name)[1:-1]


def _any_word(words: Iterable[str]) -> re.Pattern[str] | None:
    ordered = sorted(words, key=len, reverse=True)
    if not ordered:
        return None
    return re.compile(rf"(?<![{_LETTERS}])(?:{'|'.join(map(re.escape, ordered))})(?![{_LETTERS}])")
