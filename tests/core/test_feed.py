"""A feed delivers every row once in every epoch, the same by either backend, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.training.feed import Backend, Feed, RowsLost, batches, materialised

N = 1_003
BACKENDS: tuple[Backend, ...] = ("petastorm", "arrow")


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    numbers = F.transform(F.sequence(F.lit(0), F.lit(4)), lambda place: (F.col("id") * 10 + place).cast("int"))
    return spark.range(N).select("id", numbers.alias("numbers"), (F.col("id") / 4).alias("share"))


@pytest.fixture(scope="module")
def feeds(frame: DataFrame) -> Any:
    """A feed of three shards by each backend, in small row groups."""
    options: dict[str, Any] = {"n_shards": 3, "row_group_bytes": 2_000}
    with (
        materialised(frame, backend="petastorm", **options) as one,
        materialised(frame, backend="arrow", **options) as two,
    ):
        yield {"petastorm": one, "arrow": two}


def ids(feed: Feed, shard: int, **settings: Any) -> list[int]:
    return torch.cat([batch["id"] for batch in batches(feed, shard, 50, **settings)]).tolist()


def test_both_backends_deliver_the_same_batches(feeds: dict[Backend, Feed]) -> None:
    assert feeds["petastorm"].digest == feeds["arrow"].digest
    for shard in range(3):
        pairs = zip(*(batches(feeds[backend], shard, 50) for backend in BACKENDS), strict=True)
        for one, other in pairs:
            assert one.keys() == other.keys() == {"id", "numbers", "share"}
            assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_arrive_as_they_were_written(feeds: dict[Backend, Feed], backend: Backend) -> None:
    for batch in batches(feeds[backend], 1, 50):
        assert batch["numbers"].shape == (len(batch["id"]), 5)
        expected = batch["id"][:, None] * 10 + torch.arange(5)
        assert torch.equal(batch["numbers"].long(), expected)
        assert torch.equal(batch["share"], batch["id"].float() / 4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_shards_have_equally_many_batches_and_every_row_once(feeds: dict[Backend, Feed], backend: Backend) -> None:
    shards = [list(batches(feeds[backend], shard, 50)) for shard in range(3)]
    assert {len(shard) for shard in shards} == {feeds[backend].n_batches(50)}
    delivered = sorted(int(i) for shard in shards for batch in shard for i in batch["id"])
    assert delivered == list(range(N))


def test_a_step_of_all_shards_has_the_same_rows_for_any_number_of_shards(frame: DataFrame) -> None:
    def steps(n_shards: int) -> list[set[int]]:
        with materialised(frame, n_shards, "arrow") as feed:
            shards = [batches(feed, shard, 60 // n_shards) for shard in range(n_shards)]
            return [{int(i) for batch in parts for i in batch["id"]} for parts in zip(*shards, strict=True)]

    assert steps(1) == steps(2)


def test_shards_without_rows_yield_empty_batches(spark: SparkSession) -> None:
    for backend in BACKENDS:
        with materialised(spark.range(2), 3, backend) as feed:
            sizes = [[len(batch["id"]) for batch in batches(feed, shard, 8)] for shard in range(3)]
        assert sizes == [[1], [1], [0]]


def test_fifty_epochs_of_threads_lose_nothing(feeds: dict[Backend, Feed]) -> None:
    for epoch in range(50):
        assert (
            sum(len(batch["id"]) for batch in batches(feeds["petastorm"], 0, 64, epoch)) == feeds["petastorm"].n_rows[0]
        )


def test_shuffled_epochs_differ_from_each_other_and_are_the_same_again(feeds: dict[Backend, Feed]) -> None:
    plain, one, two = (ids(feeds["arrow"], 0, epoch=e, shuffle_rows=s) for e, s in ((0, 0), (0, 100), (1, 100)))
    assert sorted(plain) == sorted(one) == sorted(two)
    assert len({tuple(order) for order in (plain, one, two)}) == 3
    assert ids(feeds["petastorm"], 0, epoch=1, shuffle_rows=100) == two


def test_an_interrupted_epoch_can_be_resumed(feeds: dict[Backend, Feed]) -> None:
    whole = ids(feeds["petastorm"], 1, shuffle_rows=100)
    assert ids(feeds["petastorm"], 1, shuffle_rows=100, first=3) == whole[150:]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_missing_row_stops_the_run_and_is_reported(feeds: dict[Backend, Feed], backend: Backend) -> None:
    feed = feeds[backend]
    short = replace(feed, n_rows=(feed.n_rows[0] + 1, *feed.n_rows[1:]))
    with pytest.raises(RowsLost, match=f"epoch 4, shard 0: {feed.n_rows[0]} rows delivered of {feed.n_rows[0] + 1}"):
        ids(short, 0, epoch=4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_too_many_stops_the_run_before_it_is_delivered(feeds: dict[Backend, Feed], backend: Backend) -> None:
    feed = feeds[backend]
    few = replace(feed, n_rows=(100, 100, 100))
    delivered = []
    with pytest.raises(RowsLost, match="shard 2: 150 rows delivered of 100"):
        delivered.extend(batches(few, 2, 50))
    assert len(delivered) == few.n_batches(50) == 2


def test_columns_that_cannot_be_fed_are_refused(spark: SparkSession) -> None:
    def refused(query: str, words: str) -> None:
        with pytest.raises(ValueError, match=words), materialised(spark.sql(query), 1):
            pass

    refused("SELECT 'a' AS title, 1 AS n", "column title is string")
    refused("SELECT explode(array(array(1, 2), array(1))) AS ids", "column ids: arrays have 1 to 2 elements")
    refused("SELECT explode(array(1, null)) AS n", "column n: 1 rows have a null")
    refused("SELECT 1 AS n WHERE false", "there are no rows to feed; columns are n")


def test_the_files_are_gone_afterwards(frame: DataFrame) -> None:
    for backend in BACKENDS:
        with materialised(frame, 2, backend) as feed:
            files = [Path(str(file).removeprefix("file://")) for file in feed.files]
            assert all(file.exists() for file in files)
        assert not any(file.parent.exists() for file in files)


def test_the_order_of_rows_does_not_depend_on_partitioning(frame: DataFrame) -> None:
    with materialised(frame, 2, "arrow") as one, materialised(frame.repartition(5), 2, "arrow") as other:
        assert one.digest == other.digest
        assert ids(one, 0) == ids(other, 0)
