"""The drawing of a run: well-formed for any name, bounded for any number of tools."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.crate.diagram import diagram
from provenance.run.model import Edge, Run, Status, Task, Tool

SVG = "{http://www.w3.org/2000/svg}"


def run_of(names: list[str], edges: list[tuple[int, int]], failed: int = -1) -> tuple[Run, dict[str, Tool]]:
    tools = {str(n): Tool(str(n), name, "program") for n, name in enumerate(names)}
    tasks = [Task(key, key, Status.FAILED if key == str(failed) else Status.COMPLETED) for key in tools]
    links = tuple(Edge(str(a), str(b), data=f"{a}-{b}") for a, b in edges)
    return Run("1", "r", Status.COMPLETED, tools=tuple(tools.values()), tasks=tuple(tasks), edges=links), tools


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(drawing).iter(f"{SVG}text")]


def test_each_tool_is_a_box_with_its_count_and_each_flow_an_arrow():
    drawing = diagram(*run_of(["first", "second"], [(0, 1)], failed=1))
    assert {"first", "second", "1 task", "1 task · 1 failed", "1 file"} <= set(texts(drawing))
    assert len(list(ET.fromstring(drawing).iter(f"{SVG}path"))) == 2  # the flow, and the head of arrows
    assert ET.fromstring(drawing).find(f"{SVG}desc") is not None


def test_a_cycle_and_a_loop_are_drawn():
    drawing = diagram(*run_of(["a", "b"], [(0, 1), (1, 0), (0, 0)]))
    assert 'class="flow back"' in drawing
    assert "1 task · feeds itself" in texts(drawing)


def test_hundreds_of_tools_are_folded():
    drawing = diagram(*run_of([f"tool{n}" for n in range(300)], [(n, n + 1) for n in range(299)]))
    assert "270 more tools" in texts(drawing)
    assert len(drawing) < 50_000


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.text(max_size=200), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30),
)
def test_any_names_and_any_flows_give_well_formed_svg(names, edges):
    edges = [(a, b) for a, b in edges if a < len(names) and b < len(names)]
    drawing = diagram(*run_of(names, edges))
    ET.fromstring(drawing.encode("utf-8", "backslashreplace"))
    assert all(len(text) <= 40 for text in texts(drawing))
