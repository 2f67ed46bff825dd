"""What tests of the sandbox share: a sandbox that answers over HTTP, each JSON answer of which is checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.client import Client, serving


@pytest.fixture
def seek(tmp_path: Path) -> Iterator[Client]:
    """A sandbox with one person, in one team."""
    with serving(tmp_path / "sandbox") as client:
        yield client
