"""The contract of models of product vectors: silver tables in, a vector per product out.

A model's constructor takes its settings. A model that embeds each product by itself keeps the vectors of products that
have not changed: `source_hash` identifies what a vector was made from. It is null where all products are embedded
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol, cast

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.model import Silver, TooLittle
from cartograph.core.model_classes import model_class
from cartograph.embed.settings import EmbedSettings


@dataclass(frozen=True)
class Earlier:
    """Rows of a table as of the last earlier day that has such rows."""

    day: date
    rows: DataFrame


@dataclass(frozen=True)
class Vectors:
    """product_id, vector, source_hash; and rows of other tables by name, metrics by name, messages for the user."""

    rows: DataFrame
    artifacts: Mapping[str, DataFrame] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


class VectorModel(Protocol):
    """The interface of every model of product vectors.

    Attributes:
        name: the one used in settings and tables.
        reads_files: whether it reads files besides the tables.
    """

    name: str
    reads_files: bool = False

    def reuses(self) -> Mapping[str, Mapping[str, Any]]:
        """Which rows of earlier days the model starts from: of each table those that equal these values."""
        return {}

    def embed(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        """The vectors of the products.

        Args:
            data: silver tables before `data.as_of`.
            earlier: the rows that `reuses` names, by table, where it exists.

        Raises:
            TooLittle: there is nothing to learn from.
            ValueError: a setting or a source is unusable.
        """


def vector_models(settings: EmbedSettings) -> Iterable[VectorModel]:
    """The models of `settings.models`, with their settings."""
    for name in settings.models:
        model: VectorModel = cast(Any, model_class("embed", name))(getattr(settings, name))
        yield model


def embedded(model: VectorModel, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
    """The vectors of a model as rows of silver.product_vectors, counted; none where there is too little to learn from.

    Raises:
        UserError: a setting or a source is unusable.
    """
    try:
        vectors = model.embed(data, earlier)
    except TooLittle as error:
        vectors = Vectors(no_vectors(data.products), messages=(f"{model.name} has no vectors: {error}",))
    except (ValueError, AnalysisException) as error:
        raise UserError(f"embed.{model.name}: {error}") from error
    columns = (F.lit(model.name).alias("model"), "product_id", "vector", "source_hash")
    rows = vectors.rows.select(*columns).localCheckpoint()
    return replace(vectors, rows=rows, metrics={**vectors.metrics, f"n_vectors_{model.name}": rows.count()})


def unhashed(vectors: DataFrame) -> DataFrame:
    """The vectors with a null source_hash."""
    return vectors.withColumn("source_hash", F.lit(None).cast("long"))


def no_vectors(products: DataFrame) -> DataFrame:
    """No rows: product_id, vector, source_hash."""
    return unhashed(products.select("product_id", F.lit(None).cast("array<float>").alias("vector")).limit(0))
