"""What a call of a task is recorded with besides its values: the time of its thread, and nothing secret."""

from __future__ import annotations

from pathlib import Path

from provenance.run import collect
from tests.recording.test_tasks_record import run_program

TOKEN = "ghp_" + "a1B2" * 9


def test_the_time_of_the_thread_is_told_of_calls_that_take_a_while(tmp_path: Path) -> None:
    found = run_program(
        tmp_path,
        """
        import asyncio, provenance, time
        @provenance.task
        def work():
            end = time.thread_time() + 0.05
            while time.thread_time() < end: pass
        @provenance.task
        def fail():
            work()
            raise ValueError("no")
        @provenance.task
        def short(): pass
        @provenance.task
        async def wait():
            work(); await asyncio.sleep(0.002)
        with provenance.record():
            work(); short(); asyncio.run(wait())
            try: fail()
            except ValueError: pass
        """,
    )
    tools = {event["id"]: event["name"] for event in found.of("tool")}
    of = {event["id"]: tools[event["tool"]] for event in found.of("task")}
    for event in found.of("done"):
        if of[event["id"]] in ("work", "fail"):
            assert 0.045 < event["utime"] + event["stime"] < 5
        else:
            assert "utime" not in event
    (folder,) = (tmp_path / "work" / ".wfprov").glob("2*")
    uses = [call.use for call in collect.collect(folder).calls.values()]
    assert sum(use is not None and (use.cpu_user or 0) + (use.cpu_system or 0) > 0.045 for use in uses) == 4


def test_what_has_the_form_of_a_credential_is_not_written(tmp_path: Path) -> None:
    run_program(
        tmp_path,
        f"""
        import provenance
        @provenance.task
        def get(url, *more, **named): return more
        @provenance.task
        def fail(text): raise OSError(f"no way to {{text}}")
        with provenance.record():
            get("postgresql://ada:hunter2@db/census", {TOKEN!r}, x={{"a": [{TOKEN!r}]}}, y=b"{TOKEN}")
            get("x" * 1990 + " https://ada:hunter2@db/" + "y" * 5000)
            get("https://example.org/results-of-the-census-2020.csv", "results/of-the-census-of-2020.csv")
            try: fail("https://ada:hunter2@db/")
            except OSError: pass
        """,
    )
    (folder,) = (tmp_path / "work" / ".wfprov").glob("2*")
    raw = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"hunter" not in raw and TOKEN.encode() not in raw
    assert (
        b'"https://example.org/results-of-the-census-2020.csv"' in raw and b'"results/of-the-census-of-2020.csv"' in raw
    )
