"""Titles of the products that the page names."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.plain_text import one_line
from cartograph.report.rows import rows_of

_TITLE = 120  # characters of a title that are shown


def titles(products: DataFrame, product_ids: AbstractSet[str]) -> dict[str, str]:
    """The title of each of these products, in one line; its id where it has none."""
    if not product_ids:
        return {}
    asked = products.sparkSession.createDataFrame([(name,) for name in sorted(product_ids)], "product_id string")
    found = products.join(F.broadcast(asked), "product_id").select("product_id", "title")
    known = {row["product_id"]: row["title"] for row in rows_of(found) if row["title"]}
    return {name: one_line(known.get(name, name), _TITLE) for name in product_ids}
