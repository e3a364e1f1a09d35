"""Sets of products are bounded and put into an order of their own, always the same."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.views.product_sets import capped, shuffled


def test_a_set_is_cut_and_shuffled_by_hashes_of_its_own(spark: SparkSession) -> None:
    many = [str(n) for n in range(30)]
    sets = spark.range(20).select(F.col("id").alias("key"), F.lit(many).alias("product_ids"))
    cut = [tuple(row.product_ids) for row in capped(sets, 5).collect()]
    assert {len(products) for products in cut} == {5}
    assert len(set().union(*cut)) > 25  # other products from each
    whole = [row.product_ids for row in shuffled(sets).collect()]
    assert all(sorted(products) == sorted(many) for products in whole)
    assert whole[0] != many
    turned = sets.withColumn("product_ids", F.reverse("product_ids"))
    assert whole == [row.product_ids for row in shuffled(turned).collect()]
