"""Initial vectors of products: singular vectors of the customer-product matrix, or random ones."""

from __future__ import annotations

import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.training.feed import Feed, everything
from cartograph.core.views.codes import in_order
from cartograph.graph.networks.customer_rows import CustomerRows
from cartograph.graph.spectral.singular_vectors import singular_vectors

_STD = 0.1  # Of the entries of initial vectors, which learning rates are tuned to.


def spectral_start(customers: CustomerRows, width: int, seed: int, n_workers: int) -> DataFrame:
    """One row per product: code, vector (`width` numbers, or fewer if there are fewer singular vectors)."""
    rows = in_order(customers.training, "user", "place")
    pairs = rows.select(F.col("place").cast("int").alias("user"), F.explode("items").alias("item")).where("item >= 0")
    found = singular_vectors(pairs, len(customers.degrees), width, seed=seed, n_workers=n_workers)
    return found.select("code", "vector")


def first_vectors(n_items: int, width: int, start: Feed | None) -> nn.Parameter:
    """Random vectors, overwritten by those of `start` where these are given and not zero.

    A singular vector has length one over all products; it is scaled so that its entries are as large as random ones.
    """
    vectors = torch.empty(n_items, width)
    nn.init.normal_(vectors, std=_STD)
    if start is not None:
        given = everything(start)
        scaled = given["vector"].float() * (_STD * n_items**0.5)
        is_known = scaled.abs().sum(1) > 0
        vectors[given["code"][is_known].long(), : scaled.shape[1]] = scaled[is_known]
    return nn.Parameter(vectors)
