"""The stand-in of PyCOMPSs' API: applications do what they do under COMPSs, one task after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provenance.rerun.engines.compss import STAND_INS
from provenance.run import load
from tests.conftest import Wfprov

IMPORTS = """
import os, sys
from pycompss.api.task import task
from pycompss.api.parameter import *
from pycompss.api.api import *
from pycompss.api.binary import binary
from pycompss.api.constraint import constraint
from pycompss.api.container import container
from pycompss.api.epilog import epilog
from pycompss.api.exceptions import COMPSsException
from pycompss.api.http import http
from pycompss.api.mpi import mpi
from pycompss.api.on_failure import on_failure
from pycompss.api.prolog import prolog
from pycompss.api.reduction import reduction
"""


def _run(folder: Path, application: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    main = folder / "application.py"
    main.write_text(IMPORTS + textwrap.dedent(application), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(STAND_INS), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, str(main), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _printed(folder: Path, application: str) -> str:
    done = _run(folder, application)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_values_files_and_objects_go_through_tasks_as_under_compss(tmp_path: Path) -> None:
    printed = _printed(
        tmp_path,
        """
        class Sum:
            def __init__(self): self.total = 0
            @task()
            def add(self, n): self.total += n
            @classmethod
            @task(returns=1)
            def named(cls, text): return cls.__name__ + text
            @staticmethod
            @task(returns=1)
            def twice(n): return 2 * n

        @constraint(computing_units="2")
        @task(returns=2)
        def split(words): words.append("lost"); return words[0], words[1:]

        @task(many=COLLECTION_FILE_IN, out=FILE_OUT, keep=INOUT, varargs_type=FILE_IN)
        def joined(many, out, keep, *rest, end="!"):
            keep.append(len(many) + len(rest))
            open(out, "w").write("".join(open(each).read() for each in [*many, *rest]) + end)

        @task(directory=DIRECTORY_OUT)
        def fill(directory):
            os.mkdir(directory)
            open(directory + "/part", "w").write("1")

        words = ["a", "b"]
        first, others = split(words)
        first = compss_wait_on(first)
        print(first, compss_wait_on(others), words)
        for name in "xy": open(name, "w").write(name)
        kept = []
        joined(["x", "y"], "o ut", kept, "x", end="?")
        with compss_open("o ut") as file: print(file.read(), compss_wait_on(kept))
        total = Sum()
        for n in range(4): total.add(n)
        total = compss_wait_on(total)
        print(total.total, Sum.named("+"), Sum.twice(21), compss_wait_on(1, 2))
        os.mkdir("dir")
        fill("dir")
        compss_wait_on_directory("dir")
        compss_barrier(); compss_delete_object(total)
        print(compss_file_exists("dir/part"), compss_delete_file("x"), os.path.exists("x"))
        """,
    )

    assert printed.splitlines() == ["a ['b', 'lost'] ['a', 'b']", "xyx? [3]", "6 Sum+ 42 [1, 2]", "True True False"]


@pytest.mark.parametrize("policy", ["RETRY", "FAIL"])
def test_failure_ends_the_application_whatever_it_would_catch(tmp_path: Path, policy: str) -> None:
    done = _run(
        tmp_path,
        f"""
        @task(on_failure={policy!r})
        def fail():
            open("tries", "a").write("x")
            raise ValueError("of the task")
        try: fail()
        except Exception: print("caught")
        """,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "ValueError: of the task" in done.stderr
    assert "application.fail failed" in done.stderr
    assert (tmp_path / "tries").read_text() == ("xx" if policy == "RETRY" else "x")


def test_ignored_and_canceled_failures(tmp_path: Path) -> None:
    printed = _printed(
        tmp_path,
        """
        @on_failure(management="IGNORE", returns=-1)
        @task(out=FILE_OUT, returns=1)
        def ignored(out): raise ValueError

        @task(out=FILE_OUT, returns=1, on_failure="CANCEL_SUCCESSORS")
        def lost(out): raise ValueError

        @task(path=FILE_IN, returns=1)
        def read(path): return open(path).read()

        @task(numbers=COLLECTION_IN, returns=1)
        def total(numbers): return sum(numbers)

        print(compss_wait_on(ignored("empty")), repr(compss_wait_on(read("empty"))))
        value = lost("never")
        print(compss_wait_on([value, total([1, value]), read("never"), total([1, 2])]))
        """,
    )

    assert printed.splitlines() == ["-1 ''", "[None, None, None, 3]"]


def test_exception_of_a_group_cancels_the_rest_of_it(tmp_path: Path) -> None:
    printed = _printed(
        tmp_path,
        """
        @task()
        def step(n):
            if n == 1: raise COMPSsException("one")
            print("did", n)
        try:
            with TaskGroup("now"):
                for n in range(4): step(n)
        except COMPSsException as error: print("now", error)
        with TaskGroup("later", False):
            for n in range(4): step(n)
        step(5)
        try: compss_barrier_group("later")
        except COMPSsException as error: print("later", error)
        """,
    )

    assert printed.splitlines() == ["did 0", "now one", "did 0", "did 5", "later one"]


def test_programs_get_words_and_streams_and_no_shell(tmp_path: Path) -> None:
    printed = _printed(
        tmp_path,
        """
        @prolog(binary="touch", args="before")
        @epilog(binary="touch", args="after")
        @binary(binary="sort")
        @task(source={Type: FILE_IN, StdIOStream: STDIN}, target=FILE_OUT_STDOUT, how={Prefix: "--"}, returns=int)
        def ordered(source, how, target): pass

        @binary(binary="printf", args="%s|%s {{word}} {{ n }}", working_dir="sub")
        @task(out=FILE_OUT_STDOUT)
        def shown(word, n, out): pass

        @mpi(runner="env", binary="no such program", processes=1)
        @task(on_failure="IGNORE", returns=1)
        def missing(): pass

        @binary(binary="false")
        @task(returns=int)
        def status(): pass

        open("in", "w").write("b\\na\\n")
        print(ordered("in", "reverse", "out"), open("out").read().split(), sorted(os.listdir())[:2])
        shown("$(touch hacked); x y", 3, "shown")
        print(open("shown").read(), os.path.exists("hacked") or os.path.exists("sub/hacked"))
        print(missing(), compss_wait_on(status()))
        """,
    )

    lines = printed.splitlines()
    assert lines[0] == "0 ['b', 'a'] ['after', 'application.py']"
    assert lines[1] == "$(touch hacked); x y|3 False"
    assert lines[2].endswith("1")
    assert (tmp_path / "before").exists()


def test_what_only_compss_can_execute_says_so(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
        @container(engine="DOCKER", image="compss/compss")
        @task(on_failure="IGNORE")
        def boxed(): pass
        @http(service_name="s", resource="r", request="GET")
        @task(returns=1)
        def asked(): pass
        try: asked()
        except NotImplementedError as error: print(error)
        boxed()
        """,
    )

    assert done.returncode == 1
    assert "application.asked calls a service" in done.stdout
    assert "runcompss" in done.stdout
    assert "application.boxed runs in a container image" in done.stderr


def test_reduction_reduces_chunks_and_a_task_in_a_task_is_a_call(tmp_path: Path) -> None:
    printed = _printed(
        tmp_path,
        """
        @reduction(chunk_size="2")
        @task(numbers=COLLECTION_IN, returns=1)
        def total(numbers):
            assert len(numbers) <= 2
            return sum(numbers)
        @task(returns=1)
        def outer(n): return inner(n) + 1
        @task(returns=1, on_failure="IGNORE")
        def inner(n):
            if n < 0: raise ValueError("negative")
            return n
        @task(returns=1)
        def careful(n):
            try: return inner(n)
            except ValueError: return "caught"
        print(total(range(7)), outer(1), careful(-1))
        """,
    )

    assert printed == "21 2 caught\n"


def test_installed_pycompss_takes_precedence(tmp_path: Path) -> None:
    installed = tmp_path / "site" / "pycompss" / "api"
    installed.mkdir(parents=True)
    (installed.parent / "__init__.py").write_text("", encoding="utf-8")
    (installed / "__init__.py").write_text("", encoding="utf-8")
    (installed / "task.py").write_text("task = 'the real one'\n", encoding="utf-8")
    code = "from pycompss.api.task import task; import pycompss; print(task, pycompss.__file__)"
    environment = {**os.environ, "PYTHONPATH": f"{STAND_INS}:{tmp_path / 'site'}"}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["the", "real", "one", str(installed.parent / "__init__.py")]


def test_tasks_of_an_application_are_those_of_the_recorded_run(tmp_path: Path, wfprov: Wfprov) -> None:
    # An interpreter without wfprov: the record of tasks does not need it there.
    (tmp_path / "blocks.py").write_text(
        "from pycompss.api.task import task\n"
        "from pycompss.api.parameter import FILE_IN, FILE_OUT\n"
        "class Tools:\n"
        "    @task(source=FILE_IN, target=FILE_OUT)\n"
        "    def copy(self, source, target, times):\n"
        "        open(target, 'w').write(open(source).read() * sum(times))\n",
        encoding="utf-8",
    )
    (tmp_path / "app.py").write_text(
        "from pycompss.api.task import task\n"
        "from blocks import Tools\n"
        "@task(returns=1)\n"
        "def numbers(): return [1, 2]\n"
        "Tools().copy('in', 'out', numbers())\n",
        encoding="utf-8",
    )
    (tmp_path / "in").write_text("x", encoding="utf-8")

    wfprov("run", "--", sys.executable, "-S", "app.py", cwd=tmp_path, env={"PYTHONPATH": str(STAND_INS)})

    (record,) = [path for path in (tmp_path / ".wfprov").iterdir() if path.is_dir()]
    run = load(record)
    names = {tool.key: tool for tool in run.tools}
    by_name = {names[task.tool].name: task for task in run.tasks}
    assert set(by_name) >= {"app.numbers", "blocks.Tools.copy"}
    copied = by_name["blocks.Tools.copy"]
    assert names[copied.tool].line == 4
    assert {value.name: value.value for value in copied.arguments}["times"] == "[1, 2]"
    assert [key.rpartition("/")[2] for key in copied.outputs] == ["out"]
    assert [(edge.source, edge.argument) for edge in run.edges if edge.target == copied.key] == [
        (by_name["app.numbers"].key, "times")
    ]
