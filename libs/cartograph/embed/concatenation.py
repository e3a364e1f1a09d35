"""One vector of a product out of those of several models, whichever of them it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.search.topk import Floats, matrix_of, vectors_of
from cartograph.embed.whitening import Whitening

_BLOCKS = "product_id string, blocks array<float>, present array<float>"
_VECTORS = "product_id string, vector array<float>"


def side_by_side(vectors: DataFrame, models: Sequence[str]) -> DataFrame:
    """One row per product: product_id and a column per model, null where it has no vector of that model.

    Args:
        vectors: model, product_id, vector.
        models: the columns.
    """
    own = [F.first(F.when(F.col("model") == name, F.col("vector")), True).alias(name) for name in models]
    return vectors.groupBy("product_id").agg(*own)


def blocks_of(given: DataFrame, whitenings: Mapping[str, Whitening]) -> DataFrame:
    """One row per product with a vector: product_id, blocks, present.

    `blocks` are the whitened vectors of all models, one after the other, zeros where one is missing; `present` has a 1
    for each model that is there and a 0 for one that is not.

    Args:
        given: rows of `side_by_side`.
        whitenings: by model, in the order of the blocks.
    """
    return given.select("product_id", *whitenings).mapInArrow(partial(_blocks, whitenings=dict(whitenings)), _BLOCKS)


def concatenated(blocks: DataFrame, widths: Mapping[str, int], weights: Mapping[str, float]) -> DataFrame:
    """One row per product: product_id, vector (array<float>, of length one), its blocks concatenated.

    A block's length is its model's weight, as a share of the weights of the models that the product has: the cosine of
    two products is the mean of the blocks' cosines, weighted by the squares of the weights, where both have all models.

    Args:
        blocks: rows of `blocks_of`.
        widths: dimensions per model, in the order of the blocks.
        weights: of models; 1 by default.
    """
    scale = np.repeat([weights.get(name, 1.0) for name in widths], list(widths.values())).astype(np.float32)
    return blocks.select("product_id", "blocks").mapInArrow(partial(_scaled, scale=scale), _VECTORS)


def _blocks(batches: Iterable[pa.RecordBatch], whitenings: Mapping[str, Whitening]) -> Iterator[pa.RecordBatch]:
    """Whitened blocks of each batch; products without any are left out."""
    for batch in batches:
        if not batch.num_rows:
            continue
        made = [whitening.applied(batch.column(name)) for name, whitening in whitenings.items()]
        present = np.stack([there for _, there in made], axis=1)
        rows = np.flatnonzero(present.any(axis=1))
        columns = [
            batch.column("product_id").take(pa.array(rows)),
            vectors_of(np.hstack([block for block, _ in made])[rows]),
            vectors_of(present[rows].astype(np.float32)),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=["product_id", "blocks", "present"])


def _scaled(batches: Iterable[pa.RecordBatch], scale: Floats) -> Iterator[pa.RecordBatch]:
    """The blocks of each batch times the weights, rows of length one; rows of zeros are left out."""
    for batch in batches:
        if not batch.num_rows:
            continue
        vectors = matrix_of(batch.column("blocks")) * scale
        lengths = np.linalg.norm(vectors, axis=1)
        rows = np.flatnonzero(lengths > 0)
        columns = [batch.column("product_id").take(pa.array(rows)), vectors_of(vectors[rows] / lengths[rows, None])]
        yield pa.RecordBatch.from_arrays(columns, names=["product_id", "vector"])
