"""How well explicit ALS predicts ratings: RMSE over folds of a file with a rating a line, `user item rating …`.

    python -m benchmarks.ratings --ratings u.data --set rank=64 --set regularisation=0.1 --peers

Every rating is predicted once, by a model trained on the other folds, and clipped to the lowest and the highest rating
there is. Customers and products that are not in those folds get the mean rating. Lines that do not begin with two names
and a number are skipped, and counted. Peer: `mllib`, with the same settings; of native's solvers, choose
`--set solver=cholesky`, which is exact as MLlib's is.
"""

from __future__ import annotations

import argparse
from typing import Any

import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from cartograph.cf.als import Als
from cartograph.core.model import Silver

_ROW = r"^\s*([^\s,;]+)[\s,;]+([^\s,;]+)[\s,;]+([0-9.]+)(?:[\s,;]|$)"


def main() -> None:
    """Trains and predicts fold by fold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratings", required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of als")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    pairs = (setting.split("=", 1) for setting in options.set)
    settings: dict[str, Any] = {"engine": "native", "implicit": False}
    settings |= {key: yaml.safe_load(value) for key, value in pairs}
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("ratings", ["spark.driver_memory=3g"])
        rated, n_left_out = events_of(spark, options.ratings, options.folds)
    with watch("folds"):
        metrics = {"rmse": cross_validated_rmse(rated, settings, options.folds)}
    peers = {}
    if options.peers:
        with watch("mllib"):
            rmse = cross_validated_rmse(rated, mllib_settings(settings), options.folds)
        peers["mllib"] = {"metrics": {"rmse": rmse}, "seconds": watch.seconds["mllib"]}
    print_result(
        "ratings", settings["engine"], metrics, watch.seconds["folds"], watch.seconds["setup"], memory, peers,
        settings=options.set, folds=options.folds, ratings=rated.count(), lines_left_out=n_left_out,
    )  # fmt: skip
    spark.stop()


def mllib_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings for MLlib, whose solver is always exact."""
    return {**{key: value for key, value in settings.items() if key != "solver"}, "engine": "mllib"}


def events_of(spark: SparkSession, path: str, n_folds: int) -> tuple[DataFrame, int]:
    """An event of type rating per line, with its `fold`, sampled by line number; and the number of lines without one.

    Raises:
        SystemExit: no line has a rating.
    """
    lines = spark.read.text(path).withColumn("number", F.monotonically_increasing_id())
    parts = [F.regexp_extract("value", _ROW, place) for place in (1, 2, 3)]
    rows = lines.select(
        F.concat(F.lit("e"), "number").alias("event_id"),
        parts[0].alias("user_id"),
        parts[1].alias("product_id"),
        F.lit("rating").alias("event_type"),
        parts[2].try_cast("double").alias("rating"),
        F.timestamp_seconds(F.col("number") + 1_600_000_000).alias("event_at"),
        F.pmod(F.xxhash64("number", F.lit(7)), F.lit(n_folds)).cast("int").alias("fold"),
    ).persist()
    rated = rows.where("rating IS NOT NULL")
    n_rated = rated.count()
    if not n_rated:
        raise SystemExit(f"{path}: no line begins with a customer, a product and a rating")
    return rated, rows.count() - n_rated


def cross_validated_rmse(rated: DataFrame, settings: dict[str, Any], n_folds: int) -> float:
    """RMSE over all ratings."""
    low, high = rated.agg(F.min("rating"), F.max("rating")).head()  # type: ignore[misc]
    total, count = 0.0, 0
    for fold in range(n_folds):
        training, held = rated.where(F.col("fold") != fold), rated.where(F.col("fold") == fold)
        mean = training.agg(F.avg("rating")).head()[0]  # type: ignore[index]
        model = Als(**settings).fit(Silver(training, training, training.select("product_id").distinct()))
        assert model.user_factors_ is not None
        assert model.item_factors_ is not None
        known = held.join(model.user_factors_.withColumnRenamed("vector", "x"), "user_id", "left").join(
            model.item_factors_.withColumnRenamed("vector", "y"), "product_id", "left"
        )
        dot = F.aggregate(F.zip_with("x", "y", lambda x, y: x * y), F.lit(0.0), lambda total, one: total + one)
        predicted = F.least(F.greatest(F.coalesce(dot, F.lit(mean)), F.lit(low)), F.lit(high))
        error, n = known.agg(F.sum((F.col("rating") - predicted) ** 2), F.count("*")).head()  # type: ignore[misc]
        total, count = total + error, count + n
    return round((total / count) ** 0.5, 5)


if __name__ == "__main__":
    main()
