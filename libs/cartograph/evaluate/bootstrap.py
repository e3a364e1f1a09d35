"""Means with 95 % intervals, without ever holding the customers in one place.

Customers are dealt into buckets by a hash; the bucket sums, whose number does not grow with the customers, are then
resampled with Poisson weights (Chamandy et al. 2012, "Estimating uncertainty for massive data streams"). Every model
and slice meets the same weights, so their values move together as in a paired bootstrap.

Resampling a few customers only shows those again, so its intervals are too narrow, and where all have the same value
they have no width at all. There an interval would say more than is known: it is null.
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

Floats = NDArray[np.float64]

_COLUMNS = "model string, slice string, metric string, k int, value double, low double, high double, n_users long"
_DECIMALS = 12  # rows are added in order of arrival, so further digits differ from run to run


def bucket_sums(scores: DataFrame, names: Sequence[str], n_buckets: int, seed: int) -> DataFrame:
    """One row per model, slice and bucket of customers: `sum <metric>` and `n <metric>` of every metric.

    Args:
        scores: model, slice, cluster_id (what is resampled) and `names`; null values are left out of their mean.
        names: columns to average, each `metric@k`.
        n_buckets: groups that are resampled.
        seed: of the groups.
    """
    bucket = F.pmod(F.xxhash64(F.lit(seed), "cluster_id"), F.lit(n_buckets)).cast("int").alias("bucket")
    return scores.groupBy("model", "slice", bucket).agg(
        *[F.sum(f"`{name}`").alias(f"sum {name}") for name in names],
        *[F.count(f"`{name}`").alias(f"n {name}") for name in names],
    )


def means(
    sums: DataFrame,
    names: Sequence[str],
    n_buckets: int,
    n_resamples: int,
    seed: int,
    compared: Sequence[str] = (),
    min_users: int = 1,
) -> DataFrame:
    """One row per model, slice and metric: the mean over customers and its 95 % bootstrap interval.

    Columns: model, slice, metric, k, value, low, high, n_users (rows with a value). Metrics of `compared` have two rows
    more for every model but the best of the slice, see `paired.behind_best`; the one of p values is left out where
    intervals are null: with fewer than `min_users`, or without any variance.

    Args:
        sums: of `bucket_sums`, with the same `names`, `n_buckets` and `seed`.
        names: columns to average, each `metric@k`.
        n_buckets: groups that are resampled.
        n_resamples: times that is done.
        seed: of the weights.
        compared: metrics whose differences between models are told.
        min_users: rows without which there are no intervals and no p values.
    """
    summary = _summary_of(names, n_buckets, n_resamples, seed, compared, min_users)
    return sums.groupBy("slice").applyInPandas(summary, _COLUMNS)


@dataclass(frozen=True)
class Resampled:
    """Means of every metric of one model: of all, under every resampling (rows), and what they are means of."""

    values: Floats
    draws: Floats
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
    """Means under every resampling: rows are resamples, columns metrics; nan where a resample is empty.

    Args:
        sums: of the values, shape (buckets present, metrics).
        counts: of the values, same shape.
        buckets: numbers of the buckets present.
        weights: Poisson draws, shape (resamples, all buckets).
    """
    drawn = weights[:, buckets]
    kinds, kind_of = np.unique(counts, axis=1, return_inverse=True)  # most metrics are means over the same customers
    n_drawn = (drawn @ kinds)[:, kind_of.ravel()]
    return np.divide(drawn @ sums, n_drawn, out=np.full(n_drawn.shape, np.nan), where=n_drawn > 0)


@lru_cache(maxsize=1)
def drawn_weights(n_buckets: int, n_resamples: int, seed: int) -> Floats:
    """How often each resample (rows) draws each bucket; the same for all models and slices, so drawn once a process."""
    return np.random.default_rng(seed).poisson(1.0, (n_resamples, n_buckets)).astype(float)


def _summary_of(
    names: Sequence[str], n_buckets: int, n_resamples: int, seed: int, compared: Sequence[str], min_users: int
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def summary(group: pd.DataFrame) -> pd.DataFrame:
        weights = drawn_weights(n_buckets, n_resamples, seed)
        models = {str(model): Resampled.of(rows, names, weights) for model, rows in group.groupby("model")}
        parts = [_values(model, each, names, min_users) for model, each in models.items()]
        for place, name in enumerate(names):
            if name.partition("@")[0] in compared:
                parts.append(_behind(models, place, name, min_users))
        together = pd.concat(parts, ignore_index=True)
        together["slice"] = group["slice"].iloc[0]
        for column in ("value", "low", "high"):
            together[column] = together[column].astype(float).round(_DECIMALS)
        return together.astype({"k": np.int32, "n_users": np.int64})

    return summary


def _values(model: str, found: Resampled, names: Sequence[str], min_users: int) -> pd.DataFrame:
    """The means of one model; metrics that nobody has are left out."""
    present = found.n > 0
    low, high = np.nanpercentile(found.draws[:, present], [2.5, 97.5], axis=0)
    is_unknown = (found.n[present] < min_users) | _are_equal(found.draws[:, present])
    low, high = (np.where(is_unknown, np.nan, bound) for bound in (low, high))
    metric, k = zip(*[name.split("@") for name in np.asarray(names)[present]], strict=True)
    columns = {"model": model, "metric": metric, "k": k, "value": found.values[present]}
    return pd.DataFrame(columns | {"low": low, "high": high, "n_users": found.n[present]})


def _are_equal(draws: Floats) -> NDArray[np.bool_]:
    """Whether the means under all resamplings (rows) are the same, but for rounding, and so nothing varies."""
    most, least = np.nanmax(draws, axis=0), np.nanmin(draws, axis=0)
    found: NDArray[np.bool_] = most - least <= 1e-12 * np.maximum(np.abs(most), np.abs(least))
    return found


def _behind(models: Mapping[str, Resampled], place: int, name: str, min_users: int) -> pd.DataFrame:
    """How far the models are behind the best of them in the metric of that place."""
    values = {model: float(each.values[place]) for model, each in models.items() if each.n[place] > 0}
    metric, k = name.split("@")
    draws = {model: models[model].draws[:, place] for model in values}
    found = behind_best(values, draws, sign=direction(metric))
    rows = []
    for each in found:
        n_users = models[each.model].n[place]
        same = {"model": each.model, "metric": f"{metric}_behind_best", "k": k, "n_users": n_users}
        if n_users < min_users or each.low == each.high:
            rows.append(same | {"value": each.value, "low": None, "high": None})
            continue
        rows.append(same | {"value": each.value, "low": each.low, "high": each.high})
        rows.append(same | {"metric": f"{metric}_behind_best_p", "value": each.p_value, "low": None, "high": None})
    return pd.DataFrame(rows, columns=["model", "metric", "k", "value", "low", "high", "n_users"])
