"""Which way of fusing is surely better than reciprocal ranks: judged by customers whom none of them has learned from.

The customers who say when the training of trees ends cannot judge: of many numbers of trees the best for them was
taken, so they find the trees too good (Cawley and Talbot 2010, "On over-fitting in model selection"). And of a few
customers chance alone makes one of three methods look best. So the judges are customers of their own, and reciprocal
ranks, which learn nothing, are left only for what is ahead of them beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.stats import t as student

from cartograph.core.statistics.metrics import ndcg
from cartograph.rank.fusion.trees import LEAST_GROUPS

Method = Literal["rrf", "calibrated", "learned"]
PLAIN: Method = "rrf"
LEVEL = 0.05  # chance allowed that anything takes the place of reciprocal ranks without being better


@dataclass(frozen=True)
class Lead:
    """A method's NDCG less that of reciprocal ranks, of the same customers: the mean, and its interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, mean: float, variance: float, n: int, level: float) -> Lead:
        """From the mean and the variance of `n` customers' differences (Student's t)."""
        if n < 2:
            return cls(mean, float("-inf"), float("inf"))
        reach = float(student.ppf(1 - level / 2, n - 1)) * sqrt(variance / n)
        return cls(mean, mean - reach, mean + reach)


@dataclass(frozen=True)
class Judgement:
    """What the judges say: how many they are, the mean NDCG of each method, the leads over reciprocal ranks."""

    n: int
    ndcg: Mapping[Method, float]
    leads: Mapping[Method, Lead]

    @property
    def winner(self) -> Method:
        """The method furthest ahead of those whose whole interval is; reciprocal ranks where there is none."""
        ahead = {name: lead.mean for name, lead in self.leads.items() if lead.low > 0}
        return max(ahead, key=lambda name: ahead[name]) if ahead and self.n >= LEAST_GROUPS else PLAIN

    @property
    def reason(self) -> str:
        """Why the winner is the winner, in words."""
        if self.n < LEAST_GROUPS:
            return f"{self.n} customers are too few to judge by: there must be {LEAST_GROUPS}"
        each = [
            f"{name} is ahead of {PLAIN} by {lead.mean:.4f} [{lead.low:.4f}, {lead.high:.4f}]"
            for name, lead in self.leads.items()
        ]
        end = "" if self.winner != PLAIN else ", which is not beyond chance"
        return f"of {self.n} customers whom nothing was learned from, {' and '.join(each)}{end}"


def judged(lists: Mapping[Method, DataFrame], right: DataFrame, k: int) -> Judgement:
    """What customers say of the lists that each method makes them, at length `k`.

    Args:
        lists: by method, reciprocal ranks among them: user_id, product_id, rank.
        right: user_id, product_ids: what the judges bought.
        k: length of a list.
    """
    scores = _scores(lists, right, k)
    others = [name for name in lists if name != PLAIN]
    numbers = [F.count(F.lit(1)).alias("n"), *[F.avg(name).alias(name) for name in lists]]
    for name in others:
        ahead = F.col(name) - F.col(PLAIN)
        numbers += [F.avg(ahead).alias(f"{name}_mean"), F.var_samp(ahead).alias(f"{name}_variance")]
    row: dict[str, Any] = scores.agg(*numbers).collect()[0].asDict()
    told = {name: value or 0.0 for name, value in row.items()}
    level = LEVEL / len(others)  # Bonferroni
    leads = {name: Lead.of(told[f"{name}_mean"], told[f"{name}_variance"], row["n"], level) for name in others}
    return Judgement(row["n"], {name: told[name] for name in lists}, leads)


def _scores(lists: Mapping[Method, DataFrame], right: DataFrame, k: int) -> DataFrame:
    """One row per customer of `right`: NDCG@k of each method, a column each; 0 for a list that is not there."""
    marked = [
        rows.where(F.col("rank") <= k).select("user_id", "product_id", "rank", F.lit(name).alias("method"))
        for name, rows in lists.items()
    ]
    places = marked[0]
    for more in marked[1:]:
        places = places.unionByName(more)
    wanted = right.withColumnRenamed("product_ids", "wanted")
    hits = wanted.join(places, "user_id", "left").where(
        F.col("rank").isNull() | F.array_contains("wanted", F.col("product_id"))
    )
    ranks = {
        name: F.sort_array(F.collect_list(F.when(F.col("method") == name, F.col("rank")))).alias(name) for name in lists
    }
    found = hits.groupBy("user_id").agg(*ranks.values())
    known = [F.coalesce(F.col(name), F.array().cast("array<int>")).alias(name) for name in lists]
    every = wanted.join(found, "user_id", "left").select("user_id", "wanted", *known)
    return every.select("user_id", *[ndcg(F.col(name), F.size("wanted"), k).alias(name) for name in lists])
