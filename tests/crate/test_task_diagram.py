"""The drawing of an engine's graph: task by task, folded when it is too large, or as the engine drew it."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_runs import simple_run

from provenance.crate.drawing import draw
from provenance.crate.engine_drawing import LARGEST
from provenance.crate.graph_flow import folded
from provenance.crate.task_diagram import EDGES_LIMIT, task_diagram
from provenance.crate.task_layout import DEEPEST, WIDEST, laid_out
from provenance.crate.write import write
from provenance.run.model import GraphNode, Run, Status, Task, TaskGraph, Tool

SVG = "{http://www.w3.org/2000/svg}"
BLUE = "#0000ff"
MAIN = GraphNode("Synchro0", "main", "main", "#8B0000")
PLAIN = f'<svg xmlns="{SVG[1:-1]}" width="10" height="10"><g id="graph0"><title>1</title><path d="M0 0L9 9"/></g></svg>'


def task(number: int, label: str = "multiply", color: str | None = BLUE, group: str | None = None) -> GraphNode:
    return GraphNode(str(number), label, "task", color, group)


def run_of(nodes: list[GraphNode], pairs: list[tuple[object, object]], tasks: tuple[Task, ...] = ()) -> Run:
    edges = tuple((str(a), str(b), f"d{n}v1") for n, (a, b) in enumerate(pairs, 1))
    tools = (Tool("app.multiply", "multiply", "function"),)
    return Run("1", "app.py", Status.COMPLETED, tools=tools, tasks=tasks, graph=TaskGraph(tuple(nodes), edges))


def drawn(run: Run) -> ET.Element:
    drawing = task_diagram(run)
    assert drawing is not None
    return ET.fromstring(drawing)


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def ways(root: ET.Element) -> list[ET.Element]:
    return [path for path in root.iter(f"{SVG}path") if path.get("class")]


def circles(root: ET.Element) -> dict[str, tuple[float, float]]:
    found = {}
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "task":
            circle, text = group.find(f"{SVG}circle"), group.find(f"{SVG}text")
            assert circle is not None and text is not None
            found[text.text or ""] = float(circle.get("cx", "")), float(circle.get("cy", ""))
    return found


def test_each_task_is_a_circle_in_the_colour_of_its_method() -> None:
    nodes = [MAIN, task(1), task(2), task(3, "add", "#ffff00")]
    root = drawn(run_of(nodes, [("Synchro0", 1), ("Synchro0", 2), (1, 3), (2, 3), (2, 3)]))
    assert {"main", "1", "2", "3", "multiply · 2 tasks", "add · 1 task", "app.py"} <= set(texts(root))
    fills = [circle.get("fill") for circle in root.iter(f"{SVG}circle") if circle.get("cx")]
    assert sorted(fills) == [BLUE, BLUE, "#ffff00"]
    places = circles(root)
    assert places["1"][1] == places["2"][1] < places["3"][1]
    assert sorted(path.findtext(f"{SVG}title") or "" for path in ways(root)) == [
        "1 → 3: d3v1",
        "2 → 3: d4v1, d5v1",
        "Synchro0 → 1: d1v1",
        "Synchro0 → 2: d2v1",
    ]


def test_points_of_the_main_program_are_octagons_and_streams_boxes() -> None:
    nodes = [
        MAIN,
        task(1),
        GraphNode("Synchro1", "barrier", "barrier", "#ff0000"),
        GraphNode("Stream4", "Stream4", "stream"),
    ]
    root = drawn(run_of(nodes, [("Synchro0", 1), (1, "Synchro1"), (1, "Stream4")]))
    octagons = list(root.iter(f"{SVG}polygon"))
    assert [polygon.get("fill") for polygon in octagons] == ["#8B0000", "#ff0000"]
    assert all(len(polygon.get("points", "").split()) == 8 for polygon in octagons)
    assert {"main", "barrier", "Stream4"} <= set(texts(root))
    assert [path.get("class") for path in ways(root)] == ["main", "main", "way flowing"]


def test_tasks_that_did_not_end_well_have_a_ring_and_say_so() -> None:
    statuses = [Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.RECOVERED]
    tasks = tuple(Task(f"task-{n}", "app.multiply", status) for n, status in enumerate(statuses, 1))
    root = drawn(run_of([MAIN, *map(task, range(1, 5))], [("Synchro0", n) for n in range(1, 5)], tasks))
    rings = [circle.get("class") for circle in root.iter(f"{SVG}circle") if circle.get("cx") and circle.get("class")]
    assert rings == ["failed", "canceled", "recovered"]
    titles = {title.text for title in root.iter(f"{SVG}title")}
    assert {"multiply 1", "multiply 2: failed", "multiply 3: cancelled"} <= titles
    assert {"failed · 1", "cancelled · 1"} <= set(texts(root))


def test_a_method_that_the_graph_does_not_surely_name_is_named_by_the_run() -> None:
    tasks = (Task("task-1", "app.multiply", Status.COMPLETED), Task("task-2", "app.multiply", Status.COMPLETED))
    root = drawn(run_of([task(1, ""), task(2, "add or multiply"), task(3, "")], [], tasks))
    assert {"multiply · 2 tasks", "unknown method · 1 task"} <= set(texts(root))


def test_arrows_from_main_that_others_imply_are_left_out_and_counted() -> None:
    root = drawn(
        run_of([MAIN, task(1), task(2), task(3)], [("Synchro0", 1), ("Synchro0", 2), (1, 2), ("Synchro0", 3), (2, 3)])
    )
    assert len(ways(root)) == 3
    assert "Not drawn, as others lead on from it: 2 arrows from the main program" in texts(root)


def test_hundreds_of_independent_tasks_stand_in_a_frame() -> None:
    root = drawn(run_of([MAIN, *map(task, range(1, 501))], [("Synchro0", n) for n in range(1, 501)]))
    assert len(circles(root)) == 500
    assert len(ways(root)) == 1
    assert float(root.get("width", "")) < 2_000
    assert float(root.get("height", "")) < 1_000


def test_a_product_of_matrices_is_chains_beside_each_other() -> None:
    pairs: list[tuple[object, object]] = []
    for first in range(1, 513, 8):
        pairs += [("Synchro0", n) for n in range(first, first + 8) for _ in range(2)]
        pairs += [(n, n + 1) for n in range(first, first + 7)]
    places = circles(drawn(run_of([MAIN, *map(task, range(1, 513))], pairs)))
    for first in range(1, 513, 8):
        column = [places[str(n)] for n in range(first, first + 8)]
        assert len({x for x, _ in column}) == 1
        assert [y for _, y in column] == sorted({y for _, y in column})


def random_pairs(edges: int, span: int) -> list[tuple[object, object]]:
    return [(max(1, n // 2 - n * 7919 % span), n // 2 + 1) for n in range(2, edges + 2)]


def test_three_thousand_edges_are_drawn_at_once() -> None:
    run = run_of([MAIN, *map(task, range(1, 1503))], random_pairs(EDGES_LIMIT, 40))
    begun = time.process_time()
    draw(run, {})
    assert time.process_time() - begun < 2  # a quarter of a second where nothing else runs


@pytest.mark.parametrize(
    ("tasks", "pairs"),
    [
        (2_000, random_pairs(EDGES_LIMIT + 800, 400)),
        (1_000, [(n, n + 1) for n in range(1, 1_000)]),  # too deep
        (1_000, [(n, n + 500) for n in range(1, 501)]),  # too wide
    ],
)
def test_what_could_not_be_looked_at_is_folded_by_method(tasks: int, pairs: list[tuple[object, object]]) -> None:
    nodes = [MAIN, *(task(n, "load" if n <= tasks // 2 else "train") for n in range(1, tasks + 1))]
    run = run_of(nodes, [("Synchro0", 1), *pairs])
    assert task_diagram(run) is None
    root = ET.fromstring(draw(run, {}).content)
    assert {"load", "train", "Main program"} <= set(texts(root))
    assert any(text.startswith(f"{tasks // 2:,} tasks") for text in texts(root))


def test_a_graph_of_any_size_is_folded() -> None:
    count = 100_000
    nodes = [MAIN, *(task(n, f"method{n % 50}") for n in range(1, count + 1)), GraphNode("Synchro1", "sync", "sync")]
    pairs = [("Synchro0", n) for n in range(1, count)] + [(n, n + 1) for n in range(1, count)] + [(count, "Synchro1")]
    run = run_of(nodes, pairs)
    begun = time.process_time()
    content = draw(run, {}).content
    assert time.process_time() - begun < 4  # a quarter of a second where nothing else runs
    assert {"20 more methods", "waits 1 time"} <= set(texts(ET.fromstring(content)))
    assert len(content) < 100_000


def test_a_folded_graph_counts_edges_and_failures() -> None:
    nodes = [MAIN, *(task(n, "load" if n <= 20 else "train") for n in range(1, 41))]
    tasks = tuple(Task(f"task-{n}", "t", Status.FAILED) for n in (1, 2))
    run = run_of(nodes, [(n, n + 20) for n in range(1, 21)] + [(1, 2), (3, 4)], tasks)
    assert run.graph is not None
    methods, flows = folded(run, run.graph)
    assert [(node.title, node.subtitle) for node in methods] == [
        ("load", "20 tasks · 2 failed · feeds itself"),
        ("train", "20 tasks"),
    ]
    assert [flow.label for flow in flows] == ["20 edges"]


def test_a_graph_without_tasks_is_not_drawn() -> None:
    assert task_diagram(run_of([MAIN], [])) is None
    assert "the run as a whole" in texts(ET.fromstring(draw(run_of([MAIN], []), {}).content))


names = st.text(max_size=120)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(names, names, st.sampled_from(["task", "sync", "stream"]), names), min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=60),
    names,
)
def test_any_names_and_any_edges_give_well_formed_svg(
    found: list[tuple[str, str, str, str]], pairs: list[tuple[int, int]], name: str
) -> None:
    nodes = [GraphNode(f"{n}{i}", label, kind, color, i) for n, (i, label, kind, color) in enumerate(found)]
    edges = tuple((nodes[a % len(nodes)].id, nodes[b % len(nodes)].id, name) for a, b in pairs)
    run = replace(run_of([], []), name=name, graph=TaskGraph((MAIN, *nodes), edges))
    root = ET.fromstring(draw(run, {}).content)
    assert all(len(text) <= 90 for text in texts(root))


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=80))
def test_nothing_stands_on_anything_else(count: int, pairs: list[tuple[int, int]]) -> None:
    sizes = [(40.0 + 30 * (n % 3), 32.0 + 8 * (n % 2)) for n in range(count)]
    arrows = list({(a % count, b % count) for a, b in pairs if a % count != b % count})
    layout = laid_out(sizes, arrows)
    assert layout is not None
    assert layout.width <= WIDEST and layout.height <= DEEPEST
    for one, other in combinations(range(count), 2):
        (x1, y1), (x2, y2) = layout.places[one], layout.places[other]
        is_beside = abs(x1 - x2) >= (sizes[one][0] + sizes[other][0]) / 2
        is_below = y1 >= y2 + sizes[other][1] or y2 >= y1 + sizes[one][1]
        assert is_beside or is_below
    for (source, target), route in zip(arrows, layout.routes, strict=True):
        ends = {layout.places[source][0], layout.places[target][0]}
        assert {route[0][0], route[-1][0]} == ends


def crate_of(run: Run, folder: Path) -> tuple[bytes, list[str]]:
    report = write(run, folder)
    entities = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    assert any(entity["@id"] == "diagram.svg" for entity in entities)
    return (folder / "diagram.svg").read_bytes(), report.gaps


def test_the_crate_has_the_graph_of_the_engine(tmp_path: Path) -> None:
    graph = TaskGraph((MAIN, task(1, "load <b> & co"), task(2)), (("Synchro0", "1", None), ("1", "2", "d1v2")))
    content, gaps = crate_of(replace(simple_run(tmp_path / "run"), graph=graph), tmp_path / "crate")
    assert {"load <b> & co · 1 task", "main"} <= set(texts(ET.fromstring(content)))
    assert not any("drawing" in gap for gap in gaps)


def test_the_crate_has_what_the_engine_drew_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "complete_graph.svg"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"\n'
        f' "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n<!-- Generated by graphviz -->\n{PLAIN}\n'
    )
    content, gaps = crate_of(replace(simple_run(tmp_path / "run"), drawing=str(path)), tmp_path / "crate")
    assert content == path.read_bytes()
    assert not any("drawing" in gap for gap in gaps)


HOSTILE = {
    "script": PLAIN.replace("<path", "<script>alert(1)</script><path"),
    "foreign content": PLAIN.replace("<path", "<foreignObject/><path"),
    "element of another language": PLAIN.replace("<path", '<p xmlns="http://www.w3.org/1999/xhtml"/><path'),
    "image": PLAIN.replace("<path", '<image href="data:,"/><path'),
    "event": PLAIN.replace("<path", '<path onload="alert(1)"'),
    "link": PLAIN.replace("<path", '<a href="https://example.org"/><path'),
    "old link": PLAIN.replace("<path", '<a xmlns:x="http://www.w3.org/1999/xlink" x:href="javascript:alert(1)"/><path'),
    "style sheet": PLAIN.replace("<path", "<style>@im<!-- -->port 'https://example.org/a.css'</style><path"),
    "loaded fill": PLAIN.replace("<path", '<path fill="url(https://example.org/a.svg#b)"'),
    "entity": f'<!DOCTYPE svg [<!ENTITY a "b">]>{PLAIN}',
    "instruction": f'<?xml-stylesheet href="a.css"?>{PLAIN}',
    "not well-formed": PLAIN[:-3],
    "no SVG": "<html/>",
    "empty": "",
    "too large": PLAIN.replace("<path", f"<desc>{'a' * LARGEST}</desc><path"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_more_or_less_than_a_drawing_is_left_out_and_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "complete_graph.svg"
    path.write_text(HOSTILE[kind])
    drawing = draw(replace(run_of([MAIN, task(1)], [("Synchro0", 1)]), drawing=str(path)), {})
    assert "multiply · 1 task" in texts(ET.fromstring(drawing.content))
    (missing,) = drawing.missing
    assert str(path) in missing


@pytest.mark.parametrize("kind", ["folder", "pipe", "nothing"])
def test_a_drawing_that_is_no_file_is_left_out(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "complete_graph.svg"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    drawing = draw(replace(run_of([MAIN, task(1)], []), drawing=str(path)), {})
    assert re.search("no such file", drawing.missing[0])
