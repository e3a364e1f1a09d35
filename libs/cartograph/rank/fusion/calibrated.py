"""What a place in a model's list was worth on an earlier day, so that today's votes count what they are worth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.optimize import isotonic_regression


def chances(lists: DataFrame, hits: DataFrame, group: str, item: str) -> DataFrame:
    """Per model and place, the share of what stood there that was chosen since, never rising from place to place.

    Isotonic regression of the shares (Zadrozny and Elkan 2002), each weighted by how many lists were so long. One row
    per model and place: few, however many lists there are.

    Columns: model, rank, chance.

    Args:
        lists: model, `group`, `item`, rank, of the earlier day.
        hits: `group`, `item`, hit (0 to 1): what was chosen since; what it does not name was not.
        group: whose lists they are.
        item: what is listed.
    """
    asked = lists.join(hits.select(group).distinct(), group, "left_semi")
    told = asked.join(hits, [group, item], "left").na.fill(0.0, ["hit"])
    counted = told.groupBy("model", "rank").agg(F.avg("hit").alias("share"), F.count(F.lit(1)).alias("n"))
    return counted.groupBy("model").applyInPandas(_falling, "model string, rank int, chance double")


def _falling(places: pd.DataFrame) -> pd.DataFrame:
    """The shares of one model, smoothed so that they never rise."""
    places = places.sort_values("rank")
    smooth = isotonic_regression(places["share"], weights=places["n"], increasing=False).x
    return pd.DataFrame({"model": places["model"], "rank": places["rank"], "chance": np.asarray(smooth, dtype=float)})


def models_of(lists: DataFrame, without: Iterable[str]) -> list[str]:
    """The models that made lists, in order of name."""
    rows = lists.where(~F.col("model").isin(*without)).select("model").distinct().collect()  # a handful
    return sorted(row.model for row in rows)
