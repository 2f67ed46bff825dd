"""Which MPI, BLAS, CUDA and ROCm a run used: what the names of its libraries and the texts in them say.

In: the loaded libraries and executed programs of a run. Out: entries of the section ``software`` of the package's
docstring, of the kinds mpi, blas, cuda, rocm and driver. Nothing is executed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from provenance.environment import Section, Used
from provenance.environment.system import gpu_toolkits
from provenance.environment.system.library_texts import Mark, holds_any, identify

# The first mark that is found counts: MVAPICH, Intel's and Cray's MPI hold the texts of MPICH too.
_MPI = (
    Mark("Cray MPICH", b"CRAY MPICH version", rb"CRAY MPICH version (\d[\w.]*)"),
    Mark("Intel MPI", b"Intel(R) MPI Library", rb"Intel\(R\) MPI Library(?: for Linux\S*)?,?(?: Version)? (\d[\w.]*)"),
    Mark("MVAPICH", b"MVAPICH2 Version", rb"MVAPICH2? Version\s*:?\s*(\d[\w.]*)", has_bare_version=True),
    Mark("MVAPICH", b"MVAPICH Version", rb"MVAPICH Version\s*:?\s*(\d[\w.]*)", has_bare_version=True),
    Mark("Open MPI", b"Open MPI v", rb"Open MPI v(\d[\w.]*)", has_bare_version=True),
    Mark("MPICH", b"MPICH Version:", rb"MPICH Version:\s*(\d[\w.]*)", has_bare_version=True),
)
_MPI_LIBRARY = re.compile(
    r"libmpi(?:_cray|_gnu[\d_]*|_intel[\d_]*|_nvidia[\d_]*|_aocc[\d_]*)?\.so|libmpich[\w-]*\.so|libmvapich\w*\.so"
)
_MPI_RUNTIME = re.compile(r"libopen-(?:rte|pal)\.so|libprrte\.so")  # of a launcher that loads no libmpi
_MPI_LAUNCHERS = {
    "Open MPI": re.compile(r"orterun|orted|prterun|mpi(?:run|exec)\.openmpi"),
    "MPICH": re.compile(r"mpi(?:run|exec)\.mpich"),
    "MVAPICH": re.compile(r"mpirun_rsh|mpiexec\.mvapich"),
}
_RUNTIME_MARK = Mark("Open MPI", b"", None, has_bare_version=True)

_BLAS = (
    Mark("OpenBLAS", b"OpenBLAS ", rb"OpenBLAS (\d[\w.]*)"),
    Mark("Intel MKL", b"Math Kernel Library", rb"Math Kernel Library Version (\d[\w.]*)"),
    Mark("BLIS", b"BLIS_ARCH", None, has_bare_version=True),
    Mark("FlexiBLAS", b"flexiblas", rb"FlexiBLAS,? [vV]ersion (\d[\w.]*)"),
)
# By the name alone, where no text tells; the version is that of the file's name or of its folder.
_BLAS_NAMES = (
    ("OpenBLAS", re.compile(r"lib(?:scipy_)?openblas\w*(?:-r(\d[\d.]*\d))?[\w.-]*\.so")),
    ("Intel MKL", re.compile(r"libmkl_(?:rt|core)\.so")),
    ("BLIS", re.compile(r"libblis[\w-]*\.so")),
    ("FlexiBLAS", re.compile(r"libflexiblas\w*\.so")),
    ("Arm Performance Libraries", re.compile(r"libarmpl\w*\.so")),
    ("Cray LibSci", re.compile(r"libsci_\w+\.so")),
    ("NVPL BLAS", re.compile(r"libnvpl_blas\w*\.so")),
    ("ESSL", re.compile(r"libessl\w*\.so")),
    ("ATLAS", re.compile(r"lib(?:atlas|[st]atlas|tatlas)\.so")),
    ("Reference BLAS", re.compile(r"lib(?:ref)?blas(?:64)?\.so")),
)
# A libblas.so that only passes calls on names the library that does the work, which is loaded with it.
_BEHIND_AN_INTERFACE = (b"libopenblas", b"libblis", b"libmkl_", b"libflexiblas", b"atlas.so")


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the MPI, BLAS and accelerator libraries that were loaded."""
    libraries = _by_file(used.libraries)
    found = [*_mpi(libraries, used.programs), *_blas(libraries)]
    found += gpu_toolkits.toolkits(libraries, used.programs)
    if any(entry["kind"] in ("cuda", "rocm") for entry in found):
        found += gpu_toolkits.drivers(recorded.get("host", {}))
    entries: dict[str, dict[str, Any]] = {}
    for entry in found:
        key = f"{entry['kind']}:{entry['name']}"
        before = entries.get(key)
        if before is not None and before.get("version") != entry.get("version"):
            key = f"{key}@{entry.get('version') or entry['path']}"
        entries.setdefault(key, {**entry, "is_used": True})
    if entries:
        yield "software", entries


def _by_file(paths: Iterable[str]) -> dict[str, str]:
    """Return the files behind the paths: real path -> the name that it was loaded by."""
    return {os.path.realpath(path): path for path in paths}


def _mpi(libraries: Mapping[str, str], programs: Iterable[str]) -> Iterator[dict[str, Any]]:
    seen = False
    for real, path in libraries.items():
        if not _either(_MPI_LIBRARY, real, path):
            continue
        seen = True
        name, version = identify(real, _MPI)
        if name is None and "mpich" in Path(real).name:
            name = "MPICH"
        if name is not None:
            yield _entry("mpi", name, version or _of_folder(real), real)
    if seen:
        return
    for program in programs:
        name = _launcher(program)
        if name is None:
            continue
        version = None
        if name == "Open MPI":
            runtime = (real for real, path in libraries.items() if _either(_MPI_RUNTIME, real, path))
            version = next((v for real in runtime if (v := identify(real, (_RUNTIME_MARK,))[1])), None)
        yield _entry("mpi", name, version or _of_folder(program), program)


def _launcher(program: str) -> str | None:
    """Return the MPI whose launcher a program is, by its name or that of the file behind it."""
    names = {Path(program).name, Path(os.path.realpath(program)).name}
    return next((mpi for mpi, form in _MPI_LAUNCHERS.items() if any(map(form.fullmatch, names))), None)


def _blas(libraries: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for real, path in libraries.items():
        named = next(((name, form) for name, form in _BLAS_NAMES if _either(form, real, path)), None)
        if named is None:
            continue
        by_name, form = named
        name, version = identify(real, _BLAS)
        if name is None and by_name == "Reference BLAS" and holds_any(real, _BEHIND_AN_INTERFACE):
            continue
        if name is None:
            name = by_name
            match = form.match(Path(real).name)
            version = match.group(1) if match and form.groups else None
            if version is None and name != "Intel MKL":  # whose libmkl_rt.so.2 has a number of its own
                version = _of_name(real)
        yield _entry("blas", name, version or _of_folder(real), real)


def _either(form: re.Pattern[str], real: str, path: str) -> bool:
    return form.match(Path(real).name) is not None or form.match(Path(path).name) is not None


def _of_name(path: str) -> str | None:
    """Return the version at the end of a library's name; one number alone is that of its interface."""
    found = re.search(r"\.so\.(\d+(?:\.\d+)+)$", path)
    return found.group(1) if found else None


def _of_folder(path: str) -> str | None:
    """Return the version in a path such as ``/opt/intel/oneapi/mkl/2023.1.0/lib`` or ``openmpi-4.1.4-gcc``."""
    for part in reversed(Path(path).parts[:-1]):
        found = re.fullmatch(r"(?:[A-Za-z][A-Za-z_]*-)?v?(\d+(?:\.\d+)+)(?:-.*)?", part)
        if found:
            return found.group(1)
    return None


def _entry(kind: str, name: str, version: str | None, path: str) -> dict[str, Any]:
    entry = {"name": name, "kind": kind, "path": path}
    return {**entry, "version": version} if version else entry
