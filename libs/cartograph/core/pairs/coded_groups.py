"""Groups of products (baskets, histories) as integers, encoded once for all counts of items, itemsets and pairs.

Moving product ids from the JVM to Python is most of the cost of counting them. So they are moved once and replaced by
arrays of integers in binary columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
from numba import njit
from pyspark.sql import DataFrame

from cartograph.core.pairs.kernels import Codes, Longs, flat
from cartograph.core.pairs.packed import Numbers, lengths_of, packed, starts_of, unpacked

_BATCHES_AT_ONCE = 64  # Arrow batches encoded together: more make fewer and larger portions.
NUMBERS: dict[str, type[np.generic]] = {
    "codes": np.int32, "lengths": np.int32, "keys": np.int64, "sources": np.float64, "targets": np.float64,
}  # fmt: skip
BINARY = ", ".join(f"{name} binary" for name in NUMBERS)
_CODED = f"product_id array<string>, n_groups array<long>, n_pairs long, {BINARY}"


@dataclass(frozen=True)
class Portion:
    """Some groups: group g has the products codes[starts[g]:starts[g + 1]], which are positions in `products`.

    The last product is null, so that code -1 means null. `keys` has a number per group, `sources` and `targets` one per
    code; they are empty if the groups have none.
    """

    products: pa.Array
    codes: Codes
    starts: Longs
    keys: Longs
    sources: Numbers
    targets: Numbers


def coded_groups(groups: DataFrame) -> DataFrame:
    """One row per portion of at most some hundred thousand groups, kept by the executors as it is read often.

    Columns: product_id (the portion's products, then a null that stands for the groups themselves), n_groups of each,
    n_pairs (the sum of the squared lengths of the groups), and the binary columns that `portions` reads.

    Args:
        groups: product_ids (array<string>; nulls and repeats within a group are ignored) and, optionally, key (long),
            sources and targets (array<double>, aligned with product_ids).
    """
    columns = [name for name in ("product_ids", "key", "sources", "targets") if name in groups.columns]
    return groups.select(*columns).mapInArrow(_coded, _CODED).localCheckpoint(eager=False)


def portions(batches: Iterable[pa.RecordBatch]) -> Iterator[Portion]:
    """The rows of `coded_groups`, one after the other."""
    for batch in batches:
        for row in range(batch.num_rows):
            codes, lengths, *others = (unpacked(batch[name][row], kind) for name, kind in NUMBERS.items())
            yield Portion(batch["product_id"][row].values, codes, starts_of(lengths), *others)


def binary_columns(numbers: Mapping[str, Numbers]) -> list[pa.Array]:
    """The columns NUMBERS of one row; missing ones are empty."""
    return [packed(numbers.get(name, np.empty(0)).astype(kind, copy=False)) for name, kind in NUMBERS.items()]


def _coded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row per portion."""
    remaining = iter(batches)
    while some := list(islice(remaining, _BATCHES_AT_ONCE)):
        table = pa.Table.from_batches(some).combine_chunks()
        starts, values = flat(_array(table, "product_ids"))
        coded = values.cast(pa.string()).dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
        counts = count_groups(codes, starts, len(coded.dictionary))
        products = pa.concat_arrays([coded.dictionary, pa.nulls(1, pa.string())])
        n_groups = pa.array(np.append(counts, table.num_rows))
        lists = [pa.ListArray.from_arrays([0, len(each)], each) for each in (products, n_groups)]
        numbers = {"codes": codes, "lengths": lengths_of(starts)} | _given(table)
        n_pairs = pa.array([np.square(np.diff(starts)).sum()])
        yield pa.record_batch(
            [*lists, n_pairs, *binary_columns(numbers)], ["product_id", "n_groups", "n_pairs", *NUMBERS]
        )


def _given(table: pa.Table) -> dict[str, Numbers]:
    """The optional numbers of the groups."""
    found = {"keys": table["key"].to_numpy()} if "key" in table.column_names else {}
    for name in ("sources", "targets"):
        if name in table.column_names:
            found[name] = flat(_array(table, name))[1].to_numpy(zero_copy_only=False)
    return found


def _array(table: pa.Table, name: str) -> pa.Array:
    """A column of a combined table as one array."""
    chunks = table.column(name).chunks
    return chunks[0] if chunks else pa.array([], table.schema.field(name).type)


@njit(cache=True)
def count_groups(codes: Codes, starts: Longs, n_codes: int) -> Longs:
    """Per code: in how many groups it occurs; repeats within a group and negative codes are ignored."""
    counts = np.zeros(n_codes, np.int64)
    last_seen = np.full(n_codes, -1, np.int64)
    for group in range(starts.shape[0] - 1):
        for p in range(starts[group], starts[group + 1]):
            code = codes[p]
            if code >= 0 and last_seen[code] != group:
                last_seen[code] = group
                counts[code] += 1
    return counts
