"""Persons and institutions as people write them on a command line.

In: one text. Out: a :class:`~provenance.run.model.Person` or :class:`~provenance.run.model.Organization`.
"""

from __future__ import annotations

import re

from provenance.errors import UsageError
from provenance.run.identifiers import orcid_url, plausible_email, ror_url
from provenance.run.model import Organization, Person


def person(text: str) -> Person:
    """Return the person that ``text`` names: an ORCID iD, a name, or ``Name <e-mail>``.

    Raises
    ------
    UsageError
        It is empty, or looks like an ORCID iD or an address and is none.

    >>> person("Ada Example <ada@example.org>").email
    'ada@example.org'
    """
    whole = _plain(text)
    try:
        if re.search(r"orcid\.org|orcid:|\d{4}", whole, re.I):
            return Person(orcid=orcid_url(whole))
        name, opened, address = whole.partition("<")
        email = plausible_email(address.rstrip("> ")) if opened else None
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not name.strip():
        raise UsageError(f"{text!r} names nobody; give an ORCID iD or a name")
    return Person(name=name.strip(), email=email)


def organization(text: str) -> Organization:
    """Return the institution that ``text`` names: a ROR id or a name.

    Raises
    ------
    UsageError
        It is empty, or looks like a ROR id and is none.

    >>> organization("05sd8tv96").ror
    'https://ror.org/05sd8tv96'
    """
    whole = _plain(text)
    if not whole:
        raise UsageError("an empty text names no institution; give a ROR id or a name")
    try:
        return Organization(ror=ror_url(whole))
    except ValueError as error:
        if re.match(r"(?:https?://)?(?:www\.)?ror\.org/|ror:", whole, re.I):
            raise UsageError(str(error)) from None
        return Organization(name=whole)


def _plain(text: str) -> str:
    """Return the text on one line, without bytes that are no UTF-8."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
