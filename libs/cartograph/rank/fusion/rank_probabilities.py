"""How likely the product at each rank of a model's list is to be bought, estimated from an earlier day's lists."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.optimize import isotonic_regression


def rank_probabilities(lists: DataFrame, hits: DataFrame, group: str, item: str) -> DataFrame:
    """Per model and rank, the share of products at this rank that were bought since, never increasing with rank.

    Isotonic regression of the shares (Zadrozny and Elkan 2002), each weighted by the number of lists that long. One row
    per model and rank: few, however many lists there are.

    Columns: model, rank, probability.

    Args:
        lists: model, `group`, `item`, rank, of the earlier day.
        hits: `group`, `item`, hit (0 to 1): what was bought since; products not listed here were not bought.
        group: the column that identifies a list.
        item: the column with the listed products.
    """
    labelled = lists.join(hits.select(group).distinct(), group, "left_semi")
    labelled = labelled.join(hits, [group, item], "left").na.fill(0.0, ["hit"])
    shares = labelled.groupBy("model", "rank").agg(F.avg("hit").alias("share"), F.count(F.lit(1)).alias("n"))
    return shares.groupBy("model").applyInPandas(_decreasing, "model string, rank int, probability double")


def _decreasing(shares: pd.DataFrame) -> pd.DataFrame:
    """The shares of one model, smoothed so that they never increase with rank."""
    shares = shares.sort_values("rank")
    smooth = isotonic_regression(shares["share"], weights=shares["n"], increasing=False).x
    return pd.DataFrame(
        {"model": shares["model"], "rank": shares["rank"], "probability": np.asarray(smooth, dtype=float)}
    )
