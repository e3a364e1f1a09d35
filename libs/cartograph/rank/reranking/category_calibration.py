"""Lists whose categories are in the same proportions as those of the customer's history.

Steck 2018, "Calibrated recommendations": products are chosen greedily, each time the one that maximises

    (1 - weight) x sum of relevance - weight x KL(p || q)

with p the shares of categories in the customer's history and q those in the list, smoothed with a little of p so that a
missing category is penalised heavily, not infinitely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.kernels import flat
from cartograph.rank.reranking.diversity_kernels import Floats, Longs, picked

_SMOOTHING = 0.01  # share of p in q, as in the paper


def calibrated(
    lists: DataFrame, profiles: DataFrame, categories: DataFrame, k: int, weight: float, depth: int = 100
) -> DataFrame:
    """At most `k` rows per customer: user_id, product_id, rank (from 1), in the order in which they were chosen.

    Args:
        lists: user_id, product_id, score (0 or more), rank.
        profiles: of `category_profiles`; a customer without one gets the most relevant products.
        categories: product_id, category; products without one share the category ''.
        k: length of a list.
        weight: weight of calibration against relevance, 0 to 1.
        depth: best candidates of a customer to choose from.
    """
    near = lists.where(F.col("rank") <= depth).join(categories, "product_id", "left").na.fill("", ["category"])
    place = F.struct("rank", "product_id", F.col("score").cast("double").alias("score"), "category")
    best = near.groupBy("user_id").agg(F.sort_array(F.collect_list(place)).alias("best"))
    customers = best.join(profiles, "user_id", "left").select(
        "user_id", F.col("best.product_id").alias("product_ids"), F.col("best.score").alias("scores"),
        F.col("best.category").alias("categories"), "own_categories", "shares",
    )  # fmt: skip
    choose = partial(_chosen, k=k, weight=weight)
    return customers.mapInArrow(choose, "user_id string, product_id string, rank int")


def category_profiles(histories: DataFrame, categories: DataFrame) -> DataFrame:
    """One row per customer: user_id, own_categories (sorted) and shares (of their events in these, aligned).

    Args:
        histories: user_id, product_ids, of `core.views.histories`.
        categories: product_id, category.
    """
    past = histories.select("user_id", F.explode("product_ids").alias("product_id"))
    counts = past.join(categories, "product_id").groupBy("user_id", "category").count()
    pairs = counts.groupBy("user_id").agg(F.sort_array(F.collect_list(F.struct("category", "count"))).alias("pairs"))
    total = F.aggregate("pairs", F.lit(0.0), lambda sum_, pair: sum_ + pair["count"])
    shares = F.transform("pairs", lambda pair: pair["count"] / total)
    return pairs.select("user_id", F.col("pairs.category").alias("own_categories"), shares.alias("shares"))


def _chosen(batches: Iterable[pa.RecordBatch], k: int, weight: float) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        starts, product_ids = flat(batch.column("product_ids"))
        scores = flat(batch.column("scores"))[1].to_numpy(zero_copy_only=False)
        listed, (own_starts, own) = flat(batch.column("categories"))[1], flat(batch.column("own_categories"))
        names = pa.concat_arrays([listed, own]).unique()
        codes, own_codes = (pc.index_in(each, value_set=names).to_numpy(zero_copy_only=False).astype(np.int64)
                              for each in (listed, own))  # fmt: skip
        shares = flat(batch.column("shares"))[1].to_numpy(zero_copy_only=False)
        places = pick_calibrated_rows(starts, scores, codes, own_starts, own_codes, shares, len(names), k, weight)
        yield picked(batch.column("user_id"), product_ids, places)


@njit(cache=True, nogil=True)
def pick_calibrated_rows(
    starts: Longs, scores: Floats, codes: Longs, own_starts: Longs, own: Longs, shares: Floats,
    n_categories: int, k: int, weight: float,
) -> Longs:  # fmt: skip
    """Positions of each customer's chosen products among all candidates: (customers, k), -1 beyond the last one.

    Args:
        starts: of each customer's candidates, best first, in `scores` and in `codes`, the codes of their categories.
        own_starts: of each customer's categories in `own`, the categories of their history, and `shares`.
        n_categories: number of codes.
        k: length of a list.
        weight: see above.
    """
    positions = np.full((len(starts) - 1, k), -1, dtype=np.int64)
    profile = np.zeros(n_categories)
    for row in range(len(starts) - 1):
        first, last = starts[row], starts[row + 1]
        categories = own[own_starts[row] : own_starts[row + 1]]
        for at in range(own_starts[row], own_starts[row + 1]):
            profile[own[at]] = shares[at]
        chosen = pick_calibrated(scores[first:last], codes[first:last], profile, categories, k, weight)
        positions[row, : len(chosen)] = first + chosen
        profile[categories] = 0.0
    return positions


@njit(cache=True, nogil=True)
def pick_calibrated(scores: Floats, codes: Longs, profile: Floats, own: Longs, k: int, weight: float) -> Longs:
    """The chosen products of one customer, ties to the earlier candidate; `own` are the categories of the profile."""
    n = len(scores)
    chosen = np.empty(min(k, n), dtype=np.int64)
    free, counts = np.ones(n, dtype=np.bool_), np.zeros(len(profile))
    highest = max(scores.max(), 1e-300) if n else 1.0
    for place in range(len(chosen)):
        best, best_gain = -1, -np.inf
        for each in range(n):
            if free[each]:
                counts[codes[each]] += 1
                gain = (1 - weight) * scores[each] / highest - weight * divergence(profile, own, counts, place + 1)
                counts[codes[each]] -= 1
                if gain > best_gain:
                    best, best_gain = each, gain
        chosen[place], free[best] = best, False
        counts[codes[best]] += 1
    return chosen


@njit(cache=True, nogil=True)
def divergence(profile: Floats, own: Longs, counts: Floats, n: int) -> float:
    """KL(p || q) of the profile from a list of `n` products with these counts per category; 0 without a profile."""
    total = 0.0
    for category in own:
        p = profile[category]
        total += p * np.log(p / ((1 - _SMOOTHING) * counts[category] / n + _SMOOTHING * p))
    return total
