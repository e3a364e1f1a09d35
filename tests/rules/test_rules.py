"""Rules out of itemsets, which of them add something, and which itemsets are closed or maximal: against oracles."""

from __future__ import annotations

from itertools import combinations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.stats import hypergeom

from cartograph.core.statistics.exact_tests import p_value
from cartograph.rules.derivation import rules_from_itemsets
from cartograph.rules.mining import mine
from cartograph.rules.pruning import with_closure, with_improvement
from tests.rules import oracle
from tests.rules.baskets import frame, mining, random_baskets

BASKETS = random_baskets(120, 8, 3.5, seed=21)
COUNTS = oracle.frequent(BASKETS, 0.03)


@pytest.fixture(scope="module")
def itemsets(spark: SparkSession) -> DataFrame:
    return mine(frame(spark, BASKETS), mining(0.03)).coalesce(1).persist()


@pytest.mark.parametrize(("min_confidence", "max_consequent"), [(0.0, 1), (0.4, 1), (0.3, 2), (0.5, 9)])
def test_every_split_of_enough_confidence_is_a_rule(
    itemsets: DataFrame, min_confidence: float, max_consequent: int
) -> None:
    found = rules_from_itemsets(itemsets, min_confidence, max_consequent).collect()
    rules = {(tuple(r.antecedent), tuple(r.consequent)): (r.n_ab, r.n_a, r.n_b, r.n) for r in found}
    every = oracle.rules(COUNTS, len(BASKETS), max_consequent)
    assert len(rules) == len(found)
    assert rules == {rule: n for rule, n in every.items() if n[0] / n[1] >= min_confidence}


def test_improvement_is_over_every_simpler_rule(itemsets: DataFrame) -> None:
    columns = [F.col(name) for name in ("n_ab", "n_a", "n_b", "n")]
    candidates = rules_from_itemsets(itemsets, 0.0).withColumn("p_value", p_value(*columns)).persist()
    strong = candidates.where(F.col("n_ab") / F.col("n_a") >= 0.3)
    found = with_improvement(strong, candidates).collect()
    every = oracle.rules(COUNTS, len(BASKETS))
    assert any(len(row.antecedent) > 2 for row in found)
    for row in found:
        left, right = tuple(row.antecedent), tuple(row.consequent)
        parts = [part for length in range(1, len(left)) for part in combinations(left, length)]
        best = max([row.n_b / row.n] + [every[part, right][0] / every[part, right][1] for part in parts])
        assert row.improvement == pytest.approx(row.n_ab / row.n_a - best)
        assert row.is_redundant == (row.improvement <= 0)
        nexts = [every[part, right] for part in combinations(left, len(left) - 1) if part]
        p_values = [hypergeom.sf(row.n_ab - 1, both_n_a, row.n_a, both) for both, both_n_a, _, _ in nexts]
        assert row.p_productive == pytest.approx(max(p_values, default=row.p_value), rel=1e-6)


def test_closed_and_maximal_itemsets_are_those_without_such_a_larger_one(itemsets: DataFrame) -> None:
    found = {tuple(row.itemset): row for row in with_closure(itemsets).collect()}
    assert found.keys() == COUNTS.keys()
    for itemset, row in found.items():
        larger = [n for other, n in COUNTS.items() if set(itemset) < set(other)]
        assert row.is_closed == (row.n_baskets not in larger)
        assert row.is_maximal == (not larger)


def test_an_itemset_that_always_comes_with_another_item_is_not_closed(spark: SparkSession) -> None:
    itemsets = mine(frame(spark, [["a", "b"], ["a", "b"], ["b"]]), mining(0.3))
    found = {"".join(row.itemset): (row.is_closed, row.is_maximal) for row in with_closure(itemsets).collect()}
    assert found == {"a": (False, False), "b": (True, False), "ab": (True, True)}
