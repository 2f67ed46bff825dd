"""The bill of materials of a run, CycloneDX 1.6: all software, used and installed, for scanners of licenses and
vulnerabilities.

Comes in: the Run. Goes out: JSON. The same run gives the same bytes: the serial number is made of the run's id, the
time is that of the run's end. What was executed or loaded has the scope ``required``, what was merely installed
``optional``. What CycloneDX has no field for are properties with the prefix ``wfprov:``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from provenance.crate.metadata import readable
from provenance.run.installed import was_used
from provenance.run.licenses import spdx_identifier
from provenance.run.model import Container, Run, Software

if TYPE_CHECKING:
    from cyclonedx.model import ExternalReference, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License
    from packageurl import PackageURL

PREFIX = "wfprov:"
_APPLICATIONS = frozenset(["python-interpreter", "program", "module", "spack", None])
_DIGEST = re.compile(r"[0-9a-fA-F]{64}\Z")
_OPERATOR = re.compile(r"\s+(?:AND|OR)\s+")
_LONGEST_VERSION = 1024  # characters, by the schema
_LONGEST_NAME = 200  # characters of a license that are a name; what is longer is a text
# What every reader takes for an address; a fragment at most once, percent only before two digits.
_CHARACTERS = r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
_ADDRESS = re.compile(rf"(?:git\+)?(?:https?|ssh|file)://[A-Za-z0-9._@:-]*(?:[/?]{_CHARACTERS})?(?:#{_CHARACTERS})?\Z")
_NO_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def bill_of_materials(run: Run) -> bytes | None:
    """Write the bill of materials of ``run``; None when no software is known."""
    if not (run.environment.packages or run.environment.software):
        return None
    from cyclonedx.output.json import JsonV1Dot6

    text: str = JsonV1Dot6(_bill(run)).output_as_string(indent=1)
    return text.encode() + b"\n"


def _bill(run: Run) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.dependency import Dependency
    from cyclonedx.model.tool import ToolRepository

    moment = run.end if run.end is not None else run.start or 0
    root = Component(name=_text(run.name) or "run", type=ComponentType.APPLICATION, bom_ref="run")
    if run.about.version:
        root.version = _text(run.about.version)[:_LONGEST_VERSION]
    metadata = BomMetaData(component=root, timestamp=datetime.fromtimestamp(moment // 10**9, timezone.utc))
    if run.engine is not None:
        engine = Component(
            name=_text(run.engine.name),
            version=_text(run.engine.version or "")[:_LONGEST_VERSION] or None,
            type=ComponentType.APPLICATION,
            bom_ref="engine",
        )
        metadata.tools = ToolRepository(components=[engine])
    number = uuid.uuid5(uuid.NAMESPACE_OID, f"wfprov run {readable(run.id)} {run.start}")
    bill = Bom(serial_number=number, metadata=metadata)
    components = list(_components(run))
    bill.components.update(components)
    # Not register_dependency(): that looks for each among all.
    needed = Dependency(root.bom_ref, [Dependency(component.bom_ref) for component in components])
    bill.dependencies = [needed]
    return bill


def _components(run: Run) -> Iterator[Component]:
    taken: dict[str, int] = {}
    for software in (*run.environment.packages, *run.environment.software):
        yield _component(software, taken)
    for image in run.containers:
        yield _image(image, taken)


def _component(software: Software, taken: dict[str, int]) -> Component:
    from cyclonedx.model.component import Component, ComponentScope, ComponentType

    kind = software.kind
    package_url = _package_url(software.purl)
    licenses = _licenses(software.license)
    addresses = list(_addresses(software))
    types = {None: ComponentType.LIBRARY, "driver": ComponentType.DEVICE_DRIVER}
    is_application = kind in _APPLICATIONS and kind is not None
    component = Component(
        name=_text(software.name) or "unnamed",
        version=_text(software.version or "")[:_LONGEST_VERSION] or None,
        type=ComponentType.APPLICATION if is_application else types.get(kind, ComponentType.LIBRARY),
        bom_ref=_reference(f"{kind or 'package'}:{software.name}@{software.version or ''}", taken),
        purl=package_url,
        hashes=_hashes(software.sha256),
        licenses=licenses,
        scope=ComponentScope.REQUIRED if was_used(software) else ComponentScope.OPTIONAL,
        properties=list(_properties(software, package_url, addresses)),
        external_references=addresses,
    )
    return component


def _image(image: Container, taken: dict[str, int]) -> Component:
    from cyclonedx.model.component import Component, ComponentScope, ComponentType

    return Component(
        name=_text("/".join(filter(None, [image.registry, image.name])) or image.image) or "image",
        version=_text(image.tag or (f"sha256:{image.sha256}" if image.sha256 else ""))[:_LONGEST_VERSION] or None,
        type=ComponentType.CONTAINER,
        bom_ref=_reference(f"image:{image.key}", taken),
        hashes=_hashes(image.sha256 if image.path else None),
        scope=ComponentScope.REQUIRED,
        properties=list(_named([("kind", f"image-{image.kind}"), ("image", image.image), ("digest", image.sha256)])),
    )


def _reference(wanted: str, taken: dict[str, int]) -> str:
    wanted = _text(wanted)
    taken[wanted] = taken.get(wanted, 0) + 1
    return wanted if taken[wanted] == 1 else _reference(f"{wanted} ({taken[wanted]})", taken)


def _properties(
    software: Software, package_url: PackageURL | None, addresses: list[ExternalReference]
) -> Iterator[Property]:
    """Say what no other field of the component does."""
    said = {reference.type.value: str(reference.url) for reference in addresses}
    return _named(
        [
            ("kind", software.kind),
            ("used", None if software.is_used is None else str(software.is_used).lower()),
            ("path", software.path),
            ("url", None if "website" in said else software.url),
            ("purl", None if package_url is not None and str(package_url) == software.purl else software.purl),
            ("architecture", software.architecture),
            ("installer", software.installer),
            ("origin", None if "distribution" in said else software.origin),
            ("editable", "true" if software.is_editable else None),
        ]
    )


def _named(known: Iterable[tuple[str, str | None]]) -> Iterator[Property]:
    from cyclonedx.model import Property

    return (Property(name=PREFIX + name, value=_text(value)) for name, value in known if value)


def _addresses(software: Software) -> Iterator[ExternalReference]:
    from cyclonedx.exception.model import InvalidUriException
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    for address, kind in (
        (software.url, ExternalReferenceType.WEBSITE),
        (software.origin, ExternalReferenceType.DISTRIBUTION),
    ):
        if not address or not _ADDRESS.match(address):
            continue  # it stays among the properties
        try:
            yield ExternalReference(type=kind, url=XsUri(_text(address)))
        except InvalidUriException:
            continue  # it stays among the properties


def _package_url(text: str | None) -> PackageURL | None:
    from packageurl import PackageURL

    try:
        return PackageURL.from_string(readable(text)) if text else None
    except ValueError:
        return None  # it stays among the properties


def _hashes(sha256: str | None) -> list[HashType]:
    from cyclonedx.model import HashAlgorithm, HashType

    if sha256 is None or not _DIGEST.match(sha256):
        return []
    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256.lower())]


def _licenses(text: str | None) -> list[License]:
    """Give an SPDX identifier or expression where the text is one, else a name or the text itself."""
    from cyclonedx.model import AttachedText
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import is_supported_id

    words = _text(text or "").strip()
    if not words:
        return []
    identifier = words if is_supported_id(words) else spdx_identifier(words)
    if identifier and is_supported_id(identifier):
        return [DisjunctiveLicense(id=identifier)]
    parts = [part.strip("() ").partition(" WITH ")[0].removesuffix("+") for part in _OPERATOR.split(words)]
    if len(parts) > 1 and words.count("(") == words.count(")") and all(map(is_supported_id, parts)):
        return [LicenseExpression(value=words)]
    if len(words) <= _LONGEST_NAME and "\n" not in words:
        return [DisjunctiveLicense(name=words)]
    first = words.splitlines()[0].strip()[:_LONGEST_NAME] or "license"
    return [DisjunctiveLicense(name=first, text=AttachedText(content=words))]


def _text(value: str) -> str:
    """Give text that every reader of JSON takes: no lone surrogates, no control characters."""
    return _NO_CONTROL.sub("\N{REPLACEMENT CHARACTER}", readable(value))
