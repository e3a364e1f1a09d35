"""What GCN and GAT share: the product graph and what is told of products, as rows that the workers read."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of, counted, neighbour_lists
from cartograph.core.training.feed import Feed, materialised
from cartograph.core.views.descriptions import features
from cartograph.graph.customers import Customers
from cartograph.graph.learner import Encoding
from cartograph.graph.pair_weights import inverse_lengths, shared_weight
from cartograph.graph.product_encoder import ProductEncoding
from cartograph.graph.product_model import Given, ProductModel

_MAX_WORDS = 48  # of a description


class Convolutional(ProductModel):
    """Vectors of products from what is told of them and from the products that they go with.

    All products of silver.products get a vector, also those that nobody has touched: what is told of them makes theirs,
    as training treats a share of the others as if nothing else were known. See `ProductModel` for the settings shared.

    Args:
        depth: convolutions.
        dropout: share of numbers that a training step leaves out.
        cold_share: share of products that a training step treats as new.
        fanout: neighbours drawn per product and convolution in training, for graphs whose layers do not fit into the
            memory of a worker; 0: the whole graph in each step.
        n_neighbours: edges kept per product of the graph that the model makes itself, where it is given none.
    """

    convolution: Literal["gcn", "gat"]
    heads: int = 1

    def __init__(
        self,
        *,
        depth: int = 2,
        dropout: float = 0.1,
        cold_share: float = 0.1,
        fanout: int = 0,
        n_neighbours: int = 20,
        learning_rate: float = 0.005,
        **shared: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **shared)
        self.depth = depth
        self.dropout = dropout
        self.cold_share = cold_share
        self.fanout = fanout
        self.n_neighbours = n_neighbours

    def _more_products(self, data: Silver) -> DataFrame:
        return data.products.select("product_id")

    def _encoding(self, given: Given) -> Encoding:
        if self.width % self.heads:
            raise ValueError(f"{self.name}: width {self.width} is not a multiple of heads {self.heads}")
        known = given.known
        edges = own_edges(known, self.n_neighbours) if given.edges is None else coded_edges(given.edges, known)
        told = self._fed(described(known, given.data), given)
        graph = self._fed(edges, given) if edges.head(1) else None
        widths = {column.name: column.width for column in told.columns}
        return ProductEncoding(
            self.convolution, len(known.degrees), self.width, self.depth, self.heads, self.dropout, self.cold_share,
            self.fanout, widths.get("vector") or 0,
            tuple(code for code, degree in enumerate(known.degrees) if degree),
            f"{graph and graph.digest} {told.digest}", graph, told, given.start,
        )  # fmt: skip

    def _fed(self, rows: DataFrame, given: Given) -> Feed:
        """The rows in one file, which every worker reads."""
        return given.feeds.enter_context(materialised(rows, 1, self.backend, self.seed))


def own_edges(known: Customers, n_neighbours: int) -> DataFrame:
    """One row per edge, both ways: src, dst (codes), weight; the heaviest of each product by ÑᵀÑ of the customers."""
    codes = F.transform(F.filter("items", lambda code: code >= 0), lambda code: code.cast("string"))
    groups = coded_groups(known.training.select(codes.alias("product_ids")))
    rows_of = partial(counted, weigh=inverse_lengths)
    lists = neighbour_lists(groups, catalogue_of(groups), n_neighbours, rows_of, shared_weight)
    pairs = lists.select("product_id", F.explode(F.arrays_zip("associated_product_ids", "scores")).alias("pair"))
    return both_ways(
        pairs.select(
            F.col("product_id").cast("int").alias("src"),
            F.col("pair.associated_product_ids").cast("int").alias("dst"),
            F.col("pair.scores").alias("weight"),
        )
    )


def coded_edges(edges: DataFrame, known: Customers) -> DataFrame:
    """The edges of silver.product_graph by code, both ways: src, dst, weight."""
    codes = known.products
    named = edges.where("weight > 0 AND src <> dst").select(
        F.col("src").alias("product_id"), F.col("dst").alias("other"), "weight"
    )
    src = named.join(codes, "product_id").select(
        F.col("code").alias("src"), F.col("other").alias("product_id"), "weight"
    )
    return both_ways(src.join(codes, "product_id").select("src", F.col("code").alias("dst"), "weight"))


def both_ways(edges: DataFrame) -> DataFrame:
    """Each edge in both directions with the larger of their weights."""
    reverse = edges.select(F.col("dst").alias("src"), F.col("src").alias("dst"), "weight")
    return edges.unionByName(reverse).groupBy("src", "dst").agg(F.max("weight").cast("float").alias("weight"))


def described(known: Customers, data: Silver) -> DataFrame:
    """One row per product: code, words (hashed, -1 after the last) and, where data has vectors, vector (else zeros)."""
    padding = F.array_repeat(F.lit(-1), _MAX_WORDS)
    words = features(data.products).select(
        "product_id", F.slice(F.concat("codes", padding), 1, _MAX_WORDS).alias("words")
    )
    rows = known.products.join(words, "product_id", "left").withColumn("words", F.coalesce("words", padding))
    if data.vectors is None:
        return rows.select("code", "words")
    width = data.vectors.agg(F.max(F.size("vector"))).head()[0] or 0  # type: ignore[index]
    zeros = F.array_repeat(F.lit(0.0).cast("float"), width)
    given = rows.join(data.vectors.select("product_id", "vector"), "product_id", "left")
    return given.select("code", "words", F.coalesce("vector", zeros).alias("vector"))
