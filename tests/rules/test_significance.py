"""Corrections of p values by hand, and how many rules of independent products are accepted."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.core.statistics.exact_tests import fisher
from cartograph.rules.mining import mine
from cartograph.rules.rule_evaluation import evaluated_rules
from cartograph.rules.settings import RuleEvaluationSettings
from cartograph.rules.significance import layers, with_q_values
from tests.rules.baskets import frame, mining, random_baskets


def test_every_pair_of_frequent_sides_counts_as_a_test(spark: SparkSession) -> None:
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
    """400 shops of 12 independent products, every rule of two products tested as `evaluated_rules` does."""
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
        wrong += bool((p * 12 * 12 <= level).any())  # one test per pair of sides; one size, pairs
    assert wrong / n_runs <= level


def shuffled(baskets: list[list[str]], seed: int) -> list[list[str]]:
    """Baskets of the same sizes and products of the same frequencies, otherwise random.

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
    settings, evaluation = mining(0.01, max_length=4, min_confidence=0.0), RuleEvaluationSettings(level=0.05)
    for seed in range(12):
        baskets = frame(spark, shuffled(real, seed)).coalesce(1).persist()
        itemsets = mine(baskets, settings).persist()
        accepted.append(evaluated_rules(itemsets, baskets, settings, evaluation).where("is_significant").count())
        itemsets.unpersist(), baskets.unpersist()
    assert sum(n > 0 for n in accepted) <= 1  # 0.6 expected at the most
    baskets = frame(spark, real)
    found = evaluated_rules(mine(baskets, settings).persist(), baskets, settings, evaluation).where("is_significant")
    assert {(*row.antecedent, *row.consequent) for row in found.collect()} >= {("x", "y"), ("y", "x")}
