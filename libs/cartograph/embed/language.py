"""Vectors of products from their texts, encoded by a pretrained language model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.search.topk import vectors_of
from cartograph.core.settings import settings_of
from cartograph.core.views.text import texts
from cartograph.embed.encoder import encoded
from cartograph.embed.settings import EncoderSettings, LanguageSettings
from cartograph.embed.unchanged import updated
from cartograph.embed.vector_model import Earlier, VectorModel, Vectors


class Language(VectorModel):
    """Titles and descriptions, encoded by a pretrained language model."""

    name = "language"

    def __init__(self, settings: LanguageSettings | None = None, **changed: Any) -> None:
        self.settings = settings_of(LanguageSettings, settings, changed)

    def reuses(self) -> Mapping[str, Mapping[str, Any]]:
        """Its own vectors."""
        return {"silver.product_vectors": {"model": self.name}}

    def embed(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        """product_id, vector, source_hash from texts."""
        model = F.lit(self.settings.pretrained)
        sources = texts(data.products).withColumn("source_hash", F.xxhash64("text", model))
        encode = partial(language_vectors, settings=self.settings)
        vectors, n_embedded = updated(sources, earlier, encode)
        return Vectors(vectors, metrics={"n_embedded_language": n_embedded})


def language_vectors(sources: DataFrame, settings: EncoderSettings) -> DataFrame:
    """One row per product: product_id, vector (array<float>), source_hash.

    Args:
        sources: product_id, text, source_hash. What of a text is longer than the model reads is cut off.
        settings: which language model, and how it runs.
    """
    rows = sources.select("product_id", "text", "source_hash")
    schema = "product_id string, vector array<float>, source_hash long"
    return rows.mapInArrow(partial(_encoded, settings=settings), schema)


def _encoded(batches: Iterable[pa.RecordBatch], settings: EncoderSettings) -> Iterator[pa.RecordBatch]:
    """Each batch with vectors instead of texts."""
    for batch in batches:
        if batch.num_rows:
            vectors = vectors_of(encoded(batch.column("text").to_pylist(), settings))
            columns = [batch.column("product_id"), vectors, batch.column("source_hash")]
            yield pa.RecordBatch.from_arrays(columns, names=["product_id", "vector", "source_hash"])
