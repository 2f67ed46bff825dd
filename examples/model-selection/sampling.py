"""Designs of experiments: a Latin hypercube over the factors of a design file."""

import json
from pathlib import Path

import numpy as np

from provenance import task


@task
def sample_designs(design: Path, table: Path) -> int:
    """Draw the designs that ``design`` asks for, write them to ``table``, and return how many.

    In a Latin hypercube each factor's range is cut into as many equal parts as there are samples,
    and every part is drawn from once.
    """
    plan = json.loads(design.read_text(encoding="utf-8"))
    random = np.random.default_rng(plan["seed"])
    count = plan["samples"]
    columns = {}
    for name, factor in plan["factors"].items():
        parts = (random.permutation(count) + random.random(count)) / count
        columns[name] = factor["low"] + parts * (factor["high"] - factor["low"])
    designs = np.column_stack(list(columns.values()))
    np.savetxt(table, designs, delimiter=",", header=",".join(columns), comments="", fmt="%.6g")
    return count
