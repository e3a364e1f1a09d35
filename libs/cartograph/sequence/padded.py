"""Histories as rows of one length, the input of networks: codes of products, event types and gaps between events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.event_types import EVENT_TYPES
from cartograph.core.search.topk import vectors_of
from cartograph.core.workers.groups import no_values

N_TYPES = len(EVENT_TYPES) + 1  # 0: unknown
N_GAPS = 24  # 0: unknown, 1: at once, then one per doubling of the seconds, the last one from half a year on

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Padded:
    """Rows of one length: `items` are codes from 1, 0 after the end of a history; `types` and `gaps` likewise."""

    items: Ints
    types: Ints
    gaps: Ints
    lengths: Ints


def events_of(users: DataFrame, event_types: tuple[str, ...]) -> DataFrame:
    """One row per customer: user_id, product_ids, types (codes), ats (unix seconds), aligned, oldest first; mask.

    Types and times are empty where `users` does not have event_types and event_ats. Events of other types are left
    out if types are known. The mask is that of `users`, or empty.
    """
    mask = F.col("mask") if "mask" in users.columns else no_values("string").alias("mask")
    if not {"event_types", "event_ats"} <= set(users.columns):
        return users.select(
            "user_id", mask, "product_ids", no_values("int").alias("types"), no_values("long").alias("ats")
        )
    zipped = F.arrays_zip("product_ids", "event_types", "event_ats")
    counting = F.filter(zipped, lambda event: event["event_types"].isin(*event_types))
    events = users.select("user_id", mask, counting.alias("events"))
    codes = F.array(*[F.lit(name) for name in EVENT_TYPES])
    return events.select(
        "user_id",
        F.col("events.product_ids").alias("product_ids"),
        F.transform("events.event_types", lambda name: F.array_position(codes, name).cast("int")).alias("types"),
        F.transform("events.event_ats", lambda at: F.unix_seconds(at)).alias("ats"),
        "mask",
    )


def windows(events: DataFrame, length: int) -> DataFrame:
    """Histories cut into windows of `length` + 1 events, counted from the newest: the columns of `events`, is_newest.

    Neighbouring windows share one event, so that each transition from one event to the next lies in exactly one.
    """
    n = F.size("product_ids")
    cut = events.withColumn("back", F.explode(F.sequence(F.lit(0), F.greatest(n - 2, F.lit(0)), F.lit(length))))
    end, start = n - F.col("back"), F.greatest(n - F.col("back") - length, F.lit(1))
    arrays = [F.slice(name, start, end - start + 1).alias(name) for name in ("product_ids", "types", "ats")]
    return cut.select("user_id", *arrays, "mask", (F.col("back") == 0).alias("is_newest"))


def padded_rows(events: DataFrame, product_ids: Any, length: int) -> DataFrame:
    """One row per row of `events` with known products, of the newest `length` of them.

    Columns: user_id, mask, items, types, gaps (`length` codes each), n (products), is_newest (null if not in `events`).

    Args:
        events: as `events_of` or `windows` make them.
        product_ids: broadcast Arrow array; a product's code is its place, from 1. Others are left out.
        length: of the rows.
    """
    arrays = "mask array<string>, items array<int>, types array<int>, gaps array<int>"
    work = partial(_padded_batches, product_ids=product_ids, length=length)
    marked = events if "is_newest" in events.columns else events.withColumn("is_newest", F.lit(None).cast("boolean"))
    given = marked.select("user_id", "product_ids", "types", "ats", "is_newest", "mask")
    return given.mapInArrow(work, f"user_id string, {arrays}, n int, is_newest boolean")


def _padded_batches(batches: Iterable[pa.RecordBatch], product_ids: Any, length: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = padded(batch, product_ids.value, length)
        known = rows.lengths > 0
        given = [batch.column(name).filter(pa.array(known)) for name in ("user_id", "mask", "is_newest")]
        arrays = [vectors_of(values[known]) for values in (rows.items, rows.types, rows.gaps)]
        names = ["user_id", "mask", "items", "types", "gaps", "n", "is_newest"]
        columns = [*given[:2], *arrays, pa.array(rows.lengths[known]), given[2]]
        yield pa.RecordBatch.from_arrays(columns, names=names)


def padded(batch: pa.RecordBatch, product_ids: pa.Array, length: int) -> Padded:
    """The histories of a batch (product_ids, types, ats) as rows of `length`, the newest known products of each."""
    lists = batch.column("product_ids")
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = lists.flatten()
    found = pc.fill_null(pc.index_in(values, value_set=product_ids, skip_nulls=True), -1)
    codes = found.to_numpy(zero_copy_only=False).astype(np.int32) + 1
    rows = np.repeat(np.arange(len(counts)), counts)
    types = _aligned(batch.column("types"), len(codes)).astype(np.int32)
    ats = _aligned(batch.column("ats"), len(codes))
    known = codes > 0
    rows, codes, types, ats = rows[known], codes[known], types[known], ats[known]
    lengths = np.bincount(rows, minlength=len(counts))
    starts = np.cumsum(lengths) - lengths
    place = np.arange(len(rows)) - starts[rows] - np.maximum(lengths - length, 0)[rows]
    new = place >= 0
    gaps = _gaps(ats, place)
    cells = (rows[new], place[new])
    filled = [np.zeros((len(counts), length), dtype=np.int32) for _ in range(3)]
    for array, numbers in zip(filled, (codes, types, gaps), strict=True):
        array[cells] = numbers[new]
    return Padded(filled[0], filled[1], filled[2], np.minimum(lengths, length).astype(np.int32))


def _aligned(lists: pa.Array, n_values: int) -> npt.NDArray[np.int64]:
    """The values of all lists; zeros where there are none."""
    values = lists.flatten()
    if len(values) != n_values:
        return np.zeros(n_values, dtype=np.int64)
    numbers: npt.NDArray[np.int64] = pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _gaps(ats: npt.NDArray[np.int64], place: npt.NDArray[np.int64]) -> Ints:
    """Codes of the time since the event before; 0 for a row's first event, and where times are unknown."""
    seconds = np.diff(ats, prepend=ats[:1])
    codes = np.minimum(1 + np.ceil(np.log2(np.maximum(seconds, 1) + 0.0)), N_GAPS - 1)
    return np.where((place > 0) & (ats > 0), codes, 0).astype(np.int32)
