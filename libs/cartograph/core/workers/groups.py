"""Worker groups: the tasks of one Spark stage that run at the same time and send arrays to each other directly.

An iterative method with a shuffle per step spends its time moving rows through the JVM. Here the tasks of a
barrier stage keep their block in memory and exchange what the others need as plain arrays over authenticated sockets,
so a step costs what its bytes cost. Nothing but NumPy is imported: a group is up in a fraction of a second.

If a task dies, its peers notice at once (closed connection) or after `timeout_seconds`, all fail, and Spark starts the
stage again as a whole, as often as `spark.task.maxFailures` allows.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import BarrierTaskContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

Array = npt.NDArray[Any]


class TooFewSlots(RuntimeError):
    """The cluster cannot run all tasks of a group at the same time."""


class WorkerLost(RuntimeError):
    """A member of the group ended or went silent."""


class Group:
    """One task's view of its group: its `rank`, the group's `size`, and the connections to the others.

    `first_host` is the address of rank 0, for what connects by itself (`torch.distributed`).
    """

    def __init__(
        self, rank: int, peers: dict[int, Connection], timeout_seconds: float, first_host: str = "localhost"
    ) -> None:
        self.rank = rank
        self.size = len(peers) + 1
        self.first_host = first_host
        self.timeout_seconds = timeout_seconds
        self._peers = peers

    def exchange(self, outgoing: Sequence[Array]) -> list[Array]:
        """Sends `outgoing[r]` to each rank r; returns what each sent here, flat, in order of rank.

        All members must call it, with arrays of one type.

        Raises:
            WorkerLost: a member ended, or was silent for longer than the group's timeout.
        """
        incoming: list[Array] = [outgoing[self.rank].ravel()] * self.size
        senders = [Thread(target=self._send, args=(rank, outgoing[rank]), daemon=True) for rank in self._peers]
        for sender in senders:
            sender.start()
        for rank in self._peers:
            incoming[rank] = np.frombuffer(self._receive(rank), dtype=outgoing[self.rank].dtype)
        for sender in senders:
            sender.join()
        return incoming

    def exchange_rows(self, outgoing: Sequence[pa.RecordBatch]) -> list[pa.Table]:
        """`exchange` for rows, all of one schema."""
        return [_rows(part) for part in self.exchange([_bytes(rows) for rows in outgoing])]

    def sum(self, array: Array) -> Array:
        """The sum of the members' arrays, added in order of rank: the same to the last bit for every member."""
        total = sum(part.reshape(array.shape) for part in self.exchange([array] * self.size))
        return np.asarray(total)

    def close(self) -> None:
        """Ends the connections."""
        for connection in self._peers.values():
            connection.close()

    def _send(self, rank: int, array: Array) -> None:
        with contextlib.suppress(OSError):  # the peer is gone: receiving from it raises
            self._peers[rank].send_bytes(np.ascontiguousarray(array).data.cast("B") if array.size else b"")

    def _receive(self, rank: int) -> bytes:
        try:
            if self._peers[rank].poll(self.timeout_seconds):
                return self._peers[rank].recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerLost(f"worker {rank} of {self.size} ended; worker {self.rank} cannot continue") from error
        raise WorkerLost(f"worker {self.rank} received nothing from worker {rank} for {self.timeout_seconds:g} s")


def _bytes(rows: pa.RecordBatch) -> Array:
    """The rows as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _rows(stream: Array) -> pa.Table:
    """The rows of an Arrow stream, without a copy."""
    return pa.ipc.open_stream(pa.py_buffer(stream)).read_all()


Work = Callable[[Group, Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def run_group(blocks: DataFrame, work: Work, schema: str, timeout_seconds: float = 300.0) -> DataFrame:
    """What the members of a group yield, one member per partition of `blocks`.

    The stage runs once, here: the rows are kept by the executors for as long as the frame is in use.

    Args:
        blocks: rows in one partition per member of the group, as `placed` makes them.
        work: called by every member with its group and the record batches of its partition. It must be importable by
            executors, or be a `partial` of something that is.
        schema: of the batches that `work` yields.
        timeout_seconds: the longest a member waits for another one.

    Raises:
        TooFewSlots: the cluster cannot run the members at the same time.
    """
    n_members, n_slots = blocks.rdd.getNumPartitions(), slots(blocks.sparkSession)
    if n_members > n_slots:
        raise TooFewSlots(
            f"a group of {n_members} workers needs {n_members} free cores at once; this cluster has {n_slots}"
        )
    member = partial(_member, work=work, secret=secrets.token_bytes(32), timeout_seconds=timeout_seconds)
    # The shuffle ends the barrier: every stage that read these rows without one would need all its cores at once too.
    return blocks.mapInArrow(member, schema, barrier=True).repartition(n_members).localCheckpoint()


def slots(spark: SparkSession) -> int:
    """How many tasks can run at the same time."""
    context = spark.sparkContext._jsc.sc()
    return int(context.maxNumConcurrentTasks(context.resourceProfileManager().defaultResourceProfile()))


def group_size(spark: SparkSession, asked: int | None, batch_size: int, least_rows: int) -> int:
    """Members of a group that shares batches: the given number, else one per core that gets `least_rows` of each."""
    return asked or min(slots(spark), max(batch_size // least_rows, 1))


def placed(frame: DataFrame, block: str, n_blocks: int) -> DataFrame:
    """The rows of `frame` in `n_blocks` partitions, those with `block` = b in partition b; `block` is dropped.

    Spark places rows by a hash of their key, so for each partition a key is looked up that lands there.
    """
    if n_blocks not in _KEYS:
        candidates = F.sequence(F.lit(64 * n_blocks).cast("long"), F.lit(0).cast("long"))
        parts = F.transform(candidates, lambda key: F.pmod(F.hash(key), F.lit(n_blocks)))
        row = frame.sparkSession.range(1).select(candidates.alias("keys"), parts.alias("parts")).head()
        assert row is not None
        _KEYS[n_blocks] = dict(zip(row.parts, row.keys, strict=True))
    keys = [_KEYS[n_blocks][part] for part in range(n_blocks)]
    key = F.get(F.array(*[F.lit(key).cast("long") for key in keys]), F.col(block))
    return frame.withColumn("_key", key).repartition(n_blocks, "_key").drop("_key", block)


_KEYS: dict[int, dict[int, int]] = {}  # by number of blocks: the hash is the same in every session


def no_values(kind: str) -> Column:
    """An empty array for rows that have none: after each row, Spark's Arrow writer visits all null arrays before it."""
    return F.array().cast(f"array<{kind}>")


def _member(
    batches: Iterable[pa.RecordBatch], work: Work, secret: bytes, timeout_seconds: float
) -> Iterator[pa.RecordBatch]:
    """Joins the group, works, leaves."""
    group = _joined(BarrierTaskContext.get(), secret, timeout_seconds)
    try:
        yield from work(group, batches)
    finally:
        group.close()


def _joined(context: BarrierTaskContext, secret: bytes, timeout_seconds: float) -> Group:
    """The group of all tasks of the stage: each connects to those of lower rank, and is connected to by the others."""
    rank = context.partitionId()
    host = context.getTaskInfos()[rank].address.rpartition(":")[0]
    with Listener((host, 0), backlog=1024, authkey=secret) as listener:
        ports = context.allGather(str(listener.address[1]))
        hosts = [info.address.rpartition(":")[0] for info in context.getTaskInfos()]
        peers: dict[int, Connection] = {}
        for other in range(rank):
            peers[other] = Client((hosts[other], int(ports[other])), authkey=secret)
            peers[other].send(rank)
        while len(peers) < len(ports) - 1:
            connection = listener.accept()
            peers[connection.recv()] = connection
    return Group(rank, dict(sorted(peers.items())), timeout_seconds, hosts[0])
