"""Means with 95 % intervals, without ever holding the customers in one place.

Customers are dealt into buckets by a hash; the bucket sums, whose number does not grow with the customers, are then
resampled with Poisson weights (Chamandy et al. 2012, "Estimating uncertainty for massive data streams"). Every model
and slice meets the same weights, so their values move together as in a paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

Floats = NDArray[np.float64]

_COLUMNS = "model string, slice string, metric string, k int, value double, low double, high double, n_users long"
_DECIMALS = 12  # rows are added in order of arrival, so further digits differ from run to run


def means(scores: DataFrame, names: Sequence[str], n_buckets: int, n_resamples: int, seed: int) -> DataFrame:
    """One row per model, slice and metric: the mean over customers and its 95 % bootstrap interval.

    Columns: model, slice, metric, k, value, low, high, n_users (rows with a value).

    Args:
        scores: model, slice, cluster_id (what is resampled) and `names`; null values are left out of their mean.
        names: columns to average, each `metric@k`.
        n_buckets: groups that are resampled.
        n_resamples: times that is done.
        seed: of the groups and of the weights.
    """
    bucket = F.pmod(F.xxhash64(F.lit(seed), "cluster_id"), F.lit(n_buckets)).cast("int").alias("bucket")
    sums = scores.groupBy("model", "slice", bucket).agg(
        *[F.sum(f"`{name}`").alias(f"sum {name}") for name in names],
        *[F.count(f"`{name}`").alias(f"n {name}") for name in names],
    )
    summary = _interval_of(names, n_buckets, n_resamples, seed)
    return sums.groupBy("model", "slice").applyInPandas(summary, _COLUMNS)


def resampled_means(sums: Floats, counts: Floats, buckets: NDArray[np.integer[Any]], weights: Floats) -> Floats:
    """Means under every resampling: rows are resamples, columns metrics; nan where a resample is empty.

    Args:
        sums: of the values, shape (buckets present, metrics).
        counts: of the values, same shape.
        buckets: numbers of the buckets present.
        weights: Poisson draws, shape (resamples, all buckets).
    """
    drawn = weights[:, buckets]
    n_drawn = drawn @ counts
    return np.divide(drawn @ sums, n_drawn, out=np.full(n_drawn.shape, np.nan), where=n_drawn > 0)


@lru_cache(maxsize=1)
def _weights(n_buckets: int, n_resamples: int, seed: int) -> Floats:
    """How often each resample (rows) draws each bucket; the same for all models and slices, so drawn once a process."""
    return np.random.default_rng(seed).poisson(1.0, (n_resamples, n_buckets)).astype(float)


def _interval_of(
    names: Sequence[str], n_buckets: int, n_resamples: int, seed: int
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def summary(group: pd.DataFrame) -> pd.DataFrame:
        group = group.sort_values("bucket")
        sums = group[[f"sum {name}" for name in names]].fillna(0.0).to_numpy(float)
        counts = group[[f"n {name}" for name in names]].to_numpy(float)
        resampled = resampled_means(sums, counts, group["bucket"].to_numpy(), _weights(n_buckets, n_resamples, seed))
        total = counts.sum(axis=0)
        present = total > 0
        low, high = np.nanpercentile(resampled[:, present], [2.5, 97.5], axis=0)
        metric, k = zip(*[name.split("@") for name in np.asarray(names)[present]], strict=True)
        return pd.DataFrame(
            {
                "model": group["model"].iloc[0],
                "slice": group["slice"].iloc[0],
                "metric": metric,
                "k": np.asarray(k, dtype=np.int32),
                "value": np.round(sums.sum(axis=0)[present] / total[present], _DECIMALS),
                "low": np.round(low, _DECIMALS),
                "high": np.round(high, _DECIMALS),
                "n_users": total[present].astype(np.int64),
            }
        )

    return summary
