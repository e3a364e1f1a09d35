"""GAT over products (Veličković et al. 2018), trained to predict what customers have."""

from __future__ import annotations

from cartograph.graph.networks.convolutional import Convolutional
from cartograph.graph.settings import GatSettings


class Gat(Convolutional[GatSettings]):
    """The weight of a neighbour is learned (`networks.gat_layer`)."""

    name = "gat"
    settings_class = GatSettings
