"""Random intervals are found to be regular in no more cases than the level allows."""

from __future__ import annotations

import numpy as np
import pytest

from cartograph.graph.relations.regularity import Longs, regularity

N_PRODUCTS = 4000
LEVELS = (0.05, 0.01, 0.001)


def p_values(days: Longs) -> np.ndarray:
    """Purchases of products, one a row, with this many days between them."""
    key, counts = np.unique(np.arange(len(days))[:, None] * 10_000_000 + days, return_counts=True)
    starts = np.searchsorted(key, np.arange(len(days) + 1) * 10_000_000)
    return regularity(starts, key % 10_000_000, counts).p_value


def random_intervals(kind: str, n: int) -> Longs:
    """N_PRODUCTS x n random intervals between purchases."""
    rng = np.random.default_rng(5)
    shape = (N_PRODUCTS, n)
    if kind == "steady":
        days = rng.exponential(60, shape)
    elif kind == "cut short":  # the second purchase of a year in which there are two, at any day
        days = rng.uniform(0, 365, shape)
    elif kind == "mixed":  # customers who come back soon, and others late
        days = rng.exponential(rng.choice([5.0, 200.0], shape))
    elif kind == "every day":
        days = rng.geometric(0.8, shape)
    else:  # three purchases of a customer at any days of a year: n days between, three a customer
        at = np.sort(rng.uniform(0, 365, (N_PRODUCTS, -(-n // 3), 3)), axis=2)
        days = np.diff(at, axis=2, prepend=0.0).reshape(N_PRODUCTS, -1)[:, :n]
    return np.ceil(np.maximum(days, 0.5)).astype(np.int64)


@pytest.mark.parametrize("n", [3, 4, 8, 30])
@pytest.mark.parametrize("kind", ["steady", "cut short", "mixed", "every day", "of few customers"])
def test_chance_is_called_regular_no_more_often_than_the_level(kind: str, n: int) -> None:
    p = p_values(random_intervals(kind, n))
    for level in LEVELS:
        assert (p <= level).mean() <= level + 3 * np.sqrt(level / N_PRODUCTS)


def test_of_uniform_numbers_as_many_are_as_the_level_says() -> None:
    """They are the worst case, so the test is no stricter than it has to be."""
    days = np.ceil(np.random.default_rng(6).uniform(0, 1e6, (N_PRODUCTS, 20))).astype(np.int64)
    assert (p_values(days) <= 0.05).mean() == pytest.approx(0.05, abs=0.012)


def test_regular_intervals_are_found() -> None:
    monthly = np.rint(np.random.default_rng(7).normal(30, 3, (N_PRODUCTS, 8))).astype(np.int64)
    assert (p_values(monthly) <= 0.001).mean() > 0.9


def test_quartiles_are_those_of_numpy() -> None:
    days, counts = np.array([3, 5, 9, 20, 7]), np.array([2, 1, 3, 2, 1])
    found = regularity(np.array([0, 4, 5]), days, counts)
    all_days = np.repeat(days[:4], counts[:4])
    assert found.median[0] == np.median(all_days) == 9
    assert (found.lower[0], found.upper[0]) == (4.0, 14.5)  # 3 3 | 5 9 9 9 | 20 20
    assert (found.median[1], found.p_value[1]) == (7, 1.0)
