"""Which MPI, BLAS, CUDA and ROCm a run used, from names of libraries and the texts in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.environment.system import parallel
from tests.environment.examining import answer, used


def library(folder: Path, name: str, content: bytes = b"") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF" + b"\0" * 80 + content + b"\0" * 8)
    return path


@pytest.mark.parametrize(
    ("file", "content", "name", "version"),
    [
        ("libmpi.so.40.30.4", b"Open MPI v%d.%d.%d\0Debian OpenMPI\0, ident: %s\0\x004.1.4\0", "Open MPI", "4.1.4"),
        ("libmpi.so.40", b"Open MPI v4.1.6, package: Open MPI root@x Distribution\0", "Open MPI", "4.1.6"),
        ("libmpi.so.40", b"Open MPI v%d.%d.%d%s\0\0v5.0.0rc12\0", "Open MPI", "5.0.0rc12"),
        ("libmpich.so.12.2.2", b"MPICH Version:\t%s\nMPICH Release date:\t%s\n\0\x004.0.2\0", "MPICH", "4.0.2"),
        ("libmpi.so.12", b"MPICH Version:\t4.1.2\n\0", "MPICH", "4.1.2"),
        ("libmpi.so.12.0.0", b"MPICH Version:\0Intel(R) MPI Library 2021.10 for Linux* OS\n\0", "Intel MPI", "2021.10"),
        ("libmpi.so.12", b"MPICH Version:\0MVAPICH2 Version      :\t2.3.7\n\0", "MVAPICH", "2.3.7"),
        ("libmpi_cray.so.12", b"CRAY MPICH version 8.1.25.17 (ANL base 3.4a2)\n\0", "Cray MPICH", "8.1.25.17"),
        (
            "libmpi_gnu_91.so.12",
            b"CRAY MPICH version 8.1.23.11 (ANL base)\0MPICH Version:\0",
            "Cray MPICH",
            "8.1.23.11",
        ),
    ],
)
def test_mpi(tmp_path: Path, file: str, content: bytes, name: str, version: str) -> None:
    path = library(tmp_path, file, content)
    found = answer(parallel, used(libraries=[path]))["software"]
    assert found == {
        f"mpi:{name}": {"name": name, "kind": "mpi", "version": version, "path": str(path), "is_used": True}
    }


def test_the_libraries_around_an_mpi_add_nothing(tmp_path: Path) -> None:
    text = b"Open MPI v%d.%d.%d\0\x004.1.4\0"
    names = ["libmpi.so.40.30.4", "libmpi_mpifh.so.40", "libopen-rte.so.40", "libopen-pal.so.40", "libmpi_cxx.so.40"]
    found = answer(parallel, used(libraries=[library(tmp_path, name, text) for name in names]))["software"]
    assert list(found) == ["mpi:Open MPI"]


def test_a_launcher_alone_tells_its_mpi(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/orterun").touch()
    (tmp_path / "bin/mpirun").symlink_to("orterun")
    runtime = library(tmp_path, "lib/libopen-pal.so.40.30.2", b"\x004.1.4\0")
    found = answer(parallel, used(programs=[tmp_path / "bin/mpirun"], libraries=[runtime]))["software"]
    assert found["mpi:Open MPI"]["version"] == "4.1.4"


@pytest.mark.parametrize(
    ("file", "content", "name", "version"),
    [
        ("libopenblas.so.0", b"OpenBLAS 0.3.27 NO_LAPACKE DYNAMIC_ARCH\0", "OpenBLAS", "0.3.27"),
        ("libopenblasp-r0.3.21.so", b"", "OpenBLAS", "0.3.21"),
        ("libblas.so.3", b"OpenBLAS warning: x\0OpenBLAS 0.3.27 NO_AFFINITY\0", "OpenBLAS", "0.3.27"),
        ("libblas.so.3.11.0", b"xerbla\0", "Reference BLAS", "3.11.0"),
        ("libblis.so.4", b"BLIS_ARCH_DEBUG\0\x000.9.0\0", "BLIS", "0.9.0"),
        ("mkl/2023.1.0/lib/libmkl_rt.so.2", b"", "Intel MKL", "2023.1.0"),
        ("libmkl_core.so.2", b"Intel(R) oneAPI Math Kernel Library Version 2024.0-Product\0", "Intel MKL", "2024.0"),
        ("libsci_gnu_82.so.5", b"", "Cray LibSci", None),
    ],
)
def test_blas(tmp_path: Path, file: str, content: bytes, name: str, version: str | None) -> None:
    found = answer(parallel, used(libraries=[library(tmp_path, file, content)]))["software"]
    assert list(found) == [f"blas:{name}"]
    assert found[f"blas:{name}"].get("version") == version


def test_an_interface_is_no_blas_of_its_own(tmp_path: Path) -> None:
    behind = library(tmp_path, "libopenblas.so.0", b"OpenBLAS 0.3.27 \0")
    interface = library(tmp_path, "libblas.so.3", b"libopenblas.so.0\0")
    found = answer(parallel, used(libraries=[interface, behind]))["software"]
    assert list(found) == ["blas:OpenBLAS"]


def test_two_versions_are_two(tmp_path: Path) -> None:
    paths = [library(tmp_path, f"{n}/libopenblas.so.0", b"OpenBLAS 0.3.%d \0" % n) for n in (20, 21)]
    found = answer(parallel, used(libraries=paths))["software"]
    assert [entry["version"] for entry in found.values()] == ["0.3.20", "0.3.21"]


def test_the_blas_that_numpy_really_loads() -> None:
    numpy = pytest.importorskip("numpy")
    loaded = subprocess.run(
        [sys.executable, "-c", "import numpy; print(open('/proc/self/maps').read())"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    libraries = sorted({line.split(maxsplit=5)[-1] for line in loaded.splitlines() if ".so" in line})
    found = answer(parallel, used(libraries=libraries))["software"]
    expected = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    if "openblas" not in expected["name"]:
        pytest.skip("this NumPy has another BLAS")
    assert found["blas:OpenBLAS"]["version"].startswith(expected["version"].split(".dev")[0])


def test_cuda(tmp_path: Path) -> None:
    home = tmp_path / "cuda-12.2"
    runtime = library(home, "targets/x86_64-linux/lib/libcudart.so.12.2.140")
    fft = library(home, "targets/x86_64-linux/lib/libcufft.so.11.0.8.103")
    deep = library(tmp_path, "cudnn/libcudnn.so.8.9.4")
    found = answer(parallel, used(libraries=[fft, runtime, deep]))["software"]
    assert found["cuda:CUDA"]["version"] == "12.2"
    assert found["cuda:cuDNN"]["version"] == "8.9.4"

    (home / "version.json").write_text(json.dumps({"cuda": {"name": "CUDA SDK", "version": "12.2.20230823"}}))
    found = answer(parallel, used(libraries=[fft], programs=[home / "bin/nvcc"]))["software"]
    assert found["cuda:CUDA"]["version"] == "12.2.20230823"


def test_a_cuda_runtime_without_its_toolkit(tmp_path: Path) -> None:
    fft, runtime = library(tmp_path, "libcufft.so.11.0.8.103"), library(tmp_path, "libcudart.so.12.2.140")
    found = answer(parallel, used(libraries=[fft, runtime]))["software"]
    assert found["cuda:CUDA"]["version"] == "12.2.140"
    assert "version" not in answer(parallel, used(libraries=[fft]))["software"]["cuda:CUDA"]


def test_rocm_and_the_drivers_from_the_start_of_the_run(tmp_path: Path) -> None:
    path = library(tmp_path, "rocm/lib/libamdhip64.so.5.7.50701")
    (tmp_path / "rocm/.info").mkdir()
    (tmp_path / "rocm/.info/version").write_text("5.7.1-98\n")
    host = {"accelerators": [{"name": "AMD Instinct MI250X", "vendor": "AMD", "driver": "amdgpu 6.2.4"}]}
    found = answer(parallel, used(libraries=[path]), {"host": host})["software"]
    assert found["rocm:ROCm"]["version"] == "5.7.1-98"
    assert found["driver:amdgpu driver"]["version"] == "6.2.4"
    nvidia = {"accelerators": [{"name": "NVIDIA H100", "vendor": "NVIDIA", "driver": "535.104.05"}]}
    cuda = library(tmp_path, "libcudart.so.12.2.140")
    found = answer(parallel, used(libraries=[cuda]), {"host": nvidia})["software"]
    assert found["driver:NVIDIA driver"]["version"] == "535.104.05"


def test_no_driver_without_a_library_that_needs_it() -> None:
    host = {"accelerators": [{"name": "NVIDIA H100", "vendor": "NVIDIA", "driver": "535.104.05"}]}
    assert dict(answer(parallel, used(libraries=["/lib/libc.so.6"]), {"host": host})) == {"gap": []}


def test_files_that_are_gone_or_empty_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "libmpi.so.12").touch()
    paths = [tmp_path / "libmpi.so.12", tmp_path / "gone/libopenblas.so.0", tmp_path / "libmpi.so.\udcff"]
    found = answer(parallel, used(libraries=paths))["software"]
    assert list(found) == ["blas:OpenBLAS"]
    assert "version" not in found["blas:OpenBLAS"]
