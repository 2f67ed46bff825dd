"""From what a user names to a crate that lies unpacked on this machine.

Comes in: a source in one of the forms of :mod:`.sources` and a folder that is not there yet. Goes out: a
:class:`~provenance.rerun.records.Fetched`: where the crate is, and where it came from with its version. A folder is
used where it is; a folder or zip that was given is never written to.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from provenance.crate.source import METADATA_NAMES, open_crate
from provenance.errors import CrateError, OutputError, ServerError, UsageError
from provenance.rerun import seek_crates, zenodo_crates
from provenance.rerun.download import Downloaded, Wanted, download
from provenance.rerun.records import Fetched, Origin
from provenance.rerun.remote_folder import RemoteFile, fetch_listed, fetch_website, looks_like_metadata
from provenance.rerun.signposts import Signpost, signposts
from provenance.rerun.sources import Doi, Local, Page, Registries, Seek, Zenodo, at_address, understood
from provenance.rerun.talk import Silence, Talk
from provenance.rerun.unpacking import Limits, check_place, unpack
from provenance.web.client import Client, Reply

_BLOCK = 1 << 20
_MOST_PAGE = 8 << 20  # bytes of a page
_MOST_HEAD = 1 << 18  # bytes of it that are looked through for links
_ACCEPT = "application/zip, application/ld+json;q=0.5, */*;q=0.2"


def fetch(
    source: str,
    target: Path,
    server: str | None = None,
    talk: Talk | None = None,
    *,
    limits: Limits | None = None,
    registries: Registries | None = None,
) -> Fetched:
    """Get the crate that ``source`` names.

    Parameters
    ----------
    source
        A folder, a zip, an address, ``workflowhub:ID[.VERSION]``, a page of a SEEK server, a DOI.
    target
        Folder for the crate, new or empty; not used for a folder, which is taken where it is. A download that breaks
        off leaves its part beside it, and the next call with the same ``target`` goes on there.
    server
        SEEK server of ``workflowhub:ID``; None for WorkflowHub.

    Raises
    ------
    UsageError
        The source is none of these, or ``target`` is taken.
    NetworkError
        A server can't be reached, or does not give what it promises.
    RefusedError
        The crate is not for everybody.
    CrateError
        What came is no crate, or not safe to unpack.
    OutputError
        There is no room for it.
    """
    registries = registries or Registries()
    found = understood(source, server, registries)
    place = Path(os.path.abspath(target))
    fetching = _Fetching(source, place, registries, limits or Limits(), talk or Silence())
    fetched = fetching.local(found.path) if isinstance(found, Local) else fetching.remote(found)
    return replace(fetched, crate=target) if fetched.crate == place else fetched


class _Fetching:
    """One crate on its way."""

    def __init__(self, given: str, target: Path, registries: Registries, limits: Limits, talk: Talk):
        self._given = given
        self._target = target
        self._registries = registries
        self._limits = limits
        self._talk = talk
        self._client = Client()

    def local(self, path: Path) -> Fetched:
        """Take a folder where it is, or unpack a zip."""
        if path.is_file() and path.name in METADATA_NAMES:
            path = path.parent
        if path.is_dir():
            if not any((path / name).is_file() for name in METADATA_NAMES):
                open_crate(path)  # says what is there instead
            return Fetched(Origin(self._given, "folder"), path)
        check_place(self._target)
        digest, size = self._digest(path)
        crate = unpack(path, self._target, self._limits, self._talk)
        return Fetched(Origin(self._given, "zip", sha256=digest, size=size), crate)

    def remote(self, source: Seek | Zenodo | Doi | Page) -> Fetched:
        """Get it from a server."""
        check_place(self._target)
        if isinstance(source, Seek):
            return self.seek(source)
        if isinstance(source, Zenodo):
            return self.zenodo(source)
        if isinstance(source, Doi):
            return self.doi(source.doi)
        return self.page(source.url)

    def seek(self, source: Seek, given_as: Origin | None = None) -> Fetched:
        """Get a version of a workflow from a SEEK server."""
        found = seek_crates.find(source, self._client, self._registries)
        self._talk.say(f"{source.server} has it as version {found.version}: {found.title or 'without a title'}")
        origin = given_as or Origin(self._given, "workflowhub", identifier=found.identifier)
        wanted = Wanted(found.download, accept="application/json", token=found.token)
        return self._zip(wanted, replace(origin, url=found.page))

    def zenodo(self, source: Zenodo, given_as: Origin | None = None) -> Fetched:
        """Get the crate of a record of Zenodo."""
        found = zenodo_crates.find(source, self._client)
        if found.is_newer:
            self._talk.say(f"record {source.record} stands for all versions; {found.record} is the latest of them")
        origin = given_as or Origin(self._given, "zenodo", identifier=found.identifier)
        origin = replace(origin, url=found.page)
        chosen = zenodo_crates.choose(found, source.file)
        if chosen is not None:
            return self._zip(Wanted(chosen.url, chosen.size, chosen.digests), origin)
        return self._listed(found.files, origin)

    def doi(self, doi: str) -> Fetched:
        """Get what a DOI leads to."""
        address = f"{self._registries.doi}/{quote(doi, safe='/:;()<>._-')}"
        with self._client.get(address, {"Accept": _ACCEPT}) as reply:
            if reply.status == 404 and reply.url == address:
                raise ServerError(f"{address}: there is no such DOI; look at how it is written")
            page = reply.url
        self._talk.say(f"{doi} leads to {page}")
        origin = Origin(self._given, "doi", page, f"https://doi.org/{doi}")
        found = at_address(page, self._registries)
        if isinstance(found, Seek):
            return self.seek(found, origin)
        if isinstance(found, Zenodo):
            return self.zenodo(found, origin)
        return self.page(page, origin)

    def page(self, url: str, given_as: Origin | None = None) -> Fetched:
        """Get a zip at an address, or the crate that a page tells of or that is spread out below it."""
        origin = given_as or Origin(self._given, "url", url, url)
        with self._client.get(url, {"Accept": _ACCEPT}) as reply:
            kind, base = reply.kind, reply.url
            content = reply.body(_MOST_PAGE) if reply.status == 200 and _is_page(reply) else b""
            header = reply.headers.get("Link", "")
        if looks_like_metadata(url, kind):
            return self._website(base, origin)
        if not content:
            return self._zip(Wanted(url, accept=_ACCEPT), origin)
        links = signposts(base, header, content[:_MOST_HEAD].decode("utf-8", "replace"))
        zipped = _one_zip(url, links)
        if zipped is not None:
            return self._zip(Wanted(zipped.url), replace(origin, url=zipped.url))
        metadata = [link.url for link in links if link.is_metadata]
        folder = base.partition("?")[0]
        candidates = [*metadata, *(f"{folder.rstrip('/')}/{name}" for name in METADATA_NAMES)]
        if not folder.endswith("/"):
            candidates += [f"{folder.rpartition('/')[0]}/{name}" for name in METADATA_NAMES]
        for candidate in candidates:
            with self._client.get(candidate, {"Accept": "application/ld+json, application/json, */*;q=0.2"}) as reply:
                is_there = reply.status == 200 and "html" not in reply.kind
            if is_there:
                return self._website(candidate, origin)
        self._refuse_page(url)

    def _zip(self, wanted: Wanted, origin: Origin) -> Fetched:
        archive = self._target.with_name(f".{self._target.name}.zip")
        self._make_parent()
        # What is left of a call that was killed between download and unpacking.
        archive.unlink(missing_ok=True)
        try:
            got = download(replace(wanted, limit=self._limits.size), archive, self._client, self._talk)
            self._talk.say(_told(got))
            self._check_zip(archive, got)
            crate = unpack(archive, self._target, self._limits, self._talk)
        finally:
            archive.unlink(missing_ok=True)
        return Fetched(replace(origin, sha256=got.sha256, size=got.size), crate)

    def _check_zip(self, archive: Path, got: Downloaded) -> None:
        with archive.open("rb") as file:
            start = file.read(4)
        if start[:2] != b"PK":
            what = f"a file of the type {got.kind}" if got.kind else "something else"
            raise CrateError(
                f"{got.url} is no zip but {what}; give the address of the crate's zip, or download it and give the file"
            )

    def _listed(self, files: tuple[RemoteFile, ...], origin: Origin) -> Fetched:
        self._make_parent()
        fetch_listed(files, self._target, self._client, self._limits, self._talk)
        return Fetched(origin, self._target)

    def _website(self, url: str, origin: Origin) -> Fetched:
        self._make_parent()
        fetch_website(url, self._target, self._client, self._limits, self._talk)
        return Fetched(replace(origin, url=url), self._target)

    def _make_parent(self) -> None:
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._target.parent} can't be made: {error.strerror}; choose another place") from None

    def _digest(self, path: Path) -> tuple[str, int]:
        hasher = hashlib.sha256()
        done = 0
        try:
            # A pipe would wait for a writer.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                while chunk := file.read(_BLOCK):
                    hasher.update(chunk)
                    done += len(chunk)
                    self._talk.progress(f"check of {path.name}", done, size)
        except OSError as error:
            raise CrateError(f"{path} can't be read: {error.strerror}") from None
        return hasher.hexdigest(), done

    def _refuse_page(self, url: str) -> NoReturn:
        raise CrateError(
            f"{url} is a page that tells of no crate; give the address of the crate's zip, or download it and give the "
            "file"
        )


def _is_page(reply: Reply) -> bool:
    return "html" in reply.kind


def _one_zip(url: str, links: tuple[Signpost, ...]) -> Signpost | None:
    """The zip that a page says to be its crate's."""
    zips = {link.url: link for link in links if link.is_zip}
    crates = [link for link in zips.values() if link.is_crate_zip]
    if len(crates) == 1:
        return crates[0]
    if len(zips) > 1:
        raise UsageError(f"{url} has more than one zip; give the address of one: {', '.join(sorted(zips)[:20])}")
    return next(iter(zips.values()), None)


def _told(got: Downloaded) -> str:
    agreed = f"; {', '.join(name.upper() for name in got.checked)} agrees" if got.checked else ""
    return f"{got.size:,} bytes came, SHA-256 {got.sha256}{agreed}"
