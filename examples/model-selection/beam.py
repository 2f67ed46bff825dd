"""A cantilever beam of square section, bent by a load at its tip (Euler-Bernoulli theory)."""

from pathlib import Path

import numpy as np

from provenance import task

STEPS = 20_000


@task
def simulate(designs: Path, row: int, path: Path) -> Path:
    """Integrate the beam's curvature twice along its length and write the bending line to ``path``.

    A design has the load (N), the length (m), the thickness (m) at the clamped end, which halves
    towards the tip, and the stiffness (Young's modulus, Pa). ``row`` counts from 0.
    """
    table = designs.read_text(encoding="utf-8").splitlines()
    names, values = table[0].split(","), map(float, table[row + 1].split(","))
    design = dict(zip(names, values, strict=True))
    x = np.linspace(0.0, design["length"], STEPS)
    moment = design["load"] * (design["length"] - x)
    thickness = design["thickness"] * (1.0 - 0.5 * x / design["length"])
    curvature = moment / (design["stiffness"] * thickness**4 / 12.0)
    deflection = _integral(_integral(curvature, x), x)

    with path.open("w", encoding="utf-8") as out:
        for name, value in design.items():
            print(f"# {name} {value!r}", file=out)
        print("x,deflection", file=out)
        for position, value in zip(x[:: STEPS // 100], deflection[:: STEPS // 100], strict=True):
            print(f"{position:.6f},{value:.9e}", file=out)
        print(f"{x[-1]:.6f},{deflection[-1]:.9e}", file=out)
    return path


def _integral(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    steps = np.diff(x) * (values[1:] + values[:-1]) / 2.0
    return np.concatenate([[0.0], np.cumsum(steps)])
