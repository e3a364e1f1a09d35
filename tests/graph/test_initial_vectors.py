"""Vectors start from singular vectors; products without customers start at random."""

from __future__ import annotations

import numpy as np
import torch
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.training.feed import materialised
from cartograph.graph.networks.customer_rows import CustomerRows
from cartograph.graph.networks.initial_vectors import first_vectors, spectral_start

BOUGHT = [[0, 1, -1], [0, 1, 2], [1, 2, -1], [3, 4, -1], [3, 4, -1]]
DEGREES = (2, 3, 2, 2, 2, 0)  # nobody has the last product


def dense_directions(n: int) -> np.ndarray:
    rows = np.zeros((len(BOUGHT), len(DEGREES)))
    for row, products in enumerate(BOUGHT):
        rows[row, [product for product in products if product >= 0]] = 1
    scaled = rows / np.sqrt(rows.sum(1, keepdims=True) * np.maximum(rows.sum(0, keepdims=True), 1))
    found: np.ndarray = np.linalg.svd(scaled)[2][:n].T
    return found


def test_products_with_customers_start_from_singular_vectors_and_others_at_random(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(items,) for items in BOUGHT], "items array<int>")
    known = CustomerRows(rows.withColumn("user", F.xxhash64("items")), None, rows, DEGREES)
    with materialised(spectral_start(known, 4, seed=7, n_workers=1), 1, "arrow") as feed:
        torch.manual_seed(3)
        found = first_vectors(len(DEGREES), 6, feed).detach().numpy()
    torch.manual_seed(3)
    at_random = first_vectors(len(DEGREES), 6, None).detach().numpy()
    expected = dense_directions(4)
    got = found[:, :4] / (0.1 * np.sqrt(len(DEGREES)))
    projector = got[:5] @ got[:5].T  # the two strongest are equally strong: only what they span is certain
    np.testing.assert_allclose(projector, (expected @ expected.T)[:5, :5], atol=1e-3)
    np.testing.assert_array_equal(found[5], at_random[5])
    np.testing.assert_array_equal(found[:, 4:], at_random[:, 4:])
