"""GCN over products (Kipf and Welling 2017), trained to tell what customers have."""

from __future__ import annotations

from cartograph.graph.convolutional import Convolutional


class Gcn(Convolutional):
    """Neighbours count by the weights of their edges: see `graph.gcn_layer`. See `Convolutional` for the settings."""

    name = "gcn"
    convolution = "gcn"
