"""Regression models that could replace the simulation, and how to choose between them."""

from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from provenance import task

CANDIDATES = {
    "linear": lambda: make_pipeline(StandardScaler(), Ridge(alpha=1e-3)),
    "quadratic": lambda: make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge(alpha=1e-2)),
    "neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsRegressor(n_neighbors=3)),
    "tree": lambda: DecisionTreeRegressor(random_state=0),
    "gaussian process": lambda: make_pipeline(
        StandardScaler(),
        GaussianProcessRegressor(RBF(np.ones(4)), alpha=1e-4, normalize_y=True),
    ),
}
FOLDS = KFold(n_splits=6, shuffle=True, random_state=0)


@dataclass(frozen=True)
class Choice:
    """The model that won, and its coefficient of determination."""

    name: str
    score: float


def read_outcome(path: Path) -> dict[str, float]:
    """Return the factors of one simulation and the deflection at the tip."""
    lines = path.read_text(encoding="utf-8").splitlines()
    factors = (line.split() for line in lines if line.startswith("# "))
    outcome = {name: float(value) for _, name, value in factors}
    outcome["tip_deflection"] = float(lines[-1].split(",")[1])
    return outcome


def _training_data(table: Path) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.loadtxt(table, delimiter=",", skiprows=1)
    # Deflections span three orders of magnitude; their logarithm is what the models learn.
    return numbers[:, :-1], np.log(numbers[:, -1])


@task
def cross_validate(name: str, table: Path) -> float:
    """Return the mean coefficient of determination of a model over six folds."""
    factors, response = _training_data(table)
    return float(np.mean(cross_val_score(CANDIDATES[name](), factors, response, cv=FOLDS, scoring="r2")))


@task
def choose(scores: dict[str, float]) -> Choice:
    """Return the model with the highest score."""
    best = max(scores, key=scores.__getitem__)
    return Choice(best, scores[best])


@task
def fit(choice: Choice, table: Path, path: Path) -> float:
    """Train the chosen model on all designs and save it.

    Returns its mean error in percent on designs that it has not seen.
    """
    factors, response = _training_data(table)
    unseen = cross_val_predict(CANDIDATES[choice.name](), factors, response, cv=FOLDS)
    joblib.dump(CANDIDATES[choice.name]().fit(factors, response), path)
    return float(100.0 * np.mean(np.abs(np.expm1(unseen - response))))
