"""Networks see no later event, and their losses and their validation metric are what their definitions say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from cartograph.core.training.feed import Batch
from cartograph.sequence.gru import GruBody
from cartograph.sequence.lstm import LstmBody
from cartograph.sequence.network import NetworkConfig, NextItemTask, SequenceNetwork, events_and_targets
from cartograph.sequence.transformer import TransformerBody, distances

CONFIG = NetworkConfig(n_items=9, width=8, depth=2, heads=2, dropout=0.0, length=6, inputs=("event_type", "gap"))
every_body = pytest.mark.parametrize("body", [GruBody, LstmBody, TransformerBody])


def batch_of(*histories: list[int]) -> Batch:
    """Rows of 7 events; types and gaps differ from event to event."""
    items = torch.zeros(len(histories), 7, dtype=torch.int32)
    for row, history in enumerate(histories):
        items[row, : len(history)] = torch.tensor(history)
    types = torch.arange(7, dtype=torch.int32).expand_as(items) % 6
    n = torch.tensor([len(history) for history in histories], dtype=torch.int32)
    return {"items": items, "types": types, "gaps": 2 * types, "n": n}


def network_of(body: Callable[[NetworkConfig], nn.Module], config: NetworkConfig = CONFIG) -> SequenceNetwork:
    """A network whose weights are far enough from zero for outputs to differ."""
    torch.manual_seed(3)
    network = SequenceNetwork(config, body).eval()
    for parameters in network.parameters():
        nn.init.normal_(parameters, std=0.5)
    with torch.no_grad():
        network.items.weight[0] = 0
    return network


@every_body
def test_no_vector_depends_on_a_later_event(body: Callable[[NetworkConfig], nn.Module]) -> None:
    network = network_of(body)
    one, other = batch_of([1, 2, 3, 4, 5, 6]), batch_of([1, 2, 3, 9, 8, 7])
    first, second = (network(*(rows[name][:, :6] for name in ("items", "types", "gaps"))) for rows in (one, other))
    torch.testing.assert_close(first[:, :3], second[:, :3])
    assert (first[:, 3:] - second[:, 3:]).abs().max() > 1e-3


@every_body
def test_vectors_depend_on_order_type_and_gap(body: Callable[[NetworkConfig], nn.Module]) -> None:
    network = network_of(body)

    def last(rows: Batch) -> torch.Tensor:
        given = [rows[name][:, :6] for name in ("items", "types", "gaps")]
        return network.last(*given, rows["n"])

    plain = batch_of([1, 2, 3])
    changed = [batch_of([2, 1, 3]), plain | {"types": plain["types"] + 1}, plain | {"gaps": plain["gaps"] + 1}]
    assert all((last(rows) - last(plain)).abs().max() > 1e-3 for rows in changed)


@every_body
def test_padding_and_neighbours_in_the_batch_change_nothing(body: Callable[[NetworkConfig], nn.Module]) -> None:
    network = network_of(body)
    alone, together = batch_of([4, 2]), batch_of([4, 2], [1, 2, 3, 4, 5, 6], [7])
    for method in (network.last, network.mean):
        one, three = (
            method(*(rows[name][:, :6] for name in ("items", "types", "gaps")), rows["n"]) for rows in (alone, together)
        )
        torch.testing.assert_close(one[0], three[0])


def test_the_full_loss_is_the_cross_entropy_of_every_event_but_the_first() -> None:
    histories = [[4, 2], [1, 2, 3, 4, 5, 6, 7], [7], [3, 3, 9]]
    network, rows = network_of(GruBody), batch_of(*histories)
    expected, n_expected = 0.0, 0
    for row, history in enumerate(histories):
        hidden = network(*(rows[name][row : row + 1, :6] for name in ("items", "types", "gaps")))[0]
        for place in range(1, len(history)):
            scores = (hidden[place - 1] @ network.item_vectors().T).tolist()
            expected -= scores[history[place] - 1] - math.log(sum(map(math.exp, scores)))
            n_expected += 1
    loss, n_events = NextItemTask(CONFIG, GruBody).loss(network, rows)
    assert n_events == n_expected == 9
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)


def test_rows_without_a_next_event_have_no_loss() -> None:
    loss, n_events = NextItemTask(CONFIG, GruBody).loss(network_of(GruBody), batch_of([7], [3]))
    assert (float(loss), n_events) == (0.0, 0)


def test_cosine_scores_are_bounded_by_the_temperature() -> None:
    network = network_of(TransformerBody, CONFIG.model_copy(update={"similarity": "cosine", "temperature": 0.2}))
    hidden, _ = events_and_targets(network, batch_of([1, 2, 3, 4], [5, 6]), network.products())
    scores = hidden @ network.item_vectors().T
    assert float(scores.abs().max()) <= 5.0 + 1e-4
    assert float(hidden.norm(dim=1).min()) == pytest.approx(5.0, rel=1e-4)


def test_the_validation_metric_ranks_the_last_product_among_those_not_seen() -> None:
    histories = [[4, 2, 9], [1, 2, 3, 4, 5, 6, 7], [7, 1]]
    network, rows = network_of(LstmBody), batch_of(*histories)
    expected = 0.0
    for row, history in enumerate(histories):
        hidden = network(*(rows[name][row : row + 1, :6] for name in ("items", "types", "gaps")))[0]
        scores = (hidden[len(history) - 2] @ network.items.weight.T).detach().numpy()
        unseen = [item for item in range(1, 10) if item not in history[:-1]]
        rank = 1 + int(np.sum(scores[unseen] > scores[history[-1]]))
        expected += 1 / math.log2(rank + 1) if rank <= 2 else 0.0
    value, n = NextItemTask(CONFIG, LstmBody, k=2).quality(network, rows)
    assert n == 3
    assert value == pytest.approx(expected)
    assert expected > 0


def test_distances_share_classes_the_farther_they_are() -> None:
    assert distances(20).tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8]
