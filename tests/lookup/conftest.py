"""Registers of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lookup.registers import Registers, served


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked inside the tests' own process goes to this machine, or to a proxy that is not there."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def registers() -> Iterator[Registers]:
    with served() as running:
        yield running
