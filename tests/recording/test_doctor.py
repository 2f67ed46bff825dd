"""`wfprov doctor` says what works here, by trying."""

import json
import os
import subprocess
from pathlib import Path

from provenance.recording import capabilities, diagnosis
from tests.recording.launching import WFPROV


def doctor(place, *options, **more):
    return subprocess.run(
        [*WFPROV, "doctor", *options],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )


def test_every_finding_has_its_place(tmp_path):
    ended = doctor(tmp_path, "--json")
    answer = json.loads(ended.stdout)
    findings = {finding["name"]: finding for finding in answer["findings"]}
    assert set(findings) == {
        "preload",
        "strace",
        "audit",
        "compiler",
        "git",
        "validator",
        "records",
        "python",
    }
    assert findings["audit"]["works"] and answer["can_watch"] and ended.returncode == 0
    assert findings["preload"]["works"] == bool(capabilities.find_shim()[0])
    assert findings["strace"]["works"] == bool(capabilities.find_strace(os.environ)[0])
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_comes_with_what_to_do(tmp_path):
    (tmp_path / ".wfprov").write_text("in the way")
    ended = doctor(tmp_path, env={**os.environ, "PATH": "/nonexistent:/bin"})
    assert "missing  records" in ended.stdout
    assert "--record-dir" in ended.stdout and "so:" in ended.stdout
    assert ended.stderr == ""


def test_without_the_shim_it_says_how_to_build_it(monkeypatch):
    monkeypatch.setattr(capabilities, "find_shim", lambda: ("", "the shim is not built"))
    finding = next(diagnosis.diagnose(Path("/nonexistent")))
    assert finding.name == "preload" and not finding.works
    assert "C compiler" in finding.mend and "pip install ." in finding.mend and "--no-binary" not in finding.mend
