"""Means with 95 % bootstrap intervals, without ever collecting the customers in one place.

Customers are hashed into buckets; the bucket sums, whose number does not grow with the customers, are then resampled
with Poisson weights (Chamandy et al. 2012, "Estimating uncertainty for massive data streams"). All models and slices
share the same weights, so their values are resampled together as in a paired bootstrap.

With few customers the bootstrap intervals are too narrow, and where all customers have the same value they have no
width at all. Both would claim more than is known, so such intervals are null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics.metrics import direction
from cartograph.evaluate.paired import behind_best
from cartograph.evaluate.settings import EvaluateSettings

Floats = NDArray[np.float64]

_COLUMNS = "model string, slice string, metric string, k int, value double, low double, high double, n_users long"
_DECIMALS = 12  # Rows are added in order of arrival, so further digits differ from run to run.


def bucket_sums(scores: DataFrame, names: Sequence[str], settings: EvaluateSettings) -> DataFrame:
    """One row per model, slice and bucket of customers: `sum <metric>` and `n <metric>` of every metric.

    Args:
        scores: model, slice, cluster_id (the unit that is resampled) and `names`; null values do not count.
        names: columns to average, each `metric@k`.
        settings: number of buckets and seed.
    """
    bucket = F.pmod(F.xxhash64(F.lit(settings.seed), "cluster_id"), F.lit(settings.n_buckets)).cast("int")
    return scores.groupBy("model", "slice", bucket.alias("bucket")).agg(
        *[F.sum(f"`{name}`").alias(f"sum {name}") for name in names],
        *[F.count(f"`{name}`").alias(f"n {name}") for name in names],
    )


def means(sums: DataFrame, names: Sequence[str], settings: EvaluateSettings) -> DataFrame:
    """One row per model, slice and metric: the mean over customers and its 95 % bootstrap interval.

    Columns: model, slice, metric, k, value, low, high, n_users (rows with a value). Metrics of `settings.compared` have
    two more rows for every model but the best of the slice, see `paired.behind_best`; the p-value is left out where
    intervals are null: with fewer than `settings.min_users` rows, or without any variance.

    Args:
        sums: see `bucket_sums`, made with the same `names` and `settings`.
        names: columns to average, each `metric@k`.
        settings: resampling, compared metrics and the minimum number of rows.
    """
    return sums.groupBy("slice").applyInPandas(_summary_of(names, settings), _COLUMNS)


@dataclass(frozen=True)
class ResampledMeans:
    """Means of every metric of one model: over all customers, in every resample (rows), and the number of values."""

    values: Floats
    resamples: Floats
    n: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, names: Sequence[str], weights: Floats) -> Self:
        """From the bucket sums of one model and slice."""
        rows = rows.sort_values("bucket")
        sums = rows[[f"sum {name}" for name in names]].fillna(0.0).to_numpy(float)
        counts = rows[[f"n {name}" for name in names]].to_numpy(float)
        n = counts.sum(axis=0)
        values = np.divide(sums.sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
        return cls(values, resampled_means(sums, counts, rows["bucket"].to_numpy(), weights), n)


def resampled_means(sums: Floats, counts: Floats, buckets: NDArray[np.integer[Any]], weights: Floats) -> Floats:
    """Means in every resample: rows are resamples, columns metrics; nan where a resample is empty.

    Args:
        sums: sums of the values, shape (buckets present, metrics).
        counts: numbers of values, same shape.
        buckets: numbers of the buckets present.
        weights: Poisson weights, shape (resamples, all buckets).
    """
    present = weights[:, buckets]
    kinds, kind_of = np.unique(counts, axis=1, return_inverse=True)  # most metrics are means over the same customers
    n = (present @ kinds)[:, kind_of.ravel()]
    return np.divide(present @ sums, n, out=np.full(n.shape, np.nan), where=n > 0)


def bucket_weights(settings: EvaluateSettings) -> Floats:
    """How often each resample (rows) contains each bucket: the same for all models and slices."""
    return _bucket_weights(settings.n_buckets, settings.n_resamples, settings.seed)


@lru_cache(maxsize=1)
def _bucket_weights(n_buckets: int, n_resamples: int, seed: int) -> Floats:
    """Sampled once per process."""
    return np.random.default_rng(seed).poisson(1.0, (n_resamples, n_buckets)).astype(float)


def _summary_of(names: Sequence[str], settings: EvaluateSettings) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def summary(group: pd.DataFrame) -> pd.DataFrame:
        weights = bucket_weights(settings)
        models = {str(model): ResampledMeans.of(rows, names, weights) for model, rows in group.groupby("model")}
        parts = [_values(model, each, names, settings.min_users) for model, each in models.items()]
        for position, name in enumerate(names):
            if name.partition("@")[0] in settings.compared:
                parts.append(_behind(models, position, name, settings.min_users))
        together = pd.concat(parts, ignore_index=True)
        together["slice"] = group["slice"].iloc[0]
        for column in ("value", "low", "high"):
            together[column] = together[column].astype(float).round(_DECIMALS)
        return together.astype({"k": np.int32, "n_users": np.int64})

    return summary


def _values(model: str, found: ResampledMeans, names: Sequence[str], min_users: int) -> pd.DataFrame:
    """The means of one model; metrics without any value are left out."""
    present = found.n > 0
    low, high = np.nanpercentile(found.resamples[:, present], [2.5, 97.5], axis=0)
    is_unknown = (found.n[present] < min_users) | _are_equal(found.resamples[:, present])
    low, high = (np.where(is_unknown, np.nan, bound) for bound in (low, high))
    metric, k = zip(*[name.split("@") for name in np.asarray(names)[present]], strict=True)
    columns = {"model": model, "metric": metric, "k": k, "value": found.values[present]}
    return pd.DataFrame(columns | {"low": low, "high": high, "n_users": found.n[present]})


def _are_equal(resamples: Floats) -> NDArray[np.bool_]:
    """Whether the means of all resamples (rows) are the same up to rounding, so that nothing varies."""
    most, least = np.nanmax(resamples, axis=0), np.nanmin(resamples, axis=0)
    found: NDArray[np.bool_] = most - least <= 1e-12 * np.maximum(np.abs(most), np.abs(least))
    return found


def _behind(models: Mapping[str, ResampledMeans], position: int, name: str, min_users: int) -> pd.DataFrame:
    """How far each model is behind the best one in the metric at that position of `names`."""
    values = {model: float(each.values[position]) for model, each in models.items() if each.n[position] > 0}
    metric, k = name.split("@")
    resamples = {model: models[model].resamples[:, position] for model in values}
    rows = []
    for each in behind_best(values, resamples, sign=direction(metric)):
        n_users = models[each.model].n[position]
        same = {"model": each.model, "metric": f"{metric}_behind_best", "k": k, "n_users": n_users}
        if n_users < min_users or each.low == each.high:
            rows.append(same | {"value": each.value, "low": None, "high": None})
            continue
        rows.append(same | {"value": each.value, "low": each.low, "high": each.high})
        rows.append(same | {"metric": f"{metric}_behind_best_p", "value": each.p_value, "low": None, "high": None})
    return pd.DataFrame(rows, columns=["model", "metric", "k", "value", "low", "high", "n_users"])
