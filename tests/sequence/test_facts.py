"""Networks are told prices as sixteenths of the catalogue, and content as vectors of length one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from cartograph.core.model import Silver
from cartograph.sequence.facts import N_PRICES, catalogue, facts_of, price_classes
from tests.core.checkerboard import filled


def test_price_classes_are_sixteenths_and_zero_where_no_price_is_told() -> None:
    prices = np.array([np.nan, *range(1, 161)])
    classes = price_classes(prices)
    assert classes[:2].tolist() == [0, 0]  # padding, and the price that is not told
    assert np.bincount(classes[2:]).tolist() == [0] + [10] * (N_PRICES - 1)
    assert (np.diff(classes[2:]) >= 0).all()
    assert price_classes(np.array([np.nan])).tolist() == [0, 0]


def test_products_without_events_come_last_and_only_as_far_as_there_is_room(spark: SparkSession) -> None:
    events = spark.createDataFrame([("c",), ("c",), ("b",), ("a",)], "product_id string")
    vectors = spark.createDataFrame([("b",), ("d",), ("0",)], "product_id string")
    assert catalogue(events, vectors, None).to_pydict() == {
        "product_id": ["a", "b", "c", "0", "d"],
        "n": [1, 1, 2, 0, 0],
    }
    assert catalogue(events, vectors, 4).to_pydict() == {"product_id": ["a", "b", "c", "0"], "n": [1, 1, 2, 0]}
    assert catalogue(events, None, 2).to_pydict() == {"product_id": ["a", "c"], "n": [1, 2]}


def test_facts_stand_at_the_code_of_their_product(spark: SparkSession) -> None:
    products = filled(
        spark.createDataFrame([("a", 1.0), ("b", None), ("c", 9.0)], "product_id string, price double"),
        "silver.products",
    )
    vectors = spark.createDataFrame([("c", [3.0, 4.0]), ("x", [1.0, 0.0])], "product_id string, vector array<float>")
    data = Silver(products, products, products, vectors=vectors)
    facts = facts_of(data, pa.array(["c", "a", "b"]), ("price", "content"))
    assert facts.prices is not None
    assert facts.prices.tolist() == [0, N_PRICES - 1, 1, 0]
    assert facts.content == pytest.approx(np.array([[0, 0], [0.6, 0.8], [0, 0], [0, 0]]))
    assert facts.width == 2
    assert facts.digest != facts_of(data, pa.array(["c", "a", "b"]), ("price",)).digest
    with pytest.raises(ValueError, match="run the step embed first"):
        facts_of(replace(data, vectors=None), pa.array(["a"]), ("content",))
