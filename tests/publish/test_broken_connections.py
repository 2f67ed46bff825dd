"""Connections that break while a crate is sent: one version in the end, never two, and a receipt that is right."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random
from typing import Any

import pytest

from provenance.errors import NetworkError
from provenance.publish.publishing import publish
from provenance.publish.receipts import path_for
from provenance.publish.records import Receipt, Wish
from provenance.publish.sending import LOOKS
from tests.publish.breaking import Break, Place, breaking
from tests.publish.crates import write_crate
from tests.publish.practice import Listener, Practice, receipt_of

pytestmark = pytest.mark.usefixtures("run")  # nothing of the user's, and no validation
_SIZE = 400_000  # bytes of the upload, roughly
_MORE_THAN_SOCKETS_TAKE = 16 << 20  # bytes; less than that may be handed over before anybody reads it


def crate_in(folder: Path, size: int = _SIZE, **root: Any) -> Path:
    crate = write_crate(folder / "crate", **root)
    (crate / "noise.png").write_bytes(Random(1).randbytes(size))
    return crate


def sent(crate: Path, here: Practice, *breaks: Break, waits: list[float] | None = None, **wish: Any) -> Receipt:
    """Publish through a proxy that breaks."""
    waits = waits if waits is not None else []
    with breaking(here.address, *breaks) as proxy:
        receipt = publish(Wish(crate, proxy.address, **wish), here.token, Listener(), waits.append)
    assert receipt is not None
    return receipt


def is_right(receipt: Receipt, crate: Path, here: Practice) -> None:
    assert receipt == receipt_of(crate)
    assert (receipt.problems, receipt.differences) == ((), ())
    assert here.versions() == [(int(receipt.workflow), receipt.version, "1.0")]
    assert set(receipt.digests) >= {"count.sh", "data/text one.txt", "noise.png"}


@pytest.mark.parametrize("seed", range(50))
def test_at_any_point_of_the_upload(tmp_path: Path, here: Practice, seed: int) -> None:
    chance = Random(seed)
    broken = Break(Place.IN_UPLOAD, chance.randrange(1, _SIZE), chance.random() < 0.5)
    crate = crate_in(tmp_path)
    is_right(sent(crate, here, broken), crate, here)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [_SIZE, _MORE_THAN_SOCKETS_TAKE])
def test_several_times(tmp_path: Path, here: Practice, seed: int, size: int) -> None:
    """Whether it arrives at once or at the next try of the user: it is there once."""
    chance = Random(seed)
    breaks = [Break(Place.IN_UPLOAD, chance.randrange(1, _SIZE), chance.random() < 0.5) for _ in range(2)]
    breaks.append(Break(Place.AT_CONNECT))
    crate = crate_in(tmp_path, size)
    with breaking(here.address, *breaks) as proxy:
        wish = Wish(crate, proxy.address)
        try:
            receipt = publish(wish, here.token, Listener(), lambda _: None)
        except NetworkError as error:
            assert "publish again later" in str(error)
            assert size == _SIZE  # else it is known that the server can't have had it
            assert not path_for(crate).exists()
            receipt = publish(wish, here.token, Listener(), lambda _: None)
    assert receipt is not None
    is_right(receipt, crate, here)


@pytest.mark.parametrize("with_reset", [False, True])
def test_after_it_was_stored(tmp_path: Path, here: Practice, with_reset: bool) -> None:
    crate = crate_in(tmp_path)
    is_right(sent(crate, here, Break(Place.BEFORE_ANSWER, with_reset=with_reset)), crate, here)
    assert here.uploads() == ["/workflows/submit"]  # found, and not sent again


@pytest.mark.parametrize("after", [1, 14, 100, 300, 1000, 10**9])
def test_within_the_answer(tmp_path: Path, here: Practice, after: int) -> None:
    crate = crate_in(tmp_path)
    is_right(sent(crate, here, Break(Place.IN_ANSWER, after)), crate, here)
    assert here.uploads() == ["/workflows/submit"]


def test_taken_and_not_passed_on(tmp_path: Path, here: Practice) -> None:
    """All of it was handed over, and the server never heard of it: it is looked for long before it is sent again."""
    crate, waits = crate_in(tmp_path), list[float]()
    is_right(sent(crate, here, Break(Place.UNHEARD), waits=waits), crate, here)
    assert waits[: len(LOOKS)] == list(LOOKS)
    assert here.uploads() == ["/workflows/submit"]


def test_a_new_version_of_a_named_workflow(tmp_path: Path, here: Practice) -> None:
    """Sending that twice makes two versions: it is sent again only where the server can't have it in full."""
    publish(Wish(write_crate(tmp_path / "first/crate"), here.address), here.token, Listener())
    crate = crate_in(tmp_path / "second", _MORE_THAN_SOCKETS_TAKE, version="2.0")
    receipt = sent(crate, here, Break(Place.IN_UPLOAD, 1000), new_version_of="101")
    assert (receipt.version, here.versions()) == (2, [(101, 1, "1.0"), (101, 2, "2.0")])
    third = crate_in(tmp_path / "third", version="3.0")
    receipt = sent(third, here, Break(Place.BEFORE_ANSWER), new_version_of="101")
    assert (receipt.version, len(here.versions())) == (3, 3)
    fourth = crate_in(tmp_path / "fourth", version="4.0")
    with pytest.raises(NetworkError, match="could make two"):
        sent(fourth, here, Break(Place.UNHEARD), new_version_of="101")
    assert len(here.versions()) == 3
    assert not path_for(fourth).exists()


def test_a_server_that_is_still_busy_with_the_first(tmp_path: Path, here: Practice) -> None:
    """The connection breaks while the server stores: it is there at a later look, and is not sent again."""
    crate, waits = crate_in(tmp_path), list[float]()
    inner, goes_on, threads = here.sandbox.server.app, threading.Event(), list[threading.Thread]()

    def slow(environ: dict[str, Any], start: Any) -> Any:
        if environ["PATH_INFO"] != "/workflows/submit" or threads:
            return inner(environ, start)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))

        def store() -> None:
            import io

            goes_on.wait(30)
            again = {**environ, "wsgi.input": io.BytesIO(body)}
            list(inner(again, lambda *_: None))

        threads.append(threading.Thread(target=store))
        threads[0].start()
        start("504 Gateway Time-out", [("Content-Type", "text/html")])
        return [b"<html>"]

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            goes_on.set()
            threads[0].join()

    here.sandbox.server.app = slow
    receipt = publish(Wish(crate, here.address), here.token, Listener(), pause)
    assert receipt is not None
    is_right(receipt, crate, here)
    assert waits == list(LOOKS[:4])


def test_twins_are_told(tmp_path: Path, here: Practice) -> None:
    """Where the server was busy for longer than any look, two may be there in the end; the receipt says so."""
    crate, waits = crate_in(tmp_path), list[float]()
    inner = here.sandbox.server.app

    def both(environ: dict[str, Any], start: Any) -> Any:
        if environ["PATH_INFO"] == "/workflows/submit":  # the first upload, stored at the same time
            environ = {**environ, "PATH_INFO": "/workflows", "HTTP_ACCEPT": "*/*"}
        return inner(environ, start)

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == len(LOOKS) + 1:  # after the last look, before it is sent again
            here.sandbox.server.app = inner
            publish(Wish(crate, here.address, receipt=tmp_path / "first.json"), here.token, Listener())
            here.sandbox.server.app = both

    with breaking(here.address, Break(Place.UNHEARD)) as proxy:
        receipt = publish(Wish(crate, proxy.address), here.token, Listener(), pause)
    assert receipt is not None
    assert [workflow for workflow, _, _ in here.versions()] == [101, 102]
    assert any("several workflows have this source now" in one for one in receipt.problems)


def test_no_network_at_all(tmp_path: Path) -> None:
    waits: list[float] = []
    with pytest.raises(NetworkError):
        publish(Wish(write_crate(tmp_path / "crate"), "http://127.0.0.1:9"), "x" * 40, Listener(), waits.append)
    assert len(waits) == 2
