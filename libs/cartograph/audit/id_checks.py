"""Products and customers that were not known on the day of a partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.audit.findings import key_text

PRODUCTS: dict[str, tuple[str, ...]] = {
    "silver.product_vectors": ("product_id",),
    "silver.product_graph": ("src", "dst"),
    "silver.communities": ("product_id",),
    "gold.bundles": ("product_ids",),
    "gold.itemsets": ("itemset",),
    "gold.rules": ("antecedent", "consequent"),
    "gold.inferred_rules": ("product_id", "associated_product_id", "inferred_from"),
    "gold.high_utility_itemsets": ("itemset",),
    "gold.relations": ("src", "dst"),
    "gold.factors": ("id",),
    "gold.repurchases": ("product_id",),
    "gold.associations": ("product_id", "associated_product_id"),
    "gold.candidates": ("product_id",),
    "gold.attributions": ("product_id",),
    "gold.related_products": ("product_id", "associated_product_id"),
    "gold.recommendations": ("product_id",),
    "gold.hidden": ("product_id",),
    "gold.hidden_related": ("product_id", "associated_product_id"),
}
USERS: dict[str, tuple[str, ...]] = {
    "gold.factors": ("id",),
    "gold.repurchases": ("user_id",),
    "gold.user_vectors": ("user_id",),
    "gold.attributions": ("user_id",),
    "gold.candidates": ("user_id",),
    "gold.recommendations": ("user_id",),
    "gold.hidden": ("user_id",),
}
# Computed from events only: being listed in a catalogue or among the customers is not enough to be in them.
COUNTED = frozenset({
    "silver.product_graph", "gold.bundles", "gold.itemsets", "gold.rules", "gold.high_utility_itemsets",
    "gold.repurchases", "gold.user_vectors",
})  # fmt: skip
KINDS = {"product": PRODUCTS, "user": USERS}
_SIDED = "gold.factors"  # products and customers in one column


def first_seen(events: DataFrame, listed: DataFrame | None, column: str) -> DataFrame:
    """One row per product or customer: id, first_event_at (null: none), first_at (an event or a list).

    first_at is null for products and customers that are only in an undated list: like everything that reads it, the
    audit assumes that they were always there.

    Args:
        events: rows of silver.events, of all days.
        listed: `column` and first_seen_at; silver.products or silver.users.
        column: product_id or user_id.
    """
    named = events.where(F.col(column).isNotNull()).groupBy(F.col(column).alias("id"))
    acted = named.agg(F.min("event_at").alias("first_event_at"))
    if listed is None:
        return acted.withColumn("first_at", F.col("first_event_at"))
    in_lists = listed.select(F.col(column).alias("id"), "first_seen_at")
    first_at = F.least("first_seen_at", "first_event_at")
    return in_lists.join(acted, "id", "full").select("id", "first_event_at", first_at.alias("first_at"))


def checked_ids(names: Iterable[str]) -> list[tuple[str, str]]:
    """Table and check (`products` or `users`) of every check of these tables."""
    return [(name, f"{kind}s") for name in names for kind, places in KINDS.items() if name in places]


def id_checks(frames: Mapping[str, DataFrame], seen: Mapping[str, DataFrame], as_of: date) -> DataFrame:
    """The summaries of all `checked_ids` of tables with rows, where n_checked counts mentions of ids.

    Columns as of `findings.summary`; `id` is one that leaks. The tables are looked up together: mentions are counted
    per id first, so that few rows are joined.

    Args:
        frames: the partitions audited, by table; at least one that mentions ids.
        seen: see `first_seen`, by kind (`product`, `user`).
        as_of: the day of the partitions.
    """
    mentioned = [mentions(frame, name) for name, frame in frames.items() if checked_ids([name])]
    known = [each.withColumn("kind", F.lit(kind)) for kind, each in seen.items()]
    counted = reduce(DataFrame.unionByName, mentioned).groupBy("table", "kind", "id").agg(F.count("*").alias("n"))
    looked_up = counted.join(
        reduce(DataFrame.unionByName, known).withColumn("is_known", F.lit(True)), ["kind", "id"], "left"
    )
    in_events = F.col("table").isin(*COUNTED)
    first_at = F.when(in_events, F.col("first_event_at")).otherwise(F.col("first_at"))
    is_missing = F.when(in_events, F.col("first_event_at").isNull()).otherwise(F.col("is_known").isNull())
    is_leak = is_missing | F.coalesce(first_at >= F.lit(as_of).cast("timestamp"), F.lit(False))
    nowhere = F.when(in_events, "in no event").otherwise("in no event and no list")
    when = F.when(is_missing, nowhere).otherwise(F.concat(F.lit("first seen on "), F.to_date(first_at).cast("string")))
    example = F.concat("kind", F.lit(" "), "id", F.lit(" is "), when)
    summed = looked_up.groupBy("table", F.concat("kind", F.lit("s")).alias("check")).agg(
        F.sum("n").alias("n_checked"),
        F.coalesce(F.sum(F.when(is_leak, F.col("n"))), F.lit(0)).alias("n_leaked"),
        F.min(F.when(is_leak, F.struct("id", example.alias("example")))).alias("first"),
    )
    return summed.select("table", "check", "n_checked", "n_leaked", "first.example", "first.id")


def mentions(frame: DataFrame, name: str) -> DataFrame:
    """One row per mention of an id in table `name`: table, kind, id."""
    of_kinds = [_of_kind(named_ids(frame, name, kind), kind) for kind, places in KINDS.items() if name in places]
    mention = F.explode(F.concat(*of_kinds)).alias("mention")
    return frame.select(F.lit(name).alias("table"), mention).select("table", "mention.kind", "mention.id")


def _of_kind(ids: Column, kind: str) -> Column:
    """An array of kind and id; empty where there are no ids."""
    named = F.transform(ids, lambda one: F.struct(F.lit(kind).alias("kind"), one.cast("string").alias("id")))
    return F.coalesce(named, F.array().cast("array<struct<kind: string, id: string>>"))


def named_ids(frame: DataFrame, name: str, kind: str) -> Column:
    """The products (kind `product`) or customers (`user`) in a row of table `name`, as an array."""
    columns = KINDS[kind][name]
    is_list = {column: isinstance(frame.schema[column].dataType, T.ArrayType) for column in columns}
    ids = F.concat(*[F.col(column) if is_list[column] else F.array(column) for column in columns])
    return F.when(F.col("side") == kind, ids) if name == _SIDED else ids


def first_row_with(frame: DataFrame, name: str, kind: str, found: str) -> str:
    """The key of a row of table `name` that contains `found`."""
    row = frame.where(F.array_contains(named_ids(frame, name, kind), found)).select(key_text(name)).head()
    assert row is not None  # it was found in this frame
    return str(row[0])
