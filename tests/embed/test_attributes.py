"""Products that share features are close, rare ones closest; long values and missing features do not count."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.embed.attributes import attribute_vectors, features

SCHEMA = "product_id string, category array<string>, brand string, price double, attributes map<string,string>"


@pytest.fixture(scope="module")
def products(spark: SparkSession) -> DataFrame:
    rows = [
        ("cup", ["Home", "Cups"], "Acme", 10.0, {"colour": "Red", "text": "x" * 65}),
        ("mug", ["Home", "Cups"], "Acme", 11.0, {"colour": "red"}),
        ("pan", ["Home", "Pans"], "Other", 40.0, {"colour": None}),
        ("rake", ["Garden"], None, None, None),
        ("none", None, None, None, None),
        ("free", None, None, 0.0, {}),
    ]
    return spark.createDataFrame(rows, SCHEMA).persist()


def test_features_are_levels_of_the_path_brand_price_and_attributes(products: DataFrame) -> None:
    found = {row.product_id: set(row.words) for row in features(products).collect()}
    assert set(found) == {"cup", "mug", "pan", "rake"}
    home = {"category > Home", "category > Home > Cups", "brand=acme", "attribute=colour=red"}
    assert found["cup"] == home | {"price=6", "price+=7"}  # 2 log2(10) = 6.64
    assert found["mug"] == home | {"price=6", "price+=7"}  # 6.92
    assert found["pan"] == {"category > Home", "category > Home > Pans", "brand=other", "price=10", "price+=11"}
    assert found["rake"] == {"category > Garden"}


def test_products_with_more_features_in_common_are_closer(products: DataFrame) -> None:
    found = {row.product_id: np.array(row.vector) for row in attribute_vectors(products, width=256).collect()}
    units = {name: vector / np.linalg.norm(vector) for name, vector in found.items()}
    assert units["cup"] @ units["mug"] == pytest.approx(1.0, abs=1e-5)
    assert 0.9 > units["cup"] @ units["pan"] > 0.05
    assert abs(units["cup"] @ units["rake"]) < 0.2  # three times the 1 / sqrt(256) expected at random
