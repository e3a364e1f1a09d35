"""Vectors of customers from those of their products, and vectors of products from a trained network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.search.neighbours import positions_of
from cartograph.core.search.topk import matrix_of, vectors_of
from cartograph.core.training.group import training_group
from cartograph.core.training.weights import Weights
from cartograph.core.workers.groups import Group, run_group
from cartograph.graph.networks.recommendation_task import RecommendationTask

VECTORS = "code int, vector array<float>, bias float"


def customer_vectors(users: DataFrame, items: DataFrame, unit: bool) -> DataFrame:
    """One row per customer with a known product: user_id, mask, vector (the weighted sum of the products' vectors).

    A 1 is appended, which is multiplied by the bias.

    Args:
        users: user_id, product_ids, mask (passed on).
        items: product_id, vector, weight. Broadcast to every task.
        unit: whether the sum is normalised to length one.
    """
    table = items.toArrow().sort_by("product_id").combine_chunks()
    weights = table["weight"].to_numpy().astype(np.float32)[:, None]
    product_ids = pa.concat_arrays([pa.array([], pa.string()), *table["product_id"].chunks])
    product_vectors = users.sparkSession.sparkContext.broadcast(
        (product_ids, weights * matrix_of(table["vector"].combine_chunks()))
    )
    queries = users.select("user_id", "mask", F.array_distinct("product_ids").alias("had"))
    schema = "user_id string, mask array<string>, vector array<float>"
    return queries.mapInArrow(partial(_sums, product_vectors=product_vectors, unit=unit), schema)


def _sums(batches: Iterable[pa.RecordBatch], product_vectors: Any, unit: bool) -> Iterator[pa.RecordBatch]:
    """Vectors of the customers of each batch."""
    product_ids, vectors = product_vectors.value
    for batch in batches:
        starts, known = positions_of(pa.chunked_array([batch.column("had")]), product_ids)
        inside = known >= 0
        ends = np.concatenate(([0], np.cumsum(inside)))[starts]
        rows = sp.csr_matrix((np.ones(ends[-1], np.float32), known[inside], ends), (batch.num_rows, len(vectors)))
        sums = rows @ vectors
        if unit:
            sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
        biased = np.column_stack([sums, np.ones(len(sums), np.float32)])
        columns = [batch.column("user_id"), batch.column("mask"), vectors_of(biased)]
        found = pa.RecordBatch.from_arrays(columns, names=["user_id", "mask", "vector"])
        yield found.filter(pa.array(np.diff(ends) > 0))


def computed_vectors(
    spark: SparkSession, task: RecommendationTask, weights: Weights | None, n_workers: int, device: str
) -> DataFrame:
    """One row per product: code, vector, bias, computed by a group of `n_workers` workers, those of the training."""
    sent = spark.sparkContext.broadcast(weights)
    work = partial(_vectors, task=task, weights=sent, device=device)
    return run_group(spark.range(n_workers).repartition(n_workers), work, VECTORS)


def _vectors(
    group: Group, _: Iterable[pa.RecordBatch], task: RecommendationTask, weights: Any, device: str
) -> Iterator[pa.RecordBatch]:
    """One worker's share of the vectors."""
    with training_group(group, device) as members:
        network = task.network()
        network.load_state_dict(weights.value.tensors())
        network.to(members.device).eval()
        with torch.inference_mode():
            vectors, biases = network.all_vectors().float().cpu().numpy(), network.biases.cpu().numpy()
    share = np.array_split(np.arange(len(vectors), dtype=np.int32), group.size)[group.rank]
    columns = [pa.array(share), vectors_of(vectors[share]), pa.array(biases[share])]
    yield pa.record_batch(columns, ["code", "vector", "bias"])
