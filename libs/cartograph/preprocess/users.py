"""Customers, and which of them look like wholesalers or bots."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.cleaning.values import identifier, instant, text
from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.pseudonyms import pseudonymised
from cartograph.preprocess.raw_rows import RawRows
from cartograph.preprocess.settings import CustomerFlags
from cartograph.preprocess.verdicts import future_rule, is_lost, raw_map, value_reason, verdict, with_verdict

_COLUMNS = ("user_id", "region", "age_band", "seen_at")


def checked_users(bronze: RawRows, key: bytes) -> DataFrame:
    """One row per raw customer record: typed, pseudonymous, `row_id`, `raw`, and `rule`, `reason` (null: good).

    Args:
        bronze: rows of bronze.users, by declaration.
        key: the key that customers' ids are hashed with.
    """
    return reduce(DataFrame.unionByName, [_checked(rows, key, cleaning) for rows, cleaning in bronze])


def _checked(bronze: DataFrame, key: bytes, cleaning: Cleaning) -> DataFrame:
    """The records of sources that write values in one way, typed and checked."""
    named = bronze.withColumn("user_id", identifier("user_id", cleaning))
    hidden = pseudonymised(named, ["user_id"], key).withColumn("raw", F.struct(*_COLUMNS))
    typed = hidden.withColumns(
        {"seen_at": instant("seen_at", cleaning), "region": text("region"), "age_band": text("age_band")}
    )
    rules = [
        ("no_user", F.col("user_id").isNull(), F.lit("user_id is missing")),
        ("bad_time", is_lost("seen_at"), value_reason("seen_at", "is not a time")),
        future_rule("seen_at"),
    ]
    return with_verdict(typed, verdict(rules)).drop("known_until")


def quarantined_users(checked: DataFrame) -> DataFrame:
    """Rows of silver.quarantine: customer records that a rule sets aside."""
    bad = (
        checked.where("rule IS NOT NULL").withColumn("raw", raw_map(_COLUMNS)).withColumnRenamed("seen_at", "event_at")
    )
    return bad.select(*columns_of("silver.quarantine"))


def users(
    records: DataFrame, events: DataFrame, first_seen: DataFrame, stored: DataFrame | None, flags: CustomerFlags
) -> DataFrame:
    """Rows of silver.users for the customers of `records` and `events`.

    Args:
        records: all good records of these customers, old ones included.
        events: all their events in silver.events.
        first_seen: user_id and first_at, the first time in a good event.
        stored: silver.users as it is; None when nothing of it counts.
    """
    newest = F.struct("seen_at", "batch_id", "row_id")
    latest = [F.max_by(name, F.when(F.col(name).isNotNull(), newest)).alias(name) for name in ("region", "age_band")]
    known = records.groupBy("user_id").agg(*latest, F.min("seen_at").alias("first_listed_at"))
    known = known.join(first_seen, "user_id", "full")
    moments = [F.col("first_listed_at"), F.col("first_at")]
    if stored is not None:
        known = known.join(stored.select("user_id", F.col("first_seen_at").alias("stored_at")), "user_id", "left")
        moments.append(F.col("stored_at"))
    marked = known.join(_wholesale(events, flags), "user_id", "left").join(_bots(events, flags), "user_id", "left")
    return marked.select(
        "user_id",
        "region",
        "age_band",
        F.least(*moments).alias("first_seen_at"),
        F.coalesce("is_wholesale", F.lit(False)).alias("is_wholesale"),
        F.coalesce("is_bot", F.lit(False)).alias("is_bot"),
    )


def _wholesale(events: DataFrame, flags: CustomerFlags) -> DataFrame:
    """user_id, is_wholesale: the share of orders with `wholesale_units` pieces is at least `wholesale_share`."""
    orders = events.where("event_type = 'purchase' AND user_id IS NOT NULL").groupBy("user_id", "order_id")
    units = orders.agg(F.sum(F.coalesce("quantity", F.lit(1))).alias("units"))
    share = F.avg((F.col("units") >= flags.wholesale_units).cast("double"))
    return units.groupBy("user_id").agg((share >= flags.wholesale_share).alias("is_wholesale"))


def _bots(events: DataFrame, flags: CustomerFlags) -> DataFrame:
    """user_id, is_bot: at least `bot_actions` actions within some clock hour (all lines of an order are one)."""
    action = F.coalesce(F.when(F.col("event_type") == "purchase", F.col("order_id")), F.col("event_id"))
    acting = events.where("user_id IS NOT NULL AND event_type <> 'return'")
    hours = acting.groupBy("user_id", F.date_trunc("hour", "event_at").alias("hour"))
    return (
        hours.agg(F.count_distinct(action).alias("actions"))
        .groupBy("user_id")
        .agg((F.max("actions") >= flags.bot_actions).alias("is_bot"))
    )
