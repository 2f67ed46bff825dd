"""Runs built by hand from real files, for tests that write crates."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from provenance.run.model import (
    About,
    Container,
    Data,
    Edge,
    Environment,
    Gap,
    Log,
    Organization,
    Person,
    ResourceUse,
    Role,
    Run,
    Software,
    SourceControl,
    Status,
    Task,
    Tool,
    Value,
)

START = 1_763_800_000_000_000_000
SECOND = 1_000_000_000
HOST = "node 1"

FILLED = About(
    name="Model selection",
    description="Chooses the better of two models.",
    license="Apache-2.0",
    version="1.2",
    url="https://example.org/model-selection",
    keywords=("models", "selection"),
    authors=(
        Person(
            "Ada Example",
            "https://orcid.org/0000-0002-1825-0097",
            None,
            Organization("Institute", "https://ror.org/05sd8tv96"),
        ),
    ),
    agent=Person(
        "Ada Example",
        "https://orcid.org/0000-0002-1825-0097",
        None,
        Organization("Institute", "https://ror.org/05sd8tv96"),
    ),
    publisher=Organization("Institute", "https://ror.org/05sd8tv96"),
)


def data(path: Path | str, role: Role, version: int = 0, key: str | None = None, **more: object) -> Data:
    """A file that is there now."""
    path = str(path)
    now = os.stat(path)
    is_directory = os.path.isdir(path)
    found = Data(
        key=key or f"{path}:{version}",
        path=path,
        role=role,
        version=version,
        is_directory=is_directory,
        size=None if is_directory else now.st_size,
        mtime_ns=None if is_directory else now.st_mtime_ns,
        content=path,
    )
    return replace(found, **more) if more else found


def write_file(path: Path, content: bytes | str) -> Path:
    """Make a file and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def simple_run(folder: Path, **more: object) -> Run:
    """Two executed programs, ``sort`` then ``head``, and a file between them that is gone."""
    source = write_file(folder / "in" / "table.csv", "b,2\na,1\n" * 20)
    result = write_file(folder / "out" / "first.csv", "a,1\n")
    between = Data(
        key="between",
        path=str(folder / "sorted.tmp"),
        role=Role.INTERMEDIATE,
        size=160,
        is_gone=True,
    )
    run = Run(
        id="20251122-x",
        name="sort and head",
        status=Status.COMPLETED,
        command=("sh", "-c", "sort in/table.csv > sorted.tmp; head -1 sorted.tmp > out/first.csv"),
        cwd=str(folder),
        project=str(folder),
        user="ada",
        host=HOST,
        start=START,
        end=START + 3 * SECOND,
        exit_code=0,
        engine=Software("wfprov", "0.1.0", "https://example.org/wfprov"),
        tools=(
            Tool("t1", "sort", "program", path="/usr/bin/sort"),
            Tool("t2", "head", "program", path="/usr/bin/head"),
        ),
        tasks=(
            Task(
                "1",
                "t1",
                Status.COMPLETED,
                START,
                START + SECOND,
                ("in",),
                ("between",),
                command=("sort", "in/table.csv"),
                cwd=str(folder),
                exit_code=0,
                host=HOST,
                resources=ResourceUse(0.5, 0.1, 1 << 20),
            ),
            Task(
                "2",
                "t2",
                Status.COMPLETED,
                START + SECOND,
                START + 2 * SECOND,
                ("between",),
                ("out",),
                command=("head", "-1", "sorted.tmp"),
                cwd=str(folder),
                exit_code=0,
                host=HOST,
            ),
        ),
        edges=(Edge("1", "2", data="between"),),
        data=(data(source, Role.INPUT, key="in"), between, data(result, Role.OUTPUT, key="out")),
        inputs=("in",),
        outputs=("out",),
        resources=ResourceUse(0.6, 0.2, 1 << 21),
    )
    return replace(run, **more) if more else run


def rich_run(folder: Path, **more: object) -> Run:
    """Functions and programs, values and files, a container, an environment, a failed task, an in-place change."""
    script = write_file(folder / "train.py", "print('train')\n")
    module = write_file(folder / "lib" / "models.py", "def fit(): ...\n")
    config = write_file(folder / "config.yaml", "alpha: 1\n")
    table = write_file(folder / "data" / "table.csv", "x,y\n1,2\n")
    model = write_file(folder / "out" / "model.npz", bytes(range(256)) * 8)
    counter_now = write_file(folder / "counter.txt", "2\n")
    counter_before = write_file(folder / ".saved" / "0", "1\n")
    output = write_file(folder / "job.log", "before\nhello\nafter\n")
    extra = Organization("Institute", "https://ror.org/05sd8tv96")
    run = Run(
        id="run/1 ä",
        name="train.py",
        status=Status.FAILED,
        command=("python", "train.py", "data/table.csv", "--alpha", "0.5"),
        cwd=str(folder),
        project=str(folder),
        user="ada",
        host=HOST,
        start=START,
        end=START + 10 * SECOND,
        exit_code=1,
        error="ValueError: no convergence",
        main="script",
        language=Software("Python", "3.11.2", "https://www.python.org/"),
        engine=Software("wfprov", "0.1.0", "https://example.org/wfprov"),
        tools=(
            Tool(
                "fit",
                "models.fit",
                "function",
                str(module),
                "module",
                1,
                1,
                "Fits a model.",
                ("table", "alpha"),
                Software("Python", "3.11.2", "https://www.python.org/"),
            ),
            Tool(
                "choose",
                "train.choose",
                "function",
                str(script),
                "script",
                1,
                1,
                None,
                ("model", "score"),
            ),
            Tool("awk", "awk", "program", "/usr/bin/awk"),
        ),
        tasks=(
            Task(
                "p:1",
                "fit",
                Status.COMPLETED,
                START + SECOND,
                START + 2 * SECOND,
                ("table", "config"),
                ("model",),
                (
                    Value("table", "data/table.csv", "str", data_key="table"),
                    Value("alpha", 0.5, "float"),
                ),
                (Value("return", "Model()", "models.Model", is_return=True),),
                host=HOST,
            ),
            Task(
                "p:2",
                "choose",
                Status.FAILED,
                START + 3 * SECOND,
                START + 4 * SECOND,
                ("model",),
                (),
                (
                    Value("model", "Model()", "models.Model"),
                    Value("score", "x" * 2000, "str", cut_from=9000, sha256="0" * 64),
                ),
                error="ValueError: no convergence",
                host=HOST,
            ),
            Task(
                "q",
                "awk",
                Status.COMPLETED,
                START + 5 * SECOND,
                START + 6 * SECOND,
                ("counter0",),
                ("counter1",),
                command=("awk", "{print $1+1}"),
                cwd="/tmp",
                exit_code=0,
                host=HOST,
                resources=ResourceUse(0.01, 0.02, 4096),
            ),
        ),
        edges=(Edge("p:1", "p:2", data="model"), Edge("p:1", "p:2", argument="model")),
        data=(
            data(script, Role.SOURCE, key="script"),
            data(module, Role.SOURCE, key="module"),
            data(config, Role.CONFIGURATION, key="config"),
            data(folder / "data", Role.INPUT, key="folder"),
            data(table, Role.INPUT, key="table"),
            data(model, Role.OUTPUT, key="model"),
            Data("counter0", str(counter_now), Role.INPUT, 0, size=2, content=str(counter_before)),
            data(counter_now, Role.OUTPUT, 1, key="counter1"),
        ),
        inputs=("table", "counter0", "folder"),
        outputs=("model", "counter1"),
        arguments=(
            Value("table", "data/table.csv", "str", data_key="table"),
            Value("--alpha", 0.5, "float"),
        ),
        logs=(Log("stdout", str(output), 7, 13),),
        resources=ResourceUse(1.5, 0.5, 1 << 26),
        environment=Environment(
            operating_system="Debian GNU/Linux 12",
            kernel="6.1",
            machine="x86_64",
            cpu_model="CPU",
            cpu_count=2,
            memory=8 << 30,
            interpreter=Software("Python", "3.11.2", path="/usr/bin/python3"),
            packages=(Software("numpy", "2.0"), Software("scikit-learn", "1.5")),
            variables=(("OMP_NUM_THREADS", "2"),),
            source_control=SourceControl(str(folder), "https://example.org/code.git", "a" * 40, "main"),
        ),
        containers=(
            Container(
                "image",
                "docker",
                "registry.example.org/library/python:3.11@sha256:" + "b" * 64,
                "registry.example.org",
                "library/python",
                "3.11",
                "b" * 64,
            ),
        ),
        container="image",
        about=replace(
            FILLED,
            agent=Person("Bob Example", "https://orcid.org/0000-0001-5109-3700", None, extra),
        ),
        gaps=(Gap("a program", "static", "/opt/tool"),),
        trace="preload",
    )
    return replace(run, **more) if more else run
