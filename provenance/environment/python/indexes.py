"""The package indexes that pip and uv are set up with here, other than the one that they use by themselves.

In: environment variables and the settings files of both tools. Out: their addresses without credentials. What an
environment was really installed from is in no metadata: this is how the machine is set up when it is asked.
"""

from __future__ import annotations

import configparser
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from provenance.environment.source_control import without_credentials
from provenance.journal.credentials import hide

_toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
_VARIABLES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
    *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS"),
)


def configured(prefix: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the addresses of special indexes, each as ``setting: address``.

    Parameters
    ----------
    prefix
        Of the Python environment, which may have settings of its own.
    environment
        Variables; those of this process by default.
    """
    variables = os.environ if environment is None else environment
    found = [(name, word) for name in _VARIABLES for word in variables.get(name, "").split()]
    found += _of_pip(prefix, variables)
    found += _of_uv(variables)
    return list(dict.fromkeys(f"{name}: {hide(without_credentials(_unnamed(word)))}" for name, word in found))


def _unnamed(index: str) -> str:
    name, equals, url = index.partition("=")  # uv: name=https://...
    return url if equals and name.replace("-", "").replace("_", "").isalnum() else index


def _of_pip(prefix: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = variables.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(variables.get("HOME", "/nonexistent"))
    config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf"]
    files += [config / "pip" / "pip.conf", Path(prefix) / "pip.conf", *([Path(named)] if named else [])]
    settings = configparser.RawConfigParser(strict=False)
    for file in files:
        try:
            settings.read_string(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
    for section in ("global", "install"):
        for key in ("index-url", "extra-index-url", "find-links"):
            for word in settings.get(section, key, fallback="").split():
                yield f"pip {key}", word


def _of_uv(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    home = Path(variables.get("HOME", "/nonexistent"))
    named = variables.get("UV_CONFIG_FILE")
    config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    for file in [Path(named)] if named else [Path("/etc/uv/uv.toml"), config / "uv" / "uv.toml"]:
        try:
            settings = _toml.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        settings = {**settings, **settings["pip"]} if isinstance(settings.get("pip"), dict) else settings
        if isinstance(settings.get("index-url"), str):
            yield "uv index-url", settings["index-url"]
        for url in settings.get("extra-index-url", []):
            yield "uv extra-index-url", str(url)
        for index in settings.get("index", []):
            if isinstance(index, dict) and isinstance(index.get("url"), str):
                yield "uv index", index["url"]
