"""Factors of products from their descriptions: a prior for those that few customers, or none, interacted with.

A product's text, brand and category path become hashed features; a ridge regression learns which factors go with which
features from the products that have been bought (Agarwal and Chen 2009, regression-based latent factors). A product
with n customers then gets (n x + s p) / (n + s), where x is its learned factor, p the prediction of the regression, and
s the strength of the prior: a new product gets p alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.search.topk import vectors_of
from cartograph.core.views.descriptions import N_FEATURES, features

_RIDGE = 1.0  # L2 regularisation of the effect of a feature, in customers.

Matrix = npt.NDArray[np.float64]


def with_prior(item_factors: DataFrame, weights: DataFrame, products: DataFrame, strength: float) -> DataFrame:
    """One row per product of `products` or with a factor: product_id, vector; nothing where there are no factors.

    Args:
        item_factors: product_id, vector.
        weights: user_id, product_id, weight: the interactions. Products with interactions but no likes are not new, and
            get no factor.
        products: rows of silver.products.
        strength: s above, in customers.
    """
    known = weights.groupBy("product_id").agg(F.count_if(F.col("weight") > 0).cast("double").alias("n"))
    rows = features(products).join(item_factors, "product_id", "full").join(known, "product_id", "left")
    rows = rows.where("n IS NULL OR n > 0")
    rows = rows.select("product_id", "codes", "vector", F.coalesce("n", F.lit(0.0)).alias("n")).persist()
    mapping = regression(rows.where("vector IS NOT NULL AND codes IS NOT NULL"))
    if mapping is None:
        rows.unpersist()
        return item_factors
    blend = partial(_blended, mapping=mapping, strength=strength)
    ids = rows.schema["product_id"].dataType.simpleString()
    blended = rows.mapInArrow(blend, f"product_id {ids}, vector array<float>").localCheckpoint()
    rows.unpersist()
    return blended


def regression(rows: DataFrame) -> Matrix | None:
    """The factors that each feature adds: (features, rank); summed on the executors, solved on the driver.

    None where there are no rows to learn from.

    Args:
        rows: codes, vector, n.
    """
    parts = (
        rows.select("codes", "vector", "n").mapInArrow(_moments, "side array<double>, cross array<double>").toArrow()
    )
    if not parts.num_rows:
        return None
    side, cross = (
        np.sum([np.array(part.values) for part in parts.column(name)], axis=0).reshape(N_FEATURES, -1)
        for name in ("side", "cross")
    )
    solved: Matrix = np.linalg.solve(side + _RIDGE * np.eye(N_FEATURES), cross)
    return solved


def _moments(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row per task: AᵀDA and AᵀDX of its products, A features, X factors, D counts of customers."""
    side, cross = np.zeros((N_FEATURES, N_FEATURES)), None
    for batch in batches:
        if not batch.num_rows:
            continue
        A = _features(batch.column("codes"))
        X = np.array(batch.column("vector").flatten(), dtype=np.float64).reshape(batch.num_rows, -1)
        weighted = sp.diags(batch.column("n").to_numpy()) @ A
        side += (weighted.T @ A).toarray()
        cross = weighted.T @ X + (0 if cross is None else cross)
    if cross is not None:
        kind = pa.list_(pa.float64())
        columns = [pa.array([side.ravel()], kind), pa.array([np.asarray(cross).ravel()], kind)]
        yield pa.RecordBatch.from_arrays(columns, names=["side", "cross"])


def _blended(batches: Iterable[pa.RecordBatch], mapping: Matrix, strength: float) -> Iterator[pa.RecordBatch]:
    """Learned factors shrunk towards the prior of their features, the more the smaller n."""
    rank = mapping.shape[1]
    for batch in batches:
        prior = _features(batch.column("codes")) @ mapping
        described = pc.is_valid(batch.column("codes")).to_numpy(zero_copy_only=False)
        learned = pc.is_valid(batch.column("vector")).to_numpy(zero_copy_only=False)
        factors = np.zeros((batch.num_rows, rank))
        factors[learned] = np.array(batch.column("vector").flatten()).reshape(-1, rank)
        n = np.where(learned, batch.column("n").to_numpy(), 0.0)
        share = np.where(learned & ~described, 1.0, n / (n + strength))[:, None]
        vectors = (share * factors + (1 - share) * prior).astype(np.float32)
        columns = [batch.column("product_id"), vectors_of(vectors)]
        yield pa.RecordBatch.from_arrays(columns, names=["product_id", "vector"])


def _features(codes: pa.ListArray) -> Any:
    """Rows of unit length with the same entry for each feature: a sparse matrix (products, features)."""
    lengths = pc.fill_null(pc.list_value_length(codes), 0).to_numpy(zero_copy_only=False)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    columns = codes.flatten().to_numpy(zero_copy_only=False)
    return sp.csr_matrix((values, columns, starts), shape=(len(codes), N_FEATURES))
