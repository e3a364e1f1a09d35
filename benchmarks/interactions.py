"""Files of interactions as events and baskets: what a customer does within a day is one order and one session."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SECONDS_PER_DAY = 86_400


def events_of(spark: SparkSession, path: str) -> DataFrame:
    """The rows as silver.events: event_id, user_id, product_id, event_type, order_id, session_id, event_at, event_on.

    Args:
        spark: the session.
        path: CSV with a header (`.gz` too) or Parquet of user_id, item_id, time (unix seconds) and, if not everything
            is a purchase, event_type.

    Raises:
        SystemExit: a column is missing.
    """
    rows = spark.read.parquet(path) if _is_parquet(Path(path)) else spark.read.csv(path, header=True)
    missing = {"user_id", "item_id", "time"} - set(rows.columns)
    if missing:
        raise SystemExit(f"{path} lacks {sorted(missing)}: its columns are {rows.columns}")
    kind = F.col("event_type") if "event_type" in rows.columns else F.lit("purchase")
    seconds = F.col("time").cast("double").cast("long")
    day = F.concat_ws("-", "user_id", F.floor(seconds / SECONDS_PER_DAY))
    return rows.select(
        F.concat_ws("-", "user_id", "item_id", "time", kind).alias("event_id"),
        F.col("user_id").cast("string").alias("user_id"),
        F.col("item_id").cast("string").alias("product_id"),
        kind.alias("event_type"),
        F.when(kind == "purchase", day).alias("order_id"),
        day.alias("session_id"),
        F.timestamp_seconds(seconds).alias("event_at"),
    ).withColumn("event_on", F.to_date("event_at"))


def _is_parquet(path: Path) -> bool:
    """Whether it is a folder of files, as Spark writes Parquet, or one that begins as Parquet does."""
    if path.is_dir():
        return True
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def baskets_of(events: DataFrame) -> DataFrame:
    """The orders of `events` as silver.baskets: order_id, user_id, ordered_at, product_ids."""
    bought = events.where("event_type = 'purchase'").groupBy("order_id", "user_id")
    return bought.agg(
        F.min("event_at").alias("ordered_at"), F.array_sort(F.collect_set("product_id")).alias("product_ids")
    )
