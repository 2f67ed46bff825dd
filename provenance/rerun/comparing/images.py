"""Images, by pixels: size, mode, number of frames and every channel of every pixel. Dates and other metadata of an
image don't count."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from provenance.rerun.comparing.arrays import load_numpy
from provenance.rerun.comparing.contract import Comparer, Context, Finding, MissingLibrary, TooLarge, Unreadable
from provenance.rerun.comparing.numbers import Deviation

_FORMATS = ("PNG", "JPEG", "TIFF", "GIF")
_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF87a", b"GIF89a")
_MOST_FRAMES = 10_000
_BLOCK = 65_536  # pixels that are compared at once
_BITS_PER_SAMPLE = 258  # tag of TIFF


def _compare(before: Path, after: Path, context: Context) -> Finding:
    numpy = load_numpy()
    try:
        from PIL import Image
    except ImportError:
        raise MissingLibrary("Pillow") from None
    deviation = Deviation(context.tolerance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(before, formats=_FORMATS) as one, Image.open(after, formats=_FORMATS) as other:
                for image, file in ((one, before), (other, after)):
                    _check(image, file, context)
                _compare_frames(one, other, context, deviation, numpy)
        except Image.DecompressionBombError:
            raise TooLarge("it has more pixels than Pillow reads") from None
    return deviation.finding("pixels", "equal but for metadata or compression")


def _check(image: Any, file: Path, context: Context) -> None:
    """Check an image before its pixels are read; its header says how much they take.

    Raises
    ------
    TooLarge
        It takes too much memory.
    Unreadable
        Pillow would reduce its pixels, and then different ones could look equal.
    """
    width, height = image.size
    frames = getattr(image, "n_frames", 1)
    if width * height * 8 > context.options.limit or frames > _MOST_FRAMES:
        raise TooLarge(f"{width:,} x {height:,} pixels in {frames:,} frames are beyond the limit")
    context.budget.spend(unpacked=width * height * 4 * frames)
    with file.open("rb") as stream:
        head = stream.read(26)
    has_wide_png = head.startswith(_HEADS[0]) and head[24:25] == b"\x10" and head[25:26] != b"\0"
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
    if has_wide_png or (len(image.getbands()) > 1 and max(bits) > 8):
        raise Unreadable("Pillow reads no colours of more than 8 bits")


def _compare_frames(before: Any, after: Any, context: Context, deviation: Deviation, numpy: Any) -> None:
    for what, one, other in (
        ("size", before.size, after.size),
        ("mode", before.mode, after.mode),
        ("number of frames", getattr(before, "n_frames", 1), getattr(after, "n_frames", 1)),
    ):
        if one != other:
            deviation.differ(f"{what}: recorded {_named(one)}, now {_named(other)}")
    if deviation.first is not None:
        return
    pixels = _Pixels(context, deviation, numpy)
    for frame in range(getattr(before, "n_frames", 1)):
        one, other = (_pixels(image, frame, numpy) for image in (before, after))
        if one.shape != other.shape or one.dtype != other.dtype:
            deviation.differ(f"frame {frame + 1}: its size or its transparency is another")
            return
        step = max(1, _BLOCK // max(1, one.shape[1]))
        for row in range(0, len(one), step):
            pixels.compare(one[row : row + step], other[row : row + step], row, frame)
    pixels.tell()


class _Pixels:
    """Counts pixels that differ, block by block of rows."""

    def __init__(self, context: Context, deviation: Deviation, numpy: Any) -> None:
        self._tolerance, self._deviation, self._numpy = context.tolerance, deviation, numpy
        self._total = self._changed = 0
        self._first = ""

    def compare(self, before: Any, after: Any, row: int, frame: int) -> None:
        """Compare rows of a frame, from ``row`` on."""
        numpy = self._numpy
        one, other = before.astype(float), after.astype(float)
        with numpy.errstate(all="ignore"):
            apart = numpy.abs(one - other)
            apart[(one == other) | (numpy.isnan(one) & numpy.isnan(other))] = 0
            far = ~(apart <= self._tolerance.absolute + self._tolerance.relative * numpy.abs(one))
            far |= ~numpy.isfinite(apart)
            finite = numpy.where(numpy.isfinite(apart), apart, 0)
            relative = finite[one != 0] / numpy.abs(one[one != 0])
        self._deviation.deviated += int(((apart > 0) & ~far).sum())
        if finite.any():
            self._deviation.widen(float(finite.max()), float(relative.max()) if relative.size else None)
        pixels = far.any(axis=2)
        self._total += pixels.size
        self._changed += int(pixels.sum())
        if self._changed and not self._first:
            y, x = (int(index) for index in numpy.argwhere(pixels)[0])
            self._first = f"the first at x={x}, y={y + row}" + (f" of frame {frame + 1}" if frame else "")

    def tell(self) -> None:
        """Tell how many pixels differ, when any does."""
        if self._changed:
            largest = f" by up to {self._deviation.absolute:g}" if self._deviation.absolute is not None else ""
            self._deviation.differ(f"{self._changed:,} of {self._total:,} pixels differ{largest}, {self._first}")


def _pixels(image: Any, frame: int, numpy: Any) -> Any:
    """Return the pixels of a frame as an array of rows, columns and channels; a palette gives its colours."""
    image.seek(frame)
    shown = image.convert("RGBA") if image.mode in ("P", "PA") or "transparency" in image.info else image
    pixels = numpy.asarray(shown)
    return pixels.reshape(*pixels.shape[:2], -1)


def _named(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, tuple) else str(value)


COMPARER = Comparer("pixels", lambda _, head: head.startswith(_HEADS), _compare)
