"""How much better the fused list of all models is than the best single model's, on events of any shop.

    python -m benchmarks.fusion --events events.csv [--dates 3] [--horizon-days 30] [--models popularity,…] [--repeats]

Events are a CSV (or `.gz`) with header user_id, item_id, time (unix seconds), or Parquet with the same columns; each
is a purchase, and what a customer buys within a day is one order. On each of several days every model is fitted to the
events before it and lists products for the customers known by then who buy within the horizon after it; what they buy,
new or again, is relevant. The ranker of a day learns from the day before it, one horizon ago: one day more than is
evaluated is needed, and the first one is for learning only.

`fused_ndcg@10` is the mean over customers and days of the fusion method chosen (rank.fusion.method auto, `methods`),
`difference_low` and `difference_high` the 95 % interval of its improvement over the single model that is best over all
days (bootstrap over customers, 2,000 samples), `best_single_ahead` those of that model's improvement over the others.
`new_…` are the same without the products a customer had before. With `--repeats` every model may list products the
customer had before, otherwise only next_basket does.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.harness import PeakMemory, Stopwatch, model_named, print_result, spark_session
from benchmarks.interactions import baskets_of, events_of
from benchmarks.topn import STEPS, warm_up
from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from cartograph.core.views.seen import seen
from cartograph.rank.day import Day
from cartograph.rank.fusion.fuse import fuse
from cartograph.rank.fusion.learning import best_fusion
from cartograph.rank.settings import RankSettings

DEFAULT = "popularity,item_neighbours,cooccurrence,rp3beta,user_neighbours,als,next_basket,first_order"
SETTINGS = {"als": ["engine=native"]}
FUSED = "fused"
PAIR = ["user_id", "product_id"]
K, LONGEST, N_SAMPLES = 10, 500, 2_000


@dataclass
class EvaluatedDay:
    """The lists of a day and what was bought after it.

    Attributes:
        known: the day, with the lists of customers who buy something.
        truth: user_id, product_id, is_new (not bought before): what these customers bought within the horizon.
    """

    known: Day
    truth: DataFrame


def main() -> None:
    """Fits, fuses, evaluates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", required=True)
    parser.add_argument("--models", default=DEFAULT)
    parser.add_argument("--dates", type=int, default=3, help="days evaluated")
    parser.add_argument("--horizon-days", type=int, help="default: 30, or an eighth of the time span if that is less")
    parser.add_argument("--repeats", action="store_true", help="all models may list what customers had before")
    parser.add_argument("--depth", type=int, default=50, help="list length of each model")
    options = parser.parse_args()
    memory, watch = PeakMemory(), Stopwatch()
    with watch("setup"):
        spark = spark_session("fusion", ["spark.driver_memory=4g", "spark.shuffle_partitions=8"])
        events = events_of(spark, options.events).where("user_id IS NOT NULL AND product_id IS NOT NULL").persist()
        horizon, dates = dates_of(events, options.dates, options.horizon_days)
        warm_up(spark)
    with watch("models"):
        days = [day_of(events, day, horizon, options) for day in dates]
    scores, methods = [], []
    with watch("fusion"):
        for earlier, day in pairwise(days):
            fused, method = fused_lists_of(earlier, day)
            scores.append(evaluated(day, fused))
            methods.append(method)
    metrics = compared(pd.concat(scores), "all", "") | compared(pd.concat(scores), "new", "new_")
    print_result(
        "fusion", "spark", metrics, watch.seconds["fusion"], watch.seconds["setup"], memory, methods=methods,
        models_seconds=watch.seconds["models"], days=[str(day.known.as_of) for day in days[1:]], horizon_days=horizon,
        n_events=events.count(),
    )  # fmt: skip
    spark.stop()


def dates_of(events: DataFrame, n: int, horizon_days: int | None) -> tuple[int, list[date]]:
    """The horizon, and `n` + 1 days, each a horizon after the one before, the last a horizon before the last event."""
    first, last = events.agg(F.min("event_on"), F.max("event_on")).collect()[0]
    horizon = horizon_days or max(1, min(30, (last - first).days // 8))
    end = last + timedelta(days=1)
    return horizon, [end - timedelta(days=horizon * back) for back in range(n + 1, 0, -1)]


def day_of(events: DataFrame, day: date, horizon: int, options: argparse.Namespace) -> EvaluatedDay:
    """The lists of all models on one day, for customers who buy within the horizon."""
    start = F.lit(day).cast("timestamp")
    history = events.where(F.col("event_at") < start).persist()
    data = Silver(history, baskets_of(history).persist(), history.select("product_id").distinct(), as_of=day)
    end = F.lit(day + timedelta(days=horizon)).cast("timestamp")
    later = events.where((F.col("event_at") >= start) & (F.col("event_at") < end))
    bought = later.where("event_type = 'purchase'").select(*PAIR).distinct()
    users = histories(history, LONGEST).join(bought.select("user_id").distinct(), "user_id", "left_semi").persist()
    known = seen(history).withColumn("is_known", F.lit(True))
    truth = bought.join(users.select("user_id"), "user_id", "left_semi").join(known, PAIR, "left")
    truth = truth.select(*PAIR, F.col("is_known").isNull().alias("is_new")).localCheckpoint()
    lists = []
    for name in options.models.split(","):
        may_repeat = options.repeats and name != "next_basket"  # which lists them anyway
        model = model_named(name, STEPS, SETTINGS.get(name, []) + ["mask_seen=false"] * may_repeat)
        listed = model.fit(data).recommend(users, options.depth)
        lists.append(listed.select(F.lit(name).alias("model"), *PAIR, "rank", "score").localCheckpoint())
    return EvaluatedDay(Day(day, reduce(DataFrame.unionByName, lists), data), truth)


def fused_lists_of(earlier: EvaluatedDay, day: EvaluatedDay) -> tuple[DataFrame, str]:
    """The fused lists of a day, by the method learned on the earlier one, and the method."""
    settings = RankSettings(k=K)
    fusion = best_fusion(earlier.known, earlier.truth, settings)
    return fuse(day.known, fusion, settings).lists.select(
        F.lit(FUSED).alias("model"), *PAIR, "rank", "score"
    ), fusion.method


def evaluated(day: EvaluatedDay, fused: DataFrame) -> pd.DataFrame:
    """One row per model, task (all, or new products only) and customer: ndcg."""
    lists = day.known.lists.unionByName(fused).join(
        seen(day.known.data.events).withColumn("seen", F.lit(True)), PAIR, "left"
    )
    pairs = lists.select("model", *PAIR, "rank", F.col("seen").isNull().alias("is_new_to_user")).toPandas()
    truth = day.truth.toPandas()
    tasks = {"all": (pairs, truth), "new": (pairs[pairs.is_new_to_user], truth[truth.is_new])}
    return pd.concat(
        _ndcg(listed, right).assign(task=task, day=day.known.as_of) for task, (listed, right) in tasks.items()
    )


def _ndcg(lists: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """model, user_id, ndcg, of every model and every customer who bought something."""
    ordered = lists.sort_values("rank")
    placed = ordered.assign(place=ordered.groupby(["model", "user_id"]).cumcount() + 1)
    hits = placed[placed.place <= K].merge(truth[PAIR], on=PAIR)
    gains = (1 / np.log2(hits.place + 1)).groupby([hits.model, hits.user_id]).sum()
    n_right = truth.groupby("user_id").size()
    every = pd.MultiIndex.from_product([lists.model.unique(), n_right.index], names=["model", "user_id"])
    ideal = np.cumsum(1 / np.log2(np.arange(2, K + 2)))
    best = ideal[np.minimum(n_right.reindex(every.get_level_values("user_id")), K).to_numpy() - 1]
    return pd.DataFrame({"ndcg": gains.reindex(every, fill_value=0.0).to_numpy() / best}, index=every).reset_index()


def compared(scores: pd.DataFrame, task: str, prefix: str) -> dict[str, Any]:
    """The fused list compared with the model that is best over all days."""
    wide = scores[scores.task == task].pivot(index=["day", "user_id"], columns="model", values="ndcg")
    means = wide.mean().sort_values(ascending=False)
    best = means.drop(FUSED).index[0]
    low, high = _interval(wide[FUSED] - wide[best])
    return {
        f"{prefix}fused_ndcg@10": round(float(means[FUSED]), 5),
        f"{prefix}best_single": best,
        f"{prefix}best_single_ndcg@10": round(float(means[best]), 5),
        f"{prefix}difference_low": low,
        f"{prefix}difference_high": high,
        f"{prefix}best_single_ahead": {
            name: _interval(wide[best] - wide[name]) for name in means.index.drop([FUSED, best])
        },
        f"{prefix}n_customers": wide.index.get_level_values("user_id").nunique(),
        f"{prefix}by_model": {name: round(float(value), 5) for name, value in means.items()},
    }


def _interval(differences: pd.Series[float]) -> tuple[float, float]:
    """The 95 % interval of the mean difference, bootstrapped over customers."""
    of_customers = differences.groupby("user_id").agg(["sum", "size"])
    counts = np.random.default_rng(7).poisson(1.0, (N_SAMPLES, len(of_customers)))
    low, high = np.percentile(
        counts @ of_customers["sum"].to_numpy() / (counts @ of_customers["size"].to_numpy()), [2.5, 97.5]
    )
    return round(float(low), 5), round(float(high), 5)


if __name__ == "__main__":
    main()
