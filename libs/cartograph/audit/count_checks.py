"""Counts that are higher than what had happened by the day of a partition, recomputed for a sample of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.audit.findings import Sources, key_text, summary
from cartograph.core.tables.schema import table

# Per table and count of baskets: the products that all of these baskets contain.
BASKET_COUNTS: dict[str, dict[str, str]] = {
    "silver.product_graph": {"n_orders": "array(src, dst)"},
    "gold.itemsets": {"n_baskets": "itemset"},
    "gold.rules": {
        "n_baskets": "array_union(antecedent, consequent)",
        "n_antecedent": "antecedent",
        "n_consequent": "consequent",
    },
    "gold.high_utility_itemsets": {"n_baskets": "itemset"},
}
REPURCHASES, EXPERIMENTS = "gold.repurchases", "gold.experiments"
TABLES = (*BASKET_COUNTS, REPURCHASES, EXPERIMENTS)


def count_checks(frames: Mapping[str, DataFrame], sources: Sources, as_of: date, sample: int) -> Iterator[DataFrame]:
    """A `summary` per table and count.

    Steps may skip baskets (of bots, of wholesale customers) or cut long ones, so counts may be lower than those
    recomputed here; a higher one includes what had not happened yet.

    Args:
        frames: the partitions audited, by table.
        sources: see `Sources`.
        as_of: the day of the partitions.
        sample: rows per table that are recomputed.
    """
    counted = {name: frames[name] for name in BASKET_COUNTS if name in frames}
    if counted:
        before = sources.baskets.where(_before("ordered_at", as_of))
        claims = reduce(DataFrame.unionByName, [basket_claims(each, name, sample) for name, each in counted.items()])
        recounted = recount(claims.localCheckpoint(), before).localCheckpoint()  # Read once for each of its counts.
        example = F.concat_ws(" ", "key", F.lit("says"), "n", F.lit(f"baskets; before {as_of} there were"), "n_before")
        for name in counted:
            for check in BASKET_COUNTS[name]:
                rows = recounted.where((F.col("table") == name) & (F.col("check") == check))
                yield summary(rows, name, check, F.col("n") > F.col("n_before"), example)
    if REPURCHASES in frames:
        yield from _repurchases(_sampled(frames[REPURCHASES], REPURCHASES, sample), sources.events, as_of)
    if EXPERIMENTS in frames and sources.exposures is not None:
        yield _experiments(frames[EXPERIMENTS], sources.exposures, as_of)


def basket_claims(frame: DataFrame, name: str, sample: int) -> DataFrame:
    """What a sample of the rows of table `name` claims about baskets: table, check, key, product_ids, n."""
    claimed = [
        F.struct(F.lit(check).alias("check"), F.expr(products).alias("product_ids"), F.col(check).alias("n"))
        for check, products in BASKET_COUNTS[name].items()
    ]
    rows = _sampled(frame, name, sample).select(
        key_text(name).alias("key"), F.explode(F.array(*claimed)).alias("claim")
    )
    return rows.select(F.lit(name).alias("table"), "key", "claim.*").where("n is not null")


def recount(claims: DataFrame, baskets: DataFrame) -> DataFrame:
    """The claims with n_before: how many of `baskets` contain all their product_ids. Only their lines are shuffled."""
    key = ["table", "check", "key"]
    claimed = claims.select(
        *key, F.size("product_ids").alias("n_products"), F.explode("product_ids").alias("product_id")
    )
    lines = baskets.select("order_id", F.explode("product_ids").alias("product_id"))
    met = lines.join(F.broadcast(claimed), "product_id").groupBy(*key, "n_products", "order_id")
    whole = met.agg(F.count_distinct("product_id").alias("n_met")).where("n_met = n_products")
    counts = whole.groupBy(*key).agg(F.count(F.lit(1)).alias("n_before"))
    return claims.join(counts, key, "left").na.fill(0, ["n_before"])


def _repurchases(rows: DataFrame, events: DataFrame, as_of: date) -> Iterator[DataFrame]:
    """Number of days on which a customer bought a product, and the last of them."""
    pair = ["user_id", "product_id"]
    bought = events.where((F.col("event_type") == "purchase") & _before("event_at", as_of))
    days = bought.join(F.broadcast(rows.select(*pair)), pair).select(*pair, F.to_date("event_at").alias("day"))
    before = days.groupBy(*pair).agg(F.count_distinct("day").alias("n_before"), F.max("day").alias("last_before"))
    known = rows.join(before, pair, "left").na.fill(0, ["n_before"])
    key = key_text(REPURCHASES)
    example = F.concat_ws(" ", key, F.lit("says"), "n_purchases", F.lit(f"days; before {as_of} there were"), "n_before")
    yield summary(known, REPURCHASES, "n_purchases", F.col("n_purchases") > F.col("n_before"), example)
    is_late = F.coalesce(F.col("last_on") > F.col("last_before"), F.lit(True))
    last = F.coalesce(F.col("last_before").cast("string"), F.lit("never"))
    example = F.concat(key, F.lit(" was last bought on "), "last_on", F.lit(f"; before {as_of}: "), last)
    yield summary(known, REPURCHASES, "last_purchase", is_late, example)


def _experiments(rows: DataFrame, exposures: DataFrame, as_of: date) -> DataFrame:
    """Customers of an arm and of its control, compared with all who were shown anything in the experiment."""
    shown = exposures.where(_before("exposed_at", as_of)).groupBy("experiment")
    known = rows.join(shown.agg(F.count_distinct("user_id").alias("n_before")), "experiment", "left")
    n = F.greatest("n_users", "n_control_users")
    example = F.concat_ws(
        " ", key_text(EXPERIMENTS), F.lit("has"), n, F.lit(f"customers; before {as_of} there were"),
        F.coalesce("n_before", F.lit(0)),
    )  # fmt: skip
    return summary(known, EXPERIMENTS, "n_users", n > F.coalesce("n_before", F.lit(0)), example)


def _sampled(frame: DataFrame, name: str, sample: int) -> DataFrame:
    """At most `sample` rows, those with the smallest hash of their key."""
    key = [column for column in table(name).key if column != "as_of"]
    return frame.orderBy(F.xxhash64(*key), *key).limit(sample)


def _before(instant: str, as_of: date) -> Column:
    return F.col(instant) < F.lit(as_of).cast("timestamp")
