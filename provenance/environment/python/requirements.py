"""The lines of a requirements file that pip and uv install an environment from again.

In: a distribution, and the path that its source is carried under. Out: a requirement (PEP 508), or why there can be
none. The paths begin at the folder that the file lies in, which is where the installers have to be started: pip takes
them from its working folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from provenance.environment.python.distributions import Distribution, is_name
from provenance.environment.source_control import without_credentials
from provenance.journal.credentials import hide, looks_like_credential

# PEP 440, Appendix B.
_VERSION = re.compile(
    r"v?(?:\d+!)?\d+(?:\.\d+)*(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(?:-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?(?:[-_.]?dev[-_.]?\d*)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?\Z",
    re.IGNORECASE,
)
_COMMIT = re.compile(r"[\w.:+-]+\Z", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{32,}\Z")
_SYSTEMS = ("git", "hg", "bzr", "svn")
_HASHES = ("sha256", "sha512", "sha384", "md5")
_SIGNED = re.compile(
    r"(?i)(?:x-(?:amz|goog)-.+|sig|signature|expires|key|auth|pwd)\Z"
)  # parts of addresses that expire


@dataclass(frozen=True)
class Requirement:
    """A line of a requirements file; a comment when ``text`` is None."""

    text: str | None
    remark: str | None = None  # what is to be known about it, or why it is left out


def requirement(distribution: Distribution, carried: str | None = None) -> Requirement:
    """Return what installs a distribution again.

    Parameters
    ----------
    distribution
        What is installed.
    carried
        Path of its source or wheel beside the requirements file, for one that came from this machine.
    """
    name = distribution.name
    if carried is not None:
        prefix = "-e " if distribution.is_editable else ""
        return Requirement(f"{prefix}./{carried}", f"{name} {distribution.version}, from a folder of the machine")
    if not is_name(name):
        return Requirement(None, "its name is none that installers take")
    url = distribution.direct_url.get("url")
    if isinstance(url, str) and distribution.source is None:
        return _from_address(name, url, distribution.direct_url)
    if distribution.source is not None:
        return Requirement(None, "it was installed from the machine itself and is not carried along")
    if not _VERSION.match(distribution.version):
        return Requirement(None, "its version is none that installers take")
    remark = None
    if "+" in distribution.version:
        remark = "a local version: the index that it came from may be a special one, which its metadata do not name"
    elif not distribution.folder:
        remark = "as the run had it; it has changed since, and where it came from is not known"
    elif distribution.folder.endswith(".egg"):
        remark = "was an egg; its metadata do not say where it came from"
    return Requirement(f"{name}=={distribution.version}", remark)


def origin(distribution: Distribution) -> str | None:
    """Return where a distribution was installed from, without credentials.

    "index", the address of an archive, one of version control with the commit, or a folder of the machine.
    """
    url = distribution.direct_url.get("url")
    if not isinstance(url, str):
        return None if distribution.folder.endswith(".egg") else "index"
    information = distribution.direct_url.get("vcs_info")
    if isinstance(information, dict):
        return _with_commit(_public_repository(url), information, "")
    return distribution.source if distribution.source is not None else hide(public_address(url))


def _from_address(name: str, url: str, direct: Mapping[str, Any]) -> Requirement:
    information = direct.get("vcs_info")
    folder = direct.get("subdirectory")
    fragment = f"subdirectory={folder}" if isinstance(folder, str) and folder else ""
    if isinstance(information, dict):
        public = _public_repository(url)
        address = _with_commit(public, information, f"#{fragment}" if fragment else "")
        if address is None:
            return Requirement(None, "the commit that it was installed from is not known")
        had_login = re.sub(r"//git@|^git@", "", public) != re.sub(r"//git@|^git@", "", url) and "@" in url
    else:
        public = public_address(url)
        digest = _digest(direct.get("archive_info"))
        parts = [part for part in (fragment, digest) if part]
        address = public + ("#" + "&".join(parts) if parts else "")
        had_login = public.partition("#")[0] != url.partition("#")[0]
    if re.search(r"[\s\x00-\x1f\x7f\ud800-\udfff]", address) or not urlsplit(address).scheme:
        return Requirement(None, "it was installed from an address that can't be written in this file")
    if hide(address) != address:
        return Requirement(None, f"its address holds a credential: {hide(address)}")
    return Requirement(f"{name} @ {address}", "the address was used with a login" if had_login else None)


def _with_commit(url: str, information: Mapping[str, Any], fragment: str) -> str | None:
    system, commit = information.get("vcs"), information.get("commit_id")
    if system not in _SYSTEMS or not isinstance(commit, str) or not _COMMIT.match(commit):
        return None
    return f"{system}+{url}@{commit}{fragment}"


def _public_repository(url: str) -> str:
    plain = without_credentials(re.sub(r"^(?:git|hg|bzr|svn)\+", "", url))
    scp_like = re.match(r"([^/@:]+@[^/@:]+):(?!//)(.+)\Z", plain)
    return f"ssh://{scp_like.group(1)}/{scp_like.group(2).lstrip('/')}" if scp_like else plain


def _digest(information: object) -> str:
    if not isinstance(information, dict):
        return ""
    hashes = information.get("hashes")
    found = dict(hashes) if isinstance(hashes, dict) else {}
    if not found and isinstance(information.get("hash"), str):
        name, _, value = information["hash"].partition("=")
        found = {name: value}
    for name in _HASHES:
        value = found.get(name)
        if isinstance(value, str) and _HEX.match(value):
            return f"{name}={value}"
    return ""


def public_address(url: str) -> str:
    """Return the address of an archive without user, password, and the parts of its query that let somebody in.

    >>> public_address("https://ada:pw@example.org/a-1.0.zip?token=abc&download=1")
    'https://example.org/a-1.0.zip?download=1'
    """
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:  # a host that is none, e.g. an unfinished "["
        return without_credentials(url)
    kept = [(key, value) for key, value in pairs if not _SIGNED.match(key) and not looks_like_credential(key)]
    query = parts.query if kept == pairs else urlencode(kept)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment=""))


def file_text(lines: list[tuple[str, Requirement]], heading: list[str]) -> str:
    """Return a requirements file: what it is, the requirements, and what is left out and why, all as comments.

    Parameters
    ----------
    lines
        (name and version for people, requirement) of each distribution.
    heading
        What to say at the head, one line each.
    """
    kept = [(each.text, each.remark) for _, each in lines if each.text is not None]
    left_out = [f"{name}: {each.remark}" for name, each in lines if each.text is None]
    found = [f"# {_one_line(line)}" for line in heading]
    for text, remark in kept:
        found.append(f"{text}  # {_one_line(remark)}" if remark else text)
    if left_out:
        found += ["", "# Left out:", *(f"# - {_one_line(line)}" for line in left_out)]
    return "\n".join(found) + "\n"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
