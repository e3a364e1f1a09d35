"""Products are distinguished by their customers, in any order and under any ids."""

from __future__ import annotations

from typing import Any

import numpy as np

from cartograph.core.linear.colour_refinement import ROUNDS, Keys, distinct, mixed, neighbour_sums, noise


def keys_of(matrix: Any) -> Keys:
    """One number per column."""
    users, items = np.nonzero(matrix)
    weights = matrix[users, items].astype(np.float32)
    keys = np.zeros(matrix.shape[1], np.uint64)
    for _ in range(ROUNDS):
        of_users = mixed(neighbour_sums(users, items, weights, keys, matrix.shape[0]))
        keys = mixed(neighbour_sums(items, users, weights, of_users, matrix.shape[1]))
    return keys


def test_numbers_go_with_the_products_wherever_they_and_their_customers_stand() -> None:
    rng = np.random.default_rng(4)
    matrix = (rng.random((40, 30)) < 0.2) * rng.integers(1, 3, (40, 30))
    rows, columns = rng.permutation(40), rng.permutation(30)
    keys = keys_of(matrix)
    assert len(set(keys.tolist())) == 30
    assert (keys_of(matrix[rows][:, columns]) == keys[columns]).all()


def test_products_of_equal_structure_have_equal_numbers_and_weights_distinguish_others() -> None:
    blocks = np.kron(np.eye(2), np.ones((3, 3))) - np.eye(6)
    assert len(set(keys_of(blocks).tolist())) == 1
    blocks[0, 1] = 2  # one customer likes product 1 twice as much
    keys = keys_of(blocks).tolist()
    assert keys[1] not in keys[:1] + keys[2:]
    assert keys[3] == keys[4] == keys[5] != keys[0]  # the other block knows nothing of it


def test_equal_numbers_are_distinguished_by_position() -> None:
    keys = np.array([5, 9, 5, 5, 9], np.uint64)
    assert len(set(distinct(keys).tolist())) == 5
    assert distinct(keys)[0] == distinct(keys[:1])[0]  # the first of its kind
    assert distinct(np.zeros(0, np.uint64)).tolist() == []


def test_noise_depends_on_key_and_seed_alone_and_is_even() -> None:
    keys = mixed(np.arange(500, dtype=np.uint64))
    numbers = noise(keys, 40, seed=3)
    assert (numbers[7] == noise(keys[7:8], 40, seed=3)[0]).all()
    assert (numbers != noise(keys, 40, seed=4)).mean() > 0.99
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 3**-0.5) < 0.01
    assert abs(np.corrcoef(numbers[:50])[~np.eye(50, dtype=bool)]).max() < 0.7
