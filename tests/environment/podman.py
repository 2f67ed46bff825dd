"""Podman in a storage of its own, with the options with which it runs where namespaces and limits are restricted."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
NAME = "localhost/small:1"
_CONTAINERFILE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
"""


@dataclass(frozen=True)
class Podman:
    """The engine's command lines."""

    storage: Path
    state: Path  # podman takes at most 50 characters

    @property
    def engine(self) -> list[str]:
        """Podman with the storage of the test."""
        places = ["--root", str(self.storage / "root"), "--runroot", str(self.state)]
        return ["podman", *places, "--storage-driver", "vfs", "--runtime", "runc"]

    def run(self, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command line that runs ``words`` in a new container of the image."""
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        return [*self.engine, "run", "--rm", "--network", "host", *limits, *options, NAME, *words]

    def __call__(self, *words: str) -> str:
        """Run a command of podman."""
        done = subprocess.run([*self.engine, *words], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise AssertionError(f"podman {words}: {done.stderr}")
        return done.stdout


@contextmanager
def own_podman(folder: Path) -> Iterator[Podman]:
    """Give a podman whose storage is ``folder``."""
    state = Path(tempfile.mkdtemp(prefix="pod", dir="/tmp"))
    try:
        yield Podman(folder, state)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def why_not(podman: Podman) -> str | None:
    """Build the image and try it; returns why podman can't be used here."""
    if shutil.which("podman") is None or shutil.which("runc") is None or not BUSYBOX.exists():
        return "podman, runc or busybox-static is not installed"
    context = podman.storage / "context"
    context.mkdir()
    shutil.copy(BUSYBOX, context / "busybox")
    (context / "Containerfile").write_text(_CONTAINERFILE)
    try:
        podman("build", "--isolation", "chroot", "--quiet", "--tag", NAME, str(context))
        done = subprocess.run(podman.run("true"), capture_output=True, text=True, timeout=120, check=True)
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", "") or str(error)
        return f"podman can't run containers here: {str(said).strip()[-300:]}"
    return None if done.returncode == 0 else "podman can't run containers here"
