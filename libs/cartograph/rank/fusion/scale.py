"""The one scale of the scores that are shown, whichever way the lists were made.

A sum of reciprocal ranks, a chance, what trees say and a number of buyers have no unit in common, and from day to day
one may take the place of another. What is shown is a share of the best of the same list instead: 1 for that one, 0 for
what nothing speaks for (of trees' lists: for the weakest of all that were listed for the customer). Shares compare
products of one list, and nothing else: two customers' scores, or two days', say nothing about each other.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def as_shares(lists: DataFrame, *group: str) -> DataFrame:
    """The rows with score, and votes where there are any, as shares of the best score of their list.

    Column added: best, that score as it was.

    Args:
        lists: `group`, score (0 or more) and any further columns: the rows that are shown.
        group: the columns that name a list.
    """
    known = lists.withColumn("best", F.max("score").over(Window.partitionBy(*group)))
    shared = known.withColumn("score", share(F.col("score"), F.col("best")))
    if "votes" not in lists.columns:
        return shared
    return shared.withColumn("votes", F.transform("votes", lambda vote: share(vote, F.col("best"))))


def share(value: Column, best: Column) -> Column:
    """The value as a share of the best one; 0 where that is 0."""
    return F.when(best > 0, value / best).otherwise(F.lit(0.0))
