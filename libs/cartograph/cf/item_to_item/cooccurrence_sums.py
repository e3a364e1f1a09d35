"""Sums of pair weights in integer millionths: the same in any order, and those of two periods add up exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.cf.settings import CooccurrenceSettings
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import Block, PairRows, RowsOf, catalogue_of
from cartograph.core.pairs.kernels import Floats, weigh_rows
from cartograph.core.pairs.rows import coded_products, pair_rows
from cartograph.core.views.baskets import distinct_items
from cartograph.core.views.interactions import interactions

UNIT = 1e6  # Weights are multiples of 1 / UNIT.


def weighted_groups(
    data: Silver,
    settings: CooccurrenceSettings,
    event_weights: Mapping[str, float] = EVENT_WEIGHTS,
    reference: date | None = None,
) -> DataFrame:
    """Groups with the weights of their members: product_ids, sources, targets (aligned arrays).

    Of a history the `newest` products, each where it was touched last, oldest first; `sources` is the largest event
    weight that its events allow (their sum, at most 1), `targets` that times its age's. A basket's products all weigh
    1 and its age's.

    Args:
        data: the events, or the baskets, that the groups are made of.
        settings: of the model.
        event_weights: weight of an event of each type.
        reference: the day on which age is 0; None: that of the newest event or basket.
    """
    newest, half_life_days = settings.newest, settings.half_life_days
    if settings.source == "baskets":
        baskets = distinct_items(data.baskets).where("size(product_ids) > 0")
        members = baskets.select(
            F.slice(F.array_sort("product_ids"), 1, newest).alias("product_ids"), F.to_date("ordered_at").alias("day")
        )
        age = _freshness(members, half_life_days, reference)
        ones = F.transform("product_ids", lambda _: F.lit(1.0))
        return members.select(
            "product_ids", ones.alias("sources"), F.transform(ones, lambda one: one * age).alias("targets")
        )
    touched = interactions(data.events, event_weights, newest).where("weight > 0")
    touched = touched.withColumn("day", F.to_date("last_at"))
    age = _freshness(touched, half_life_days, reference)
    weight = F.least("weight", F.lit(1.0))
    step = F.struct("last_at", "product_id", weight.alias("source"), (weight * age).alias("target"))
    histories = touched.groupBy("user_id").agg(F.sort_array(F.collect_list(step)).alias("steps"))
    return histories.select(
        F.col("steps.product_id").alias("product_ids"),
        F.col("steps.source").alias("sources"),
        F.col("steps.target").alias("targets"),
    )


def _freshness(members: DataFrame, half_life_days: float | None, reference: date | None) -> Column:
    """0.5^(days before `reference` / half life) of the column `day`."""
    if half_life_days is None:
        return F.lit(1.0)
    if reference is None:
        row = members.agg(F.max("day").alias("day")).head()
        reference = row["day"] if row else None
    age = F.datediff(F.lit(reference), F.col("day"))
    return F.pow(F.lit(0.5), age / F.lit(float(half_life_days)))


def ordered_rows(settings: CooccurrenceSettings) -> RowsOf:
    """How the pairs of `weighted_groups` are summed: by distance in histories, both ways equally in baskets."""
    is_ordered = settings.source == "histories"
    distance_decay, backward = (settings.distance_decay, settings.backward) if is_ordered else (1.0, 1.0)
    distances = distance_decay ** np.arange(max(settings.newest - 1, 1), dtype=np.float64)
    return partial(weighed, distances=distances[distances * UNIT >= 0.5], backward=backward)


def weighed(block: Block, distances: Floats, backward: float) -> Iterator[PairRows]:
    """Rows of a block: per pair the summed weight, in units of 1 / UNIT; see `pair_kernels.weigh_rows`."""
    sums = np.zeros(len(block.catalogue.product_ids), dtype=np.int64)
    for rows, room in block.chunks():
        counts = weigh_rows(
            rows, block.own, block.own_starts, block.own_groups, block.own_places, block.starts, block.members,
            block.sources, block.targets, distances, backward, UNIT, sums, room,
        )  # fmt: skip
        yield PairRows(block, rows, *counts)


def cooccurrence_sums(groups: DataFrame, rows_of: RowsOf) -> tuple[DataFrame, DataFrame]:
    """Sums that can be stored and added up: of pairs (product_id, associated_product_id, weight), and of products
    (product_id, n_groups); `weight` (long) in units of 1 / UNIT.

    Sums of two periods, made with the same `reference`, add up to the sums of both (`merged`) to the last digit:
    for baskets always, for histories when no customer is in both.

    Args:
        groups: of `weighted_groups`.
        rows_of: of `ordered_rows`.
    """
    coded = coded_groups(groups)
    catalogue = catalogue_of(coded)
    products = coded_products(groups.sparkSession, catalogue)
    named = products.select(F.col("code").alias("other"), F.col("product_id").alias("associated_product_id"))
    weights = (
        pair_rows(coded, catalogue, rows_of)
        .join(products, "code")
        .join(named, "other")
        .select("product_id", "associated_product_id", F.col("sum").alias("weight"))
    )
    return weights, products.select("product_id", "n_groups")


def merged(one: DataFrame, other: DataFrame) -> DataFrame:
    """The sums of two periods added up: the same columns, one row per key."""
    *keys, value = one.columns
    return one.unionByName(other).groupBy(*keys).agg(F.sum(value).alias(value))
