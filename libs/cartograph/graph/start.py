"""Where vectors of products start before they are learned: the strongest directions of who has what."""

from __future__ import annotations

import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.training.feed import Feed, everything
from cartograph.core.views.codes import in_order
from cartograph.graph.customers import Customers
from cartograph.graph.spectrum import singular_vectors

_STD = 0.1  # of the numbers of a vector, whichever start: what learning rates are made for


def spectral_start(known: Customers, width: int, seed: int, n_workers: int) -> DataFrame:
    """One row per product: code, vector (of one length, `width` or what directions there are), for `first_vectors`."""
    rows = in_order(known.training, "user", "place")
    pairs = rows.select(F.col("place").cast("int").alias("user"), F.explode("items").alias("item")).where("item >= 0")
    found = singular_vectors(pairs, len(known.degrees), width, seed=seed, n_workers=n_workers)
    return found.select("code", "vector")


def first_vectors(n_items: int, width: int, start: Feed | None) -> nn.Parameter:
    """Vectors drawn at random, replaced by those of `start` as far as these are given and not nought.

    A singular vector has length one over all products; it is stretched, so that its numbers are as large as drawn ones.
    """
    drawn = torch.empty(n_items, width)
    nn.init.normal_(drawn, std=_STD)
    if start is not None:
        given = everything(start)
        vectors = given["vector"].float() * (_STD * n_items**0.5)
        known = vectors.abs().sum(1) > 0
        drawn[given["code"][known].long(), : vectors.shape[1]] = vectors[known]
    return nn.Parameter(drawn)
