"""Rules over time: which become stronger, which fade, and which belong to a season."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from scipy.special import chdtrc, ndtr

from cartograph.core.exact_tests import double_of
from cartograph.rules.counting import Tree, counted_per_node, itemset_tree
from cartograph.rules.kernels import Longs

_COUNTED = "itemset array<string>, month int, n long"


def with_trends(rules: DataFrame, baskets: DataFrame, level: float = 0.05) -> DataFrame:
    """The same rules with how their confidence moves from month to month.

    `trend`: rising, fading, or steady where the movement could be chance at `level`, all rules allowed for.
    `trend_per_year`: by how much the confidence changes in a year, the slope of the weighted least-squares line.
    `trend_q`: the Cochran-Armitage test for a trend in proportions (Armitage 1955), two-sided, then Benjamini-Hochberg.
    From two years of baskets on, months are compared with the same month of other years only (the test is stratified,
    Mantel 1963), so that a season is no trend.
    `peak_month`: the calendar month (1 to 12) in which the confidence is furthest above its trend; null unless the
    months differ at `level`. `season_q`: chi square of the calendar months, then Benjamini-Hochberg. With less than
    two years of baskets a season cannot be told from something that happened once.

    Args:
        rules: `antecedent`, `consequent`.
        baskets: `ordered_at`, `product_ids`, those that the rules come from.
    """
    monthly = _monthly(rules, baskets)
    judged = _judged(monthly)
    for name in ("trend", "season"):
        judged = _with_q_value(judged, f"{name}_p", f"{name}_q")
    rising = F.when(F.col("trend_z") > 0, "rising").otherwise("fading")
    labels = {
        "trend": F.when(F.col("trend_q") <= level, rising).otherwise("steady"),
        "peak_month": F.when(F.col("season_q") <= level, F.col("peak_month")),
    }
    facts = judged.withColumns(labels).select(
        "antecedent", "consequent", "trend", "trend_per_year", "trend_q", "peak_month", "season_q"
    )
    return rules.join(facts, ["antecedent", "consequent"], "left").fillna("steady", ["trend"])


def _monthly(rules: DataFrame, baskets: DataFrame) -> DataFrame:
    """One row per rule and month in which its left side was bought: `month` (since year 0), `n_ab`, `n_a`."""
    both = F.array_sort(F.concat("antecedent", "consequent"))
    asked = rules.select("antecedent", "consequent", both.alias("itemset"))
    sides = asked.select(F.explode(F.array("antecedent", "itemset")).alias("itemset")).distinct()
    tree, wanted = itemset_tree(sides)
    dated = baskets.select((F.year("ordered_at") * 12 + F.month("ordered_at") - 1).alias("month"), "product_ids")
    parts = dated.mapInArrow(partial(_count, tree=tree, itemsets=wanted), _COUNTED)
    counted = parts.groupBy("itemset", "month").agg(F.sum("n").alias("n")).persist()
    left = counted.select(F.col("itemset").alias("antecedent"), "month", F.col("n").alias("n_a"))
    whole = counted.select("itemset", "month", F.col("n").alias("n_ab"))
    return asked.join(left, "antecedent").join(whole, ["itemset", "month"], "left").fillna(0, ["n_ab"])


def _count(batches: Iterable[pa.RecordBatch], tree: Tree, itemsets: pa.Array) -> Iterator[pa.RecordBatch]:
    """What the baskets of this task add to each itemset and month."""
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


def _judged(monthly: DataFrame) -> DataFrame:
    """One row per rule: `trend_z`, `trend_p`, `trend_per_year`, `season_p`, `peak_month`."""
    rule = Window.partitionBy("antecedent", "consequent")
    two_years = F.max("month").over(rule) - F.min("month").over(rule) >= 23
    known = monthly.withColumn("stratum", F.when(two_years, F.col("month") % 12).otherwise(F.lit(0)))
    stratum = Window.partitionBy("antecedent", "consequent", "stratum")
    n_ab, n_a = (F.sum(name).over(stratum).cast("double") for name in ("n_ab", "n_a"))
    # Months are counted from the middle of those that are compared, which also keeps the sums small.
    middle = F.sum(F.col("month") * F.col("n_a")).over(stratum) / n_a
    known = known.withColumns({"mean": n_ab / n_a, "t": F.col("month") - middle})
    spread = F.col("t") * F.col("t") * F.col("n_a")
    sums = known.groupBy("antecedent", "consequent").agg(
        F.sum(F.col("t") * (F.col("n_ab") - F.col("n_a") * F.col("mean"))).alias("moved"),
        F.sum(spread).alias("spread"),
        F.sum(spread * F.col("mean") * (1 - F.col("mean"))).alias("variance"),
    )
    lines = sums.select(
        "antecedent",
        "consequent",
        (F.col("moved") / F.sqrt(F.nullif(F.col("variance"), F.lit(0.0)))).alias("trend_z"),
        (12 * F.col("moved") / F.nullif(F.col("spread"), F.lit(0.0))).alias("trend_per_year"),
    )
    lines = lines.withColumn("trend_p", double_of(_two_sided, F.col("trend_z"))).localCheckpoint()
    return lines.join(_season(monthly, lines), ["antecedent", "consequent"])


def _season(monthly: DataFrame, lines: DataFrame) -> DataFrame:
    """One row per rule: `season_p`, `peak_month`, once the trend is taken out."""
    rule = Window.partitionBy("antecedent", "consequent")
    n_a = F.sum("n_a").over(rule).cast("double")
    t = F.col("month") - F.sum(F.col("month") * F.col("n_a")).over(rule) / n_a
    known = monthly.withColumns({"mean": F.sum("n_ab").over(rule) / n_a, "t": t})
    known = known.join(lines.select("antecedent", "consequent", "trend_per_year"), ["antecedent", "consequent"])
    line = F.col("mean") + F.coalesce("trend_per_year", F.lit(0.0)) / 12 * F.col("t")
    calendar = (
        known.withColumn("excess", F.col("n_ab") - F.col("n_a") * line)
        .groupBy("antecedent", "consequent", (F.col("month") % 12 + 1).cast("int").alias("calendar"), "mean")
        .agg(F.sum("excess").alias("excess"), F.sum("n_a").alias("n_a"))
    )
    variance = F.nullif(F.col("n_a") * F.col("mean") * (1 - F.col("mean")), F.lit(0.0))
    calendar = calendar.withColumn("square", F.col("excess") * F.col("excess") / variance)
    highest = F.max_by("calendar", F.struct(F.col("excess") / F.sqrt(variance), -F.col("calendar")))
    found = calendar.groupBy("antecedent", "consequent").agg(
        F.sum("square").alias("chi_square"), (F.count("*") - 1).cast("double").alias("df"), highest.alias("peak_month")
    )
    p = double_of(_chi_square, F.col("chi_square"), F.col("df"))
    return found.withColumn("season_p", p).drop("chi_square", "df")


def _two_sided(z: pd.Series) -> pd.Series:
    return pd.Series(2 * ndtr(-np.abs(z.to_numpy(np.float64)))).fillna(1.0)


def _chi_square(value: pd.Series, df: pd.Series) -> pd.Series:
    return pd.Series(np.where(df > 0, chdtrc(np.maximum(df, 1), value.fillna(0.0)), 1.0))


def _with_q_value(rules: DataFrame, p_value: str, q_value: str) -> DataFrame:
    """The same rules with `q_value` (Benjamini & Hochberg 1995), over all of them."""
    everything = Window.partitionBy(F.lit(0))
    by_p = everything.orderBy(p_value, "antecedent", "consequent")
    falling = everything.orderBy(F.desc("place")).rowsBetween(Window.unboundedPreceding, 0)
    placed = rules.withColumns({"place": F.row_number().over(by_p), "n_tests": F.count("*").over(everything)})
    step = F.col(p_value) * F.col("n_tests") / F.col("place")
    raised = placed.withColumn(q_value, F.least(F.lit(1.0), F.min(step).over(falling)))
    return raised.drop("place", "n_tests")
