"""Ranking metrics of one list against one set of relevant products, as Spark expressions.

`hit_ranks` are the ascending ranks (from 1) at which the list holds a relevant product, `n_relevant` is the size of
the relevant set. An empty list has no hits and scores zero. Definitions follow Järvelin and Kekäläinen 2002 (NDCG) and
Manning, Raghavan and Schütze 2008 (the others).
"""

from __future__ import annotations

from itertools import accumulate
from math import log2

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

RANKING_METRICS = ("precision", "recall", "hit_rate", "mrr", "map", "ndcg")

# Metrics of lists and of experiments of which less is better; of all others, more is. Differences such as
# `ndcg_behind_best` are gains whatever the direction of the metric: 0 or less, and more is better.
LOWER_IS_BETTER = frozenset({"calibration", "gini", "head_exposure", "returns"})


def direction(metric: str) -> float:
    """1 where more of the metric is better, -1 where less is: times a difference, the gain."""
    return -1.0 if metric in LOWER_IS_BETTER else 1.0


def ranking_metrics(hit_ranks: Column, n_relevant: Column, k: int) -> dict[str, Column]:
    """The value at `k` of every metric named in `RANKING_METRICS`."""
    hits = F.filter(hit_ranks, lambda rank: rank <= k)
    return {
        "precision": precision(hits, k),
        "recall": recall(hits, n_relevant),
        "hit_rate": hit_rate(hits),
        "mrr": reciprocal_rank(hits),
        "map": average_precision(hits, n_relevant, k),
        "ndcg": ndcg(hits, n_relevant, k),
    }


def precision(hits: Column, k: int) -> Column:
    """Hits over k: a list shorter than k is not excused."""
    return F.size(hits) / F.lit(float(k))


def recall(hits: Column, n_relevant: Column) -> Column:
    """Share of the relevant products that were hit."""
    return F.size(hits) / n_relevant


def hit_rate(hits: Column) -> Column:
    """1 when anything was hit, else 0."""
    return F.when(F.size(hits) > 0, 1.0).otherwise(0.0)


def reciprocal_rank(hits: Column) -> Column:
    """1 over the rank of the first hit; 0 without one."""
    return F.coalesce(1.0 / F.array_min(hits), F.lit(0.0))


def average_precision(hits: Column, n_relevant: Column, k: int) -> Column:
    """Sum of the precision at each hit, over the hits that were possible: min(n_relevant, k)."""
    precisions = F.transform(hits, lambda rank, index: (index + 1) / rank)
    return _total(precisions) / F.least(n_relevant, F.lit(k))


def ndcg(hits: Column, n_relevant: Column, k: int) -> Column:
    """Discounted gain of the hits over that of the ideal list, which has min(n_relevant, k) hits on top."""
    gains = F.transform(hits, lambda rank: 1.0 / F.log2(rank + 1.0))
    ideal = F.array(*[F.lit(gain) for gain in accumulate(1.0 / log2(rank + 1) for rank in range(1, k + 1))])
    return _total(gains) / F.element_at(ideal, F.least(n_relevant, F.lit(k)).cast("int"))


def auc(hits: Column, n_relevant: Column, n_listed: Column, n_products: Column) -> Column:
    """Probability that a relevant product ranks before an irrelevant one, over the whole catalogue.

    All products that are not listed tie behind the list, and ties count half (the statistic of Mann and Whitney; Hanley
    and McNeil 1982; per customer as in Rendle et al. 2009, BPR). Null where all products are relevant.

    Args:
        hits: ascending ranks of the relevant products in the list.
        n_relevant: number of relevant products.
        n_listed: number of products in the list.
        n_products: number of products.
    """
    n_hits = F.size(hits)
    n_missed = n_relevant - n_hits
    n_wrong_behind = n_products - n_listed - n_missed
    # Behind the j-th hit (from 0) at rank r there are n_listed - r products, n_hits - j - 1 of them hits.
    beaten = F.transform(hits, lambda rank, j: (n_listed - rank) - (n_hits - j - 1) + n_wrong_behind)
    pairs = n_relevant * F.nullif(n_products - n_relevant, F.lit(0)).cast("double")
    return (_total(beaten) + n_missed * n_wrong_behind * 0.5) / pairs


def gini(n_products: Column, n_shown: Column, places: Column, weighted_places: Column) -> Column:
    """How unevenly listings are distributed over the catalogue: from 0, all products equally, to 1, one has them all.

    Gini 1912; of recommendations Fleder and Hosanagar 2009.

    Args:
        n_products: number of products.
        n_shown: number of products that are listed.
        places: number of listings.
        weighted_places: sum of listings times position, the listed products in ascending order from 1.
    """
    # Products that are never listed come first, and shift the positions of the others.
    moved = weighted_places + places * (n_products - n_shown)
    return 2.0 * moved / (n_products * places) - (n_products + 1.0) / n_products


def mean_ndcg(lists: DataFrame, relevant: DataFrame, k: int) -> float:
    """Mean NDCG@k over the customers of `relevant`; one without a list has none. 0 where there are no customers.

    Args:
        lists: user_id, product_id, rank.
        relevant: user_id, product_ids: the right answers.
        k: length of list.
    """
    answers = relevant.withColumnRenamed("product_ids", "relevant")
    first = lists.where(F.col("rank") <= k).join(answers, "user_id")
    marked = first.where(F.array_contains("relevant", F.col("product_id")))
    hits = marked.groupBy("user_id").agg(F.sort_array(F.collect_list("rank")).alias("hits"))
    found = F.coalesce("hits", F.array().cast("array<int>"))
    scored = relevant.join(hits, "user_id", "left").select(ndcg(found, F.size("product_ids"), k).alias("ndcg"))
    row = scored.agg(F.avg("ndcg").alias("mean")).head()
    return float(row.mean) if row is not None and row.mean is not None else 0.0


def mean_of_first(values: Column, k: int) -> Column:
    """Mean of the first `k` entries of an array; null when it is empty."""
    first = F.slice(values, 1, k)
    return F.when(F.size(first) > 0, _total(first) / F.size(first))


def self_information(n_users: Column, n_all_users: Column) -> Column:
    """Surprise, in bits, of being shown a product that `n_users` of `n_all_users` customers have bought.

    Zhou et al. 2010, smoothed by one customer so that a product nobody has bought has a finite value.
    """
    return F.log2((n_all_users + 1.0) / (n_users + 1.0))


def _total(values: Column) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)
