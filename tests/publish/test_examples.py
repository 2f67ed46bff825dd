"""The shipped examples: recorded, packed, published, fetched again, still valid, and repeated from there."""

from __future__ import annotations

import hashlib
import shutil
import urllib.request
import zipfile
from pathlib import Path

import pytest

from provenance.crate.validate import validate
from tests.conftest import Wfprov
from tests.publish.practice import Practice, receipt_of
from tests.test_examples import record_and_pack

_EXAMPLES = {
    "shell-pipeline": ("bash", "pipeline.sh", "data/readings june.csv", "data/stations.csv", "out"),
    "model-selection": ("python", "workflow.py", "config/design.json", "results"),
}


@pytest.mark.parametrize("example", _EXAMPLES)
def test_an_example_comes_back_as_it_was_sent(tmp_path: Path, wfprov: Wfprov, here: Practice, example: str) -> None:
    if example == "model-selection":
        pytest.importorskip("sklearn")
    packed = record_and_pack(wfprov, tmp_path, example, *_EXAMPLES[example])
    crate = packed.crate
    environment = {"WORKFLOWHUB_TOKEN": here.token}
    done = wfprov(
        "publish", crate, "--to", here.address, "--yes", "--access", "download", cwd=tmp_path, env=environment
    )
    assert "warning" not in done.stdout, done.stdout
    receipt = receipt_of(crate)
    assert (receipt.problems, receipt.differences) == ((), ())
    assert here.workflow(101)["creators"]

    back = tmp_path / "back.crate.zip"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(
        f"{here.address}/workflows/101/ro_crate?version=1", headers={"Accept": "application/json"}
    )
    with opener.open(request) as answer:
        back.write_bytes(answer.read())
    assert validate(back, level="required").issues == ()
    sent = {
        str(path.relative_to(crate)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in crate.rglob("*")
        if path.is_file() and not path.name.startswith("ro-crate-")
    }
    with zipfile.ZipFile(back) as archive:
        found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert sent
    assert {name: found.get(name) for name in sent} == sent
    if example == "shell-pipeline":  # the validation takes its time
        again = wfprov("publish", crate, "--to", here.address, cwd=tmp_path, env=environment)
        assert "already there" in again.stdout

    shutil.rmtree(packed.folder)
    address = f"{here.address}/workflows/101?version=1"
    (tmp_path / "elsewhere").mkdir()
    again = wfprov("rerun", address, "--workdir", "again", "--trust", cwd=tmp_path / "elsewhere")
    assert again.stdout.splitlines()[-1].startswith("reproduced: "), again.stdout
