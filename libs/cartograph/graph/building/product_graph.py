"""The product graph: which products are bought and viewed together more often than expected, and in which order.

Edges hold counts and statistics of them, so that every reader can apply thresholds of their own: nothing is learned.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import Catalogue, RowsOf, catalogue_of, counted
from cartograph.core.pairs.rows import pair_rows
from cartograph.core.pairs.swings import UNIT, swings
from cartograph.core.statistics.exact_tests import p_value
from cartograph.core.statistics.multiple_tests import least_of
from cartograph.core.statistics.rule_measures import Counts, lift, npmi
from cartograph.core.views import product_sets
from cartograph.core.views.liking import with_liking
from cartograph.graph.building import groups
from cartograph.graph.building.following import followed
from cartograph.graph.settings import BuildingSettings

SECONDS_PER_DAY = 86_400
_COUNTS = ("n_orders", "n_sessions", "n_views", "n_followed", "n_preceded", "seconds", "swing")


def product_graph(data: Silver, settings: BuildingSettings) -> DataFrame:
    """One row per edge, from src to dst: in both directions, unless dst has too many heavier ones.

    Columns: src, dst; n_orders, n_sessions, n_views (orders with both, sessions with both, sessions in which both were
    viewed); lift, npmi, p_value of n_orders (0, -1 and 1 if never bought together), view_lift, view_npmi, view_p_value
    of n_views; chance: how many edges of a product, as unlikely as this one, are expected at random, in orders
    or in views (corrected for taking the smaller of two p values); swing over customers; n_followed, n_preceded: orders
    and customers in which dst was bought after src, before it, within the window; forward_share: n_followed of both
    (null if none); gap_days: mean days from src to dst (null if none); weight: npmi plus view_npmi, each if above 0.

    Args:
        data: silver tables before `as_of`, of `core.views.product_sets.of_shoppers`.
    """
    columns = ("user_id", "product_id", "event_type", "order_id", "session_id", "event_at", "liking")
    events = with_liking(data.events).select(*columns).persist()  # Read four times.
    together = {
        "orders": product_sets.orders(data.baskets, settings.max_products),
        "sessions": product_sets.sessions(events, ("view", "cart", "purchase"), settings.max_products),
        "views": product_sets.sessions(events, ("view",), settings.max_products),
        "sequences": groups.purchase_sequences(events, settings.newest),
        "customers": groups.customers(events, settings.max_products),
    }
    sets = {name: coded_groups(each) for name, each in together.items()}
    catalogues = dict(zip(sets, _aligned([catalogue_of(each) for each in sets.values()]), strict=True))
    pairs = _side_by_side(_counts(sets, catalogues, settings))
    kept = pruned(_measured(pairs, catalogues), settings).localCheckpoint()
    events.unpersist()
    return kept


def _counts(
    sets: dict[str, DataFrame], catalogues: dict[str, Catalogue], settings: BuildingSettings
) -> dict[str, DataFrame]:
    """The counts of pairs, by name: code, other, sum."""

    def pairs(name: str, rows_of: RowsOf = counted) -> DataFrame:
        return pair_rows(sets[name], catalogues[name], rows_of)

    after = partial(followed, window_seconds=float(settings.window_days * SECONDS_PER_DAY))
    swing = partial(swings, alpha=1.0, user_exponent=0.5, min_common=2, max_users=settings.max_users)
    follows = pairs("sequences", partial(after, sum_gaps=False)).localCheckpoint()
    return {
        "n_orders": pairs("orders"),
        "n_sessions": pairs("sessions"),
        "n_views": pairs("views"),
        "n_followed": follows,
        "n_preceded": follows.select(F.col("other").alias("code"), F.col("code").alias("other"), "sum"),
        "seconds": pairs("sequences", partial(after, sum_gaps=True)),
        "swing": pairs("customers", swing),
    }


def _aligned(catalogues: list[Catalogue]) -> list[Catalogue]:
    """The catalogues extended to the products of all of them, so that codes agree."""
    ids = pc.unique(pa.concat_arrays([each.product_ids for each in catalogues]))
    ids = ids.take(pc.sort_indices(ids))
    aligned = []
    for each in catalogues:
        n_groups = np.zeros(len(ids), dtype=np.int64)
        n_groups[pc.index_in(each.product_ids, value_set=ids).to_numpy()] = each.n_groups
        aligned.append(replace(each, product_ids=ids, n_groups=n_groups))
    return aligned


def _products(spark: SparkSession, in_orders: Catalogue, in_views: Catalogue) -> DataFrame:
    """One row per product: code, id, and the number of orders and of sessions with views of it."""
    codes = pa.array(np.arange(len(in_orders.product_ids)), pa.int32())
    columns = {
        "code": codes,
        "id": in_orders.product_ids,
        "in_orders": in_orders.n_groups,
        "in_views": in_views.n_groups,
    }
    return spark.createDataFrame(pa.table(columns))


def _side_by_side(counts: dict[str, DataFrame]) -> DataFrame:
    """One row per pair with any count: code, other, and a column (long) per count, 0 where it is missing."""
    named = [frame.select("code", "other", F.lit(name).alias("kind"), "sum") for name, frame in counts.items()]
    sums = [F.coalesce(F.sum(F.when(F.col("kind") == name, F.col("sum"))), F.lit(0)).alias(name) for name in _COUNTS]
    return reduce(DataFrame.unionByName, named).groupBy("code", "other").agg(*sums)


def _measured(pairs: DataFrame, catalogues: dict[str, Catalogue]) -> DataFrame:
    """The pairs with product ids and every column of an edge."""
    in_orders, in_views = catalogues["orders"], catalogues["views"]
    products = _products(pairs.sparkSession, in_orders, in_views)
    source = products.toDF("code", "src", "src_orders", "src_views")
    goal = products.toDF("other", "dst", "dst_orders", "dst_views")
    named = pairs.join(source, "code").join(goal, "other")
    by_orders = _with_significance(named, "", ("n_orders", "src_orders", "dst_orders"), in_orders.total)
    measured = _with_significance(by_orders, "view_", ("n_views", "src_views", "dst_views"), in_views.total)
    ordered = F.nullif(F.col("n_followed") + F.col("n_preceded"), F.lit(0))
    gap = F.col("seconds") / F.nullif(F.col("n_followed"), F.lit(0)) / SECONDS_PER_DAY
    tested = [name for name, each in (("p_value", in_orders), ("view_p_value", in_views)) if each.total]
    chance = least_of(*[F.col(name) for name in tested or ["p_value"]]) * float(len(in_orders.product_ids))
    above = [F.greatest(F.col(name), F.lit(0.0)) for name in ("npmi", "view_npmi")]
    return measured.withColumns(
        {
            "swing": F.col("swing") / UNIT,
            "forward_share": F.col("n_followed") / ordered,
            "gap_days": gap,
            "chance": chance,
            "weight": above[0] + above[1],
        }
    )


def _with_significance(pairs: DataFrame, prefix: str, names: tuple[str, str, str], total: int) -> DataFrame:
    """The pairs with lift, npmi and p_value (named with `prefix`) of three counts, out of `total` groups."""
    both, first, second = (F.col(name) for name in names)
    all_groups = F.lit(total).cast("long")
    doubles = Counts(*(column.cast("double") for column in (both, first, second, all_groups)))

    def where_together(value: Column, never: float) -> Column:
        return F.when(both > 0, value).otherwise(F.lit(never))

    return pairs.withColumns(
        {
            f"{prefix}lift": where_together(lift(doubles), 0.0),
            f"{prefix}npmi": where_together(npmi(doubles), -1.0),
            f"{prefix}p_value": p_value(both, first, second, all_groups),
        }
    )


def pruned(edges: DataFrame, settings: BuildingSettings) -> DataFrame:
    """The significant edges, at most `n_neighbours` per product, the heaviest."""
    heaviest_first = Window.partitionBy("src").orderBy(F.desc("weight"), "dst")
    return (
        edges.where(F.col("chance") <= settings.max_chance)
        .withColumn("place", F.row_number().over(heaviest_first))
        .where(F.col("place") <= settings.n_neighbours)
        .select(
            "src", "dst", "n_orders", "n_sessions", "n_views", "lift", "npmi", "p_value", "view_lift", "view_npmi",
            "view_p_value", "chance", "swing", "n_followed", "n_preceded", "forward_share", "gap_days", "weight",
        )
    )  # fmt: skip
