"""Whatever is sent, the sandbox answers as SEEK would and never breaks off by itself; what it takes, it can show."""

from __future__ import annotations

import json
import random

import pytest
import requests

from tests.publish.crates import SOURCE, metadata
from tests.publish.malformed import bases, broken
from tests.sandbox.client import ANY, FILES, Client, zipped

_SEEDS, _PARTS = 400, 4


def is_deliberate(answer: requests.Response) -> bool:
    """Whether an answer is one of those that are meant; the framework has a page of its own for faults of ours."""
    return answer.status_code != 500 or not answer.content or b"RO-Crate Read Error" in answer.content


@pytest.mark.parametrize("part", range(_PARTS))
def test_malformed_metadata(seek: Client, part: int) -> None:
    base = bases(None)[0]
    taken = 0
    for seed in range(part, _SEEDS, _PARTS):
        raw = broken(base, seed).replace(SOURCE.encode(), f"{SOURCE}{seed}".encode())
        answer = seek.send(zipped({**FILES, "ro-crate-metadata.json": raw}))
        assert is_deliberate(answer), f"seed {seed}: {answer.text}"
        if answer.status_code != 200:
            continue
        taken += 1
        number = answer.json()["data"]["id"]
        for path, accept in ((f"/workflows/{number}", ANY), (f"/ga4gh/trs/v2/tools/{number}", "application/json")):
            assert seek.get(path, accept).status_code in (200, 403), f"seed {seed}"
        assert seek.get(f"/workflows/{number}/ro_crate").status_code == 200
    assert taken > _SEEDS / _PARTS / 20
    assert seek.get(seek.sandbox.page.removeprefix(seek.sandbox.address), ANY).status_code == 302


@pytest.mark.parametrize("seed", range(4))
def test_damaged_zips(seek: Client, seed: int) -> None:
    chance = random.Random(seed)
    good = zipped({**FILES, "ro-crate-metadata.json": json.dumps(metadata()).encode()})
    for _ in range(50):
        content = bytearray(good)
        for _ in range(chance.choice((1, 1, 3, 30))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        answer = seek.send(bytes(content[: chance.choice((len(content), chance.randrange(len(content))))]))
        assert answer.status_code in (200, 413, 500) and is_deliberate(answer)
