"""Fused vectors by a learned gate: from baskets to a trained gate, and from that to a vector per product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import TooLittle
from cartograph.core.search.topk import matrix_of, vectors_of
from cartograph.core.training.feed import materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.trainer import Epoch, train
from cartograph.core.training.weights import Weights
from cartograph.core.views.product_sets import shuffled
from cartograph.core.workers.groups import group_size
from cartograph.embed.gate_network import GatedFusion, GateTask
from cartograph.embed.settings import GateSettings

_LEAST_PAIRS = 64  # of a worker's part of a step: with fewer there are too few negatives
_SIDES = ("left", "right")


def trained_gate(
    blocks: DataFrame,
    sets: DataFrame,
    widths: Mapping[str, int],
    settings: GateSettings,
    record: Callable[[Epoch], None] | None = None,
) -> Weights:
    """The weights of a gate that brings products bought together close to each other.

    Args:
        blocks: rows of `concatenation.blocks_of`.
        sets: product_ids: what was bought together.
        widths: dimensions per model, in the order of the blocks.
        settings: of the network and its training.
        record: called with each epoch.

    Raises:
        TooLittle: no two products with vectors were bought together.
        TooFewSlots: fewer free cores than the group has workers.
    """
    spark = blocks.sparkSession
    pairs = _with_blocks(bought_pairs(sets, settings.max_pairs, settings.seed), blocks).persist()
    if not pairs.head(1):
        raise TooLittle("no two products with vectors were bought together")
    task = GateTask(tuple(widths.values()), settings)
    training = TrainingConfig(
        epochs=settings.epochs, batch_size=settings.batch_size, learning_rate=settings.learning_rate, warmup_steps=0,
        clip_norm=0.0, device=settings.device, seed=settings.seed,
    )  # fmt: skip
    n_workers = group_size(spark, settings.workers, settings.batch_size, _LEAST_PAIRS)
    with materialised(pairs, n_workers, settings.backend, settings.seed) as feed:
        config = {"models": list(widths), "widths": list(widths.values()), "width": settings.width}
        trained = train(spark, task, feed, training, None, config, record)
    pairs.unpersist()
    return trained.weights


def bought_pairs(sets: DataFrame, max_pairs: int, seed: int = 7) -> DataFrame:
    """One row per pair: left, right (product_ids). A set of n products gives n - 1, each with the next by a hash.

    Args:
        sets: product_ids.
        max_pairs: of more, those of the smallest hash.
        seed: of that hash.
    """
    chains = shuffled(sets.where("size(product_ids) > 1")).withColumn("n", F.size("product_ids"))
    ends = F.arrays_zip(
        F.slice("product_ids", F.lit(1), F.col("n") - 1).alias("left"),
        F.slice("product_ids", F.lit(2), F.col("n") - 1).alias("right"),
    )
    pairs = chains.select(F.inline(ends)).toDF(*_SIDES)
    hashed = pairs.withColumn("hash", F.xxhash64(*_SIDES, F.lit(seed)))
    return hashed.orderBy("hash", *_SIDES).limit(max_pairs).drop("hash")


def gated(blocks: DataFrame, weights: Weights) -> DataFrame:
    """One row per product: product_id, vector (array<float>, of length one).

    Args:
        blocks: rows of `concatenation.blocks_of`.
        weights: of `trained_gate`.
    """
    shared = blocks.sparkSession.sparkContext.broadcast(weights)
    return blocks.mapInArrow(partial(_fused, weights=shared), "product_id string, vector array<float>")


def _with_blocks(pairs: DataFrame, blocks: DataFrame) -> DataFrame:
    """The pairs as a gate is fed: of each side its blocks, which models it has, and a code."""
    for side in _SIDES:
        own = blocks.select(
            F.col("product_id").alias(side), F.col("blocks").alias(f"{side}_blocks"),
            F.col("present").alias(f"{side}_present"),
        )  # fmt: skip
        pairs = pairs.join(own, side)
    columns = [
        column
        for side in _SIDES
        for column in (
            F.col(f"{side}_blocks").alias(side), F.col(f"{side}_present"), F.xxhash64(side).alias(f"{side}_code")
        )
    ]  # fmt: skip
    return pairs.select(*columns)


def _fused(batches: Iterable[pa.RecordBatch], weights: Any) -> Iterator[pa.RecordBatch]:
    """Vectors of each batch."""
    torch.set_num_threads(1)
    network: GatedFusion | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        network = network or _restored(weights.value)
        blocks, present = (torch.from_numpy(matrix_of(batch.column(name)).copy()) for name in ("blocks", "present"))
        with torch.inference_mode():
            vectors = network(blocks, present).numpy()
        columns = [batch.column("product_id"), vectors_of(vectors)]
        yield pa.RecordBatch.from_arrays(columns, names=["product_id", "vector"])


def _restored(weights: Weights) -> GatedFusion:
    """The gate with those weights, for use."""
    network = GatedFusion(tuple(weights.config["widths"]), weights.config["width"])
    network.load_state_dict(weights.tensors())
    return network.eval()
