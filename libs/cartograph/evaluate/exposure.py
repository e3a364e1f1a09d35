"""Which products are listed, and how evenly: coverage, Gini coefficient, and the shares of best and slow sellers."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.statistics.metrics import gini

EXPOSURE_METRICS = ("coverage", "gini", "head_exposure", "mid_exposure", "tail_exposure")


def exposure(
    lists: DataFrame, truth: DataFrame, popularity: DataFrame, n_products: DataFrame, ks: Sequence[int]
) -> DataFrame:
    """One row per model, slice, k and metric of the lists of the slice's customers; a list counts once per truth row.

    coverage: share of the catalogue that is listed. gini: how unevenly listings are distributed over the catalogue,
    products never listed included. head_exposure, mid_exposure, tail_exposure: shares of the listings that go to
    products of that popularity (popularity bias: Abdollahpouri et al. 2019); a product without earlier sales is tail.

    Columns: model, slice, metric, k, value, n_users. None of them is a mean over customers, so there is no interval.

    Args:
        lists: model, list_id, rank, product_id.
        truth: slice, list_id.
        popularity: see `product_popularity`.
        n_products: one row, n_products: the size of the catalogue.
        ks: list lengths.
    """
    shown = lists.where(F.col("rank") <= max(ks)).join(truth.select("slice", "list_id"), "list_id")
    within = [F.count(F.when(F.col("rank") <= k, 1)).alias(str(k)) for k in ks]
    products = shown.groupBy("model", "slice", "product_id").agg(*within)
    bands = products.join(popularity.select("product_id", "popularity"), "product_id", "left")
    stacked = F.expr(f"stack({len(ks)}, {', '.join(f'{k}, `{k}`' for k in ks)}) as (k, n_places)")
    places = bands.select("model", "slice", F.coalesce("popularity", F.lit("tail")).alias("band"), stacked)
    askers = truth.groupBy("slice").agg(F.count(F.lit(1)).alias("n_users"))
    sums = _sums(places.where("n_places > 0")).join(F.broadcast(askers), "slice").join(F.broadcast(n_products))
    values = _values()
    pairs = ", ".join(f"'{name}', `{name}`" for name in values)
    return sums.select("model", "slice", "k", "n_users", *[value.alias(name) for name, value in values.items()]).select(
        "model", "slice", F.expr(f"stack({len(values)}, {pairs}) as (metric, value)"), "k", "n_users"
    )


def _sums(places: DataFrame) -> DataFrame:
    """One row per model, slice and k: products listed, their listings, those of each band, listings times position.

    Products with equally many listings are added up first, so that few rows are sorted.
    """
    key = ["model", "slice", "k"]
    held = [F.sum(F.when(F.col("band") == band, F.col("n_places")).otherwise(0)).alias(band) for band in _BANDS]
    grouped = places.groupBy(*key, "n_places").agg(F.count(F.lit(1)).alias("n"), *held)
    fewer = F.sum("n").over(Window.partitionBy(*key).orderBy("n_places")) - F.col("n")
    positions = F.col("n") * fewer + F.col("n") * (F.col("n") + 1) / 2
    ranked = grouped.withColumn("weighted", F.col("n_places") * positions)
    return ranked.groupBy(*key).agg(
        F.sum("n").alias("n_shown"),
        F.sum(F.col("n") * F.col("n_places")).cast("double").alias("places"),
        F.sum("weighted").alias("weighted"),
        *[F.sum(band).alias(band) for band in _BANDS],
    )


_BANDS = ("head", "mid", "tail")


def _values() -> dict[str, Column]:
    n_products, n_shown, places = F.col("n_products"), F.col("n_shown"), F.col("places")
    shares = {f"{band}_exposure": F.col(band) / places for band in _BANDS}
    uneven = gini(n_products, n_shown, places, F.col("weighted"))
    return {"coverage": n_shown / n_products, "gini": uneven, **shares}
