"""The SVG that an engine drew of a run: taken as it is when it is nothing but a drawing.

Comes in: the path of a file. Goes out: its bytes. Crates are opened in browsers, so whatever could act or load
something there (scripts, links, images, foreign content, entities of its own) keeps a file out.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

from provenance.errors import CrateError

LARGEST = 20_000_000  # bytes
_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE[^>\[]*>\s*)?(?:<!--.*?-->\s*)*"
    rb'<svg\s[^>]*xmlns="http://www\.w3\.org/2000/svg"',
    re.DOTALL,
)
_ELEMENT = re.compile(rb"<([A-Za-z_:][^\s/>]*)")
_SCRIPT_BEGINS = tuple(before + b"on" for before in (b" ", b"\t", b"\n", b"\r", b":", b"\f", b"\v"))
_SCRIPT = re.compile(rb"[\s:](on[a-z]+)\s*=", re.IGNORECASE)
_NAMESPACE = re.compile(rb"xmlns(?::[\w.-]+)?\s*=\s*[\"']([^\"']*)[\"']")
_NAMESPACES = frozenset({b"http://www.w3.org/2000/svg", b"http://www.w3.org/1999/xlink"})
_LINK = re.compile(rb"href\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
_STYLE = re.compile(rb"\sstyle\s*=\s*(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_STYLE_ELEMENT = re.compile(rb"<style[^>]*>(.*?)</style", re.DOTALL)
_HIDDEN_CALL = re.compile(rb"=\s*[\"'][^\"'<>]*&[^\"'<>]*\(")
_CALL = re.compile(rb"=\s*[\"']\s*(\w+\([^\"']*)")
_NAMES = """
a circle defs desc ellipse g line linearGradient path polygon polyline radialGradient rect stop style svg text title
tspan
"""
_DRAWING = frozenset(name.encode() for name in _NAMES.split())
_LOADING = re.compile(r"@import|url\(\s*['\"]?\s*(?!#)|\\|expression\(|javascript:", re.IGNORECASE)


class UnfitDrawingError(CrateError):
    """The file does not go into a crate as its diagram; the message tells why."""


def drawing_of(path: Path) -> bytes:
    """Read the drawing of an engine.

    Raises
    ------
    UnfitDrawingError
        The file can't be read, is too large, is no well-formed SVG, or holds more than a drawing.
    """
    try:
        if not path.is_file():
            raise UnfitDrawingError("there is no such file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UnfitDrawingError(f"it can't be read ({error.strerror})") from error
    if len(content) > LARGEST:
        raise UnfitDrawingError(f"it is larger than {LARGEST // 1_000_000} MB")
    _check(content)
    return content


def _check(content: bytes) -> None:
    _parse(content)
    # Known to be well-formed from here on, so that patterns can tell tags from text; what might be either is refused.
    if not _ROOT.match(content):
        raise UnfitDrawingError("it is no SVG")
    for name in set(_ELEMENT.findall(content)):
        if name not in _DRAWING:
            raise UnfitDrawingError(f"it has an element that is no part of a drawing ({_shown(name)})")
    lowered = content.lower()  # what most drawings lack is asked for first: a search for it is much cheaper
    if any(start in lowered for start in _SCRIPT_BEGINS) and (script := _SCRIPT.search(content)):
        raise UnfitDrawingError(f"it has a script ({_shown(script[1])})")
    if set(_NAMESPACE.findall(content)) - _NAMESPACES:
        raise UnfitDrawingError("it has parts that are no drawing")
    if b"href" in lowered and any(not one.lstrip().startswith(b"#") for one in set(_LINK.findall(content))):
        raise UnfitDrawingError("it has a link to something outside")
    parts = {*_CALL.findall(content)}
    if b"style" in lowered:
        parts |= {*_STYLE.findall(content), *_STYLE_ELEMENT.findall(content)}
    styles = b" ".join(parts)
    # A style that is broken up by comments or references could be read in another way than here.
    if b"<" in styles or b"&" in styles or _HIDDEN_CALL.search(content):
        raise UnfitDrawingError("it has a style that can't be told")
    if _LOADING.search(styles.decode("utf-8", "replace")):
        raise UnfitDrawingError("it loads something from outside")


def _parse(content: bytes) -> None:
    """Refuse what is not well-formed, or declares entities that could stand for anything."""

    def refuse(*_: object) -> None:
        raise UnfitDrawingError("it declares entities or instructions of its own")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    parser.StartCdataSectionHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise UnfitDrawingError(f"it is not well-formed ({expat.errors.messages.get(error.code, error)})") from error


def _shown(name: bytes) -> str:
    return name[:40].decode("utf-8", "replace")
