"""The graph of tasks that COMPSs draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.engines.compss import graph
from provenance.engines.compss.records import Problem
from provenance.run.model import GraphNode, TaskGraph
from tests.compss.run_files import COLORS, Dot

BLUE, WHITE = "#0000ff", "#ffffff"
MAIN = 'Synchro0[label="main", shape=octagon, style=filled fillcolor="#8B0000" fontcolor="#FFFFFF"];'
HEAD = (
    'digraph {\n  newrank=true;\n  rankdir=TB;\n  labeljust="l";\n  compound= true;\n'
    "  subgraph dependence_graph {\n    ranksep=0.20;\n    node[height=0.75];\n\n"
)


def task(number: int, color: str = BLUE, shape: str = "circle") -> str:
    return f'{number}[shape={shape}, style=filled fillcolor="{color}" fontcolor="#000000"];'


def legend(*rows: tuple[str, str]) -> str:
    cells = "".join(
        f'<tr>\n<td align="right">{name}</td>\n<td bgcolor="{color}">&nbsp;</td>\n</tr>\n' for name, color in rows
    )
    return (
        "  subgraph legend {\n    rank=sink;\n    node [shape=plaintext, height=0.75];\n    ranksep=0.20;\n"
        '    label = "Legend";\n    key [label=<\n'
        '      <table border="0" cellpadding="2" cellspacing="0" cellborder="1">\n'
        f"{cells}      </table>\n    >]\n  }}\n}}\n"
    )


def drawn(folder: Path, *statements: str, rows: tuple[tuple[str, str], ...] = (("multiply", BLUE),)) -> Path:
    path = folder / "complete_graph.dot"
    path.write_text(HEAD + "\n".join(statements) + "  }\n" + legend(*rows))
    return path


def read_well(path: Path) -> TaskGraph:
    found, problems = graph.read(path)
    assert problems == []
    assert found is not None
    return found


def test_tasks_have_the_method_of_their_colour(tmp_path: Path) -> None:
    path = drawn(
        tmp_path,
        MAIN,
        task(1),
        'Synchro0 -> 1 [label="d1v1"];',
        task(2, WHITE, "doublecircle"),
        '1 -> 2 [label="d3v2"];',
        rows=(("multiply", BLUE), ("add", WHITE)),
    )
    found = read_well(path)
    assert found.nodes == (
        GraphNode("Synchro0", "main", "main", "#8B0000"),
        GraphNode("1", "multiply", "task", BLUE),
        GraphNode("2", "add", "task", WHITE),
    )
    assert found.edges == (("Synchro0", "1", "d1v1"), ("1", "2", "d3v2"))


def test_the_last_statement_shares_its_line_with_a_brace(tmp_path: Path) -> None:
    assert read_well(drawn(tmp_path, MAIN, task(1))).nodes[-1].id == "1"
    assert read_well(drawn(tmp_path, MAIN, task(1), "Synchro0 -> 1;")).edges == (("Synchro0", "1", None),)


def test_methods_that_share_a_colour_are_all_named(tmp_path: Path) -> None:
    path = drawn(tmp_path, task(1), rows=(("first", BLUE), ("other", WHITE), ("last", BLUE.upper())))
    assert read_well(path).nodes[0].label == "first or last"


def test_points_at_which_the_main_program_waits(tmp_path: Path) -> None:
    path = drawn(
        tmp_path,
        MAIN,
        task(1),
        'Synchro1[label="sync", shape=octagon, style=filled fillcolor="#ff0000" fontcolor="#FFFFFF"];',
        '1 -> Synchro1 [color=grey, label="d3v2"];',
        "Synchro0 -> Synchro1 [color=grey];",
        'Synchro2[label="barrier", shape=octagon, style=filled fillcolor="#ff0000" fontcolor="#FFFFFF"];',
        "Synchro1 -> Synchro2;",
    )
    found = read_well(path)
    assert [node.kind for node in found.nodes] == ["main", "task", "sync", "barrier"]
    assert found.edges[:2] == (("1", "Synchro1", "d3v2"), ("Synchro0", "Synchro1", None))


def test_streams_and_collections(tmp_path: Path) -> None:
    look = '[shape=rect style="rounded,filled" width=0 height=0 margin=0.1 fontsize=10 fillcolor="#a9a9a9"]'
    path = drawn(
        tmp_path,
        task(1),
        task(2),
        f"Stream7{look}",
        '1 -> Stream7 [style=dashed, label="d7v1"];',
        '1 -> 2 [label="[d1v1,...,d9v1](9)",color="#024b30",penwidth=2];',
    )
    found = read_well(path)
    assert found.nodes[2] == GraphNode("Stream7", "Stream7", "stream", "#a9a9a9")
    assert [label for *_, label in found.edges] == ["d7v1", "[d1v1,...,d9v1](9)"]


def test_tasks_know_their_group(tmp_path: Path) -> None:
    frame = 'shape=rect;\nnode[height=0.75];\ncolor="#A9A9A9"; \n'
    path = drawn(
        tmp_path,
        MAIN,
        f'subgraph clusterTasksmy "best" {{x}} {{\n{frame}label="my "best" {{x}}";\n',
        task(1),
        f'subgraph clusterCommutative3 {{\n{frame}rank=same;\nlabel="CGT3";\n',
        task(2),
        "}\n",
        task(3),
        "}\n",
        "subgraph{\n\n                node[height=0.75];\n",
        task(4),
        "}\n",
        '2 -> 4 [label="d1v2"][ ltail="clusterCommutative3" ];',
    )
    found = read_well(path)
    group_of = {node.id: node.group for node in found.nodes}
    assert group_of == {"Synchro0": None, "1": 'my "best" {x}', "2": "CGT3", "3": 'my "best" {x}', "4": None}
    assert found.edges == (("2", "4", "d1v2"),)


def test_a_statement_that_is_none_is_a_problem_and_stops_nothing(tmp_path: Path) -> None:
    path = drawn(tmp_path, MAIN, "what is -> this", "???", task(1))
    found, problems = graph.read(path)
    assert found is not None
    assert [node.id for node in found.nodes] == ["Synchro0", "1"]
    assert [(problem.line, problem.text) for problem in problems] == [(11, "what is -> this"), (12, "???")]


def test_of_very_many_problems_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    _, problems = graph.read(drawn(tmp_path, MAIN, *["???"] * 1000, task(1)))
    assert len(problems) == 21
    assert "980 more" in problems[-1].what


@pytest.mark.parametrize("cut", ["in a statement", "after a statement", "in the legend"])
def test_the_graph_of_a_killed_run_is_taken_as_far_as_it_goes(tmp_path: Path, cut: str) -> None:
    path = drawn(tmp_path, MAIN, task(1), 'Synchro0 -> 1 [label="d1v1"];', task(2), '1 -> 2 [label="d3v2"];')
    text = path.read_text()
    end = {
        "in a statement": text.index("3v2"),
        "after a statement": text.index("\n1 -> 2") + 1,
        "in the legend": text.index("</table>"),
    }[cut]
    path.write_text(text[:end])
    found, problems = graph.read(path)
    assert found is not None
    assert [node.id for node in found.nodes] == ["Synchro0", "1", "2"]
    assert found.edges[0] == ("Synchro0", "1", "d1v1")
    assert any("ends before its end" in problem.what for problem in problems)
    if cut == "in the legend":
        assert found.nodes[1].label == "multiply"
    else:
        assert any("legend does not name: 2" in problem.what for problem in problems)


def test_a_killed_run_left_its_graph_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "complete_graph.dot"
    path.write_text(HEAD + "  }\n" + legend())
    path.with_name("complete_graph.dot.tmp").write_text(f'{HEAD}\n{MAIN}\n{task(1)}\nSynchro0 -> 1 [label="d1v1"];\n1 ')
    path.with_name("complete_legend.dot.tmp").write_text(
        f'<tr>\n<td align="right">multiply</td>\n<td bgcolor="{BLUE}">&nbsp;</td>\n</tr>\n'
    )
    found, problems = graph.read(path)
    assert found is not None
    assert [node.label for node in found.nodes] == ["main", "multiply"]
    assert any("ends before its end" in problem.what for problem in problems)


def test_nodes_that_only_edges_name_are_there(tmp_path: Path) -> None:
    path = drawn(tmp_path, "Synchro0 -> 12;", "12 -> Synchro4;", "12 -> Stream1;")
    found, problems = graph.read(path)
    assert found is not None
    assert [(node.id, node.kind) for node in found.nodes] == [
        ("Stream1", "stream"),
        ("Synchro0", "main"),
        ("Synchro4", "sync"),
        ("12", "task"),
    ]
    assert [problem.what for problem in problems] == [
        "nodes that only edges name, so that their methods are not known: 4"
    ]


@pytest.mark.parametrize("text", ["", HEAD + "  }\n" + legend(), "digraph {\n", "\n\n"])
def test_an_empty_graph_is_none_and_a_problem(tmp_path: Path, text: str) -> None:
    path = tmp_path / "complete_graph.dot"
    path.write_text(text)
    found, problems = graph.read(path)
    assert found is None
    assert problems == [Problem(str(path), None, "the graph is empty: COMPSs noted no task in it")]


def test_a_graph_that_can_not_be_read_is_a_problem(tmp_path: Path) -> None:
    found, problems = graph.read(tmp_path / "complete_graph.dot")
    assert found is None
    assert "No such file" in problems[0].what


def test_a_graph_while_the_run_goes_on_has_no_legend(tmp_path: Path) -> None:
    path = tmp_path / "current_graph.dot"
    path.write_text(f"{HEAD}{MAIN}\n{task(1)}\nSynchro0 -> 1;\n  }}\n}}\n")
    found, problems = graph.read(path)
    assert found is not None
    assert found.nodes[1] == GraphNode("1", "", "task", BLUE)
    assert [problem.what for problem in problems] == ["tasks whose method the legend does not name: 1"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 22), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40), st.integers(1, 9)), max_size=60),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, methods: list[int], pairs: list[tuple[int, int, int]]
) -> None:
    dot = Dot.empty()
    for number, method in enumerate(methods, 1):
        dot.task(number, f"app.m{method}")
    edges = [("Synchro0" if a == 0 else str(a), str(b), f"d{c}v{b}") for a, b, c in pairs if max(a, b) <= len(methods)]
    for source, target, label in edges:
        dot.edge(source, target, label)
    path = tmp_path_factory.mktemp("g") / "complete_graph.dot"
    path.write_text(dot.text())
    found = read_well(path)
    assert found.edges == tuple(edges)
    assert [(node.id, node.label) for node in found.nodes[1:]] == [(str(n), f"m{m}") for n, m in enumerate(methods, 1)]
    assert {node.color for node in found.nodes[1:]} <= set(COLORS)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_any_text_is_read_without_a_failure(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("g") / "complete_graph.dot"
    path.write_text(HEAD + text, "utf-8", "surrogatepass")
    graph.read(path)
