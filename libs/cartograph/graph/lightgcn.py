"""LightGCN: embeddings propagated over the graph of customers and products, and nothing else (He et al. 2020)."""

from __future__ import annotations

from cartograph.graph.networks.lightgcn_encoder import LightGcnEncoding
from cartograph.graph.networks.product_model import EncoderInputs, ProductModel
from cartograph.graph.networks.recommendation_task import Encoding
from cartograph.graph.settings import LightGcnSettings


class LightGcn(ProductModel[LightGcnSettings]):
    """Product vectors learned through the whole graph in every step (`networks.lightgcn_encoder` has the formula).

    Customers are partitioned over the workers and never exchanged; product vectors are, once per hop.
    """

    name = "lightgcn"
    settings_class = LightGcnSettings

    def _encoding(self, inputs: EncoderInputs) -> Encoding:
        return LightGcnEncoding(self.settings, inputs.customers.degrees, inputs.rows, inputs.start)
