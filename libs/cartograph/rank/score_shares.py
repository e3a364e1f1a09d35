"""The scale of all scores shown, however the lists were made.

Sums of reciprocal ranks, probabilities, outputs of trees and numbers of buyers have no unit in common, and the method
may change from day to day. So the scores shown are shares of the best score of the same list: 1 for the best product, 0
for a product without any support (of lists by the learned ranker: for the customer's lowest candidate). They compare
the products of one list only, not those of two customers or two days.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def as_shares(lists: DataFrame, *group: str) -> DataFrame:
    """The rows with score, and votes if there are any, as shares of the best score of their list.

    Column added: best, the best score itself.

    Args:
        lists: `group`, score (0 or more) and any further columns: the rows that are shown.
        group: the columns that identify a list.
    """
    known = lists.withColumn("best", F.max("score").over(Window.partitionBy(*group)))
    shared = known.withColumn("score", share(F.col("score"), F.col("best")))
    if "votes" not in lists.columns:
        return shared
    return shared.withColumn("votes", F.transform("votes", lambda vote: share(vote, F.col("best"))))


def share(value: Column, best: Column) -> Column:
    """The value as a share of the best one; 0 if that is 0."""
    return F.when(best > 0, value / best).otherwise(F.lit(0.0))
