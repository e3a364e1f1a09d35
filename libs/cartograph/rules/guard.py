"""Keeps mining within bounds: a few huge or copied baskets must not produce millions of meaningless itemsets.

A basket of m products that occurs often enough has 2^m itemsets by itself. So baskets are profiled before they are
mined, and what was done to them is reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.pairs.coded_groups import count_groups
from cartograph.core.views.baskets import distinct_items, minimum_count
from cartograph.rules.growth import grow
from cartograph.rules.kernels import Ints, Longs, encode
from cartograph.rules.settings import GuardSettings, MiningSettings
from cartograph.rules.supports import minimum_counts

_SAMPLE = 20_000  # baskets that the number of itemsets is estimated from, at least
_SAMPLE_COUNT = 10  # baskets of the sample that an itemset at the minimum support is expected in, at least
_STEP = 1.25  # factor by which the supports are raised until the estimate fits


@dataclass(frozen=True)
class Guarded:
    """Baskets fit for mining, the settings to mine them with, and what was found and done on the way.

    The report (name to number): n_baskets, n_empty, n_wholesale (left out), longest, length_limit, n_long, n_guarded
    (baskets after all this), itemsets_expected, min_support.
    """

    baskets: DataFrame
    mining: MiningSettings
    report: dict[str, float]


def guard(baskets: DataFrame, users: DataFrame | None, mining: MiningSettings, settings: GuardSettings) -> Guarded:
    """The baskets of retail customers, none longer than `length_quantile` of them, and supports within the budget.

    Which products of a long basket come together in a part, or are cut, depends on a hash of product and basket.

    Args:
        baskets: `user_id` and `product_ids`; other columns are kept.
        users: `user_id`, `is_wholesale`: the baskets of wholesale customers are left out.
        mining: settings of the mining to come.
        settings: limits.
    """
    retail = _retail(distinct_items(baskets), users)
    report = _profile(retail, settings.length_quantile)
    kept = retail.where("not is_wholesale").drop("is_wholesale")
    if settings.long_baskets != "keep" and report["n_long"]:
        kept = _shortened(kept, int(report["length_limit"]), settings.long_baskets, settings.seed)
    report["n_guarded"] = kept.count()
    expected, factor = _affordable(kept, int(report["n_guarded"]), mining, settings)
    mining = mining.raised(factor)
    return Guarded(kept, mining, report | {"itemsets_expected": expected, "min_support": mining.min_support})


def summary(report: dict[str, float], requested: float) -> list[str]:
    """A report of `guard` as text; `requested` is the support in the settings."""
    n = {name: f"{int(value):,}" for name, value in report.items() if name != "min_support"}
    lines = [
        f"{n['n_guarded']} baskets to mine of {n['n_baskets']}; {n['n_empty']} empty, longest {n['longest']} products"
    ]
    if report["n_wholesale"]:
        lines.append(f"{n['n_wholesale']} baskets of wholesale customers are left out")
    if report["n_long"]:
        lines.append(
            f"rules.guard.long_baskets applies to {n['n_long']} baskets of more than {n['length_limit']} products"
        )
    support = report["min_support"]
    raised = "" if support <= requested else f"; raised from {requested:g}, which would exceed the budget"
    return [*lines, f"about {n['itemsets_expected']} itemsets expected at support {support:g}{raised}"]


def _retail(baskets: DataFrame, users: DataFrame | None) -> DataFrame:
    """The same baskets with `is_wholesale`."""
    if users is None:
        return baskets.withColumn("is_wholesale", F.lit(False))
    wholesale = users.where("is_wholesale").select("user_id", "is_wholesale")
    marked = baskets.join(wholesale, "user_id", "left")
    return marked.withColumn("is_wholesale", F.coalesce("is_wholesale", F.lit(False)))


def _profile(baskets: DataFrame, length_quantile: float) -> dict[str, float]:
    """Counts and lengths of the baskets; lengths are those of retail baskets that are not empty."""
    lengths = baskets.select(F.size("product_ids").alias("length"), "is_wholesale")
    retail = F.when(~F.col("is_wholesale") & (F.col("length") > 0), F.col("length"))
    row = lengths.agg(
        F.count("*").alias("n_baskets"),
        F.count_if(F.col("length") == 0).alias("n_empty"),
        F.count_if("is_wholesale").alias("n_wholesale"),
        F.coalesce(F.max(retail), F.lit(0)).alias("longest"),
        F.coalesce(F.percentile_approx(retail, length_quantile, 10_000), F.lit(0)).alias("length_limit"),
    ).first()
    report = {name: float(value) for name, value in row.asDict().items()} if row else {}
    report["n_long"] = float(lengths.where(retail > report.get("length_limit", 0.0)).count())
    return report


def _shortened(baskets: DataFrame, limit: int, how: str, seed: int) -> DataFrame:
    """No basket longer than `limit` products."""
    is_long = F.size("product_ids") > limit
    if how == "drop":
        return baskets.where(~is_long)
    # The order depends on the basket's place in time or name as well, so that copies of a basket are cut differently.
    salt = F.xxhash64(*[F.col(name) for name in baskets.columns if name != "product_ids"], F.lit(seed))
    hashed = F.transform("product_ids", lambda item: F.struct(F.xxhash64(item, salt).alias("hash"), item.alias("item")))
    shuffled = F.transform(F.array_sort(hashed), lambda pair: pair["item"])
    order = F.when(is_long, shuffled).otherwise(F.col("product_ids"))
    if how == "cut":
        return baskets.withColumn("product_ids", F.array_sort(F.slice(order, 1, limit)))
    starts = F.sequence(F.lit(0), F.floor((F.size("product_ids") - 1) / limit))
    parts = F.transform(starts, lambda part: F.array_sort(F.slice(order, (part * limit + 1).cast("int"), limit)))
    whole = F.array("product_ids")
    return baskets.withColumn("product_ids", F.explode(F.when(is_long, parts).otherwise(whole)))


def _affordable(
    baskets: DataFrame, n_baskets: int, mining: MiningSettings, settings: GuardSettings
) -> tuple[float, float]:
    """How many itemsets are expected, and at which multiple of the supports: from a bounded sample, in one task."""
    size = max(_SAMPLE, math.ceil(_SAMPLE_COUNT / mining.lowest))
    sample = baskets.select("product_ids")
    if n_baskets > size:
        sample = sample.sample(fraction=size / n_baskets, seed=settings.seed)
    estimate = partial(_estimate, mining=mining, max_itemsets=settings.max_itemsets)
    found = sample.repartition(1).mapInArrow(estimate, "expected double, factor double").first()
    return (found["expected"], found["factor"]) if found else (0.0, 1.0)


def _estimate(batches: Iterable[pa.RecordBatch], mining: MiningSettings, max_itemsets: int) -> Iterator[pa.RecordBatch]:
    """One row: the number of itemsets of these baskets, and the least multiple of the supports within the budget."""
    columns = [batch.column(0) for batch in batches]
    lists = pa.concat_arrays(columns or [pa.array([], pa.list_(pa.string()))])
    offsets = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))])
    coded = lists.flatten().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    counts = count_groups(codes, offsets.astype(np.int64), len(coded.dictionary))
    factor = 1.0
    while True:
        raised = mining.raised(factor)
        n_found = _n_itemsets(codes, offsets.astype(np.int64), counts, raised, max_itemsets)
        if n_found <= max_itemsets or raised.min_support >= 1:
            break
        factor *= _STEP
    yield pa.record_batch([pa.array([float(n_found)]), pa.array([factor])], ["expected", "factor"])


def _n_itemsets(codes: Ints, offsets: Longs, counts: Longs, mining: MiningSettings, enough: int) -> int:
    """The number of itemsets at these supports; counting stops soon after `enough`."""
    n_baskets = len(offsets) - 1
    order = np.argsort(-counts, kind="stable")
    n_frequent = int((counts >= minimum_count(mining.lowest, n_baskets)).sum())
    ranks = np.full(len(counts), -1, np.int32)
    ranks[order[:n_frequent]] = np.arange(n_frequent)
    items, ends = encode(ranks[codes], offsets)
    n_found = n_frequent
    if mining.max_length == 1 or n_found > enough or not n_frequent:
        return n_found
    database = (items, ends, np.ones(len(ends) - 1, np.int64))
    least = minimum_counts(mining, counts[order[:n_frequent]], n_baskets)
    for _, _, found in grow(database, n_frequent, 0, least, mining.max_length, enough=enough):
        n_found += len(found)
        if n_found > enough:
            break
    return n_found
