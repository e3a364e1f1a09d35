"""Exact p values against scipy, quantiles, corrections by hand, and what is accepted of pure chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy.stats import hypergeom

from cartograph.rules.judging import judged_rules
from cartograph.rules.mining import mine
from cartograph.rules.significance import fisher, hyper_lift, hyper_quantile, layers, p_value, with_q_values
from tests.rules.baskets import frame, random_baskets


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    n = draw(st.integers(1, 3000))
    a, b = draw(st.integers(1, n)), draw(st.integers(1, n))
    return draw(st.integers(max(0, a + b - n), min(a, b))), a, b, n


def arrays(*counts: int) -> list[np.ndarray]:
    return [np.array([count], np.int64) for count in counts]


@settings(deadline=None, max_examples=400)
@given(tables())
def test_p_values_are_those_of_the_hypergeometric_distribution(counts: tuple[int, int, int, int]) -> None:
    both, a, b, n = counts
    expected = hypergeom.sf(both - 1, n, a, b)
    assert fisher(*arrays(*counts))[0] == pytest.approx(expected, rel=1e-6, abs=1e-13)


@settings(deadline=None, max_examples=200)
@given(tables(), st.sampled_from([0.9, 0.99, 0.999]))
def test_quantiles_are_those_of_the_hypergeometric_distribution(
    counts: tuple[int, int, int, int], share: float
) -> None:
    _, a, b, n = counts
    found = hyper_quantile(*arrays(a, b, n), share)[0]
    assert hypergeom.cdf(found, n, a, b) >= share - 1e-9
    assert found == 0 or hypergeom.cdf(found - 1, n, a, b) < share + 1e-9


def test_tiny_p_values_keep_their_digits() -> None:
    counts = (3_000, 4_000, 5_000, 1_000_000)
    assert fisher(*arrays(*counts))[0] == 0.0  # far below what a double can hold, and no error
    small = (60, 100, 5_000, 100_000)
    assert math.log(fisher(*arrays(*small))[0]) == pytest.approx(hypergeom.logsf(59, 100_000, 100, 5_000), rel=1e-9)


def test_columns_are_computed_in_batches(spark: SparkSession) -> None:
    rows = [(3, 5, 4, 10), (10, 10, 20, 100), (0, 5, 5, 10)]
    counts = spark.createDataFrame(rows, "n_ab long, n_a long, n_b long, n long")
    columns = [F.col(name) for name in counts.columns]
    found = counts.select(p_value(*columns).alias("p"), hyper_lift(*columns).alias("lift")).collect()
    assert [row.p for row in found] == pytest.approx([hypergeom.sf(x - 1, n, a, b) for x, a, b, n in rows])
    assert [row.lift for row in found] == pytest.approx([x / hypergeom.ppf(0.99, n, a, b) for x, a, b, n in rows])


def test_every_pair_of_frequent_sides_stands_for_testing(spark: SparkSession) -> None:
    sizes = [1] * 4 + [2] * 3 + [3]  # 4 items, 3 pairs, 1 triple: sizes 2 and 3
    itemsets = spark.createDataFrame([(size,) for size in sizes], "n_items int")
    found = {row.n_items: row.n_tests for row in layers(itemsets).collect()}
    # Size 2: 4 x 4 sides; size 3: 3 pairs x 4 items; size 4: 1 triple x 4; two sizes share the error.
    assert found == {2: 32.0, 3: 24.0, 4: 8.0}
    wide = {row.n_items: row.n_tests for row in layers(itemsets, max_consequent=2).collect()}
    assert wide[3] == (3 * 4 + 4 * 3) * 2


def test_q_values_are_those_of_benjamini_and_hochberg(spark: SparkSession) -> None:
    p_values = [0.001, 0.02, 0.03, 0.04, 0.9]
    rows = [([f"a{n}"], ["b"], p) for n, p in enumerate(p_values)]
    rules = spark.createDataFrame(rows, "antecedent array<string>, consequent array<string>, p_value double")
    tests = spark.createDataFrame([(2, 10.0)], "n_items int, n_tests double")
    found = with_q_values(rules, tests).orderBy("p_value").collect()
    # p * 10 / place: .01, .1, .1, .1, 1.8; then the least of itself and all later ones, at most 1.
    assert [row.q_value for row in found] == pytest.approx([0.01, 0.1, 0.1, 0.1, 1.0])
    assert {row.n_tests for row in found} == {10.0}


def test_of_independent_products_few_runs_accept_any_rule() -> None:
    """400 shops of 12 independent products, every rule of two products tested as `judged_rules` does."""
    random = np.random.default_rng(2)
    n_runs, n, level = 400, 600, 0.05
    popularity = np.linspace(0.02, 0.3, 12)
    wrong = 0
    for _ in range(n_runs):
        bought = random.random((n, 12)) < popularity
        counts = bought.sum(0)
        both = bought.astype(np.int64).T @ bought
        first, second = np.nonzero(~np.eye(12, dtype=bool))
        p = fisher(both[first, second], counts[first], counts[second], np.full(len(first), n))
        wrong += bool((p * 12 * 12 <= level).any())  # as many tests as pairs of sides; one size, pairs
    assert wrong / n_runs <= level


def shuffled(baskets: list[list[str]], seed: int) -> list[list[str]]:
    """Baskets of the same sizes and products of the same frequencies, otherwise by chance.

    Pairs of baskets swap what only one of them has (curveball, Strona et al. 2014).
    """
    random = np.random.default_rng(seed)
    sets = [set(basket) for basket in baskets]
    for _ in range(8 * len(sets)):
        i, j = random.choice(len(sets), 2, replace=False)
        only_i, only_j = sorted(sets[i] - sets[j]), sorted(sets[j] - sets[i])
        pool = [*only_i, *only_j]
        random.shuffle(pool)
        shared = sets[i] & sets[j]
        sets[i], sets[j] = shared | set(pool[: len(only_i)]), shared | set(pool[len(only_i) :])
    return [sorted(basket) for basket in sets]


@pytest.mark.slow
def test_of_shuffled_baskets_few_runs_accept_any_rule(spark: SparkSession) -> None:
    """The whole way, rules of two to four products; a planted pair is found before shuffling and lost after."""
    real = random_baskets(500, 15, 3.0, seed=8)
    real = [[*basket, "x", "y"] if n % 10 == 0 else basket for n, basket in enumerate(real)]
    accepted = []
    for seed in range(12):
        baskets = frame(spark, shuffled(real, seed)).coalesce(1).persist()
        itemsets = mine(baskets, 0.01, max_length=4).persist()
        accepted.append(judged_rules(itemsets, baskets, 0.0, level=0.05).where("is_significant").count())
        itemsets.unpersist(), baskets.unpersist()
    assert sum(n > 0 for n in accepted) <= 1  # 0.6 expected at the most
    baskets = frame(spark, real)
    found = judged_rules(mine(baskets, 0.01, max_length=4).persist(), baskets, 0.0).where("is_significant")
    assert {(*row.antecedent, *row.consequent) for row in found.collect()} >= {("x", "y"), ("y", "x")}
