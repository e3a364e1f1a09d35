"""Pairs counted in blocks are those of the matrix product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from cartograph.core.pairs import counts as pairs_module
from cartograph.core.pairs.coded_groups import coded_groups
from cartograph.core.pairs.counts import catalogue_of, neighbour_lists, pair_sums
from cartograph.core.pairs.kernels import count_rows, own_entries

GROUPS = [["b", "a", "c"], ["a", "b"], [], ["c"], ["d", "a", "b", "c"], ["e"]]
TOGETHER = {"ab": 3, "ac": 2, "bc": 2, "ad": 1, "bd": 1, "cd": 1}


def counted_pairs(spark: SparkSession) -> dict[str, int]:
    """Counts by pair of letters, each pair once per direction."""
    groups = spark.createDataFrame([(group,) for group in GROUPS], "product_ids array<string>").repartition(3)
    groups = coded_groups(groups)
    catalogue = catalogue_of(groups)
    names = catalogue.product_ids.to_pylist()
    return {
        names[row.code] + names[other]: count
        for row in pair_sums(groups, catalogue).collect()
        for other, count in zip(row.others, row.sums, strict=True)
    }


def test_pairs_are_counted_both_ways(spark: SparkSession) -> None:
    assert counted_pairs(spark) == TOGETHER | {pair[::-1]: count for pair, count in TOGETHER.items()}


def test_a_catalogue_counts_groups_per_product(spark: SparkSession) -> None:
    groups = spark.createDataFrame([(group,) for group in [*GROUPS, None]], "product_ids array<string>")
    catalogue = catalogue_of(coded_groups(groups))
    assert catalogue.product_ids.to_pylist() == ["a", "b", "c", "d", "e"]
    assert catalogue.n_groups.tolist() == [3, 3, 3, 1, 1]
    assert (catalogue.total, catalogue.n_pairs) == (7, 9 + 4 + 0 + 1 + 16 + 1)


def test_no_groups_give_no_pairs(spark: SparkSession) -> None:
    groups = coded_groups(spark.createDataFrame([], "product_ids array<string>"))
    assert pair_sums(groups, catalogue_of(groups)).count() == 0


def test_a_list_keeps_the_best_and_of_equals_the_first(spark: SparkSession) -> None:
    groups = coded_groups(spark.createDataFrame([(group,) for group in GROUPS], "product_ids array<string>"))
    lists = neighbour_lists(groups, catalogue_of(groups), 2, pairs_module.counted, lambda pairs: pairs.sums * 1.0)
    found = {row.product_id: (row.associated_product_ids, row.scores) for row in lists.collect()}
    assert found == {
        "a": (["b", "c"], [3.0, 2.0]),
        "b": (["a", "c"], [3.0, 2.0]),
        "c": (["a", "b"], [2.0, 2.0]),
        "d": (["a", "b"], [1.0, 1.0]),
    }


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), unique=True, max_size=6), max_size=12),
    st.integers(1, 4),
    st.data(),
)
def test_rows_of_all_blocks_are_the_matrix_product(groups: list[list[int]], n_blocks: int, draw: st.DataObject) -> None:
    weights = np.array(draw.draw(st.lists(st.integers(1, 5), min_size=len(groups), max_size=len(groups))), np.int64)
    X = np.zeros((len(groups), 10), np.int64)
    for row, group in enumerate(groups):
        X[row, group] = 1
    expected = X.T @ (weights[:, None] * X)
    np.fill_diagonal(expected, 0)
    starts = np.concatenate(([0], np.cumsum([len(group) for group in groups]))).astype(np.int64)
    members = np.array([item for group in groups for item in group], np.int32)
    found = np.zeros_like(expected)
    for block in range(n_blocks):
        own = np.arange(block, 10, n_blocks)
        own_starts, own_groups, _, n_pairs = own_entries(starts, members, block, n_blocks, len(own))
        sums = np.zeros(10, np.int64)
        rows = np.arange(len(own))
        row_starts, others, values = count_rows(
            rows, own, own_starts, own_groups, starts, members, weights, sums, int(n_pairs.sum())
        )
        assert not sums.any()
        for row in rows:
            some = slice(row_starts[row], row_starts[row + 1])
            found[own[row], others[some]] = values[some]
    assert (found == expected).all()


def test_rows_cut_into_chunks_are_all_there() -> None:
    starts, members = np.array([0, 3, 5, 6, 10]), np.array([0, 1, 2, 0, 1, 2, 3, 0, 1, 2], np.int32)
    entries = own_entries(starts, members, 0, 1, 4)
    catalogue = pairs_module.Catalogue(list("abcd"), np.array([3, 3, 3, 1]), 4, 30)
    nothing = np.empty(0)
    block = pairs_module.Block(
        catalogue, np.arange(4), starts, members, nothing.astype(np.int64), nothing, nothing, *entries
    )
    whole = list(pairs_module.counted(block))
    assert len(whole) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "_PAIRS_AT_ONCE", 5)
        parts = list(pairs_module.counted(block))
    assert len(parts) > 2
    assert np.concatenate([part.others for part in parts]).tolist() == whole[0].others.tolist()
    assert np.concatenate([part.sums for part in parts]).tolist() == whole[0].sums.tolist()
