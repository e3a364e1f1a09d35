"""Customers, and which of them look like wholesalers or robots."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.cleaning.values import identifier, instant, text
from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.pseudonyms import pseudonymised
from cartograph.preprocess.settings import CustomerFlags
from cartograph.preprocess.verdicts import future_rule, is_lost, raw_map, value_reason, verdict, with_verdict

_RAW = ("user_id", "region", "age_band", "seen_at")


def judged_users(bronze: DataFrame, key: bytes, cleaning: Cleaning) -> DataFrame:
    """One row per raw customer fact: typed, under pseudonyms, `row_id`, `raw`, and `rule`, `reason` (null: good)."""
    named = bronze.withColumn("user_id", identifier("user_id", cleaning))
    hidden = pseudonymised(named, ["user_id"], key).withColumn("raw", F.struct(*_RAW))
    typed = hidden.withColumns(
        {"seen_at": instant("seen_at", cleaning), "region": text("region"), "age_band": text("age_band")}
    )
    rules = [
        ("no_user", F.col("user_id").isNull(), F.lit("user_id is missing")),
        ("bad_time", is_lost("seen_at"), value_reason("seen_at", "is not a time")),
        future_rule("seen_at"),
    ]
    return with_verdict(typed, verdict(rules)).drop("known_until")


def quarantined_users(judged: DataFrame) -> DataFrame:
    """Rows of silver.quarantine: customer facts that a rule sets aside."""
    bad = judged.where("rule IS NOT NULL").withColumn("raw", raw_map(_RAW)).withColumnRenamed("seen_at", "event_at")
    return bad.select(*columns_of("silver.quarantine"))


def users(
    facts: DataFrame, events: DataFrame, first_seen: DataFrame, stored: DataFrame | None, flags: CustomerFlags
) -> DataFrame:
    """Rows of silver.users for the customers of `facts` and `events`.

    Args:
        facts: all good facts of these customers, old ones included.
        events: all their events in silver.events.
        first_seen: user_id and first_at, the first time in a good event.
        stored: silver.users as it is; None when nothing of it counts.
    """
    newest = F.struct("seen_at", "batch_id", "row_id")
    told = [F.max_by(name, F.when(F.col(name).isNotNull(), newest)).alias(name) for name in ("region", "age_band")]
    known = facts.groupBy("user_id").agg(*told, F.min("seen_at").alias("first_told_at"))
    known = known.join(first_seen, "user_id", "full")
    moments = [F.col("first_told_at"), F.col("first_at")]
    if stored is not None:
        known = known.join(stored.select("user_id", F.col("first_seen_at").alias("stored_at")), "user_id", "left")
        moments.append(F.col("stored_at"))
    marked = known.join(_wholesale(events, flags), "user_id", "left").join(_robots(events, flags), "user_id", "left")
    return marked.select(
        "user_id",
        "region",
        "age_band",
        F.least(*moments).alias("first_seen_at"),
        F.coalesce("is_wholesale", F.lit(False)).alias("is_wholesale"),
        F.coalesce("is_bot", F.lit(False)).alias("is_bot"),
    )


def _wholesale(events: DataFrame, flags: CustomerFlags) -> DataFrame:
    """user_id, is_wholesale: most of the customer's orders, by share, are of at least `wholesale_units` pieces."""
    orders = events.where("event_type = 'purchase' AND user_id IS NOT NULL").groupBy("user_id", "order_id")
    units = orders.agg(F.sum(F.coalesce("quantity", F.lit(1))).alias("units"))
    share = F.avg((F.col("units") >= flags.wholesale_units).cast("double"))
    return units.groupBy("user_id").agg((share >= flags.wholesale_share).alias("is_wholesale"))


def _robots(events: DataFrame, flags: CustomerFlags) -> DataFrame:
    """user_id, is_bot: in some hour there were at least `bot_actions` actions (all lines of an order are one)."""
    action = F.coalesce(F.when(F.col("event_type") == "purchase", F.col("order_id")), F.col("event_id"))
    acting = events.where("user_id IS NOT NULL AND event_type <> 'return'")
    hours = acting.groupBy("user_id", F.date_trunc("hour", "event_at").alias("hour"))
    return (
        hours.agg(F.count_distinct(action).alias("actions"))
        .groupBy("user_id")
        .agg((F.max("actions") >= flags.bot_actions).alias("is_bot"))
    )
