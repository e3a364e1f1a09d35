"""What GCN and GAT share: the product graph and the features of products, as rows that the workers read."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of, counted, neighbour_lists
from cartograph.core.views.descriptions import features
from cartograph.graph.networks.customer_rows import CustomerRows
from cartograph.graph.networks.product_encoder import ProductEncoding
from cartograph.graph.networks.product_model import EncoderInputs, ProductModel
from cartograph.graph.networks.recommendation_task import Encoding
from cartograph.graph.settings import GcnSettings
from cartograph.graph.spectral.pair_weights import inverse_lengths, shared_weight

_MAX_WORDS = 48  # Per product.
Own = TypeVar("Own", bound=GcnSettings)


class Convolutional(ProductModel[Own]):
    """Vectors of products from their features and from the products they are connected to.

    All products of silver.products get a vector, also those without interactions: it comes from their features alone,
    as training treats a share of the other products as if they were new.
    """

    def _more_products(self, data: Silver) -> DataFrame:
        return data.products.select("product_id")

    def _encoding(self, inputs: EncoderInputs) -> Encoding:
        customers = inputs.customers
        if inputs.edges is None:
            edges = own_edges(customers, self.settings.n_neighbours)
        else:
            edges = coded_edges(inputs.edges, customers)
        features = inputs.feeds.enter_context(self._feed(product_features(customers, inputs.data)))
        graph = inputs.feeds.enter_context(self._feed(edges)) if edges.head(1) else None
        widths = {column.name: column.width for column in features.columns}
        liked = tuple(code for code, degree in enumerate(customers.degrees) if degree)
        digest = f"{graph and graph.digest} {features.digest}"
        return ProductEncoding(
            self.settings, len(customers.degrees), widths.get("vector") or 0, liked, digest, graph, features,
            inputs.start,
        )  # fmt: skip


def own_edges(customers: CustomerRows, n_neighbours: int) -> DataFrame:
    """The heaviest edges of each product by ÑᵀÑ of the customers, in both directions: src, dst (codes), weight."""
    codes = F.transform(F.filter("items", lambda code: code >= 0), lambda code: code.cast("string"))
    groups = coded_groups(customers.training.select(codes.alias("product_ids")))
    rows_of = partial(counted, weigh=inverse_lengths)
    lists = neighbour_lists(groups, catalogue_of(groups), n_neighbours, rows_of, shared_weight)
    pairs = lists.select("product_id", F.explode(F.arrays_zip("associated_product_ids", "scores")).alias("pair"))
    return symmetric(
        pairs.select(
            F.col("product_id").cast("int").alias("src"),
            F.col("pair.associated_product_ids").cast("int").alias("dst"),
            F.col("pair.scores").alias("weight"),
        )
    )


def coded_edges(edges: DataFrame, customers: CustomerRows) -> DataFrame:
    """The edges of silver.product_graph by code, in both directions: src, dst, weight."""
    codes = customers.products
    named = edges.where("weight > 0 AND src <> dst").select(
        F.col("src").alias("product_id"), F.col("dst").alias("other"), "weight"
    )
    src = named.join(codes, "product_id").select(
        F.col("code").alias("src"), F.col("other").alias("product_id"), "weight"
    )
    return symmetric(src.join(codes, "product_id").select("src", F.col("code").alias("dst"), "weight"))


def symmetric(edges: DataFrame) -> DataFrame:
    """Each edge in both directions, with the larger of the two weights."""
    reverse = edges.select(F.col("dst").alias("src"), F.col("src").alias("dst"), "weight")
    return edges.unionByName(reverse).groupBy("src", "dst").agg(F.max("weight").cast("float").alias("weight"))


def product_features(customers: CustomerRows, data: Silver) -> DataFrame:
    """One row per product: code, words (hashed, -1 after the last) and, if `data` has vectors, vector (or zeros)."""
    padding = F.array_repeat(F.lit(-1), _MAX_WORDS)
    words = features(data.products).select(
        "product_id", F.slice(F.concat("codes", padding), 1, _MAX_WORDS).alias("words")
    )
    rows = customers.products.join(words, "product_id", "left").withColumn("words", F.coalesce("words", padding))
    if data.vectors is None:
        return rows.select("code", "words")
    width = data.vectors.agg(F.max(F.size("vector"))).head()[0] or 0  # type: ignore[index]
    zeros = F.array_repeat(F.lit(0.0).cast("float"), width)
    given = rows.join(data.vectors.select("product_id", "vector"), "product_id", "left")
    return given.select("code", "words", F.coalesce("vector", zeros).alias("vector"))
