"""A keyring in a file, so that ``wfprov login`` has one on any machine; chosen by ``PYTHON_KEYRING_BACKEND``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FiledKeyring(KeyringBackend):
    """Keeps passwords in the file that ``FILED_KEYRING`` names; locked when that is empty."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        found: str | None = self._read().get(f"{service}/{username}")
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._read(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        known = self._read()
        if known.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("not found")
        self._write(known)

    def _read(self) -> dict[str, str]:
        path = self._path()
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return known

    def _write(self, known: dict[str, str]) -> None:
        self._path().write_text(json.dumps(known))

    def _path(self) -> Path:
        named = os.environ.get("FILED_KEYRING")
        if not named:
            raise KeyringLocked("locked")
        return Path(named)
