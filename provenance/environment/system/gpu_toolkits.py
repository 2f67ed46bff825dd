"""Which CUDA and ROCm a run used, and the drivers that they ran on.

In: loaded libraries, executed programs, and the ``host`` section from the start of the run. Out: entries of the
section ``software`` of the package's docstring. Files of the toolkits are read; nothing is executed.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from provenance.environment.machine import accelerators

# Name of the library (before ".so") -> kind and name. Those of one toolkit are one entry.
_LIBRARIES = (
    (re.compile(r"libcudnn\w*"), "cuda", "cuDNN"),
    (re.compile(r"libnccl"), "cuda", "NCCL"),
    (re.compile(r"libnvinfer\w*"), "cuda", "TensorRT"),
    (re.compile(r"libcutensor\w*"), "cuda", "cuTENSOR"),
    (re.compile(r"lib(?:cudart|cublas|cublasLt|cufft|cusparse|cusolver|curand|nvrtc|nppc|cupti)"), "cuda", "CUDA"),
    (re.compile(r"lib(?:amdhip64|hsa-runtime64|rocblas|hipblas|rocfft|rocsparse|rocsolver|MIOpen)"), "rocm", "ROCm"),
    (re.compile(r"librccl"), "rocm", "RCCL"),
)
_TOOLKITS = ("CUDA", "ROCm")
# Of the toolkits' libraries, these alone are numbered as the toolkit; cuFFT and others count for themselves.
_RUNTIMES = ("libcudart", "libamdhip64")
_TOOLS = {"nvcc": ("cuda", "CUDA"), "ptxas": ("cuda", "CUDA"), "hipcc": ("rocm", "ROCm")}
_VERSION = re.compile(r"\.so\.(\d+(?:\.\d+)*)$")
_NAMED_FOLDER = re.compile(r"(?:cuda|rocm)-(\d+(?:\.\d+)+)")
_LEVELS = 5  # from a library up to the folder of its toolkit: cuda-12.2/targets/x86_64-linux/lib/libcudart.so.12
_MOST_BYTES = 1 << 20


def toolkits(libraries: Iterable[str], programs: Iterable[str]) -> list[dict[str, Any]]:
    """Return the toolkits and libraries of accelerators in use, one entry for each name.

    Parameters
    ----------
    libraries
        Real paths of loaded libraries.
    programs
        Paths of executed programs.
    """
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for trust, entry in (*_of_libraries(libraries), *_of_programs(programs)):
        before = found.get(entry["name"])
        if before is None or trust > before[0]:
            found[entry["name"]] = trust, entry
    return [entry for _, entry in found.values()]


def drivers(host: Mapping[str, Any], root: Path = Path("/")) -> list[dict[str, Any]]:
    """Return the drivers: those that were seen when the run began, else this machine's when it is the same.

    Parameters
    ----------
    host
        The section of that name from the start of the run.
    root
        Where ``proc`` and ``sys`` are.
    """
    devices = host.get("accelerators")
    if not isinstance(devices, list):
        devices = accelerators.describe(root) if host.get("hostname") == platform.node() else []
    found: dict[str, str] = {}
    for device in devices:
        if isinstance(device, dict) and device.get("driver"):
            # AMD's and Intel's come as name and version of a kernel module: "amdgpu 6.2.4".
            module, _, version = str(device["driver"]).rpartition(" ")
            if re.match(r"\d", version):
                found.setdefault(f"{module or device.get('vendor', 'accelerator')} driver", version)
    return [{"name": name, "version": version, "kind": "driver"} for name, version in found.items()]


def _of_libraries(libraries: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield entries with how far their version can be trusted; 0 for none."""
    for path in libraries:
        stem = Path(path).name.split(".so", 1)[0]
        kind, name = next(((kind, name) for form, kind, name in _LIBRARIES if form.fullmatch(stem)), (None, None))
        if kind is None:
            continue
        entry = {"name": name, "kind": kind, "path": path}
        if name in _TOOLKITS and (version := _of_toolkit(path, kind)):
            yield 3, {**entry, "version": version}
        elif (match := _VERSION.search(path)) and (stem in _RUNTIMES or name not in _TOOLKITS):
            yield 2, {**entry, "version": match.group(1)}
        else:
            yield 0, entry


def _of_programs(programs: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for program in programs:
        known = _TOOLS.get(Path(program).name)
        if known:
            entry = {"name": known[1], "kind": known[0], "path": program}
            version = _of_toolkit(program, known[0])
            yield (1, {**entry, "version": version}) if version else (0, entry)


def _of_toolkit(path: str, kind: str) -> str | None:
    """Return the version that the toolkit's folder tells, in a file of its own or in its name."""
    for folder in list(Path(path).parents)[:_LEVELS]:
        version = _of_cuda(folder) if kind == "cuda" else _first_line(folder / ".info" / "version")
        if version:
            return version
        named = _NAMED_FOLDER.fullmatch(folder.name)
        if named:
            return named.group(1)
    return None


def _of_cuda(folder: Path) -> str | None:
    try:
        version = json.loads(_text(folder / "version.json"))["cuda"]["version"]
    except (ValueError, LookupError, TypeError):
        old = re.fullmatch(r"CUDA Version (\d[\d.]*)", _first_line(folder / "version.txt") or "")  # up to CUDA 10
        return old.group(1) if old else None
    return version if isinstance(version, str) else None


def _first_line(path: Path) -> str | None:
    return _text(path).split("\n", 1)[0].strip() or None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
