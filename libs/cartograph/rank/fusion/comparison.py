"""Which fusion method is significantly better than reciprocal rank fusion, measured on customers held out for it.

The validation customers that stop the training cannot be used: the number of trees was chosen to suit them,
so their NDCG is too optimistic (Cawley and Talbot 2010, "On over-fitting in model selection"). And with few customers,
one of three methods looks best by chance alone. So the methods are compared on separate customers, and reciprocal
rank fusion, which learns nothing, is replaced only by a method that is significantly better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from typing import Any, Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.stats import t as student

from cartograph.core.statistics.metrics import ndcg
from cartograph.rank.fusion.ranker import MIN_CUSTOMERS

Method = Literal["rrf", "calibrated", "learned"]
BASELINE: Method = "rrf"
LEVEL = 0.05  # probability of replacing reciprocal rank fusion although no method is better


@dataclass(frozen=True)
class Improvement:
    """Paired difference in NDCG between a method and the baseline: its mean and confidence interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, mean: float, variance: float, n: int, level: float) -> Improvement:
        """From the mean and the variance of `n` customers' differences (Student's t)."""
        if n < 2:
            return cls(mean, float("-inf"), float("inf"))
        margin = float(student.ppf(1 - level / 2, n - 1)) * sqrt(variance / n)
        return cls(mean, mean - margin, mean + margin)


@dataclass(frozen=True)
class Comparison:
    """Number of customers compared on, mean NDCG of each method, and improvement of each over the baseline."""

    n: int
    ndcg: Mapping[Method, float]
    improvements: Mapping[Method, Improvement]

    @property
    def winner(self) -> Method:
        """The best of the methods that are significantly better than the baseline; the baseline if there is none."""
        better = {name: found.mean for name, found in self.improvements.items() if found.low > 0}
        return max(better, key=lambda name: better[name]) if better and self.n >= MIN_CUSTOMERS else BASELINE

    @property
    def reason(self) -> str:
        """Why the winner was chosen, as text."""
        if self.n < MIN_CUSTOMERS:
            return f"only {self.n} holdout customers to compare the methods on; at least {MIN_CUSTOMERS} are needed"
        each = [
            f"{name} improves NDCG over {BASELINE} by {found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]"
            for name, found in self.improvements.items()
        ]
        end = "" if self.winner != BASELINE else ", which is not significant"
        return f"on {self.n} holdout customers, {' and '.join(each)}{end}"


def compare(lists: Mapping[Method, DataFrame], purchases: DataFrame, k: int) -> Comparison:
    """Compares the methods' lists by NDCG@k.

    Args:
        lists: user_id, product_id, rank, by method, the baseline included.
        purchases: user_id, product_ids: what the holdout customers bought.
        k: length of a list.
    """
    others = [name for name in lists if name != BASELINE]
    numbers = [F.count(F.lit(1)).alias("n"), *[F.avg(name).alias(name) for name in lists]]
    for name in others:
        difference = F.col(name) - F.col(BASELINE)
        numbers += [F.avg(difference).alias(f"{name}_mean"), F.var_samp(difference).alias(f"{name}_variance")]
    row: dict[str, Any] = _ndcg_per_customer(lists, purchases, k).agg(*numbers).collect()[0].asDict()
    found = {name: value or 0.0 for name, value in row.items()}
    level = LEVEL / len(others)  # Bonferroni
    improvements = {
        name: Improvement.of(found[f"{name}_mean"], found[f"{name}_variance"], row["n"], level) for name in others
    }
    return Comparison(row["n"], {name: found[name] for name in lists}, improvements)


def _ndcg_per_customer(lists: Mapping[Method, DataFrame], purchases: DataFrame, k: int) -> DataFrame:
    """One row per customer of `purchases`: NDCG@k of each method, one column each; 0 for a customer without a list."""
    marked = [
        rows.where(F.col("rank") <= k).select("user_id", "product_id", "rank", F.lit(name).alias("method"))
        for name, rows in lists.items()
    ]
    bought = purchases.withColumnRenamed("product_ids", "bought")
    hits = bought.join(reduce(DataFrame.unionByName, marked), "user_id", "left").where(
        F.col("rank").isNull() | F.array_contains("bought", F.col("product_id"))
    )
    ranks = {
        name: F.sort_array(F.collect_list(F.when(F.col("method") == name, F.col("rank")))).alias(name) for name in lists
    }
    found = hits.groupBy("user_id").agg(*ranks.values())
    known = [F.coalesce(F.col(name), F.array().cast("array<int>")).alias(name) for name in lists]
    every = bought.join(found, "user_id", "left").select("user_id", "bought", *known)
    return every.select("user_id", *[ndcg(F.col(name), F.size("bought"), k).alias(name) for name in lists])
