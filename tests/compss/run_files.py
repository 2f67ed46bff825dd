"""How the smaller files of a COMPSs run read: graph, statistics, job logs, sources; plain values in, texts out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SMALLEST, LARGEST = -(2**63), 2**63 - 1
# The colour of a method in the graph is that of its number plus one, counted around.
COLORS = (
    *("#75c3ff", "#0000ff", "#ffffff", "#ff0000", "#ff00ae", "#b30000", "#00ff00", "#ffff00", "#eb0000", "#00a200"),
    *("#ff00ff", "#6464b1", "#acae29", "#ff901a", "#02ffb1", "#c0e000", "#424242", "#ff0060", "#a9a9a9", "#a90000"),
    *("#006dff", "#c83d44", "#c84200", "#002900"),
)
_WHITE_TEXT = {0, 1, 5, 8, 9, 13, 16, 17, 19, 21, 23}
_SYNC = 'shape=octagon, style=filled fillcolor="{}" fontcolor="#FFFFFF"'


@dataclass
class Dot:
    """The lines of ``complete_graph.dot`` as they come up."""

    lines: list[str]
    methods: dict[str, int]
    syncs: int = 0
    edges: int = 0

    @classmethod
    def empty(cls) -> Dot:
        return cls([f'Synchro0[label="main", {_SYNC.format("#8B0000")}];'], {})

    def task(self, number: int, signature: str) -> None:
        color = (self.methods.setdefault(signature, len(self.methods)) + 1) % len(COLORS)
        font = "#ffffff" if color in _WHITE_TEXT else "#000000"
        look = f'shape=circle, style=filled fillcolor="{COLORS[color]}" fontcolor="{font}"'
        self.lines.append(f"{number}[{look}];")

    def edge(self, source: int | str, target: int | str, label: str | None = None, look: str = "") -> None:
        self.edges += 1
        attributes = f' [label="{label}"]' if label is not None else f" [{look}]" if look else ""
        self.lines.append(f"{source} -> {target}{attributes};")

    def sync(self, waited_for: Iterable[int], label: str = "sync") -> str:
        """The main program waits."""
        before, self.syncs = self.main, self.syncs + 1
        self.lines.append(f'{self.main}[label="{label}", {_SYNC.format("#ff0000")}];')
        for number in waited_for:
            self.edge(number, self.main, look="color=grey")
        self.edge(before, self.main)
        return self.main

    @property
    def main(self) -> str:
        """Name of the latest point of the main program."""
        return f"Synchro{self.syncs}"

    def text(self) -> str:
        rows = "".join(
            f'<tr>\n<td align="right">{method_of(signature)}</td>\n'
            f'<td bgcolor="{COLORS[(number + 1) % len(COLORS)]}">&nbsp;</td>\n</tr>\n'
            for signature, number in self.methods.items()
        )
        return (
            'digraph {\n  newrank=true;\n  rankdir=TB;\n  labeljust="l";\n  compound= true;\n'
            "  subgraph dependence_graph {\n    ranksep=0.20;\n    node[height=0.75];\n\n"
            + "\n".join(self.lines)
            + "  }\n  subgraph legend {\n    rank=sink;\n    node [shape=plaintext, height=0.75];\n    ranksep=0.20;\n"
            '    label = "Legend";\n    key [label=<\n'
            '      <table border="0" cellpadding="2" cellspacing="0" cellborder="1">\n'
            f"{rows}      </table>\n    >]\n  }}\n}}\n"
        )


def method_of(signature: str) -> str:
    """``multiply`` of ``matmul_tasks.multiply`` and of ``multiply(FILE_T)matmul.files.Matmul``."""
    return signature.partition("(")[0] if "(" in signature else signature.rpartition(".")[2]


def statistic(times: Sequence[int]) -> dict[str, int]:
    """What COMPSs counts of the executions of a method; ms."""
    if not times:
        return {"maxTime": SMALLEST, "executions": 0, "avgTime": 100, "minTime": LARGEST}
    average = sum(times) // len(times)
    return {"maxTime": max(times), "executions": len(times), "avgTime": average, "minTime": min(times)}


def profile(per_host: Mapping[str, Mapping[str, Sequence[int]]], overall: Mapping[str, Sequence[int]]) -> str:
    """``App_Profile.json``."""
    resources = {
        host: {"implementations": {name: statistic(times) for name, times in methods.items()}}
        for host, methods in per_host.items()
    }
    implementations = {name: statistic(times) for name, times in overall.items()}
    whole = {"cloud": {}, "resources": resources, "implementations": implementations}
    return json.dumps(whole, separators=(",", ":"))


def statistic_lines(resource: str, signature: str, times: Sequence[int]) -> list[str]:
    """The same at the end of ``dataprovenance.log``."""
    found = statistic(times)
    return [
        f"{resource:<20} {signature:<40} {name:<15} {found[name] if 0 < found[name] < 2**31 else None}"
        for name in ("executions", "maxTime", "avgTime", "minTime")
    ]


USAGE_HEADER = "CPU,MEM,BYTE_SENT,BYTE_RECV,BYTE_READ_DISK,BYTE_WRITE_DISK,TIME_READ_DISK,TIME_WRITE_DISK,TIME"


def usage_rows(stamps: Sequence[str], seed: int) -> str:
    """``resource_profiling_<host>.csv`` with one row a stamp (local time, no zone)."""
    rows = [
        f"{(seed * 37 + i * 13) % 100}.5,{20 + i % 3}.0,{95183 + i},{98705 + seed},0,{4096 * i},0,{i % 4},{stamp}"
        for i, stamp in enumerate(stamps)
    ]
    return "\n".join([USAGE_HEADER, *rows]) + "\n"


def job_log(signature: str, error: str | None) -> tuple[str, str]:
    """Standard output and error of one attempt."""
    out = f"[PYTHON WORKER] Executing task {signature}\n"
    if error is None:
        return out, ""
    trace = f'Traceback (most recent call last):\n  File "tasks.py", line 27, in {method_of(signature)}\n{error}\n'
    return f"{out}[PYTHON WORKER] WORKER EXCEPTION IN {signature}\n", trace


_DECORATORS = {
    ("FILE_T", "IN"): "FILE_IN",
    ("FILE_T", "OUT"): "FILE_OUT",
    ("FILE_T", "INOUT"): "FILE_INOUT",
    ("FILE_T", "CONCURRENT"): "FILE_CONCURRENT",
    ("FILE_T", "COMMUTATIVE"): "FILE_COMMUTATIVE",
    ("FILE_T", "IN_DELETE"): "FILE_IN",
    ("DIRECTORY_T", "IN"): "DIRECTORY_IN",
    ("DIRECTORY_T", "OUT"): "DIRECTORY_OUT",
    ("DIRECTORY_T", "INOUT"): "DIRECTORY_INOUT",
    ("COLLECTION_T", "IN"): "COLLECTION_FILE_IN",
    ("COLLECTION_T", "OUT"): "COLLECTION_FILE_OUT",
    ("COLLECTION_T", "INOUT"): "COLLECTION_FILE_INOUT",
}


def python_module(functions: Mapping[str, Sequence[tuple[str, str, str]]]) -> str:
    """A module with PyCOMPSs tasks: name of each (``method`` or ``Class.method``) -> (parameter, type, direction)."""
    lines = ['"""Tasks."""', "from pycompss.api.parameter import *", "from pycompss.api.task import task", ""]
    for name, parameters in functions.items():
        owner, _, method = name.rpartition(".")
        indent = "    " if owner else ""
        if owner:
            lines += ["", f"class {owner}:"]
        names = [one for one, _, _ in parameters if one.isidentifier()]
        kinds = [
            f"{one}={_DECORATORS[kind, direction]}"
            for one, kind, direction in parameters
            if (kind, direction) in _DECORATORS and one.isidentifier()
        ]
        if not owner:
            lines.append("")
        lines += [
            f"{indent}@task({', '.join(kinds)})",
            f"{indent}def {method}({', '.join((['self'] if owner else []) + names)}):",
            f'{indent}    """The task {method}."""',
            f"{indent}    return None",
            "",
        ]
    return "\n".join(lines)
