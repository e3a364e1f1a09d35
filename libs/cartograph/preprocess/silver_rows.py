"""What is written to each silver table, out of the checked rows, all of bronze, and what is stored.

The first time all rows of a table are made, later those that new rows change. Tables that are made from silver.events
read it back, so it must have been written before.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.preprocess import conflicts, ledger
from cartograph.preprocess.baskets import baskets, touched_orders
from cartograph.preprocess.events import quarantined_events
from cartograph.preprocess.increment import Increment
from cartograph.preprocess.listings import deliveries, listings, stated, whole_sources
from cartograph.preprocess.products import checked_products, products, quarantined_products
from cartograph.preprocess.resolve import resolved_events
from cartograph.preprocess.row_checks import CheckedRows
from cartograph.preprocess.settings import CustomerFlags
from cartograph.preprocess.users import checked_users, quarantined_users, users


def of_quarantine(increment: Increment, checked: CheckedRows, key: bytes) -> DataFrame:
    """Rows of silver.quarantine: new rows that a rule sets aside, and all events whose id another event has."""
    aside = [
        quarantined_events(checked.events), quarantined_products(checked.products), quarantined_users(checked.users)
    ]  # fmt: skip
    if checked.has_conflicts:
        aside.append(_conflicting_events(increment, checked, key))
    return _union(*aside)


def _conflicting_events(increment: Increment, checked: CheckedRows, key: bytes) -> DataFrame:
    """Rows of silver.quarantine for events with a contested id, except those that are in quarantine anyway."""
    aside = checked.events.where("rule IS NOT NULL").select("row_id")
    stored = increment.stored("silver.quarantine")
    if stored is not None:
        aside = aside.union(stored.where(F.col("rule") != conflicts.RULE).select("row_id"))
    return conflicts.conflicting_events(increment.all_raw("events"), key, checked.versions, aside)


def of_events(increment: Increment, checked: CheckedRows, session_gap_minutes: int) -> DataFrame:
    """Rows of silver.events that are new or changed."""
    return resolved_events(checked.versions, increment.earlier_events(), session_gap_minutes)


def of_baskets(increment: Increment, checked: CheckedRows) -> DataFrame:
    """Rows of silver.baskets: the orders that new or replaced events belong to."""
    events = increment.read("silver.events")
    if not increment.is_first:
        events = events.join(touched_orders(checked.versions), "order_id", "left_semi")
    return baskets(events)


def of_products(increment: Increment, checked: CheckedRows) -> DataFrame:
    """Rows of silver.products: the products that new records or events name."""
    first_sales = checked.good_events.groupBy("product_id").agg(F.min("event_at").alias("first_at"))
    records = checked.products
    if not increment.is_first:
        named = records.where("rule IS NULL").select("product_id").union(first_sales.select("product_id"))
        records = checked_products(increment.all_raw("products"), named.distinct())
    return products(records.where("rule IS NULL"), first_sales, increment.stored("silver.products"))


def of_listings(increment: Increment, checked: CheckedRows) -> DataFrame:
    """All rows of silver.listings, from all deliveries: products missing from the newest catalogue are not listed."""
    records = checked.products if increment.is_first else checked_products(increment.all_raw("products"))
    rows = increment.keep(stated(records))
    catalogue = F.get_json_object("cleaning", "$.catalogue")  # Defaults are not recorded.
    batches = increment.read("bronze.batches", target="products")
    declared = batches.select("batch_id", F.coalesce(catalogue, F.lit(Cleaning().catalogue)).alias("deliveries"))
    delivered = deliveries(rows, declared).localCheckpoint()
    return listings(rows, delivered, whole_sources(rows, delivered))


def of_users(increment: Increment, checked: CheckedRows, key: bytes, flags: CustomerFlags) -> DataFrame:
    """Rows of silver.users: the customers that new records or events name."""
    named = checked.good_events.where("user_id IS NOT NULL").groupBy("user_id")
    seen = named.agg(F.min("event_at").alias("first_at"))
    records, events = checked.users.where("rule IS NULL"), increment.read("silver.events")
    if not increment.is_first:
        touched = records.select("user_id").union(seen.select("user_id")).distinct()
        known = checked_users(increment.all_raw("users"), key).where("rule IS NULL")
        records, events = (rows.join(touched, "user_id", "left_semi") for rows in (known, events))
    return users(records, events, seen, increment.stored("silver.users"), flags)


def of_ledger(increment: Increment, checked: CheckedRows) -> DataFrame:
    """Rows of silver.ledger: the new batches, and earlier ones some of whose events were replaced."""
    kept = ledger.kept_counts(increment.read("silver.events")).localCheckpoint()
    aside = increment.read("silver.quarantine").groupBy("batch_id").agg(F.count("*").alias("n_quarantined"))
    kept_records = _union(*[ledger.record_counts(rows) for rows in (checked.products, checked.users)])
    entries = ledger.entries(
        increment.batches, kept.unionByName(kept_records), aside, ledger.duplicates(checked.versions)
    )  # fmt: skip
    earlier = increment.stored("silver.ledger")
    if earlier is not None:
        of_events = increment.read("bronze.batches", target="events").select("batch_id")
        earlier = earlier.join(of_events, "batch_id", "left_semi")
        entries = entries.unionByName(ledger.displaced(earlier, kept, aside))
    return entries.localCheckpoint()


def _union(*frames: DataFrame) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)
