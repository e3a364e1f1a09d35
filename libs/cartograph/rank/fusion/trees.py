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
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBRanker

from cartograph.core.workers.groups import placed, slots

_PAIR = ["user_id", "product_id"]
LEAST_GROUPS = 20  # customers per worker: with fewer, a worker might have nobody to learn from or to stop by


@dataclass(frozen=True)
class Trees:
    """How the ranker is trained.

    Attributes:
        n_trees: at most.
        depth: of a tree.
        learning_rate: what each tree counts.
        min_weight: least sum of second derivatives in a leaf: the more, the smoother.
        l2: pull of leaves towards 0.
        columns: share of the features that a tree may look at.
        rows: share of the candidates that a tree is made from.
        patience: trees without a better NDCG of customers held back, after which training ends.
        held_back: share of the customers who say when training ends.
        judges: share of the customers on whom methods are compared: nothing is learned from them, not even when to end.
        max_customers: sampled by a hash, these shares included.
        seed: of what is drawn.
    """

    n_trees: int = 300
    depth: int = 5
    learning_rate: float = 0.05
    min_weight: float = 1.0
    l2: float = 5.0
    columns: float = 0.7
    rows: float = 0.8
    patience: int = 30
    held_back: float = 0.2
    judges: float = 0.2
    max_customers: int = 100_000
    seed: int = 7


@dataclass(frozen=True)
class Ranker:
    """A trained ranker: the features it wants, in their order, and the trees as XGBoost's JSON."""

    features: tuple[str, ...]
    trees: str


def labelled(features: DataFrame, bought: DataFrame, settings: Trees) -> DataFrame:
    """The candidates of customers who bought some of them: `features`, is_bought (0 or 1), is_held_back and is_judge.

    Customers who bought nothing that was listed for them teach nothing about order: they are left out. The others are
    dealt to three groups that have nobody in common: those the trees are made from, those held back, and the judges.

    Args:
        features: of the earlier day, of `features.features`.
        bought: user_id, product_id, what was bought since.
        settings: which customers are sampled, held back and judge.
    """
    hits = bought.select(*_PAIR).distinct().withColumn("is_bought", F.lit(1))
    told = features.join(hits, _PAIR, "left").na.fill(0, ["is_bought"])
    teachers = told.where("is_bought = 1").select("user_id").distinct()
    sampled = _draw("sample", settings.seed)
    few = teachers.orderBy(sampled).limit(settings.max_customers)
    place = _draw("held back", settings.seed)
    is_held_back = place < settings.held_back
    is_judge = ~is_held_back & (place < settings.held_back + settings.judges)
    return told.join(few, "user_id", "left_semi").withColumns({"is_held_back": is_held_back, "is_judge": is_judge})


def parameters(settings: Trees, k: int) -> dict[str, Any]:
    """What XGBoost is told, by the names of its scikit-learn interface."""
    return {
        "n_estimators": settings.n_trees, "max_depth": settings.depth, "learning_rate": settings.learning_rate,
        "min_child_weight": settings.min_weight, "reg_lambda": settings.l2, "colsample_bytree": settings.columns,
        "subsample": settings.rows, "tree_method": "hist", "objective": "rank:ndcg", "lambdarank_pair_method": "topk",
        "lambdarank_num_pair_per_sample": max(2 * k, 20), "ndcg_exp_gain": False, "eval_metric": f"ndcg@{k}",
        "early_stopping_rounds": settings.patience, "random_state": settings.seed,
    }  # fmt: skip


def trained(rows: DataFrame, settings: Trees, k: int) -> Ranker | None:
    """The ranker of the `labelled` rows; None where there are too few customers to learn from.

    Args:
        rows: `labelled`, without the judges, in use several times: persisted.
        settings: see there.
        k: the length of list at which NDCG is to be best.
    """
    counts = rows.groupBy("is_held_back").agg(F.countDistinct("user_id").alias("n")).collect()
    least = min((row.n for row in counts), default=0)
    if len(counts) < 2 or least < LEAST_GROUPS:
        return None
    n_workers = max(1, min(slots(rows.sparkSession), least // LEAST_GROUPS))
    names = tuple(name for name in rows.columns if name not in {*_PAIR, "is_bought", "is_held_back", "is_judge"})
    estimator = SparkXGBRanker(
        features_col="features", label_col="is_bought", qid_col="group", validation_indicator_col="is_held_back",
        num_workers=n_workers, **parameters(settings, k),
    )  # fmt: skip
    booster = estimator.fit(side_by_side(grouped(rows, n_workers), names)).get_booster()
    booster.feature_names = list(names)
    best = booster[: booster.best_iteration + 1]
    return Ranker(names, best.save_raw("json").decode())


def grouped(rows: DataFrame, n_workers: int) -> DataFrame:
    """The rows in one partition per worker, a customer's together, with the number of the customer as `group`.

    Sorted to the last row, so that the same rows always make the same trees.
    """
    dealt = rows.withColumn("worker", F.pmod(F.xxhash64("user_id"), F.lit(n_workers)).cast("int"))
    in_turn = Window.partitionBy("worker").orderBy("user_id")
    numbered = dealt.withColumn("group", F.dense_rank().over(in_turn))
    # A checkpoint, as XGBoost sorts by group once more, and Spark drops a sort that another one follows.
    return placed(numbered, "worker", n_workers).sortWithinPartitions("group", "product_id").localCheckpoint()


def side_by_side(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """The rows with one array of the features in place of a column each, NaN where one is null.

    Given columns, XGBoost fails on a batch of rows without any that is held back, or with nothing else.
    """
    values = [F.coalesce(F.col(name).cast("float"), F.lit(float("nan"))) for name in names]
    others = [name for name in rows.columns if name not in names]
    return rows.select(*others, F.array(*values).alias("features"))


def scored(features: DataFrame, ranker: Ranker) -> DataFrame:
    """One row per candidate: user_id, product_id, score (double)."""
    return _asked(features, ranker).mapInArrow(
        partial(_scores, trees=ranker.trees), "user_id string, product_id string, score double"
    )


def contributions(features: DataFrame, ranker: Ranker) -> DataFrame:
    """What each feature adds to the score of a candidate (TreeSHAP: Lundberg et al. 2020).

    Columns: user_id, product_id, contributions (map from feature to number; `bias` is what every candidate has). They
    sum to the score.
    """
    return _asked(features, ranker).mapInArrow(
        partial(_contributions, trees=ranker.trees, names=(*ranker.features, "bias")),
        "user_id string, product_id string, contributions map<string, double>",
    )


def _asked(features: DataFrame, ranker: Ranker) -> DataFrame:
    """The features in the ranker's order; those that are not there today are unknown."""
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
        told = pa.MapArray.from_arrays(starts, keys.cast(pa.string()), parts.ravel())
        columns = [batch.column("user_id"), batch.column("product_id"), told]
        yield pa.RecordBatch.from_arrays(columns, ["user_id", "product_id", "contributions"])


def _booster(trees: str) -> Any:
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(trees.encode()))
    return booster


def _matrix(batch: pa.RecordBatch) -> Any:
    """The numbers of a batch; what is null is missing."""
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float32) for column in batch.columns[2:]]
    return xgb.DMatrix(np.column_stack(columns), feature_names=batch.schema.names[2:], nthread=1)


def _draw(purpose: str, seed: int) -> Any:
    """A number from 0 to 1 per customer."""
    return F.pmod(F.xxhash64(F.lit(purpose), F.lit(seed), "user_id"), F.lit(1_000_003)) / 1_000_003.0
