"""Prices are features as sixteenths of the catalogue, content as vectors of length one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from cartograph.core.model import Silver
from cartograph.sequence.features import N_PRICES, catalogue, features_of, price_classes
from tests.core.checkerboard import filled


def test_price_classes_are_sixteenths_and_zero_where_the_price_is_unknown() -> None:
    prices = np.array([np.nan, *range(1, 161)])
    classes = price_classes(prices)
    assert classes[:2].tolist() == [0, 0]  # padding, and the unknown price
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


def test_features_are_in_order_of_codes(spark: SparkSession) -> None:
    products = filled(
        spark.createDataFrame([("a", 1.0), ("b", None), ("c", 9.0)], "product_id string, price double"),
        "silver.products",
    )
    vectors = spark.createDataFrame([("c", [3.0, 4.0]), ("x", [1.0, 0.0])], "product_id string, vector array<float>")
    data = Silver(products, products, products, vectors=vectors)
    features = features_of(data, pa.array(["c", "a", "b"]), ("price", "content"))
    assert features.prices is not None
    assert features.prices.tolist() == [0, N_PRICES - 1, 1, 0]
    assert features.content == pytest.approx(np.array([[0, 0], [0.6, 0.8], [0, 0], [0, 0]]))
    assert features.width == 2
    assert features.digest != features_of(data, pa.array(["c", "a", "b"]), ("price",)).digest
    with pytest.raises(ValueError, match="run the step embed first"):
        features_of(replace(data, vectors=None), pa.array(["a"]), ("content",))
