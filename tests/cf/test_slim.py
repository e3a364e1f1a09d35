"""The weights of SLIM meet the conditions that only the minimum of its formula meets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.cf.item_to_item.slim_kernel import elastic_nets
from cartograph.cf.settings import SlimSettings
from cartograph.cf.slim import Slim, slim_weights
from cartograph.core.model import Silver
from tests.cf import item_models as slow

N_CUSTOMERS, N_PRODUCTS = 200, 40


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    return slow.silver(spark)


def bought() -> Any:
    """Customers by products, some products bought together."""
    rng = np.random.default_rng(4)
    taste = rng.random((N_CUSTOMERS, 4)) @ (rng.random((4, N_PRODUCTS)) < 0.3)
    return (rng.random((N_CUSTOMERS, N_PRODUCTS)) < 0.05 + 0.25 * taste).astype(np.float64)


def assert_minimal(gram: Any, W: Any, l1: float, l2: float) -> None:
    """The Karush-Kuhn-Tucker conditions: the slope is 0 where a weight is above 0, and nowhere else upwards."""
    assert (W >= 0).all()
    assert not np.diag(W).any()
    slopes = gram - gram @ W - l2 * W - l1
    used = W > 0
    assert np.abs(slopes[used]).max() < 1e-4
    assert (slopes - np.diag(np.diag(slopes)))[~used].max() < 1e-4


@pytest.mark.parametrize(("l1", "l2"), [(1.0, 2.0), (8.0, 0.0)])
def test_no_weight_can_be_changed_for_the_better(l1: float, l2: float, spark: SparkSession) -> None:
    gram = bought().T @ bought()
    W = slim_weights(spark, gram, SlimSettings(l1=l1, l2=l2, n_sweeps=10_000, tolerance=1e-8))
    assert_minimal(gram, W, l1, l2)
    assert N_PRODUCTS < np.count_nonzero(W) < N_PRODUCTS**2 / 1.2
    if l2 == 2.0:  # the conditions are not met by everything
        with pytest.raises(AssertionError):
            assert_minimal(gram, slim_weights(spark, gram, SlimSettings(l1=l1, l2=3 * l2)), l1, l2)


def test_the_more_l1_the_fewer_weights() -> None:
    gram = (bought().T @ bought()).astype(np.float32)
    found = [elastic_nets(np.arange(N_PRODUCTS), gram, l1, 2.0, 1000, 1e-6) for l1 in (0.0, 2.0, 8.0, 1e4)]
    counts = [np.count_nonzero(weights) for weights in found]
    assert counts == sorted(set(counts), reverse=True)
    assert counts[-1] == 0


def test_lists_hold_the_weights_of_a_product_in_the_predictions_of_others(data: Silver, spark: SparkSession) -> None:
    X = slow.matrix()[:, : slow.N_ITEMS - 1]
    W = slim_weights(spark, X.T @ X, SlimSettings(l1=0.5, l2=1.0))
    expected = slow.scored(lambda i, j: W[i, j] or None if max(i, j) < slow.N_ITEMS - 1 else None)
    assert len(expected) > 20
    assert slow.found(Slim(l1=0.5, l2=1.0).fit(data)) == pytest.approx(expected)


def test_negative_penalties_are_refused() -> None:
    with pytest.raises(ValueError, match=r"l1\n.*greater than or equal to 0.*-1"):
        Slim(l1=-1.0, l2=2.0)
