"""Fused vectors by a learned gate: from baskets to a trained gate, and from that to a vector per product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.search.topk import matrix_of, vectors_of
from cartograph.core.training.feed import Backend, materialised
from cartograph.core.training.settings import TrainingConfig
from cartograph.core.training.trainer import Epoch, train
from cartograph.core.training.weights import Weights
from cartograph.core.views.product_sets import shuffled
from cartograph.core.workers.groups import group_size
from cartograph.embed.gate import GatedFusion, GateLearner

_LEAST_PAIRS = 64  # of a worker's part of a step: with fewer there is little to be told from
_SIDES = ("left", "right")


class NoPairs(ValueError):
    """No two products with vectors were bought together, so a gate has nothing to learn from."""


def trained_gate(
    blocks: DataFrame,
    sets: DataFrame,
    widths: Mapping[str, int],
    *,
    width: int = 64,
    temperature: float = 0.1,
    hidden: float = 0.3,
    max_pairs: int = 200_000,
    epochs: int = 10,
    batch_size: int = 256,
    learning_rate: float = 0.003,
    device: str = "cpu",
    workers: int | None = None,
    backend: Backend = "petastorm",
    seed: int = 7,
    record: Callable[[Epoch], None] | None = None,
) -> Weights:
    """The weights of a gate that brings products bought together close to each other.

    Args:
        blocks: rows of `fusion.blocks_of`.
        sets: product_ids: what was bought together.
        widths: numbers per model, in the order of the blocks.
        width, temperature, hidden: see `GateLearner`.
        max_pairs: pairs learned from; of more, some are drawn.
        epochs, batch_size, learning_rate, device, seed: see `core.training.settings.TrainingConfig`.
        workers: of the training group; None: one per core, as long as each has 64 pairs of a step.
        backend: of the feed: petastorm or arrow.
        record: told of each epoch.

    Raises:
        NoPairs: there is none.
        TooFewSlots: fewer free cores than the group has workers.
    """
    spark = blocks.sparkSession
    pairs = _with_blocks(bought_pairs(sets, max_pairs, seed), blocks).persist()
    if not pairs.head(1):
        raise NoPairs("no two products with vectors were bought together")
    learner = GateLearner(tuple(widths.values()), width, temperature, hidden)
    training = TrainingConfig(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, warmup_steps=0, clip_norm=0.0,
        device="cuda" if device == "cuda" else "cpu", seed=seed,
    )  # fmt: skip
    n_workers = group_size(spark, workers, batch_size, _LEAST_PAIRS)
    with materialised(pairs, n_workers, backend, seed) as feed:
        config = {"models": list(widths), "widths": list(widths.values()), "width": width}
        trained = train(spark, learner, feed, training, None, config, record)
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
    drawn = pairs.withColumn("place", F.xxhash64(*_SIDES, F.lit(seed)))
    return drawn.orderBy("place", *_SIDES).limit(max_pairs).drop("place")


def gated(blocks: DataFrame, weights: Weights) -> DataFrame:
    """One row per product: product_id, vector (array<float>, of length one).

    Args:
        blocks: rows of `fusion.blocks_of`.
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
