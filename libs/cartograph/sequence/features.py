"""The products that networks model, and their features: price classes and content vectors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver, TooLittle
from cartograph.core.search.directions import unit_vectors
from cartograph.core.search.topk import matrix_of

N_PRICES = 17  # classes: 0, unknown, and sixteenths of the catalogue, the cheapest first


@dataclass(frozen=True)
class ProductFeatures:
    """By product code, from 1; row 0 is padding: `prices` (classes) and `content` (rows of unit length or zeros)."""

    prices: npt.NDArray[np.int64] | None = None
    content: npt.NDArray[np.float32] | None = None

    @property
    def width(self) -> int:
        """Dimension of the content vectors; 0 if there are none."""
        return 0 if self.content is None else self.content.shape[1]

    @property
    def digest(self) -> str:
        """Identifies these features: others have another digest."""
        parts = [part.tobytes() for part in (self.prices, self.content) if part is not None]
        return hashlib.sha256(b"|".join(parts)).hexdigest()[:16]

    def tensors(self) -> dict[str, torch.Tensor]:
        """The features that there are, by name."""
        named = {"prices": self.prices, "content": self.content}
        return {name: torch.from_numpy(part.copy()) for name, part in named.items() if part is not None}


def catalogue(events: DataFrame, vectors: DataFrame | None, most: int | None) -> pa.Table:
    """The products that are modelled, on the driver: product_id, n (events); those without events come last.

    Args:
        events: what is learned from.
        vectors: product_id of products with content, which are modelled even without events; or None.
        most: maximum number of products, those with the most events; None: all.
    """
    counts = events.groupBy("product_id").agg(F.count("*").alias("n"))
    if vectors is not None:
        unsold = vectors.select("product_id").join(counts, "product_id", "left_anti")
        counts = counts.unionByName(unsold.withColumn("n", F.lit(0).cast("long")))
    if most is not None:
        counts = counts.orderBy(F.desc("n"), "product_id").limit(most)
    return counts.orderBy(F.col("n") == 0, "product_id").toArrow().combine_chunks()


def features_of(data: Silver, product_ids: pa.Array, inputs: tuple[str, ...]) -> ProductFeatures:
    """The features named by `inputs` (price, content) of the products, in order.

    Raises:
        TooLittle: content is an input and there are no product vectors.
    """
    prices = content = None
    if "price" in inputs:
        rows = _of_products(data.products.select("product_id", F.col("price").cast("double")), product_ids)
        prices = price_classes(rows.column("price").to_numpy())
    if "content" in inputs:
        if data.vectors is None:
            raise TooLittle("input content needs vectors of the products: run the step embed first")
        vectors = _of_products(unit_vectors(data.vectors), product_ids).column("vector").combine_chunks()
        known = matrix_of(vectors.filter(vectors.is_valid()))
        content = np.zeros((len(product_ids) + 1, known.shape[1]), dtype=np.float32)
        content[1:][vectors.is_valid().to_numpy(zero_copy_only=False)] = known
    return ProductFeatures(prices, content)


def price_classes(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The class of each price, after a 0 for padding: sixteenths of the catalogue from 1, 0 if unknown."""
    known = np.isfinite(prices)
    classes = np.zeros(len(prices) + 1, dtype=np.int64)
    if known.any():
        bounds = np.quantile(prices[known], np.linspace(0, 1, N_PRICES)[1:-1])
        classes[1:][known] = 1 + np.searchsorted(bounds, prices[known], side="left")
    return classes


def _of_products(table: DataFrame, product_ids: pa.Array) -> pa.Table:
    """The rows of `table` of the products, in order; nulls where there is none."""
    asked = table.sparkSession.createDataFrame(pa.table({"product_id": product_ids}))
    rows = table.join(asked, "product_id", "left_semi").toArrow()
    return rows.take(pc.index_in(product_ids, value_set=rows.column("product_id").combine_chunks()))
