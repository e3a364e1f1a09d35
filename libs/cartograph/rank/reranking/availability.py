"""What can be bought on a day according to the catalogues."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def availability(listings: DataFrame) -> DataFrame:
    """One row per product that was ever in a catalogue: product_id, is_listed, stock.

    A product is listed as long as the catalogue of any source lists it; its stock is the total of these sources, null
    if none of them reports any. Products known from orders only have no row: nothing is known about them.

    Args:
        listings: rows of silver.listings before the day.
    """
    newest = F.max_by(F.struct("is_listed", "stock"), "stated_at").alias("state")
    states = listings.groupBy("source", "product_id").agg(newest).select("product_id", "state.*")
    stock = F.sum(F.when(F.col("is_listed"), F.col("stock")))
    return states.groupBy("product_id").agg(F.bool_or("is_listed").alias("is_listed"), stock.alias("stock"))
