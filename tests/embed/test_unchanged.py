"""Products with the hash they had keep their vector; the others are recomputed, and removed products have none."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.embed.unchanged import Changes


def test_only_changed_products_are_made_again(spark: SparkSession) -> None:
    texts = spark.createDataFrame([("mug", 1), ("cup", 2), ("hose", 3)], "product_id string, source_hash long")
    kept = [("mug", [1.0], 1), ("cup", [2.0], 7), ("gone", [3.0], 3)]
    earlier = spark.createDataFrame(kept, "product_id string, vector array<float>, source_hash long")
    changes = Changes.since(texts, earlier)
    assert sorted(row.product_id for row in changes.changed.collect()) == ["cup", "hose"]
    made = changes.changed.withColumn("vector", F.array(F.lit(9.0).cast("float")))
    rows = {row.product_id: (row.vector, row.source_hash) for row in changes.together(made).collect()}
    assert rows == {"mug": ([1.0], 1), "cup": ([9.0], 2), "hose": ([9.0], 3)}
    assert Changes.since(texts, None).kept is None
