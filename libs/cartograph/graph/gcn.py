"""GCN over products (Kipf and Welling 2017), trained to predict what customers have."""

from __future__ import annotations

from cartograph.graph.networks.convolutional import Convolutional
from cartograph.graph.settings import GcnSettings


class Gcn(Convolutional[GcnSettings]):
    """Neighbours count by the weights of their edges (`networks.gcn_layer`)."""

    name = "gcn"
    settings_class = GcnSettings
