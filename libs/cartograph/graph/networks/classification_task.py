"""Classification of products: a linear layer over their vectors, trained with the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as N

from cartograph.core.training.feed import Batch
from cartograph.graph.networks.product_encoder import ProductEncoding
from cartograph.graph.networks.recommendation_task import ProductNetwork


class Classifier(ProductNetwork):
    """An encoder and scores of classes from its vectors."""

    def __init__(self, encoding: ProductEncoding, n_classes: int) -> None:
        super().__init__(encoding.module())
        self.classes = nn.Linear(encoding.settings.width, n_classes)


@dataclass(frozen=True)
class ClassificationTask:
    """Learns the classes of products. Rows have code and label, the number of the class.

    Args:
        encoding: the encoder of products.
        n_classes: the number of classes.
    """

    is_joint: ClassVar[bool] = False

    encoding: ProductEncoding
    n_classes: int

    def network(self) -> Classifier:
        """The network with its first weights."""
        return Classifier(self.encoding, self.n_classes)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """The sum of the cross entropies of the products of a batch, and their number."""
        assert isinstance(network, Classifier)
        nodes, positions = torch.unique(batch["code"].long(), return_inverse=True)
        scores = network.classes(network.encoder(nodes))[positions].float()
        return N.cross_entropy(scores, batch["label"].long(), reduction="sum"), len(positions)

    def quality(self, network: nn.Module, batch: Batch) -> tuple[float, int]:
        """How many products are classified correctly, and out of how many."""
        assert isinstance(network, Classifier)
        scores = network.classes(network.all_vectors()[batch["code"].long()])
        return float((scores.argmax(1) == batch["label"]).sum()), len(scores)
