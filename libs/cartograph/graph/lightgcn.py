"""LightGCN: vectors spread over the graph of customers and products, and nothing else (He et al. 2020)."""

from __future__ import annotations

from typing import Any

from cartograph.graph.learner import Encoding
from cartograph.graph.lightgcn_encoder import LightGcnEncoding
from cartograph.graph.product_model import Given, ProductModel


class LightGcn(ProductModel):
    """Product vectors learned through the whole graph in every step: see `graph.lightgcn_encoder` for the formula.

    Customers are dealt out to the workers and never exchanged; what is, are vectors of products, once per hop.

    See `ProductModel` for the settings it shares.

    Args:
        hops: product to customer to product, two of LightGCN's layers each.
    """

    name = "lightgcn"

    def __init__(self, *, hops: int = 1, **shared: Any) -> None:
        super().__init__(**shared)
        self.hops = hops

    def _encoding(self, given: Given) -> Encoding:
        degrees = given.known.degrees
        return LightGcnEncoding(len(degrees), self.width, self.hops, degrees, given.rows, given.start)
