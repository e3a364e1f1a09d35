"""Products bought and viewed together are close, whatever the set's size; those without events have no vector."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.core.model import Silver, TooLittle
from cartograph.embed.item2vec import Item2Vec, item_vectors
from cartograph.embed.vector_model import embedded


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    """400 baskets of two groups of four; sessions join `late` to the first group; `lone` is always bought alone."""
    groups = [[f"{group}{n}" for n in range(4)] for group in ("a", "b")]
    baskets = [(f"o{n}", sorted({groups[n % 2][(n // 2 + step) % 4] for step in range(3)})) for n in range(400)]
    baskets += [(f"l{n}", ["lone"]) for n in range(10)]
    events = [(f"s{n}", item, "view") for n in range(200) for item in ("late", f"a{n % 4}", f"a{(n + 1) % 4}")]
    products = spark.createDataFrame([], "product_id string")
    return Silver(
        spark.createDataFrame(events, "session_id string, product_id string, event_type string"),
        spark.createDataFrame(baskets, "order_id string, product_ids array<string>"),
        products,
    )


def test_products_of_a_group_lie_closer_than_those_of_two(data: Silver) -> None:
    found = item_vectors(data, width=8, iterations=10, max_set=4, seed=3).collect()
    units = {row.product_id: np.array(row.vector) / np.linalg.norm(row.vector) for row in found}
    first = ["late", *(f"a{n}" for n in range(4))]
    assert set(units) == {*first, *(f"b{n}" for n in range(4))}
    within = [units[one] @ units[other] for one in first for other in first if one != other]
    across = [units[one] @ units[f"b{n}"] for one in first for n in range(4)]
    assert np.mean(within) > np.mean(across) + 0.25


def test_without_sets_of_two_there_is_nothing_to_learn_and_there_are_no_rows(data: Silver) -> None:
    alone = Silver(data.events.limit(0), data.baskets.where("order_id LIKE 'l%'"), data.products)
    with pytest.raises(TooLittle, match="no token occurs 3 times or more"):
        item_vectors(alone)
    vectors = embedded(Item2Vec(), alone, {})
    assert vectors.rows.columns == ["model", "product_id", "vector", "source_hash"]
    assert vectors.metrics == {"n_vectors_item2vec": 0}
    assert vectors.messages == ("item2vec has no vectors: no token occurs 3 times or more",)
