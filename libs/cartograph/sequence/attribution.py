"""Which of a customer's products a network's score comes from: what it loses when one is left out of the history.

Leaving out a part of the input and looking at the difference works for every network (occlusion: Zeiler and Fergus
2014; for text: Li, Monroe and Jurafsky 2016). The differences need not sum to the score, so there is a rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from torch import nn

from cartograph.core.contributions import Floats, largest, maps_of
from cartograph.core.search.neighbours import positions_of
from cartograph.sequence.fitted_network import FittedNetwork, restored
from cartograph.sequence.network import NetworkConfig, SequenceNetwork
from cartograph.sequence.padded import Padded, events_of, padded

Codes = npt.NDArray[np.int64]

_SCHEMA = "user_id string, product_id string, parts map<string, double>"
_HISTORIES = 4096  # read together, those without a product among them


def attributions(
    network: FittedNetwork,
    users: DataFrame,
    lists: DataFrame,
    event_types: tuple[str, ...],
    n_products: int = 5,
    n: int = 3,
) -> DataFrame:
    """One row per listed product: user_id, product_id, parts (map<product_id, double>) that sum to its score.

    A part is what the score loses when all events of one product are taken out of the history; the `n` largest
    are named, and the rest is `other`.

    Args:
        network: trained.
        users: histories, as `recommend` takes them.
        lists: user_id, product_id: what is to be explained, at most a list per customer.
        event_types: events of the histories that count.
        n_products: the newest products of a history, left out in turn: the network reads this many more histories.
        n: parts that are named.
    """
    listed = lists.groupBy("user_id").agg(F.array_sort(F.collect_set("product_id")).alias("listed"))
    context = users.sparkSession.sparkContext
    work = partial(
        _attributed, product_ids=context.broadcast(network.product_ids),
        weights=context.broadcast(network.weights), config=network.config, body=network.body,
        n_products=n_products, n=n,
    )  # fmt: skip
    return events_of(users, event_types).join(listed, "user_id").mapInArrow(work, _SCHEMA)


def _attributed(
    batches: Iterable[pa.RecordBatch],
    product_ids: Any,
    weights: Any,
    config: NetworkConfig,
    body: Callable[[NetworkConfig], nn.Module],
    n_products: int,
    n: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of each batch of customers."""
    torch.set_num_threads(1)
    n_rows = max(_HISTORIES // (n_products + 1), 1)
    network = restored(weights.value, config, body)
    with torch.inference_mode():
        items = network.item_vectors().numpy().astype(np.float64)
    for batch in batches:
        for first in range(0, batch.num_rows, n_rows):
            rows = batch.slice(first, n_rows)
            (ends, own), (listed_ends, listed) = (
                positions_of(pa.chunked_array([rows.column(name)]), product_ids.value)
                for name in ("product_ids", "listed")
            )
            left_out = newest(ends, own, n_products)
            vectors = vectors_without(network, rows, ends, own, left_out, product_ids.value, config.length)
            asking = np.repeat(np.arange(rows.num_rows), np.diff(listed_ends))[listed >= 0]
            codes = listed[listed >= 0]
            scores = np.einsum("aow,aw->ao", vectors[asking], items[codes])
            # Where a history has fewer products, the whole one is read once more, which loses nothing.
            parts = largest(left_out[asking], scores[:, :1] - scores[:, 1:], scores[:, 0], n)
            users = rows.column("user_id").take(pa.array(asking))
            columns = [users, product_ids.value.take(pa.array(codes)), maps_of(*parts, product_ids.value)]
            yield pa.RecordBatch.from_arrays(columns, names=["user_id", "product_id", "parts"])


def newest(ends: Codes, own: Codes, n: int) -> Codes:
    """The codes of the `n` newest products of a history, each once, the newest first, -1 after them: (rows, n).

    Row r has own[ends[r]:ends[r + 1]], oldest first, -1 for unknown products.
    """
    found = np.full((len(ends) - 1, n), -1, dtype=np.int64)
    rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    rows, own = rows[own >= 0][::-1], own[own >= 0][::-1]  # newest first
    _, first = np.unique(rows * (own.max(initial=0) + 1) + own, return_index=True)
    first = np.sort(first)
    rows, own = rows[first], own[first]
    starts = np.searchsorted(-rows, -np.arange(len(found)))
    place = np.arange(len(rows)) - starts[rows]
    found[rows[place < n], place[place < n]] = own[place < n]
    return found


def vectors_without(
    network: SequenceNetwork,
    rows: pa.RecordBatch,
    ends: Codes,
    own: Codes,
    left_out: Codes,
    product_ids: pa.Array,
    length: int,
) -> Floats:
    """States after each history, whole and without each product of `left_out`: (rows, 1 + products, width).

    Zeros where no event remains.
    """
    hidden = np.column_stack([np.full(len(left_out), -2), left_out])  # no product has -2; -1 is left out anyhow
    read = padded(_without(rows, ends, own, hidden), product_ids, length)
    vectors = np.zeros((len(read.lengths), network.config.width))
    known = np.flatnonzero(read.lengths > 0)
    for some in np.array_split(known, max(len(known) // 1024, 1)):
        if len(some):
            vectors[some] = _last(network, read, some)
    return vectors.reshape(*hidden.shape, -1)


def _last(network: SequenceNetwork, read: Padded, some: Codes) -> Floats:
    tensors = [torch.from_numpy(values[some]) for values in (read.items, read.types, read.gaps, read.lengths)]
    with torch.inference_mode():
        last: Floats = network.last(*tensors).double().numpy()
    return last


def _without(rows: pa.RecordBatch, ends: Codes, own: Codes, hidden: Codes) -> pa.RecordBatch:
    """For each history, and each of its `hidden` codes, the events of other products: product_ids, types, ats."""
    n_copies = hidden.shape[1]
    counts = np.repeat(np.diff(ends), n_copies)
    first = np.cumsum(counts) - counts
    events = np.repeat(np.repeat(ends[:-1], n_copies) - first, counts) + np.arange(counts.sum())
    copies = np.repeat(np.arange(len(counts)), counts)
    kept = own[events] != hidden.ravel()[copies]
    offsets = np.concatenate(([0], np.cumsum(np.bincount(copies[kept], minlength=len(counts))))).astype(np.int32)
    columns = []
    for name in ("product_ids", "types", "ats"):
        values = rows.column(name).flatten()
        is_aligned = len(values) == len(own)
        taken = values.take(pa.array(events[kept])) if is_aligned else values.slice(0, 0)
        columns.append(pa.ListArray.from_arrays(pa.array(offsets if is_aligned else np.zeros_like(offsets)), taken))
    return pa.RecordBatch.from_arrays(columns, names=["product_ids", "types", "ats"])
