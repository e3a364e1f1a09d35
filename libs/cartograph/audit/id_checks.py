"""Products and customers that were not known on the day of a partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

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


def id_checks(frames: Mapping[str, DataFrame], seen: Mapping[str, DataFrame], as_of: date) -> Iterator[DataFrame]:
    """A `summary` per table and kind of id, where n_checked counts mentions of ids; `id` is one that leaks.

    Args:
        frames: the partitions audited, by table.
        seen: see `first_seen`, by kind (`product`, `user`).
        as_of: the day of the partitions.
    """
    for kind, places in (("product", PRODUCTS), ("user", USERS)):
        for name in places:
            if name in frames:
                ids = frames[name].select(F.explode(named_ids(frames[name], name, kind)).alias("id"))
                yield _unknown_ids(ids, seen[kind], name, kind, as_of)


def named_ids(frame: DataFrame, name: str, kind: str) -> Column:
    """The products (kind `product`) or customers (`user`) in a row of table `name`, as an array."""
    columns = (PRODUCTS if kind == "product" else USERS)[name]
    is_list = {column: isinstance(frame.schema[column].dataType, T.ArrayType) for column in columns}
    ids = F.concat(*[F.col(column) if is_list[column] else F.array(column) for column in columns])
    return F.when(F.col("side") == kind, ids) if name == _SIDED else ids


def first_row_with(frame: DataFrame, name: str, kind: str, found: str) -> str:
    """The key of a row of table `name` that contains `found`."""
    row = frame.where(F.array_contains(named_ids(frame, name, kind), found)).select(key_text(name)).head()
    assert row is not None  # it was found in this frame
    return str(row[0])


def _unknown_ids(ids: DataFrame, seen: DataFrame, name: str, kind: str, as_of: date) -> DataFrame:
    """The summary of one table; mentions are counted per id before the join, so that few rows are joined."""
    mentions = ids.groupBy("id").agg(F.count(F.lit(1)).alias("n"))
    looked_up = mentions.join(seen.withColumn("is_known", F.lit(True)), "id", "left")
    first_at = F.col("first_event_at" if name in COUNTED else "first_at")
    if name in COUNTED:
        is_missing, where = first_at.isNull(), "in no event"
    else:
        is_missing, where = F.col("is_known").isNull(), "in no event and no list"
    is_late = first_at >= F.lit(as_of).cast("timestamp")
    is_leak = is_missing | F.coalesce(is_late, F.lit(False))
    when = F.when(is_missing, where).otherwise(F.concat(F.lit("first seen on "), F.to_date(first_at).cast("string")))
    example = F.concat(F.lit(f"{kind} "), "id", F.lit(" is "), when)
    summed = looked_up.agg(
        F.coalesce(F.sum("n"), F.lit(0)).alias("n_checked"),
        F.coalesce(F.sum(F.when(is_leak, F.col("n"))), F.lit(0)).alias("n_leaked"),
        F.min(F.when(is_leak, F.struct("id", example.alias("example")))).alias("first"),
    )
    what = F.lit(name).alias("table"), F.lit(f"{kind}s").alias("check")
    return summed.select(*what, "n_checked", "n_leaked", "first.example", "first.id")
