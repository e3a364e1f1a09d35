"""Lists whose categories are those of the customer's own taste, in the same proportions.

Steck 2018, "Calibrated recommendations": products are chosen one after the other, each time the one that makes

    (1 - weight) x sum of relevance - weight x KL(p || q)

largest, with p the shares of categories in the customer's history and q those in the list, mixed with a little of p so
that a category that is missing costs much, not infinitely much.
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

_MIXED = 0.01  # share of p in q, as in the paper


def calibrated(
    lists: DataFrame, tastes: DataFrame, categories: DataFrame, k: int, weight: float, depth: int = 100
) -> DataFrame:
    """At most `k` rows per customer: user_id, product_id, rank (from 1), in the order in which they were chosen.

    Args:
        lists: user_id, product_id, score (0 or more), rank.
        tastes: of `tastes_of`; a customer without one gets the most relevant products.
        categories: product_id, category; a product without one belongs to a category of its own kind, ''.
        k: length of a list.
        weight: 0 to 1, what taste counts beside relevance.
        depth: candidates of a customer that are looked at, the best.
    """
    near = lists.where(F.col("rank") <= depth).join(categories, "product_id", "left").na.fill("", ["category"])
    place = F.struct("rank", "product_id", F.col("score").cast("double").alias("score"), "category")
    best = near.groupBy("user_id").agg(F.sort_array(F.collect_list(place)).alias("best"))
    asked = best.join(tastes, "user_id", "left").select(
        "user_id", F.col("best.product_id").alias("product_ids"), F.col("best.score").alias("scores"),
        F.col("best.category").alias("categories"), "liked", "shares",
    )  # fmt: skip
    choose = partial(_chosen, k=k, weight=weight)
    return asked.mapInArrow(choose, "user_id string, product_id string, rank int")


def tastes_of(histories: DataFrame, categories: DataFrame) -> DataFrame:
    """One row per customer: user_id, liked (categories, sorted) and shares (of the events, aligned).

    Args:
        histories: user_id, product_ids, of `core.views.histories`.
        categories: product_id, category.
    """
    touched = histories.select("user_id", F.explode("product_ids").alias("product_id"))
    counts = touched.join(categories, "product_id").groupBy("user_id", "category").count()
    pairs = counts.groupBy("user_id").agg(F.sort_array(F.collect_list(F.struct("category", "count"))).alias("pairs"))
    total = F.aggregate("pairs", F.lit(0.0), lambda sum_, pair: sum_ + pair["count"])
    shares = F.transform("pairs", lambda pair: pair["count"] / total)
    return pairs.select("user_id", F.col("pairs.category").alias("liked"), shares.alias("shares"))


def _chosen(batches: Iterable[pa.RecordBatch], k: int, weight: float) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        starts, product_ids = flat(batch.column("product_ids"))
        scores = flat(batch.column("scores"))[1].to_numpy(zero_copy_only=False)
        listed, (liked_starts, liked) = flat(batch.column("categories"))[1], flat(batch.column("liked"))
        names = pa.concat_arrays([listed, liked]).unique()
        codes, liked_codes = (pc.index_in(each, value_set=names).to_numpy(zero_copy_only=False).astype(np.int64)
                              for each in (listed, liked))  # fmt: skip
        shares = flat(batch.column("shares"))[1].to_numpy(zero_copy_only=False)
        places = pick_calibrated_rows(starts, scores, codes, liked_starts, liked_codes, shares, len(names), k, weight)
        yield picked(batch.column("user_id"), product_ids, places)


@njit(cache=True, nogil=True)
def pick_calibrated_rows(
    starts: Longs, scores: Floats, codes: Longs, liked_starts: Longs, liked: Longs, shares: Floats,
    n_categories: int, k: int, weight: float,
) -> Longs:  # fmt: skip
    """Places of what each customer is shown among all candidates: (customers, k), -1 where there are too few.

    Args:
        starts: of each customer's candidates, best first, with `scores` and the `codes` of their categories.
        liked_starts: of each customer's categories in `liked`, with their `shares`.
        n_categories: number of codes.
        k: length of a list.
        weight: see above.
    """
    places = np.full((len(starts) - 1, k), -1, dtype=np.int64)
    taste = np.zeros(n_categories)
    for row in range(len(starts) - 1):
        first, last = starts[row], starts[row + 1]
        own = slice(liked_starts[row], liked_starts[row + 1])
        for at in range(liked_starts[row], liked_starts[row + 1]):
            taste[liked[at]] = shares[at]
        chosen = pick_calibrated(scores[first:last], codes[first:last], taste, liked[own], k, weight)
        places[row, : len(chosen)] = first + chosen
        taste[liked[own]] = 0.0
    return places


@njit(cache=True, nogil=True)
def pick_calibrated(scores: Floats, codes: Longs, taste: Floats, liked: Longs, k: int, weight: float) -> Longs:
    """What one customer is shown; of equal gains the earlier candidate wins."""
    n = len(scores)
    chosen = np.empty(min(k, n), dtype=np.int64)
    free, counts = np.ones(n, dtype=np.bool_), np.zeros(len(taste))
    highest = max(scores.max(), 1e-300) if n else 1.0
    for place in range(len(chosen)):
        best, best_gain = -1, -np.inf
        for each in range(n):
            if free[each]:
                counts[codes[each]] += 1
                gain = (1 - weight) * scores[each] / highest - weight * divergence(taste, liked, counts, place + 1)
                counts[codes[each]] -= 1
                if gain > best_gain:
                    best, best_gain = each, gain
        chosen[place], free[best] = best, False
        counts[codes[best]] += 1
    return chosen


@njit(cache=True, nogil=True)
def divergence(taste: Floats, liked: Longs, counts: Floats, n: int) -> float:
    """KL(p || q) of the taste from a list of `n` products with these counts; 0 without a taste."""
    total = 0.0
    for category in liked:
        p = taste[category]
        total += p * np.log(p / ((1 - _MIXED) * counts[category] / n + _MIXED * p))
    return total
