"""Where the token for a server is kept: the environment, else the system's keyring; never a file of ours.

Comes in: the address of a server. Goes out: the token, or None.
"""

from __future__ import annotations

import os
from typing import Any

from provenance.errors import MissingPartError, UsageError

VARIABLE = "WORKFLOWHUB_TOKEN"
_SERVICE = "wfprov"


def find(server: str) -> str | None:
    """Return the token for a server: that of the environment goes first."""
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        return checked(given)
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        found = keyring.get_password(_SERVICE, server)
    except _failures(keyring):  # a locked or missing keyring is as good as none
        return None
    return str(found) if found else None


def keep(server: str, token: str) -> None:
    """Put a token into the keyring.

    Raises
    ------
    MissingPartError
        There is no keyring on this machine.
    """
    keyring = _needed()
    try:
        keyring.set_password(_SERVICE, server, checked(token))
        is_kept = keyring.get_password(_SERVICE, server) == checked(token)
    except _failures(keyring) as error:
        raise _no_keyring(type(error).__name__) from None
    if not is_kept:  # that is how a keyring behaves that is switched off
        raise _no_keyring("it keeps nothing")


def forget(server: str) -> bool:
    """Take the token out of the keyring; tell whether there was one."""
    keyring = _needed()
    try:
        if keyring.get_password(_SERVICE, server) is None:
            return False
        keyring.delete_password(_SERVICE, server)
    except _failures(keyring) as error:
        raise _no_keyring(type(error).__name__) from None
    return True


def checked(token: str) -> str:
    """Return a token that can stand in a header.

    Raises
    ------
    UsageError
        It can't; the message does not show it.
    """
    text = token.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError("the token is no single printable word; copy it again from My Profile > Actions > API Tokens")
    return text


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring


def _needed() -> Any:
    keyring = _keyring()
    if keyring is None:
        raise MissingPartError(
            'keeping a token needs the keyring library; install it with: pip install "wfprov[keyring]", or set '
            f"{VARIABLE} in the environment"
        )
    return keyring


def _failures(keyring: Any) -> tuple[type[BaseException], ...]:
    # The last ones: a backend that is set in the environment or a file, and is not there or none.
    return (keyring.errors.KeyringError, RuntimeError, OSError, ImportError, AttributeError, TypeError, ValueError)


def _no_keyring(why: str) -> MissingPartError:
    return MissingPartError(f"this machine has no keyring that can be used ({why}); set {VARIABLE} in the environment")
