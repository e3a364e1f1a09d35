"""Convolutions, attention and sampled neighbourhoods are what their formulas say, written out densely in NumPy."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as N

from cartograph.graph.networks.gat_layer import GatLayer
from cartograph.graph.networks.gcn_layer import GcnLayer
from cartograph.graph.networks.product_encoder import sampled_block
from cartograph.graph.networks.sparse import Csr, normalised

N_NODES = 6
EDGES = [(0, 1, 2.0), (0, 2, 1.0), (1, 2, 0.5), (3, 4, 1.5)]  # 5 stands alone


def graph() -> Csr:
    both = [*EDGES, *((dst, src, weight) for src, dst, weight in EDGES)]
    src, dst, weights = (torch.tensor(column) for column in zip(*both, strict=True))
    return normalised(src, dst, weights, N_NODES)


def dense() -> np.ndarray:
    """Â by its definition."""
    adjacency = np.eye(N_NODES)
    for src, dst, weight in EDGES:
        adjacency[src, dst] = adjacency[dst, src] = weight
    roots = np.diag(adjacency.sum(1) ** -0.5)
    found: np.ndarray = roots @ adjacency @ roots
    return found


def matrix(part: Csr, n_columns: int = N_NODES) -> np.ndarray:
    found = np.zeros((len(part.starts) - 1, n_columns), np.float32)
    found[part.rows().numpy(), part.columns.numpy()] = part.values.numpy()
    return found


def test_the_adjacency_is_normalised_on_both_sides_with_self_loops() -> None:
    np.testing.assert_allclose(matrix(graph()), dense(), rtol=1e-6)


def test_a_gcn_layer_is_the_dense_formula() -> None:
    torch.manual_seed(1)
    layer, nodes = GcnLayer(3, 4), torch.randn(N_NODES, 3)
    torch.nn.init.normal_(layer.bias)
    expected = dense() @ nodes.numpy() @ layer.linear.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(nodes, graph()).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_attention_sums_to_one_over_a_node_and_its_neighbours() -> None:
    torch.manual_seed(2)
    layer, part = GatLayer(3, 4, heads=2), graph()
    shares = layer.attention(layer.linear(torch.randn(N_NODES, 3)).view(N_NODES, 2, 2), part)
    sums = torch.zeros(N_NODES, 2).index_add(0, part.rows(), shares)
    torch.testing.assert_close(sums, torch.ones(N_NODES, 2))
    assert (shares[part.rows() == 5] == 1).all()  # An isolated node attends to itself only.


def test_a_gat_layer_is_the_dense_formula_and_gradients_flow_through_its_attention() -> None:
    torch.manual_seed(3)
    layer, nodes, there = GatLayer(3, 4, heads=2), torch.randn(N_NODES, 3), torch.from_numpy(dense() > 0)
    hidden = layer.linear(nodes).view(N_NODES, 2, 2)
    expected = []
    for head in range(2):
        own = hidden[:, head] @ layer.of_self[head]
        scores = N.leaky_relu(own[:, None] + (hidden[:, head] @ layer.of_other[head])[None], 0.2)
        expected.append(torch.softmax(scores.masked_fill(~there, -torch.inf), dim=1) @ hidden[:, head])
    found, by_hand = layer(nodes, graph()), torch.cat(expected, dim=1)
    torch.testing.assert_close(found, by_hand)
    gradients = [torch.autograd.grad((out**2).sum(), layer.of_other)[0] for out in (found, by_hand)]
    torch.testing.assert_close(*gradients)


def test_all_neighbours_are_sampled_or_fewer_with_the_same_expectation() -> None:
    torch.manual_seed(4)
    some = torch.tensor([2, 0, 5])
    np.testing.assert_allclose(matrix(graph().sampled(some, 9)), dense()[some], rtol=1e-6)
    draws = [matrix(graph().sampled(some, 1)) for _ in range(400)]
    assert all((one > 0).sum() == 5 for one in draws)  # two diagonals with a neighbour each, and one without
    np.testing.assert_allclose(np.mean(draws, axis=0), dense()[some], atol=0.06)


def test_a_sampled_block_has_its_nodes_first() -> None:
    nodes, block = sampled_block(graph(), torch.tensor([4, 1]), 9)
    assert nodes.tolist() == [4, 1, 0, 2, 3]
    np.testing.assert_allclose(matrix(block, 5), dense()[[4, 1]][:, nodes.numpy()], rtol=1e-6)


def test_hidden_nodes_keep_only_their_diagonal() -> None:
    hidden = torch.tensor([True, False, False, False, False, False])
    expected = dense()
    expected[0], expected[:, 0] = 0, 0
    expected[0, 0] = 1
    np.testing.assert_allclose(matrix(graph().without(hidden)), expected, rtol=1e-6)
