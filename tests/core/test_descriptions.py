"""Products with similar descriptions share hashed words."""

from __future__ import annotations

from pyspark.sql import SparkSession

from cartograph.core.views.descriptions import N_FEATURES, features


def test_words_brand_and_each_level_of_the_category_have_a_code(spark: SparkSession) -> None:
    rows = [
        ("a", "Blue cup, blue!", "Acme", ["home", "kitchen"]),
        ("b", "cup", "Acme", ["home", "garden"]),
        ("bare", None, None, None),
    ]
    named = "product_id string, title string, brand string, category array<string>"
    found = {row.product_id: row.codes for row in features(spark.createDataFrame(rows, named)).collect()}
    assert len(found["a"]) == 6  # blue, cup, the brand, and paths of no, one and two levels
    assert len(set(found["a"]) & set(found["b"])) == 4
    assert len(found["bare"]) == 2
    assert all(0 <= code < N_FEATURES for codes in found.values() for code in codes)
