"""``@provenance.task`` and ``provenance.record``, in processes of their own, by what stands in the journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.recording.shimmed import COMPILER, compile_shim

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Recorded:
    done: subprocess.CompletedProcess[str]
    events: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["e"] == kind]

    def tool_names(self) -> dict[tuple[str, int], str]:
        return {(event["i"], event["id"]): event["name"] for event in self.of("tool")}

    def calls(self, name: str) -> list[dict[str, Any]]:
        """The tasks of a tool, each with what ``done`` says and its edges."""
        names = self.tool_names()
        ends = {(event["i"], event["id"]): event for event in self.of("done")}
        return [
            {**ends.get((task["i"], task["id"]), {}), **task, "e": "task"}
            for task in self.of("task")
            if names[task["i"], task["tool"]] == name
        ]

    def arguments(self, name: str, call: int = 0) -> dict[str, Any]:
        return {each["name"]: each for each in self.calls(name)[call]["args"]}

    def edges(self) -> list[tuple[str, str, str]]:
        """(tool that made the value, tool that took it, argument)."""
        names = self.tool_names()
        of_task = {f"{e['i']}:{e['id']}": names[e["i"], e["tool"]] for e in self.of("task")}
        return [(of_task[e["from"]], of_task[f"{e['i']}:{e['task']}"], e["arg"]) for e in self.of("edge")]


def read_journal(folder: Path) -> list[dict[str, Any]]:
    events = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().replace(b"\0", b"").splitlines():
            event = json.loads(line)
            event.setdefault("i", path.stem)
            events.append(event)
    return events


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return compile_shim(tmp_path_factory.mktemp("shim") / "shim.so") if COMPILER else None


@pytest.fixture(params=["shim", "no shim"])
def run(request: pytest.FixtureRequest, tmp_path: Path, shim: Path | None) -> Any:
    if request.param == "shim" and shim is None:
        pytest.skip("no compiler")

    def run(code: str, python: str = sys.executable, check: bool = True) -> Recorded:
        journal, work = tmp_path / "journal", tmp_path / "work"
        journal.mkdir()
        work.mkdir()
        (work / "program.py").write_text("import provenance\n" + textwrap.dedent(code))
        environment = {
            **{name: os.environ[name] for name in ("PATH",) if name in os.environ},
            "PYTHONPATH": str(PROJECT),
            "WFPROV_JOURNAL": str(journal),
        }
        if request.param == "shim":
            environment.update(LD_PRELOAD=str(shim), WFPROV_SHIM=str(shim))
        done = subprocess.run(
            [python, "program.py"], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, done.stderr
        return Recorded(done, read_journal(journal))

    return run


def test_a_call_becomes_a_task_with_its_arguments_and_result(run: Any) -> None:
    found = run(
        """
        @provenance.task
        def scale(values, factor=2, *more, offset=0.5, **rest):
            "Scale them.\\n\\nAll."
            return [value * factor for value in values]
        scale([1, 2], 3, "x", extra=None)
        scale([4])
        """
    )
    (tool,) = found.of("tool")
    assert (tool["name"], tool["line"], tool["end_line"]) == ("scale", 3, 6)
    assert tool["file"].endswith("/program.py") and tool["doc"] == "Scale them.\n\nAll."
    assert tool["params"] == ["values", "factor", "offset", "more"]
    arguments = found.arguments("scale")
    assert {name: each["value"] for name, each in arguments.items()} == {
        "values": "[1, 2]", "factor": 3, "more[0]": "x", "extra": None, "offset": 0.5,
    }  # fmt: skip
    assert found.arguments("scale", 1)["factor"] == {"name": "factor", "type": "int", "value": 2}
    first, second = found.calls("scale")
    assert first["value"] == {"name": "return", "type": "list", "value": "[3, 6]"}
    assert second["status"] == "completed" and second["id"] != first["id"]


def test_exceptions_pass_through_unchanged_and_are_recorded(run: Any) -> None:
    found = run(
        """
        import sys
        @provenance.task
        def fails(): raise KeyError("gone")
        @provenance.task
        def leaves(): sys.exit(0)
        @provenance.task
        def interrupted(): raise KeyboardInterrupt
        for f in fails, leaves, interrupted:
            try: f()
            except BaseException as error: print(type(error).__name__, error.args)
        """
    )
    assert found.done.stdout == "KeyError ('gone',)\nSystemExit (0,)\nKeyboardInterrupt ()\n"
    assert found.calls("fails")[0]["error"] == "KeyError: 'gone'"
    assert [found.calls(n)[0]["status"] for n in ("fails", "leaves", "interrupted")] == [
        "failed", "completed", "failed",
    ]  # fmt: skip


def test_the_function_stays_what_it_was(run: Any) -> None:
    run(
        """
        import inspect, pickle, asyncio
        @provenance.task(name="other")
        def f(a: int, b=2) -> int:
            "doc"
            return a
        @provenance.task
        async def c(): return 1
        @provenance.task
        def g(): yield 1
        @provenance.task
        async def ag(): yield 1
        assert (f.__name__, f.__doc__, str(inspect.signature(f))) == ("f", "doc", "(a: int, b=2) -> int")
        assert pickle.loads(pickle.dumps(f)) is f
        assert inspect.iscoroutinefunction(c) and inspect.isgeneratorfunction(g)
        assert inspect.isasyncgenfunction(ag)
        """
    )


def test_methods_are_recorded_with_the_name_of_their_class_only(run: Any) -> None:
    found = run(
        """
        class Model:
            def __repr__(self): raise SystemError("never asked")
            @provenance.task
            def fit(self, x): return x
            @provenance.task
            @classmethod
            def make(cls, n): return n
            @staticmethod
            @provenance.task
            def load(y): return y
        Model().fit(1); Model.make(2); Model.load(3)
        """
    )
    assert found.arguments("Model.fit")["self"]["value"] == "__main__.Model"
    assert found.arguments("Model.make")["cls"]["value"] == "__main__.Model"
    assert found.arguments("Model.load")["y"]["value"] == 3


def test_generators_last_until_they_are_exhausted_or_closed(run: Any) -> None:
    found = run(
        """
        @provenance.task
        def produce(n):
            got = yield n + 1000.5
            open("made", "w").write(str(got))
            yield 2000.5
            return "end"
        @provenance.task
        def consume(x): pass
        steps = produce(1)
        first = next(steps)
        open("outside", "w").close()
        consume(first)
        assert steps.send("sent") == 2000.5
        try: next(steps)
        except StopIteration as stop: assert stop.value == "end"
        other = produce(2); next(other); other.close()
        assert open("made").read() == "sent"
        """
    )
    whole, closed = found.calls("produce")
    assert whole["value"]["value"] == "end" and closed["status"] == "completed"
    assert ("produce", "consume", "x") in found.edges()
    assert "parent" not in found.calls("consume")[0]
    writes = {Path(event["p"]).name: event.get("task") for event in found.of("write")}
    if writes:  # the shim sees files
        assert writes["made"] == whole["id"] and writes["outside"] is None


def test_coroutines_keep_their_files_apart_when_they_take_turns(run: Any) -> None:
    found = run(
        """
        import asyncio
        @provenance.task
        async def write(n):
            await asyncio.sleep(0)
            with open(f"file{n}", "w") as file:
                await asyncio.sleep(0)
                file.write("x")
            return n * 1.5
        @provenance.task
        async def stream(n):
            for i in range(n):
                await asyncio.sleep(0)
                yield i + 0.25
        @provenance.task
        def total(values): return sum(values)
        @provenance.task
        async def everything():
            parts = await asyncio.gather(*[write(n) for n in range(20)])
            more = [x async for x in stream(3)]
            return total(parts) + total(more)
        print(asyncio.run(everything()))
        async def stop():
            running = asyncio.create_task(write(99)); await asyncio.sleep(0); running.cancel()
            try: await running
            except asyncio.CancelledError: print("cancelled")
        asyncio.run(stop())
        """
    )
    assert found.done.stdout.split() == ["288.75", "cancelled"]
    (outer,) = found.calls("everything")
    written = {Path(e["p"]).name: e.get("task") for e in found.of("write")}
    for call in found.calls("write")[:20]:
        assert call["parent"] == outer["id"]
        if written:
            assert written[f"file{call['args'][0]['value']}"] == call["id"]
    assert found.calls("write")[20]["status"] == "failed"
    assert found.edges().count(("write", "total", "values")) == 19  # 0.0 is shared by all
    assert found.edges().count(("stream", "total", "values")) == 1


def test_recursion_and_nesting_name_the_parent(run: Any) -> None:
    found = run(
        """
        @provenance.task
        def down(n): return 0 if n == 0 else down(n - 1)
        down(3)
        """
    )
    calls = found.calls("down")
    assert [call.get("parent") for call in calls] == [None, *(call["id"] for call in calls[:3])]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_process_pools(run: Any, method: str) -> None:
    found = run(
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        @provenance.task
        def square(n): return n * n
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                print(list(pool.map(square, range(4))))
        """
    )
    assert found.done.stdout == "[0, 1, 4, 9]\n"
    assert sorted(call["value"]["value"] for call in found.calls("square")) == [0, 1, 4, 9]
    processes = {event["id"] for event in found.of("process")}
    assert {call["i"] for call in found.calls("square")} <= processes


def test_threads_have_their_own_task(run: Any) -> None:
    found = run(
        """
        from concurrent.futures import ThreadPoolExecutor
        @provenance.task
        def write(n):
            with open(f"file{n}", "w") as file: file.write("x")
            return n
        with ThreadPoolExecutor(4) as pool: list(pool.map(write, range(50)))
        """
    )
    calls = {call["args"][0]["value"]: call["id"] for call in found.calls("write")}
    assert len(set(calls.values())) == 50
    for event in found.of("write"):
        assert event["task"] == calls[int(Path(event["p"]).name[4:])]


def test_a_fork_inside_a_task_does_not_end_it_twice(run: Any) -> None:
    found = run(
        """
        import os
        @provenance.task
        def inner(): return "in the child"
        @provenance.task
        def outer():
            pid = os.fork()
            if pid == 0: inner()
            else: os.waitpid(pid, 0)
            return pid
        if outer() == 0: os._exit(0)
        """
    )
    (outer,) = found.calls("outer")
    assert [event["id"] for event in found.of("done") if event["i"] == outer["i"]] == [outer["id"]]
    (inner,) = found.calls("inner")
    assert inner["i"] != outer["i"]
    (child,) = [event for event in found.of("process") if event["how"] == "fork"]
    assert child["task"] == f"{outer['i']}:{outer['id']}"


def test_edges_follow_values_and_never_shared_constants(run: Any) -> None:
    found = run(
        """
        class Thing: pass
        @provenance.task
        def make(what): return eval(what)
        @provenance.task
        def constant(): return 12345.5
        @provenance.task
        def use(a=0, b=None, *c, **d): pass
        use(make("Thing()")); use(b=make("[1.5, 2.5]")); use(1, 2, make("'long text ' * 3"))
        use([[make("Thing()")], {"k": make("3.25")}]); use(x=make("(Thing(), Thing())")[1])
        for shared in ("None", "True", "7", "''", "()", "[]", "'short'", "1.0"): use(make(shared))
        constant(); use(12345.5)
        """
    )
    assert found.edges() == [
        ("make", "use", "a"), ("make", "use", "b"), ("make", "use", "c[0]"),
        ("make", "use", "a"), ("make", "use", "a"), ("make", "use", "x"),
    ]  # fmt: skip


def test_paths_are_found_at_the_call_or_at_its_end(run: Any) -> None:
    found = run(
        """
        import pathlib
        @provenance.task
        def copy(source, target, label): pathlib.Path(target).write_text("x")
        pathlib.Path("here.txt").write_text("x")
        copy("./here.txt", pathlib.Path("sub/../new file.txt") if pathlib.Path("sub").mkdir() is None else 0, "no file")
        """
    )
    arguments = found.arguments("copy")
    assert Path(arguments["source"]["path"]).name == "here.txt" and "/./" not in arguments["source"]["path"]
    assert "path" not in arguments["label"]
    paths = found.calls("copy")[0]["paths"]
    assert list(paths) == ["target"] and paths["target"].endswith("/work/new file.txt")


def test_values_that_misbehave_change_nothing(run: Any) -> None:
    found = run(
        """
        class Bad:
            def __repr__(self): raise RuntimeError("no")
        class Proxy:
            @property
            def __class__(self): raise RuntimeError("asked")
            def __getattr__(self, name): raise RuntimeError(name)
            def __len__(self): raise RuntimeError("len")
            def __eq__(self, other): raise RuntimeError("eq")
            __hash__ = None
        @provenance.task
        def take(x): return x
        loop = []; loop.append(loop)
        for value in (Bad(), Proxy(), loop, {1: loop}, 10 ** 5000, float("nan"), "\\ud800", "a\\0b", b"\\xff", -2**60):
            assert take(value) is value
        """
    )
    assert len(found.calls("take")) == 10 and not found.of("gap")
    texts = [call["args"][0]["value"] for call in found.calls("take")]
    assert texts[0] == "<__main__.Bad, whose text can't be had: RuntimeError>"
    assert texts[2] == "[<itself>]" and texts[4].startswith("integer of") and texts[5] == "nan"


def test_credentials_are_never_written(run: Any) -> None:
    found = run(
        """
        import dataclasses
        @dataclasses.dataclass
        class Login: user: str; password: str
        @provenance.task
        def connect(api_key, password="hunter2-default", n_tokens=3, **more): pass
        @provenance.task
        def read_secret(): return "hunter2-returned"
        @provenance.task
        def take(x): pass
        connect("hunter2-a", authToken="hunter2-b"); connect(api_key="hunter2-c", password="hunter2-d")
        read_secret(); take({"db_password": "hunter2-e", "n": 1}); take(Login("u", "hunter2-f"))
        """
    )
    values = [call for call in found.events if call["e"] in ("task", "done")]
    assert "hunter2" not in json.dumps(values)
    assert found.arguments("connect")["n_tokens"]["value"] == 3
    assert "'n': 1" in found.calls("take")[0]["args"][0]["value"]


def test_long_values_are_cut_with_their_digest(run: Any) -> None:
    import hashlib

    found = run(
        """
        @provenance.task(value_limit=10)
        def short(text): return list(range(100_000))
        @provenance.task(record_values=False)
        def none(text): return text
        short("x" * 1000); none("secret")
        """
    )
    text = found.arguments("short")["text"]
    assert (text["value"], text["cut"]) == ("x" * 10, 1000)
    assert text["sha256"] == hashlib.sha256(b"x" * 1000).hexdigest()
    assert len(found.calls("short")[0]["value"]["value"]) == 10
    assert found.calls("none")[0]["args"] == [] and "value" not in found.calls("none")[0]


def test_what_has_begun_is_on_disk_when_the_process_is_killed(run: Any) -> None:
    found = run(
        """
        import os, signal
        @provenance.task
        def dies(x): os.kill(os.getpid(), signal.SIGKILL)
        dies(5)
        """,
        check=False,
    )
    assert found.done.returncode == -9
    (call,) = found.calls("dies")
    assert call["args"][0]["value"] == 5 and "status" not in call


def test_no_journal_folder_means_no_recording_and_no_fault(tmp_path: Path) -> None:
    code = "import provenance\n@provenance.task\ndef f(x): return x\nassert f(3) == 3"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "WFPROV_JOURNAL": str(tmp_path / "gone")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_importing_costs_nothing_heavy_when_nothing_records() -> None:
    code = "import sys, provenance\n@provenance.task\ndef f(): pass\nf()\n"
    code += "print(sorted({'json', 'inspect', 'ctypes', 'hashlib'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment.pop("WFPROV_JOURNAL", None)
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr


def test_only_functions_can_be_tasks() -> None:
    import provenance

    with pytest.raises(TypeError, match="decorates functions"):
        provenance.task(int)
