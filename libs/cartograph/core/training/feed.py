"""Rows of a Spark frame as torch batches, shard by shard, every row once in every epoch.

Rows are partitioned round-robin in a fixed order, so that the sizes of shards differ by one at most, and written as one
Parquet file per shard. (Petastorm's own sharding distributes row groups: ranks then get unequal numbers of batches, and
the one with more waits for the others forever.) Every shard yields the same number of batches, the last ones short or
empty. Unless rows are shuffled, batch t of all shards together holds the same rows for any number of shards.

Delivered rows are counted against those written: a missing row stops the run.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import torch
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from cartograph.core.training.row_batches import Column, Rows, n_rows_of, rebatched, shuffled
from cartograph.core.views.codes import in_order
from cartograph.core.workers.groups import placed
from cartograph.core.workers.hadoop_files import files_of, path_of
from cartograph.core.workers.run_folders import own_folder

Backend = Literal["petastorm", "arrow"]
Batch = dict[str, torch.Tensor]

ROW_GROUP_BYTES = 32 << 20  # of a shard's file, which is read one row group at a time
_TYPES: dict[type[T.DataType], str] = {
    T.ByteType: "tinyint", T.ShortType: "smallint", T.IntegerType: "int", T.LongType: "bigint",
    T.FloatType: "float", T.DoubleType: "float",
}  # fmt: skip


# Petastorm uses an interface that Arrow has deprecated, which is why versions are pinned.
warnings.filterwarnings("ignore", category=FutureWarning, module="petastorm")


class RowsLost(RuntimeError):
    """A shard delivered more or fewer rows than it has."""


@dataclass(frozen=True)
class Feed:
    """Materialised rows: the file and the number of rows of each shard. Can be sent to executors.

    `digest` identifies the rows and their order.
    """

    backend: Backend
    columns: tuple[Column, ...]
    files: tuple[str | None, ...]
    n_rows: tuple[int, ...]
    digest: str

    def n_batches(self, batch_size: int) -> int:
        """Batches that every shard yields in an epoch."""
        return -(-max(self.n_rows) // batch_size)


@contextmanager
def materialised(
    frame: DataFrame,
    n_shards: int,
    backend: Backend = "petastorm",
    seed: int = 7,
    row_group_bytes: int = ROW_GROUP_BYTES,
) -> Iterator[Feed]:
    """The rows of `frame` as a feed of `n_shards`, in an order that depends on their content and `seed` alone.

    The files are written beside Spark's checkpoints and removed at the end of the block; if the program is killed, by
    the next one that makes a feed.

    Args:
        frame: columns of integers or floats, or arrays of them of one length in all rows. No nulls.
        n_shards: one per worker.
        backend: petastorm, or arrow where Petastorm is not installed.
        seed: of the order.
        row_group_bytes: size of row groups, of which a reader buffers a few.

    Raises:
        ValueError: a column that cannot be fed; the message says why.
    """
    spark = frame.sparkSession
    row_hash = F.xxhash64(F.lit(seed), *[_kind(field) for field in frame.schema.fields])
    order = in_order(frame.withColumn("_order", row_hash), "_order", "_place")
    columns, n_rows, digest = _checked(order.drop("_place"))
    sharded = placed(order.withColumn("_shard", F.pmod("_place", F.lit(n_shards))), "_shard", n_shards)
    flat = sharded.sortWithinPartitions("_place").select(
        *[
            (F.col(column.name) if column.width is None else F.get(column.name, F.lit(place)))
            .cast(_type_of(frame, column.name))
            .alias(name)
            for column in columns
            for place, name in enumerate(column.files)
        ]
    )
    folder = _written(flat, backend, own_folder(spark, "feed"), row_group_bytes)
    n_per_shard = tuple(len(range(shard, n_rows, n_shards)) for shard in range(n_shards))
    try:
        yield Feed(backend, columns, _files(spark, folder, n_shards), n_per_shard, digest)
    finally:
        _removed(spark, folder, backend)


def batches(
    feed: Feed, shard: int, batch_size: int, epoch: int = 0, shuffle_rows: int = 0, seed: int = 7, first: int = 0
) -> Generator[Batch, None, None]:
    """The batches of one shard in one epoch, the same number for every shard: tensors by column name.

    Args:
        feed: as `materialised` made it.
        shard: 0, 1 … n_shards - 1.
        batch_size: rows of a batch.
        epoch: counts from 0; each has its own shuffle.
        shuffle_rows: rows that are buffered and shuffled together; 0: the order of the feed.
        seed: of the shuffling.
        first: batches skipped at the beginning, to resume an interrupted epoch.

    Raises:
        RowsLost: at the end of the epoch, if rows are missing or duplicated.
    """
    generator = np.random.default_rng([seed, epoch, shard]) if shuffle_rows else None
    n_batches, n_delivered = feed.n_batches(batch_size), 0
    parts = shuffled(_read(feed, shard), shuffle_rows, generator) if generator else _read(feed, shard)
    made = 0
    for rows in rebatched(parts, batch_size):
        size = n_rows_of(rows)
        n_delivered += size
        if n_delivered > feed.n_rows[shard]:
            break  # with one batch more than the other shards, workers would wait for each other forever
        if made >= first:
            yield {name: torch.from_numpy(values) for name, values in rows.items()}
        made += 1
    if n_delivered != feed.n_rows[shard]:
        raise RowsLost(
            f"epoch {epoch}, shard {shard}: {n_delivered} rows delivered of {feed.n_rows[shard]} written to "
            f"{feed.files[shard]} (backend {feed.backend})"
        )
    for _ in range(max(made, first), n_batches):
        yield _empty(feed)


def everything(feed: Feed, batch_size: int = 1 << 20) -> Batch:
    """All rows of all shards as one batch, for data that every worker holds completely."""
    return _together(feed, range(len(feed.files)), batch_size)


def shard_of(feed: Feed, shard: int, batch_size: int = 1 << 20) -> Batch:
    """All rows of one shard as one batch, for data that a worker holds a part of."""
    return _together(feed, range(shard, shard + 1), batch_size)


def _together(feed: Feed, shards: Iterable[int], batch_size: int) -> Batch:
    parts = [part for shard in shards for part in batches(feed, shard, batch_size)]
    filled = [part for part in parts if len(part[feed.columns[0].name])] or parts[:1]
    return {column.name: torch.cat([part[column.name] for part in filled]) for column in feed.columns}


def _kind(field: T.StructField) -> SparkColumn:
    """The column, checked to be of a type that can be fed."""
    kind = field.dataType.elementType if isinstance(field.dataType, T.ArrayType) else field.dataType
    if type(kind) not in _TYPES:
        raise ValueError(
            f"column {field.name} is {field.dataType.simpleString()}: only numbers and arrays of numbers can be fed"
        )
    return F.col(field.name)


def _checked(rows: DataFrame) -> tuple[tuple[Column, ...], int, str]:
    """The columns, how many rows there are, and a digest of their content, all from one pass.

    Raises:
        ValueError: no rows, nulls, or arrays of more than one length.
    """
    fields = [field for field in rows.schema.fields if field.name != "_order"]
    sums = [F.count("*"), F.bit_xor("_order"), F.sum(F.pmod("_order", F.lit(2**31)))]
    for field in fields:
        sizes = F.size(field.name) if isinstance(field.dataType, T.ArrayType) else F.lit(0)
        broken = F.col(field.name).isNull()
        if isinstance(field.dataType, T.ArrayType):
            broken = broken | F.exists(field.name, lambda value: value.isNull())
        sums += [F.count_if(broken), F.min(sizes), F.max(sizes)]
    found: Any = rows.agg(*sums).head()
    if not found[0]:
        raise ValueError(f"there are no rows to feed; columns are {', '.join(field.name for field in fields)}")
    columns = []
    for place, field in enumerate(fields):
        n_broken, shortest, longest = found[3 + 3 * place : 6 + 3 * place]
        if n_broken:
            raise ValueError(f"column {field.name}: {n_broken} rows have a null")
        if shortest != longest:
            raise ValueError(
                f"column {field.name}: arrays have {shortest} to {longest} elements, but must all have the same length"
            )
        columns.append(Column(field.name, longest if isinstance(field.dataType, T.ArrayType) else None))
    return tuple(columns), found[0], f"{found[1] & (2**64 - 1):016x}{found[2]:x}"


def _type_of(frame: DataFrame, name: str) -> str:
    kind = frame.schema[name].dataType
    return _TYPES[type(kind.elementType if isinstance(kind, T.ArrayType) else kind)]


def _written(flat: DataFrame, backend: Backend, folder: str, row_group_bytes: int) -> str:
    """Writes a file per partition; the folder they are in, as a URL."""
    if backend == "arrow":
        path = f"{folder}/{uuid4().hex}"
        writer = flat.write.option("compression", "uncompressed").option("parquet.block.size", row_group_bytes)
        writer.parquet(path)
        return path
    from petastorm.spark import SparkDatasetConverter, make_spark_converter

    # It warns of small files, which are normal here.
    logging.getLogger("petastorm.spark").setLevel(logging.ERROR)
    flat.sparkSession.conf.set(SparkDatasetConverter.PARENT_CACHE_DIR_URL_CONF, _url(folder))
    converter = make_spark_converter(flat, parquet_row_group_size_bytes=row_group_bytes, dtype=None)
    return str(converter.cache_dir_url)


def _url(path: str) -> str:
    """The path for readers outside the JVM; Databricks mounts its own file system as a folder."""
    return re.sub("^file:/+", "file:///", re.sub("^dbfs:/+", "file:///dbfs/", path))


def _files(spark: SparkSession, folder: str, n_shards: int) -> tuple[str | None, ...]:
    """The file of each shard, by the partition number in its name; an empty shard may have none."""
    found: dict[int, str] = {}
    for status in files_of(spark, folder).listStatus(path_of(spark, folder)):
        match = re.match(r"part-(\d+)-", status.getPath().getName())
        if match:
            found[int(match[1])] = _url(status.getPath().toString())
    return tuple(found.get(shard) for shard in range(n_shards))


def _removed(spark: SparkSession, folder: str, backend: Backend) -> None:
    """Deletes the folder, and makes Petastorm forget it: it would reuse the deleted files for an equal frame."""
    if backend == "petastorm":
        from petastorm.spark.spark_dataset_converter import SparkDatasetConverter

        SparkDatasetConverter(folder, [], 0).delete()
    files_of(spark, folder).delete(path_of(spark, folder), True)


def _read(feed: Feed, shard: int) -> Iterator[Rows]:
    """The rows of a shard in order, a row group at a time."""
    file = feed.files[shard]
    if file is None or not feed.n_rows[shard]:
        return
    for rows in (_by_petastorm if feed.backend == "petastorm" else _by_arrow)(file):
        yield {column.name: column.of(rows) for column in feed.columns}


def _by_petastorm(file: str) -> Iterator[Rows]:
    """Row groups by a Petastorm reader; a single thread reads ahead and keeps their order."""
    from petastorm import make_batch_reader

    options = {"reader_pool_type": "thread", "workers_count": 1, "results_queue_size": 2}
    with make_batch_reader([file], shuffle_row_groups=False, num_epochs=1, **options) as reader:
        for group in reader:
            yield group._asdict()


def _by_arrow(file: str) -> Iterator[Rows]:
    """Row groups by Arrow, memory-mapped where the file is local."""
    import pyarrow.fs
    import pyarrow.parquet as pq

    system, path = pyarrow.fs.FileSystem.from_uri(re.sub("^s3a:", "s3:", file))
    is_local = isinstance(system, pyarrow.fs.LocalFileSystem)
    with pq.ParquetFile(path, memory_map=True) if is_local else pq.ParquetFile(path, filesystem=system) as opened:
        for group in range(opened.num_row_groups):
            table = opened.read_row_group(group, use_threads=False)
            yield {name: table.column(name).to_numpy() for name in table.column_names}


def _empty(feed: Feed) -> Batch:
    """A batch without rows."""
    shapes = {column.name: (0,) if column.width is None else (0, column.width) for column in feed.columns}
    return {name: torch.zeros(shape, dtype=torch.int64) for name, shape in shapes.items()}
