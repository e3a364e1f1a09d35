"""Counted pairs and their products, one row each, for joins; `counts` returns them as arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.pairs.counts import Catalogue, RowsOf, counted, pair_sums


def coded_products(spark: SparkSession, catalogue: Catalogue) -> DataFrame:
    """The products of a catalogue and their codes in pairs: code (int), product_id, n_groups (long)."""
    codes = pa.array(np.arange(len(catalogue.product_ids)), pa.int32())
    return spark.createDataFrame(
        pa.table({"code": codes, "product_id": catalogue.product_ids, "n_groups": catalogue.n_groups})
    )


def pair_rows(groups: DataFrame, catalogue: Catalogue, rows_of: RowsOf = counted) -> DataFrame:
    """One row per pair and direction: code, other (codes), sum (long). Arguments as in `counts.neighbour_lists`."""
    pairs = pair_sums(groups, catalogue, rows_of).select(
        "code", F.explode(F.arrays_zip("others", "sums")).alias("pair")
    )
    return pairs.select("code", F.col("pair.others").alias("other"), F.col("pair.sums").alias("sum"))
