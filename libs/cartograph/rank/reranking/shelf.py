"""What catalogues say can be bought on a day."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def shelf(listings: DataFrame) -> DataFrame:
    """One row per product that a catalogue has named: product_id, is_listed, stock.

    A product is listed while any source's catalogue lists it; its stock is that of these sources together, null where
    none of them reports any. What no catalogue has named, as products of order lines, has no row: nothing is known.

    Args:
        listings: rows of silver.listings before the day.
    """
    newest = F.max_by(F.struct("is_listed", "stock"), "stated_at").alias("state")
    states = listings.groupBy("source", "product_id").agg(newest).select("product_id", "state.*")
    stock = F.sum(F.when(F.col("is_listed"), F.col("stock")))
    return states.groupBy("product_id").agg(F.bool_or("is_listed").alias("is_listed"), stock.alias("stock"))
