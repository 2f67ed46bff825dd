"""What tests share: the real command in a clean home, whatever the machine is set to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared"

# A shell starts background jobs, and nohup its command, with signals ignored; the programs that tests start would
# inherit that, and could not be interrupted.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        _ends_program = signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        signal.signal(_number, _ends_program)


@dataclass(frozen=True)
class Wfprov:
    """Runs the installed ``wfprov`` as a user would: ``wfprov("pack", cwd=folder)``."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the command gets: a fixed locale and zone, a clean home, this venv first on PATH."""
        programs = str(Path(sys.executable).parent)
        return {
            "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "100",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: dict[str, str] | None = None,
        status: int | None = 0,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command and return what it printed; ``status`` None accepts every exit status."""
        done = subprocess.run(
            [Path(sys.executable).parent / "wfprov", *arguments],
            cwd=cwd,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
        if status is not None and done.returncode != status:
            pytest.fail(
                f"wfprov {' '.join(map(str, arguments))}\n"
                f"ended with {done.returncode}, not {status}\n{done.stdout}\n{done.stderr}"
            )
        return done


@pytest.fixture(scope="session")
def wfprov(tmp_path_factory: pytest.TempPathFactory) -> Wfprov:
    """The real command with a home of its own."""
    return Wfprov(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The test material beside the project; tests that need it are skipped where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("no folder shared/ beside the project")
    return SHARED
