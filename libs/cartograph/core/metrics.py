"""Ranking metrics of one list against one set of relevant products, as Spark expressions.

`hit_ranks` are the ascending ranks (from 1) at which the list holds a relevant product, `n_relevant` is the size of
the relevant set. An empty list has no hits and scores zero. Definitions follow Järvelin and Kekäläinen 2002 (NDCG) and
Manning, Raghavan and Schütze 2008 (the others).
"""

from __future__ import annotations

from itertools import accumulate
from math import log2

from pyspark.sql import Column
from pyspark.sql import functions as F

RANKING_METRICS = ("precision", "recall", "hit_rate", "mrr", "map", "ndcg")


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
