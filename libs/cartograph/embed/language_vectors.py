"""Vectors of products from a pretrained language model that reads their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame

from cartograph.core.search.topk import vectors_of
from cartograph.embed.encoder import Encoder


def language_vectors(sources: DataFrame, encoder: Encoder) -> DataFrame:
    """One row per product: product_id, vector (array<float>), source_hash.

    Args:
        sources: product_id, text, source_hash. What of a text is longer than the model reads is cut off.
        encoder: a language model.
    """
    rows = sources.select("product_id", "text", "source_hash")
    schema = "product_id string, vector array<float>, source_hash long"
    return rows.mapInArrow(partial(_encoded, encoder=encoder), schema)


def _encoded(batches: Iterable[pa.RecordBatch], encoder: Encoder) -> Iterator[pa.RecordBatch]:
    """Each batch with vectors instead of texts."""
    for batch in batches:
        if batch.num_rows:
            vectors = vectors_of(encoder.encoded(batch.column("text").to_pylist()))
            columns = [batch.column("product_id"), vectors, batch.column("source_hash")]
            yield pa.RecordBatch.from_arrays(columns, names=["product_id", "vector", "source_hash"])
