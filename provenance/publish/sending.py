"""Sending a crate through a connection that may break: when it may be sent again, and when it must be looked for first.

Comes in: how to send, and how to look. Goes out: the workflow, once. The rule behind it: two uploads of the same crate
*at the same time* may both be stored, since SEEK compares with what is stored already; one *after* the other is one
version. So an upload that the server can't have in full (the connection broke before all was handed over) is sent
again soon. One that it may have in full is looked for over :data:`LOOKS`, longer than the 300 seconds after which
SEEK's own gateway gives up on a request, and sent again only then; a call that is not idempotent is not sent again
at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provenance.errors import NetworkError, RefusedError
from provenance.publish.answers import UploadError
from provenance.publish.records import Talk, Workflow

LOOKS = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 240.0)  # seconds before each look for what the server may have in full
_SHORT_LOOKS = (2.0,)
_ATTEMPTS = 4
_ATTEMPTS_IN_FULL = 2
_LONGEST_WAIT = 300.0  # seconds that a server may ask to wait


@dataclass(frozen=True, slots=True)
class Delivery:
    """A crate that arrived."""

    workflow: Workflow
    attempts: int


def deliver(
    send: Callable[[], Workflow],
    look: Callable[[], Workflow | None],
    talk: Talk,
    pause: Callable[[float], None],
    *,
    is_idempotent: bool,
) -> Delivery:
    """Send a crate until it is there.

    Parameters
    ----------
    send
        Sends it once.
    look
        Tells the workflow when the version is there.
    pause
        Waits so many seconds.
    is_idempotent
        Whether sending twice, one after the other, makes one version.

    Raises
    ------
    RefusedError
        The server's no.
    NetworkError
        It is not there as far as can be told.
    """
    in_full = 0
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return Delivery(send(), attempt)
        except UploadError as error:
            in_full += error.may_have_arrived
            talk.warn(_told(error))
            arrived = _looked_for(look, pause, LOOKS if error.may_have_arrived else _SHORT_LOOKS)
            if arrived is not None:
                talk.say("it arrived")
                return Delivery(arrived, attempt)
            wait = error.wait if error.wait is not None else 2.0**attempt
            is_safe = not error.may_have_arrived or (is_idempotent and in_full < _ATTEMPTS_IN_FULL)
            if attempt == _ATTEMPTS or not is_safe or wait > _LONGEST_WAIT:
                raise _given_up(error, is_idempotent=is_idempotent) from None
            pause(wait)
            talk.say("it is not there; sending it again")
    raise AssertionError("unreachable")


def _told(error: UploadError) -> str:
    if error.may_have_arrived:
        return f"{error}; looking for up to {sum(LOOKS) / 60:.0f} minutes whether it arrived"
    return f"{error}; it can't have arrived in full"


def _given_up(error: UploadError, *, is_idempotent: bool) -> NetworkError:
    if is_idempotent or not error.may_have_arrived:
        return NetworkError(
            f"{error}; it is not there as far as can be told: publish again later, which makes no second version of "
            "the same crate"
        )
    return NetworkError(
        f"{error}; the new version is not there as far as can be told, and sending it again could make two: look at "
        "the workflow's page before you publish again"
    )


def _looked_for(
    look: Callable[[], Workflow | None], pause: Callable[[float], None], waits: tuple[float, ...]
) -> Workflow | None:
    for seconds in waits:
        pause(seconds)
        try:
            found = look()
        except (NetworkError, RefusedError):  # the server may be away as a whole; the next look tells
            continue
        if found is not None:
            return found
    return None
