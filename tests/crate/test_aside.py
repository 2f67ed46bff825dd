"""Work in a process of its own: the answer is the same wherever it is made, and nothing is left behind."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from provenance.crate.aside import Answer, Aside


def upper() -> Answer:
    return lambda question: question.upper() + str(os.getpid()).encode()


def children() -> int:
    return len(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def descriptors() -> set[str]:
    return {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}


def test_another_process_answers_even_to_more_than_a_pipe_holds() -> None:
    before = descriptors(), children()
    with Aside(upper) as first, Aside(upper) as second:
        answers = [each.answer(b"a" * 1_000_000) for each in (second, first)]
    assert all(answer.startswith(b"A" * 1_000_000) for answer in answers)
    pids = {answer[1_000_000:] for answer in answers}
    assert len(pids) == 2 and str(os.getpid()).encode() not in pids
    assert (descriptors(), children()) == before


def test_what_is_not_asked_is_ended() -> None:
    before = descriptors(), children()
    with pytest.raises(ZeroDivisionError), Aside(upper):
        raise ZeroDivisionError
    assert (descriptors(), children()) == before


@pytest.mark.parametrize("fails_in", ["prepare", "answer", "death"])
def test_where_the_process_fails_it_is_done_in_place(fails_in: str, capfd: pytest.CaptureFixture[str]) -> None:
    here = os.getpid()

    def fail() -> None:
        if os.getpid() != here:
            if fails_in == "death":
                os.kill(os.getpid(), 9)
            raise MemoryError

    def prepare() -> Answer:
        if fails_in == "prepare":
            fail()

        def answer(question: bytes) -> bytes:
            fail()
            return question + str(os.getpid()).encode()

        return answer

    before = descriptors(), children()
    with Aside(prepare) as aside:
        assert aside.answer(b"x" * 200_000) == b"x" * 200_000 + str(here).encode()
    assert (descriptors(), children()) == before
    assert capfd.readouterr() == ("", "")


def test_beside_other_threads_it_is_done_in_place() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    try:
        with Aside(upper) as aside:
            assert aside.answer(b"a") == b"A" + str(os.getpid()).encode()
    finally:
        go.set()
        thread.join()
