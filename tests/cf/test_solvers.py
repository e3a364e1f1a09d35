"""The kernels solve what NumPy solves, row by row."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cartograph.cf.factorisation.objective import Objective
from cartograph.cf.factorisation.solvers import improve, solve_exactly
from cartograph.cf.factorisation.torch_solver import improve_on
from cartograph.cf.settings import AlsSettings


class Problem:
    """Rows with random ratings, one of them without any, in the kernels' terms."""

    def __init__(self, settings: AlsSettings, n_rows: int, n_columns: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.settings = settings
        self.rated = rng.random((n_rows, n_columns)) < 0.4
        self.rated[n_rows // 2] = False
        self.weights = np.where(self.rated, rng.choice([-1.0, 0.5, 1.0, 3.0], self.rated.shape), 0).astype(np.float32)
        self.fixed = (rng.normal(size=(n_columns, settings.rank)) / np.sqrt(settings.rank)).astype(np.float32)
        self.starts = np.concatenate(([0], np.cumsum(self.rated.sum(axis=1)))).astype(np.int64)

    def arguments(self) -> tuple[Any, ...]:
        columns = np.nonzero(self.rated)[1].astype(np.int32)
        weights = self.weights[self.rated]
        objective = Objective(self.settings)
        gram = objective.gram(self.fixed).astype(np.float32)
        terms = (objective.confidences(weights), objective.targets(weights), objective.ridges(self.starts, weights))
        return (self.starts, columns, *terms, self.fixed, gram)

    def solution(self) -> Any:
        """Row by row, from the definition: minimise over all pairs (implicit) or the rated ones (explicit)."""
        rows = []
        Y = self.fixed.astype(np.float64)
        for rated, weights in zip(self.rated, self.weights.astype(np.float64), strict=True):
            if not rated.any():
                rows.append(np.zeros(Y.shape[1]))
                continue
            if self.settings.implicit:
                C, p, n = 1 + self.settings.alpha * np.abs(weights), (weights > 0) * 1.0, max((weights > 0).sum(), 1)
            else:
                C, p, n = rated * 1.0, weights, rated.sum()
            ridge = self.settings.regularisation * n**self.settings.frequency_power
            rows.append(np.linalg.solve(Y.T @ (C[:, None] * Y) + ridge * np.eye(Y.shape[1]), Y.T @ (C * p)))
        return np.array(rows)


SETTINGS = {
    "implicit": AlsSettings(engine="native", rank=7, alpha=5.0, regularisation=0.1),
    "implicit, sub-linear ridge": AlsSettings(
        engine="native", rank=7, alpha=5.0, regularisation=0.5, frequency_power=0.5
    ),
    "explicit": AlsSettings(engine="native", rank=7, alpha=5.0, regularisation=0.1, implicit=False),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_cholesky_solves_every_row_exactly(name: str) -> None:
    problem = Problem(SETTINGS[name], n_rows=70, n_columns=50, seed=1)
    solved = np.full((70, 7), 9.0, np.float32)  # what was there plays no part
    solve_exactly(*problem.arguments(), solved)
    assert solved == pytest.approx(problem.solution(), rel=2e-3, abs=2e-4)
    assert (solved[35] == 0).all()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kernel", ["numba", "torch"])
def test_conjugate_gradient_ends_at_the_solution(name: str, kernel: str) -> None:
    problem = Problem(SETTINGS[name], n_rows=70, n_columns=50, seed=2)
    solved = np.full((70, 7), 0.3, np.float32)
    if kernel == "torch":
        improve_on("cpu", *problem.arguments(), solved, 20)
    else:
        improve(*problem.arguments(), solved, 20)
    assert solved == pytest.approx(problem.solution(), rel=2e-3, abs=2e-4)


def test_kernels_take_the_same_steps() -> None:
    problem = Problem(SETTINGS["implicit"], n_rows=70, n_columns=50, seed=3)
    one, other = np.full((70, 7), 0.3, np.float32), np.full((70, 7), 0.3, np.float32)
    improve(*problem.arguments(), one, 2)
    improve_on("cpu", *problem.arguments(), other, 2)
    assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    assert one != pytest.approx(problem.solution(), rel=2e-3, abs=2e-4)  # two steps do not get there


def test_rows_with_more_ratings_than_fit_one_product_are_solved() -> None:
    problem = Problem(SETTINGS["implicit"], n_rows=3, n_columns=6000, seed=4)
    solved = np.zeros((3, 7), np.float32)
    solve_exactly(*problem.arguments(), solved)
    assert np.diff(problem.starts).max() > 2048
    assert solved == pytest.approx(problem.solution(), rel=2e-3, abs=2e-4)


@examples(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), n_rows=st.integers(1, 40), n_columns=st.integers(1, 30))
def test_every_step_lowers_the_distance_to_the_solution(seed: int, n_rows: int, n_columns: int) -> None:
    problem = Problem(SETTINGS["implicit"], n_rows, n_columns, seed)
    arguments, solution = problem.arguments(), problem.solution()
    distances = []
    for n_steps in (0, 1, 3, 10):
        solved = np.zeros((n_rows, 7), np.float32)
        improve(*arguments, solved, n_steps)
        distances.append(np.linalg.norm(solved - solution, axis=1))
    for before, after in itertools.pairwise(distances):
        assert (after <= before + 1e-3).all()
    assert (distances[-1] <= 1e-2 + 0.05 * distances[0]).all()
