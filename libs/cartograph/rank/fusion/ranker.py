"""A ranker learned from an earlier day: its candidates, and which of them customers bought since.

Gradient boosted trees that rank each customer's candidates (LambdaMART: Burges 2010, From RankNet to LambdaRank to
LambdaMART), trained by XGBoost (Chen and Guestrin 2016) on all executors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import xgboost as xgb
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBRanker

from cartograph.core.workers.groups import placed, slots
from cartograph.rank.settings import RankerSettings

_PAIR = ["user_id", "product_id"]
_LABELS = {"is_bought", "is_validation", "is_holdout"}
MIN_CUSTOMERS = 20  # per worker and group: with fewer, a worker might have nobody to train or to validate on


@dataclass(frozen=True)
class Ranker:
    """A trained ranker: its features in order, and the trees as XGBoost's JSON."""

    features: tuple[str, ...]
    trees: str


def labelled(features: DataFrame, bought: DataFrame, settings: RankerSettings) -> DataFrame:
    """The candidates of customers who bought some of them: `features`, is_bought (0 or 1), is_validation, is_holdout.

    Customers who bought none of their candidates say nothing about their order and are left out. The others are split
    into three disjoint groups: training, validation (early stopping) and holdout (comparison of the methods).

    Args:
        features: of the earlier day, of `features.features`.
        bought: user_id, product_id: what was bought since.
        settings: sizes of the groups.
    """
    hits = bought.select(*_PAIR).distinct().withColumn("is_bought", F.lit(1))
    rows = features.join(hits, _PAIR, "left").na.fill(0, ["is_bought"])
    buyers = rows.where("is_bought = 1").select("user_id").distinct()
    sampled = buyers.orderBy(_uniform("sample", settings.seed)).limit(settings.max_customers)
    draw = _uniform("held back", settings.seed)
    is_validation = draw < settings.held_back
    is_holdout = ~is_validation & (draw < settings.held_back + settings.judges)
    return rows.join(sampled, "user_id", "left_semi").withColumns(
        {"is_validation": is_validation, "is_holdout": is_holdout}
    )


def xgboost_parameters(settings: RankerSettings, k: int) -> dict[str, Any]:
    """Parameters of XGBoost's scikit-learn interface, for the best NDCG@k."""
    return {
        "n_estimators": settings.n_estimators,
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "reg_lambda": settings.reg_lambda,
        "colsample_bytree": settings.colsample_bytree,
        "subsample": settings.subsample,
        "early_stopping_rounds": settings.early_stopping_rounds,
        "random_state": settings.seed,
        "tree_method": "hist",
        "objective": "rank:ndcg",
        "ndcg_exp_gain": False,
        "eval_metric": f"ndcg@{k}",
        "lambdarank_pair_method": "topk",
        "lambdarank_num_pair_per_sample": max(2 * k, 20),
    }


def train_ranker(rows: DataFrame, settings: RankerSettings, k: int) -> Ranker | None:
    """The ranker trained on `labelled` rows; None if there are too few customers.

    Args:
        rows: `labelled`, without the holdout customers; persisted, as they are read several times.
        settings: of XGBoost.
        k: length of the lists whose NDCG is optimised.
    """
    counts = rows.groupBy("is_validation").agg(F.countDistinct("user_id").alias("n")).collect()
    smallest = min((row.n for row in counts), default=0)
    if len(counts) < 2 or smallest < MIN_CUSTOMERS:
        return None
    n_workers = max(1, min(slots(rows.sparkSession), smallest // MIN_CUSTOMERS))
    names = tuple(name for name in rows.columns if name not in {*_PAIR, *_LABELS})
    estimator = SparkXGBRanker(
        features_col="features", label_col="is_bought", qid_col="group", validation_indicator_col="is_validation",
        num_workers=n_workers, **xgboost_parameters(settings, k),
    )  # fmt: skip
    booster = estimator.fit(with_feature_array(partitioned_by_customer(rows, n_workers), names)).get_booster()
    booster.feature_names = list(names)
    best = booster[: booster.best_iteration + 1]
    return Ranker(names, best.save_raw("json").decode())


def partitioned_by_customer(rows: DataFrame, n_workers: int) -> DataFrame:
    """The rows in one partition per worker, each customer's in one of them, with the customer's number as `group`.

    Sorted completely, so that the same rows always give the same trees.
    """
    assigned = rows.withColumn("worker", F.pmod(F.xxhash64("user_id"), F.lit(n_workers)).cast("int"))
    numbered = assigned.withColumn("group", F.dense_rank().over(Window.partitionBy("worker").orderBy("user_id")))
    # A checkpoint, because XGBoost sorts by group again, and Spark drops a sort that is followed by another one.
    return placed(numbered, "worker", n_workers).sortWithinPartitions("group", "product_id").localCheckpoint()


def with_feature_array(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """The rows with one array `features` in place of the feature columns, NaN for null.

    Given separate columns, XGBoost fails on batches with only training or only validation rows.
    """
    values = [F.coalesce(F.col(name).cast("float"), F.lit(float("nan"))) for name in names]
    others = [name for name in rows.columns if name not in names]
    return rows.select(*others, F.array(*values).alias("features"))


def scored(features: DataFrame, ranker: Ranker) -> DataFrame:
    """One row per candidate: user_id, product_id, score (double)."""
    return _in_feature_order(features, ranker).mapInArrow(
        partial(_scores, trees=ranker.trees), "user_id string, product_id string, score double"
    )


def contributions(features: DataFrame, ranker: Ranker) -> DataFrame:
    """Contribution of each feature to the score of a candidate (TreeSHAP: Lundberg et al. 2020).

    Columns: user_id, product_id, contributions (map from feature to number; `bias` is the expected score of any
    candidate). They sum to the score.
    """
    return _in_feature_order(features, ranker).mapInArrow(
        partial(_contributions, trees=ranker.trees, names=(*ranker.features, "bias")),
        "user_id string, product_id string, contributions map<string, double>",
    )


def _in_feature_order(features: DataFrame, ranker: Ranker) -> DataFrame:
    """The features in the ranker's order; those missing on this day are null."""
    known = set(features.columns)
    unknown = F.lit(None).cast("float")
    return features.select(*_PAIR, *[F.col(name) if name in known else unknown.alias(name) for name in ranker.features])


def _scores(batches: Iterable[pa.RecordBatch], trees: str) -> Iterator[pa.RecordBatch]:
    booster = _booster(trees)
    for batch in batches:
        score = booster.predict(_matrix(batch), output_margin=True)
        columns = [batch.column("user_id"), batch.column("product_id"), pa.array(score.astype(np.float64))]
        yield pa.RecordBatch.from_arrays(columns, ["user_id", "product_id", "score"])


def _contributions(batches: Iterable[pa.RecordBatch], trees: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    booster = _booster(trees)
    for batch in batches:
        parts = booster.predict(_matrix(batch), pred_contribs=True).astype(np.float64)
        starts = np.arange(0, parts.size + 1, len(names), dtype=np.int32)
        keys = pa.DictionaryArray.from_arrays(np.tile(np.arange(len(names), dtype=np.int32), len(parts)), list(names))
        maps = pa.MapArray.from_arrays(starts, keys.cast(pa.string()), parts.ravel())
        columns = [batch.column("user_id"), batch.column("product_id"), maps]
        yield pa.RecordBatch.from_arrays(columns, ["user_id", "product_id", "contributions"])


def _booster(trees: str) -> Any:
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(trees.encode()))
    return booster


def _matrix(batch: pa.RecordBatch) -> Any:
    """The features of a batch; nulls are missing values."""
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float32) for column in batch.columns[2:]]
    return xgb.DMatrix(np.column_stack(columns), feature_names=batch.schema.names[2:], nthread=1)


def _uniform(salt: str, seed: int) -> Column:
    """A pseudo-random number from 0 to 1 per customer."""
    return F.pmod(F.xxhash64(F.lit(salt), F.lit(seed), "user_id"), F.lit(1_000_003)) / 1_000_003.0
