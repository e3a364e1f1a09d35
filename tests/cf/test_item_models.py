"""Item-to-item models give what their formulas, written out slowly, give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.cf.cooccurrence import Cooccurrence
from cartograph.cf.ease import Ease, ease_weights
from cartograph.cf.item_neighbours import ItemNeighbours
from cartograph.cf.item_to_item.cooccurrence_sums import UNIT, cooccurrence_sums, merged, ordered_rows, weighted_groups
from cartograph.cf.rp3beta import Rp3Beta
from cartograph.cf.settings import CooccurrenceSettings
from cartograph.cf.swing import Swing
from cartograph.core.model import Model, Silver
from tests.cf import item_models as slow
from tests.cluster import Cluster

CASES: dict[str, tuple[Callable[[], Model], Callable[[], slow.Scores]]] = {
    "item_neighbours": (lambda: ItemNeighbours(shrinkage=2.0), lambda: slow.cosines(2.0)),
    "rp3beta": (lambda: Rp3Beta(alpha=0.7, beta=0.3), lambda: slow.walks(0.7, 0.3)),
    "swing": (lambda: Swing(alpha=2.0, min_common=2), lambda: slow.swings(2.0, 0.5, 2)),
    "ease": (lambda: Ease(regularisation=3.0), lambda: slow.ease(3.0)),
    "decayed": (
        lambda: Cooccurrence(distance_decay=0.6, backward=0.25, half_life_days=9.0, popularity_exponent=0.4),
        lambda: slow.decayed(0.6, 0.25, 9.0, 0.4),
    ),
    "confidence": (lambda: Cooccurrence(measure="confidence", min_count=3), lambda: slow.confidences(3)),
    "expected": (lambda: Cooccurrence(measure="expected"), slow.excesses),
    "llr": (lambda: Cooccurrence(measure="llr"), slow.log_likelihood_ratios),
}


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    return slow.silver(spark)


@pytest.mark.parametrize("case", CASES)
def test_scores_are_those_of_the_formula(case: str, data: Silver) -> None:
    model, expected = CASES[case][0](), CASES[case][1]()
    assert len(expected) > 20
    assert slow.found(model.fit(data)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_in_baskets_every_pair_counts_both_ways(data: Silver) -> None:
    found = slow.found(Cooccurrence(source="baskets").fit(data))
    X = slow.matrix()
    assert found == slow.scored(lambda i, j: float(X[:, i] @ X[:, j]) or None)


def test_only_the_newest_products_of_a_customer_count(data: Silver) -> None:
    found = slow.found(Cooccurrence(newest=2, distance_decay=1.0).fit(data))
    pairs = [tuple(slow.product(i) for i in items[-2:]) for items in slow.sequences() if len(items) > 1]
    assert found == {pair: float(pairs.count(pair)) for pair in pairs}


def test_only_so_many_customers_of_a_product_swing(data: Silver) -> None:
    all_of_them, few = (Swing(max_users=n).fit(data) for n in (500, 4))
    assert slow.found(few) == slow.found(Swing(max_users=4).fit(data))
    assert sum(slow.found(few).values()) < sum(slow.found(all_of_them).values())


def test_ease_takes_the_head_of_the_catalogue(data: Silver) -> None:
    n = slow.matrix().sum(0)
    head = {slow.product(i) for i in sorted(range(slow.N_ITEMS), key=lambda i: (-n[i], i))[:5]}
    found = slow.found(Ease(max_products=5, regularisation=3.0).fit(data))
    assert {product for pair in found for product in pair} == head


def test_ease_needs_a_regularisation() -> None:
    with pytest.raises(ValueError, match=r"regularisation\n.*greater than 0.*0.0"):
        Ease(regularisation=0.0)
    with pytest.raises(ValueError, match=r"X'X \+ 0 I is not positive definite"):
        ease_weights(np.ones((2, 2)), 0.0)


def test_unknown_measures_are_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"measure\n.*'decayed', 'confidence', 'expected' or 'llr'.*lift"):
        Cooccurrence(measure="lift")
    with pytest.raises(ValueError, match=r"source\n.*'histories' or 'baskets'.*views"):
        Cooccurrence(source="views")


def test_an_unknown_setting_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"SwingSettings has no 'min_comon'; did you mean 'min_common'\?"):
        Swing(min_comon=2)


@pytest.mark.parametrize("source", ["histories", "baskets"])
def test_sums_of_two_parts_add_up_to_those_of_the_whole(source: str, spark: SparkSession, data: Silver) -> None:
    def sums(part: Silver) -> list[DataFrame]:
        settings = CooccurrenceSettings.model_validate({"source": source, "half_life_days": 7.0, "backward": 0.5})
        groups = weighted_groups(part, settings, reference=date(2026, 2, 5))
        return list(cooccurrence_sums(groups, ordered_rows(settings)))

    older, newer = (slow.silver(spark, list(users)) for users in (range(12), range(12, 30)))
    for one, other, whole in zip(sums(older), sums(newer), sums(data), strict=True):
        added = sorted(map(tuple, merged(one, other).collect()))
        assert added == sorted(map(tuple, whole.collect()))
        assert len(added) > 10


def test_summed_weights_are_the_scores_in_millionths(data: Silver) -> None:
    settings = CooccurrenceSettings(half_life_days=9.0, distance_decay=0.6, backward=0.25)
    pairs, counts = cooccurrence_sums(weighted_groups(data, settings), ordered_rows(settings))
    expected = slow.decayed(0.6, 0.25, 9.0, 0.0)
    found = {(row.product_id, row.associated_product_id): row.weight / UNIT for row in pairs.collect()}
    assert found == pytest.approx(expected, abs=30 / UNIT)
    n = slow.matrix().sum(0)
    assert {row.product_id: row.n_groups for row in counts.collect()} == {
        slow.product(i): n[i] for i in range(slow.N_ITEMS) if n[i]
    }


def formulas_on_cluster(spark: SparkSession) -> dict[str, bool]:
    """Whether each model gives its formula's scores where executors are processes of their own."""
    data = slow.silver(spark)
    return {
        case: slow.found(model().fit(data)) == pytest.approx(expected(), rel=1e-4, abs=1e-5)
        for case, (model, expected) in CASES.items()
        if case in ("rp3beta", "swing", "ease", "decayed")
    }


@pytest.mark.cluster
def test_scores_on_a_cluster_are_those_of_the_formula(cluster: Cluster) -> None:
    assert all(cluster.run(formulas_on_cluster).values())
