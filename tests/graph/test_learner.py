"""Losses and the validation metric of the graph networks are what their definitions say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import nn
from torch.nn import functional as N

from cartograph.graph.learner import ProductNetwork, Recommending

DEGREES = (4, 1, 9, 1, 1)
ITEMS = torch.tensor([[0, 1, 2], [3, 0, -1], [4, -1, -1]])  # who has one product teaches nothing


class Table(nn.Module):
    """Vectors as they are."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.vectors = nn.Parameter(torch.randn(len(DEGREES), 3))

    def forward(self, nodes: torch.Tensor | None = None) -> torch.Tensor:
        return self.vectors if nodes is None else self.vectors[nodes]


@dataclass(frozen=True)
class TableEncoding:
    def module(self) -> Table:
        return Table()


def learner(loss: Literal["softmax", "bpr"]) -> Recommending:
    return Recommending(TableEncoding(), DEGREES, loss, temperature=0.5, n_negatives=4, k=2)


def biased(chosen: Recommending) -> ProductNetwork:
    """The network after biases were learned."""
    network = chosen.network()
    network.biases.data = torch.tensor([0.7, -0.4, 0.1, 0.5, -0.9])
    return network


def sum_of(vectors: torch.Tensor, products: list[int]) -> torch.Tensor:
    return torch.stack([vectors[one] / math.sqrt(DEGREES[one]) for one in products]).sum(0)


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_each_product_is_told_from_drawn_ones_by_the_others_of_its_customer(loss: Literal["softmax", "bpr"]) -> None:
    chosen = learner(loss)
    network = biased(chosen)
    torch.manual_seed(6)
    found, n = chosen.loss(network, {"items": ITEMS})
    torch.manual_seed(6)
    drawn = torch.randint(len(DEGREES), (4 if loss == "softmax" else 5,)).tolist()
    vectors, biases = network.all_vectors(), network.biases
    expected = 0.0
    for place, (row, target) in enumerate((had, one) for had in ([0, 1, 2], [3, 0]) for one in had):
        asking = sum_of(vectors, [one for one in row if one != target])
        if loss == "bpr":
            margin = asking @ (vectors[target] - vectors[drawn[place]]) + biases[target] - biases[drawn[place]]
            expected -= float(N.logsigmoid(margin).detach())
        else:
            wrong = [one for one in sorted(set(drawn)) if one not in row]
            chances = [(asking, target), *((sum_of(vectors, row), one) for one in wrong)]
            scores = torch.stack(
                [torch.cosine_similarity(x, vectors[one], dim=0) / 0.5 + biases[one] for x, one in chances]
            )
            expected -= float(torch.log_softmax(scores, dim=0)[0].detach())
    assert n == 5
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)


def test_rows_without_two_products_have_no_loss_but_a_gradient() -> None:
    """Workers that have no rows left must still take part in the step."""
    chosen = learner("softmax")
    network = chosen.network()
    found, n = chosen.loss(network, {"items": ITEMS[2:]})
    found.backward()  # type: ignore[no-untyped-call]
    assert (n, float(found.detach())) == (0, 0.0)
    assert next(network.parameters()).grad is not None


def test_quality_is_ndcg_of_what_was_wanted_among_all_that_is_new() -> None:
    chosen = learner("softmax")
    network = biased(chosen).eval()
    vectors = network.all_vectors()
    asking = sum(vectors[one] / math.sqrt(DEGREES[one]) for one in (0, 1))
    scores = {
        one: float((torch.cosine_similarity(asking, vectors[one], dim=0) / 0.5 + network.biases[one]).detach())  # type: ignore[arg-type]
        for one in (2, 3, 4)
    }
    order = sorted(scores, key=lambda one: -scores[one])
    batch = {"items": torch.tensor([[0, 1, -1]]), "wanted": torch.tensor([[order[1], order[2], -1]])}
    value, n = chosen.quality(network, batch)
    ideal = 1 + 1 / math.log2(3)
    assert (n, value) == (1, pytest.approx(1 / math.log2(3) / ideal))
