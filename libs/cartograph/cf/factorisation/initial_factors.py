"""Initial factors of products: they depend on who likes what, and not on product ids.

In a small catalogue they are the leading singular vectors of its customers' likes: from random numbers, ten iterations
do not get near the minimum where there are not many more products than dimensions. In a large one they are random
(there singular vectors gain nothing and cost as much as some iterations), seeded by a product's position in the graph
of customers and products, and by its id only where nothing else distinguishes it from another.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from cartograph.cf.factorisation.rounds import Side, fetched
from cartograph.cf.factorisation.shards import ITEMS, USERS, Shard, by_owner
from cartograph.cf.factorisation.solvers import Floats
from cartograph.cf.settings import AlsSettings
from cartograph.core.linear.colour_refinement import ROUNDS, Keys, distinct, mixed, neighbour_sums, noise
from cartograph.core.linear.subspace_iteration import OVERSAMPLING, right_singular_vectors
from cartograph.core.workers.groups import Group

_FEW = 2048  # Products of a small catalogue: every worker holds the vectors of all.
_SWEEPS = 8
_POWER = 0.5  # Singular vectors are scaled by their singular value to this power.


def first_products(group: Group, shard: Shard, sides: list[Side], settings: AlsSettings) -> Floats:
    """Factors of this worker's products: (products, rank), 0 for products that nobody likes; all members call it."""
    keys = _structure(group, sides)
    n_items = int(group.sum(np.array([len(keys)]))[0])
    if settings.implicit and n_items <= _FEW:
        factors = _directions(group, shard, keys, settings)
    else:
        factors = random_factors(
            _distinguished(group, keys, shard.keys.astype(np.uint64)), settings.rank, settings.seed
        )
    factors[~sides[ITEMS].is_learned] = 0
    return factors


def random_factors(keys: Keys, rank: int, seed: int) -> Floats:
    """Pseudo-random non-negative factors of length 1, as MLlib starts from: a function of key and seed alone."""
    share = (noise(keys, rank, seed) + 1) / 2
    factors: Floats = share / np.maximum(np.linalg.norm(share, axis=1, keepdims=True), np.float32(1e-30))
    return factors


def _structure(group: Group, sides: list[Side]) -> Keys:
    """One key per product of this worker, the same for products that only their ids distinguish."""
    keys = np.zeros(sides[ITEMS].n_rows, np.uint64)
    for _ in range(ROUNDS):
        keys = _refined(group, sides[ITEMS], _refined(group, sides[USERS], keys))
    return keys


def _refined(group: Group, side: Side, others: Keys) -> Keys:
    """One key per row of a side, made of those of the rows that it has ratings of."""
    sums = np.zeros(side.n_rows, np.uint64)
    for one in side.rounds:
        n = len(one.ridges)
        rows = np.repeat(np.arange(n), np.diff(one.starts))
        weights = np.where(one.targets != 0, one.targets, -one.confidences)
        sums[one.first : one.first + n] = neighbour_sums(rows, one.columns, weights, fetched(group, one, others), n)
    return mixed(sums)


def _distinguished(group: Group, keys: Keys, names: Keys) -> Keys:
    """The keys, those shared by several products made distinct by the products' ids."""
    order, ends = by_owner((keys >> np.uint64(1)).astype(np.int64), group.size)
    questions = group.exchange(np.split(keys[order], ends[:-1]))
    _, inverse, counts = np.unique(np.concatenate(questions), return_inverse=True, return_counts=True)
    answers = np.split(counts[inverse] > 1, np.cumsum([len(part) for part in questions])[:-1])
    is_shared = np.empty(len(keys), bool)
    is_shared[order] = np.concatenate(group.exchange(answers))
    return np.where(is_shared, mixed(keys ^ mixed(names)), keys)


def _directions(group: Group, shard: Shard, keys: Keys, settings: AlsSettings) -> Floats:
    """The leading singular vectors of D_u^-1/2 N D_i^-1/2, N the likes (0 or 1), D its row and column sums."""
    sizes = np.concatenate(group.exchange([np.array([len(keys)])] * group.size))
    ends = np.cumsum(sizes)
    given, firsts, n_items = shard.ratings, ends - sizes, int(ends[-1])
    liked = given.weights > 0
    users = given.rows[liked]
    items = firsts[given.columns[liked] % group.size] + given.columns[liked] // group.size
    degrees = group.sum(np.bincount(items, minlength=n_items))
    of_users = np.bincount(users, minlength=len(shard.ids[USERS]))
    values = (of_users[users] * degrees[items].astype(np.float64)) ** -0.5
    rows = sp.csr_matrix((values.astype(np.float32), (users, items)), (len(of_users), n_items))
    everybody = distinct(np.concatenate(group.exchange([keys] * group.size)))
    basis = noise(everybody, min(settings.rank + OVERSAMPLING, n_items), settings.seed)
    vectors, strengths = right_singular_vectors(group, rows, basis, settings.rank, _SWEEPS)
    factors = np.zeros((n_items, settings.rank), np.float32)
    factors[:, : len(strengths)] = vectors * strengths**_POWER
    factors /= np.float32(max(np.sqrt((factors.astype(np.float64) ** 2).sum() / max(n_items, 1)), 1e-30))
    return factors[firsts[group.rank] : ends[group.rank]]
