"""Losses and the validation metric of the graph networks are what their definitions say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import nn
from torch.nn import functional as N

from cartograph.graph.networks.recommendation_task import ProductNetwork, RecommendationTask
from cartograph.graph.settings import GraphTrainingSettings

DEGREES = (4, 1, 9, 1, 1)
ITEMS = torch.tensor([[0, 1, 2], [3, 0, -1], [4, -1, -1]])  # A single product teaches nothing.


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


def task_of(loss: Literal["softmax", "bpr"]) -> RecommendationTask:
    training = GraphTrainingSettings(loss=loss, n_negatives=4)
    return RecommendationTask(TableEncoding(), DEGREES, training, temperature=0.5, k=2)


def biased(task: RecommendationTask) -> ProductNetwork:
    """The network after biases were learned."""
    network = task.network()
    network.biases.data = torch.tensor([0.7, -0.4, 0.1, 0.5, -0.9])
    return network


def sum_of(vectors: torch.Tensor, products: list[int]) -> torch.Tensor:
    return torch.stack([vectors[one] / math.sqrt(DEGREES[one]) for one in products]).sum(0)


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_each_product_is_predicted_against_sampled_ones_by_the_others_of_its_customer(
    loss: Literal["softmax", "bpr"],
) -> None:
    task = task_of(loss)
    network = biased(task)
    torch.manual_seed(6)
    found, n = task.loss(network, {"items": ITEMS})
    torch.manual_seed(6)
    sampled = torch.randint(len(DEGREES), (4 if loss == "softmax" else 5,)).tolist()
    vectors, biases = network.all_vectors(), network.biases
    expected = 0.0
    for place, (row, target) in enumerate((had, one) for had in ([0, 1, 2], [3, 0]) for one in had):
        query = sum_of(vectors, [one for one in row if one != target])
        if loss == "bpr":
            margin = query @ (vectors[target] - vectors[sampled[place]]) + biases[target] - biases[sampled[place]]
            expected -= float(N.logsigmoid(margin).detach())
        else:
            wrong = [one for one in sorted(set(sampled)) if one not in row]
            candidates = [(query, target), *((sum_of(vectors, row), one) for one in wrong)]
            scores = torch.stack(
                [torch.cosine_similarity(x, vectors[one], dim=0) / 0.5 + biases[one] for x, one in candidates]
            )
            expected -= float(torch.log_softmax(scores, dim=0)[0].detach())
    assert n == 5
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)


def test_rows_without_two_products_have_no_loss_but_a_gradient() -> None:
    """Workers that have no rows left must still take part in the step."""
    task = task_of("softmax")
    network = task.network()
    found, n = task.loss(network, {"items": ITEMS[2:]})
    found.backward()  # type: ignore[no-untyped-call]
    assert (n, float(found.detach())) == (0, 0.0)
    assert next(network.parameters()).grad is not None


def test_quality_is_the_ndcg_of_later_products_among_all_new_ones() -> None:
    task = task_of("softmax")
    network = biased(task).eval()
    vectors = network.all_vectors()
    query = sum(vectors[one] / math.sqrt(DEGREES[one]) for one in (0, 1))
    scores = {
        one: float((torch.cosine_similarity(query, vectors[one], dim=0) / 0.5 + network.biases[one]).detach())  # type: ignore[arg-type]
        for one in (2, 3, 4)
    }
    order = sorted(scores, key=lambda one: -scores[one])
    batch = {"items": torch.tensor([[0, 1, -1]]), "targets": torch.tensor([[order[1], order[2], -1]])}
    value, n = task.quality(network, batch)
    ideal = 1 + 1 / math.log2(3)
    assert (n, value) == (1, pytest.approx(1 / math.log2(3) / ideal))
