"""Rules over time: which become stronger, which fade, and which belong to a season."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics.multiple_tests import with_q_value
from cartograph.rules.counting import Tree, counted_per_node, itemset_tree
from cartograph.rules.kernels import Longs
from cartograph.rules.trend_tests import Months, season_test, trend_test

_COUNTED = "itemset array<string>, month int, n long"
_TESTED = (
    "antecedent array<string>, consequent array<string>, direction double, trend_p double, trend_per_year double, "
    "season_p double, peak_month int"
)


def with_trends(rules: DataFrame, baskets: DataFrame, level: float = 0.05) -> DataFrame:
    """The same rules with how their confidence moves from month to month.

    `trend`: rising, fading, or steady where the movement is not significant at `level`, corrected for all rules.
    `trend_per_year`: by how much the confidence changes in a year, the slope of the weighted least-squares line.
    `trend_q`: `trend_tests.trend_test`, two-sided, then Benjamini-Hochberg; from two years of baskets on months are
    compared with the same month of other years only, so that a season is not taken for a trend.
    `peak_month`: the calendar month (1 to 12) in which the confidence is furthest above its trend; null where that
    is not significant at `level`. `season_q`: `trend_tests.season_test`, then Benjamini-Hochberg. With less than two
    years of baskets a season cannot be distinguished from a single event.

    Args:
        rules: `antecedent`, `consequent`.
        baskets: `ordered_at`, `product_ids`, those that the rules come from.
    """
    results = _with_tests(_monthly(rules, baskets))
    for name in ("trend", "season"):
        results = with_q_value(results, f"{name}_p", f"{name}_q", ["antecedent", "consequent"])
    rising = F.when(F.col("direction") > 0, "rising").otherwise("fading")
    labels = {
        "trend": F.when(F.col("trend_q") <= level, rising).otherwise("steady"),
        "peak_month": F.when(F.col("season_q") <= level, F.col("peak_month")),
    }
    tested = results.withColumns(labels).select(
        "antecedent", "consequent", "trend", "trend_per_year", "trend_q", "peak_month", "season_q"
    )
    return rules.join(tested, ["antecedent", "consequent"], "left").fillna("steady", ["trend"])


def _monthly(rules: DataFrame, baskets: DataFrame) -> DataFrame:
    """One row per rule and month in which its antecedent was bought: `month` (since year 0), `n_ab`, `n_a`."""
    both = F.array_sort(F.concat("antecedent", "consequent"))
    keyed = rules.select("antecedent", "consequent", both.alias("itemset"))
    sides = keyed.select(F.explode(F.array("antecedent", "itemset")).alias("itemset")).distinct()
    tree, listed = itemset_tree(sides)
    dated = baskets.select((F.year("ordered_at") * 12 + F.month("ordered_at") - 1).alias("month"), "product_ids")
    parts = dated.mapInArrow(partial(_count, tree=tree, itemsets=listed), _COUNTED)
    counted = parts.groupBy("itemset", "month").agg(F.sum("n").alias("n")).persist()
    left = counted.select(F.col("itemset").alias("antecedent"), "month", F.col("n").alias("n_a"))
    whole = counted.select("itemset", "month", F.col("n").alias("n_ab"))
    return keyed.join(left, "antecedent").join(whole, ["itemset", "month"], "left").fillna(0, ["n_ab"])


def _count(batches: Iterable[pa.RecordBatch], tree: Tree, itemsets: pa.Array) -> Iterator[pa.RecordBatch]:
    """The counts of this task's baskets per itemset and month."""
    counts: dict[int, Longs] = {}
    for batch in batches:
        for month in pc.unique(batch.column(0)).to_pylist():
            of_month = batch.filter(pc.equal(batch.column(0), month))
            here = counts.setdefault(month, np.zeros(len(tree.itemset), np.int64))
            counted_per_node(of_month.column(1), tree, here)
    for month, here in counts.items():
        found = np.flatnonzero((tree.itemset >= 0) & (here > 0))
        yield pa.record_batch(
            [
                itemsets.take(pa.array(tree.itemset[found])),
                pa.array(np.full(len(found), month, np.int32)),
                pa.array(here[found]),
            ],
            ["itemset", "month", "n"],
        )  # fmt: skip


def _with_tests(monthly: DataFrame) -> DataFrame:
    """One row per rule: columns of _TESTED."""
    month = F.struct("month", F.col("n_ab").cast("long").alias("n_ab"), F.col("n_a").cast("long").alias("n_a"))
    rules = monthly.groupBy("antecedent", "consequent").agg(F.array_sort(F.collect_list(month)).alias("months"))
    counts = [F.col(f"months.{name}").cast("array<long>").alias(name) for name in ("month", "n_ab", "n_a")]
    return rules.select("antecedent", "consequent", *counts).mapInArrow(_tested, _TESTED)


def _tested(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The tests of the rules of each batch."""
    for batch in batches:
        month, n_ab, n_a = (batch.column(place) for place in (2, 3, 4))
        starts = np.concatenate(([0], np.cumsum(pc.list_value_length(month).to_numpy(zero_copy_only=False))))
        months = Months(starts, *(each.flatten().to_numpy(zero_copy_only=False) for each in (month, n_ab, n_a)))
        if not batch.num_rows:
            continue
        trends, (season, peak) = trend_test(months), season_test(months)
        found = [trends.direction, trends.p_value, trends.per_year, season, peak.astype(np.int32)]
        columns = [*batch.columns[:2], *(pa.array(each, from_pandas=True) for each in found)]
        yield pa.record_batch(columns, [name.split()[0] for name in _TESTED.split(", ")])
