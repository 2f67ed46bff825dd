"""The accelerators of a machine, as the kernel and its drivers tell of them without being asked to wake them.

In: files below ``/proc`` and ``/sys``. Out: the ``accelerators`` of the ``host`` section. All those of the machine
are told; which of them the run was allowed to use stands in variables such as ``CUDA_VISIBLE_DEVICES``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NVIDIA = Path("proc/driver/nvidia")
_CARDS = Path("sys/class/drm")
# PCI's numbers of the makers whose devices compute; servers also have a display controller that does not.
_MAKERS = {"0x1002": "AMD", "0x8086": "Intel"}
_LONGEST = 4096  # bytes of a file; all of them are short


def describe(root: Path = Path("/")) -> list[dict[str, Any]]:
    """Return each accelerator as ``{name, vendor, driver?, memory?}``, in the order of their places on the bus.

    NVIDIA's driver does not tell the memory in a file, and its tool takes up to seconds to start, so that it is
    left out there.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are.
    """
    return [*_nvidia(root), *_cards(root)]


def _nvidia(root: Path) -> Iterator[dict[str, Any]]:
    # The form of these files: NVIDIA's driver README, "Using the /proc File System Interface".
    version = re.search(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)*)\s", _text(root / _NVIDIA / "version") + " ")
    for folder in _folders(root / _NVIDIA / "gpus"):
        model = re.search(r"^Model:\s*(.+?)\s*$", _text(folder / "information"), re.MULTILINE)
        yield _known(model.group(1) if model else "NVIDIA GPU", "NVIDIA", version.group(1) if version else None)


def _cards(root: Path) -> Iterator[dict[str, Any]]:
    seen = set()
    for card in _folders(root / _CARDS):
        device = card / "device"
        maker = _MAKERS.get(_text(device / "vendor"))
        if not re.fullmatch(r"card\d+", card.name) or maker is None or (place := device.resolve()) in seen:
            continue
        seen.add(place)
        name = _text(device / "product_name") or f"{maker} GPU {_text(device / 'device')}".strip()
        driver = (device / "driver").resolve().name if (device / "driver").exists() else None
        version = _text(root / "sys/module" / driver / "version") if driver else ""
        memory = _text(device / "mem_info_vram_total")
        yield _known(name, maker, f"{driver} {version}".strip() if driver else None, memory)


def _known(name: str, vendor: str, driver: str | None, memory: str = "") -> dict[str, Any]:
    found = {
        "name": name,
        "vendor": vendor,
        "driver": driver,
        "memory": int(memory) if memory.isdecimal() and int(memory) else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(parent.iterdir(), key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)] or [0])
    except OSError:  # there is no such driver
        return []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace").strip()
    except OSError:
        return ""
