"""Training of BPR in a worker group: customers are partitioned, products are replicated and averaged.

Who owns what is defined in `shards`. Between exchanges a worker steps through the pairs of its own customers. In an
exchange a product's vector becomes the mean of the workers' versions, weighted by how often each worker updated it: a
product that only one worker updated keeps all it learned, and more workers do not make steps longer. Each worker
averages its share of the products, so 8 (rank + 1) bytes per product go out and come in, whatever the size of the
group. A worker holds 12 (rank + 2) bytes per product, and 4 (rank + 1) per customer of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cartograph.cf.factorisation.bpr_kernel import Longs, learn
from cartograph.cf.factorisation.rounds import compressed
from cartograph.cf.factorisation.shards import ITEMS, USERS, Shard, factor_batches
from cartograph.cf.factorisation.solvers import Codes, Floats, Starts
from cartograph.cf.settings import BprSettings
from cartograph.core.workers.groups import Group

_SPREAD = 0.1  # Standard deviation of the initial vectors.


@dataclass(frozen=True)
class Pairs:
    """A worker's customers and their products, sorted: customer row r has columns[starts[r]:starts[r + 1]]."""

    starts: Starts
    columns: Codes
    rows: Codes

    @classmethod
    def of(cls, shard: Shard, firsts: Longs) -> Pairs:
        """The shard's pairs; the first product of worker w has the index firsts[w]."""
        given, n = shard.ratings, len(firsts)
        columns = (firsts[given.columns % n] + given.columns // n).astype(np.int32)
        starts, columns, _ = compressed(given.rows, columns, given.weights, len(shard.ids[USERS]))
        return cls(starts, columns, np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts)))


def train(group: Group, batches: Iterable[pa.RecordBatch], settings: BprSettings) -> Iterator[pa.RecordBatch]:
    """One worker's part: vectors of its customers and of its products, as rows of `shards.FACTORS`.

    `batches` are those of `shards.worker_partitions`.
    """
    shard = Shard.of(group, batches)
    sizes = np.concatenate(group.exchange([np.array([len(shard.ids[ITEMS])])] * group.size))
    ends = np.cumsum(sizes)
    firsts, n_items = ends - sizes, int(ends[-1])
    pairs = Pairs.of(shard, firsts)
    users, items = first_vectors(pairs, settings, n_items, group.rank)
    state = np.random.default_rng([settings.seed, 1, group.rank]).integers(0, 2**63, 1, dtype=np.uint64)
    n_rounds = settings.iterations * settings.exchanges
    # Every pair is sampled `iterations` times on average, also where a round has less than one pair.
    n_sampled = np.linspace(0, len(pairs.columns) * settings.iterations, n_rounds + 1).astype(np.int64)
    for one in range(n_rounds):
        before, counts = items.copy(), np.zeros(n_items, dtype=np.int64)
        learn(
            pairs.starts, pairs.columns, pairs.rows, users, items, counts, n_sampled[one + 1] - n_sampled[one],
            settings.learning_rate * (1 - one / n_rounds), settings.regularisation, settings.n_negatives, state,
        )  # fmt: skip
        items = averaged(group, before, items, counts)
    yield from factor_batches(USERS, shard.ids[USERS], users)
    yield from factor_batches(ITEMS, shard.ids[ITEMS], items[firsts[group.rank] : ends[group.rank]])


def first_vectors(pairs: Pairs, settings: BprSettings, n_items: int, worker: int) -> tuple[Floats, Floats]:
    """Initial vectors: random, biases 0; those of products are the same for all workers."""
    shapes = ((len(pairs.starts) - 1, [settings.seed, 2, worker]), (n_items, [settings.seed, 3]))
    users, items = (
        np.random.default_rng(seed).normal(0, _SPREAD, (n, settings.rank + 1)).astype(np.float32) for n, seed in shapes
    )
    users[:, -1], items[:, -1] = 1, 0
    return users, items


def averaged(group: Group, before: Floats, items: Floats, counts: Longs) -> Floats:
    """The mean of the members' versions of each product, weighted by how often each updated it; the same for all.

    Args:
        before: the version that all of them started from.
        items, counts: this member's version, and its steps per product.
    """
    if group.size == 1:
        return items
    weights: npt.NDArray[np.float32] = counts.astype(np.float32)[:, None]
    moved = np.hstack([(items - before) * weights, weights])
    shares = np.array_split(moved, group.size)
    total = np.sum([part.reshape(-1, moved.shape[1]) for part in group.exchange(shares)], axis=0)
    own = np.array_split(before, group.size)[group.rank] + total[:, :-1] / np.maximum(total[:, -1:], 1)
    return np.concatenate(group.exchange([own] * group.size)).reshape(items.shape)
