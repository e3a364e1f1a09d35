"""How many customers buy a product again, after how many days, and whether the intervals are significantly regular."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.statistics.multiple_tests import with_q_value
from cartograph.graph.relations.regularity import regularity

_MAX_GAPS = 5  # Per customer, the first ones: no single customer decides about a product.
_COUNTED = "product_id string, n_buyers long, n_repeaters long"
_MEASURED = f"{_COUNTED}, median_days double, spread double, p_value double"


def repeats(events: DataFrame) -> DataFrame:
    """One row per product that some customer bought again on another day.

    Columns: product_id, n_buyers, n_repeaters (customers who bought it, who bought it again), repeat_share,
    median_days between, spread: interquartile range of these days over their median (0 for a fixed interval, about 1.6
    for random ones), p_value: probability that random intervals are as regular (`regularity`), q_value: false discovery
    rate up to this product (Benjamini & Hochberg 1995, over all rows).

    Args:
        events: rows of silver.events.
    """
    days = events.where("event_type = 'purchase' AND user_id IS NOT NULL").select("user_id", "product_id", "event_on")
    one_by_one = Window.partitionBy("user_id", "product_id").orderBy("event_on")
    placed = days.distinct().select(
        "product_id",
        F.datediff("event_on", F.lag("event_on").over(one_by_one)).alias("days"),
        F.row_number().over(one_by_one).alias("place"),
    )
    counted = placed.where(F.col("place") <= _MAX_GAPS + 1).groupBy("product_id", "days").agg(
        F.count("*").alias("n"), F.count_if(F.col("place") == 2).alias("n_second")
    )  # fmt: skip
    is_gap, gap = F.col("days").isNotNull(), F.struct(F.col("days").cast("long").alias("days"), "n")
    per_product = counted.groupBy("product_id").agg(
        F.sum(F.when(~is_gap, F.col("n"))).alias("n_buyers"),
        F.sum("n_second").alias("n_repeaters"),
        F.array_sort(F.collect_list(F.when(is_gap, gap))).alias("gaps"),
    )
    known = per_product.where("n_repeaters > 0").select(*_names(_COUNTED), "gaps.days", "gaps.n")
    measured = with_q_value(known.mapInArrow(_measured, _MEASURED), "p_value", "q_value", ["product_id"])
    share = F.col("n_repeaters") / F.col("n_buyers")
    return measured.select(
        "product_id", "n_buyers", "n_repeaters", share.alias("repeat_share"), "median_days", "spread", "p_value",
        "q_value",
    )  # fmt: skip


def _measured(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of _MEASURED of the products of each batch."""
    for batch in batches:
        if not batch.num_rows:
            continue
        days, counts = batch.column(3), batch.column(4)
        starts = np.concatenate(([0], np.cumsum(days.value_lengths().to_numpy(zero_copy_only=False))))
        found = regularity(starts, *(each.flatten().to_numpy(zero_copy_only=False) for each in (days, counts)))
        spread = (found.upper - found.lower) / found.median
        columns = [*batch.columns[:3], *(pa.array(each) for each in (found.median, spread, found.p_value))]
        yield pa.record_batch(columns, _names(_MEASURED))


def _names(schema: str) -> list[str]:
    return [column.split()[0] for column in schema.split(", ")]
