"""Finds the regression model that best stands in for a beam simulation.

    python workflow.py config/design.json results

Samples the space of designs, simulates every design in a pool of processes, cross-validates
several regression models on the outcome and writes a report. It runs the same with and without a
recording.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

try:
    import models
    from beam import simulate
    from sampling import sample_designs
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: this example needs more: pip install 'wfprov[examples]'")

from provenance import task


@task
def gather(simulations: list[Path], table: Path) -> Path:
    """Put the factors and the response of all simulations into one table."""
    rows = [models.read_outcome(each) for each in simulations]
    with table.open("w", encoding="utf-8") as out:
        print(*rows[0], sep=",", file=out)
        for row in rows:
            print(*row.values(), sep=",", file=out)
    return table


@task
def report(scores: dict[str, float], choice: models.Choice, error: float, path: Path) -> Path:
    """Write down what was tried and what was chosen."""
    lines = [
        "# Surrogate of the beam simulation",
        "",
        "| model | R2, cross-validated |",
        "|---|---|",
    ]
    lines += [f"| {name} | {score:.3f} |" for name, score in sorted(scores.items(), key=lambda one: -one[1])]
    lines += [
        "",
        f"Chosen: **{choice.name}**, with a mean error of {error:.1f} % on unseen designs.",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def main(design: Path, results: Path) -> None:
    """Run the workflow on a design-of-experiments file; everything goes into ``results``."""
    simulations = results / "simulations"
    simulations.mkdir(parents=True, exist_ok=True)

    designs = results / "designs.csv"
    count = sample_designs(design, designs)
    with ProcessPoolExecutor(max_workers=2) as pool:
        running = [pool.submit(simulate, designs, row, simulations / f"design-{row:03}.csv") for row in range(count)]
        outcomes = [each.result() for each in running]

    table = gather(outcomes, results / "outcomes.csv")
    scores = {name: models.cross_validate(name, table) for name in models.CANDIDATES}
    choice = models.choose(scores)
    error = models.fit(choice, table, results / "model.joblib")
    print(report(scores, choice, error, results / "report.md").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
