"""Calibration of predicted repurchases, and accuracy of intervals where the true ones are known.

    python -m benchmarks.repurchases --interactions build/relations/interactions.csv.gz [--horizon 30]
        [--truth build/relations/repeats.csv]

Interactions are those of `benchmarks.relations`; the last `--horizon` days are predicted from the days before.
`fifths`: for each fifth of the pairs of customer and product, by probability, the predicted and the actual purchases.
Truth is a CSV item_id, days (`benchmarks.shop_relations` writes it): `interval_ratio` is the median of predicted over
planted intervals, `interval_error` the median distance of that from one, of products bought by `--min-buyers` or more.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, print_result, spark_session
from benchmarks.interactions import events_of
from benchmarks.topn import warm_up
from cartograph.sequence.repurchases import intervals, repurchases, return_times
from cartograph.sequence.settings import RepurchaseSettings


def main() -> None:
    """Predicts the last days and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", required=True)
    parser.add_argument("--truth")
    parser.add_argument("--horizon", type=int, default=30)
    parser.add_argument("--min-buyers", type=int, default=20)
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("repurchases", ["spark.driver_memory=4g", "spark.shuffle_partitions=8"])
        bought = events_of(spark, options.interactions).where("event_type = 'purchase'").persist()
        last = bought.agg(F.max("event_on")).collect()[0][0]
        warm_up(spark)
    as_of = last + timedelta(days=1 - options.horizon)
    before = bought.where(F.col("event_on") < F.lit(as_of))
    with watch("repurchases"):
        rows = repurchases(before, as_of, RepurchaseSettings(horizon_days=options.horizon)).toPandas()
    came = bought.where(F.col("event_on") >= F.lit(as_of)).select("user_id", "product_id").distinct().toPandas()
    metrics: dict[str, Any] = {"fifths": fifths(rows, came)}
    if options.truth:
        times = return_times(intervals(before, as_of), RepurchaseSettings().prior_intervals).toPandas()
        buyers, truth = rows.groupby("product_id").size(), pd.read_csv(options.truth, dtype={"item_id": str})
        metrics |= compared(times, buyers[buyers >= options.min_buyers], truth)
    print_result(
        "repurchases", "spark", metrics, watch.seconds["repurchases"], watch.seconds["setup"], memory, n_pairs=len(rows)
    )
    spark.stop()


def fifths(rows: pd.DataFrame, came: pd.DataFrame) -> list[tuple[float, int]]:
    """Predicted and actual purchases, the least likely fifth first."""
    ordered = rows.sort_values(["probability", "user_id", "product_id"])
    known = set(zip(came["user_id"], came["product_id"], strict=True))
    hits = np.array([pair in known for pair in zip(ordered["user_id"], ordered["product_id"], strict=True)])
    parts = np.array_split(np.arange(len(ordered)), 5)
    return [(round(float(ordered["probability"].iloc[part].sum()), 1), int(hits[part].sum())) for part in parts]


def compared(times: pd.DataFrame, buyers: pd.Series[Any], truth: pd.DataFrame) -> dict[str, float]:
    """How much predicted intervals differ from planted ones."""
    asked = times[times["product_id"].isin(buyers.index)].merge(truth, left_on="product_id", right_on="item_id")
    ratio = np.exp(asked["typical"]) / asked["days"]
    return {
        "interval_ratio": round(float(ratio.median()), 3),
        "interval_error": round(float((ratio - 1).abs().median()), 3),
        "n_products": len(asked),
    }


if __name__ == "__main__":
    main()
