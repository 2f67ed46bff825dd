"""Programs that are particular about what is loaded into them run as ever."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Wfprov

COMPILER = shutil.which("cc") or shutil.which("gcc")


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_programs_built_with_a_sanitizer(tmp_path: Path, wfprov: Wfprov, kind: str) -> None:
    source = tmp_path / "program.c"
    source.write_text('#include <stdio.h>\nint main(void) { fclose(fopen("out", "w")); return puts("ran") < 0; }\n')
    built = subprocess.run([str(COMPILER), f"-fsanitize={kind}", "-o", tmp_path / "program", source], check=False)
    if built.returncode:
        pytest.skip(f"this compiler has no -fsanitize={kind}")
    bare = subprocess.run([tmp_path / "program"], cwd=tmp_path, capture_output=True, text=True, check=False)
    recorded = wfprov("run", "--quiet", "--", "./program", cwd=tmp_path, status=bare.returncode)
    assert (recorded.stdout, recorded.stderr) == (bare.stdout, bare.stderr)
    assert "out" in wfprov("runs", "show", "--files", cwd=tmp_path).stdout


def test_a_recorded_git_repository_is_left_as_it_is(tmp_path: Path, wfprov: Wfprov) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, env=wfprov.environment, capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    (tmp_path / "script.sh").write_text("cat data > copy\n")
    (tmp_path / "data").write_text("data")
    git("add", ".")
    git("commit", "-qm", "first")
    wfprov("run", "--", "sh", "script.sh", cwd=tmp_path)
    assert git("status", "--porcelain").split() == ["??", "copy"]
