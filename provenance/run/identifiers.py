"""Identifiers of people and institutions: their syntax and check digits.

In: text as people write it, bare or as a URL. Out: the one canonical URL, or :class:`ValueError` saying what is
wrong with it. Nothing is asked of a server.
"""

from __future__ import annotations

import re

_ORCID = re.compile(r"(?:https?://(?:www\.)?orcid\.org/|orcid:)?(\d{4}-?\d{4}-?\d{4}-?\d{3}[\dXx])/?")
_ROR = re.compile(r"(?:https?://(?:www\.)?ror\.org/|ror:)?(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})/?", re.I)
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\.]+(?:\.[^@\s<>,;:\"()\[\]\\.]+)+")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def orcid_url(text: str) -> str:
    """Return ``https://orcid.org/0000-0002-1825-0097`` for an ORCID iD, bare or as a URL.

    The last character is an ISO/IEC 7064 MOD 11-2 check digit (ORCID, "Structure of the ORCID Identifier").

    Raises
    ------
    ValueError
        It does not have the form of an ORCID iD, or the check digit is wrong.

    >>> orcid_url("0000-0002-1825-0097")
    'https://orcid.org/0000-0002-1825-0097'
    """
    match = _ORCID.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an ORCID iD; write it as 0000-0002-1825-0097")
    digits = match.group(1).replace("-", "").upper()
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    if digits[-1] != ("X" if check == 10 else str(check)):
        raise ValueError(f"{text!r} is not an ORCID iD: its check digit is wrong, so a digit is mistyped")
    return "https://orcid.org/" + "-".join(digits[i : i + 4] for i in range(0, 16, 4))


def ror_url(text: str) -> str:
    """Return ``https://ror.org/05sd8tv96`` for a ROR id, bare or as a URL.

    Six Crockford base-32 characters after the leading 0, then an ISO/IEC 7064 MOD 97-10 checksum (ROR, "ROR
    Identifier Pattern").

    Raises
    ------
    ValueError
        It does not have the form of a ROR id, or the checksum is wrong.

    >>> ror_url("05sd8tv96")
    'https://ror.org/05sd8tv96'
    """
    match = _ROR.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a ROR id; write it as https://ror.org/05sd8tv96")
    identifier = match.group(1).lower()
    number = 0
    for character in identifier[1:7]:
        number = number * 32 + _CROCKFORD.index(character)
    if 98 - number * 100 % 97 != int(identifier[7:]):
        raise ValueError(f"{text!r} is not a ROR id: its checksum is wrong, so a character is mistyped")
    return f"https://ror.org/{identifier}"


def plausible_email(text: str) -> str:
    """Return the e-mail address without ``mailto:`` and blanks around it.

    Raises
    ------
    ValueError
        It can't be an address.
    """
    address = text.strip()
    if address[:7].lower() == "mailto:":
        address = address[7:]
    if _EMAIL.fullmatch(address) is None:
        raise ValueError(f"{text!r} is not an e-mail address; write it as name@example.org")
    return address
