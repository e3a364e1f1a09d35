"""What tasks report reaches the driver while they run, in order; strangers and failures change nothing."""

from __future__ import annotations

from multiprocessing.connection import Client
from typing import Any

from pyspark.sql import SparkSession

from cartograph.core.workers.reports import Reporter, reports


def test_all_that_is_sent_in_the_block_has_been_received_at_its_end(spark: SparkSession) -> None:
    received: list[dict[str, Any]] = []
    with reports(spark, received.append) as reporter:
        assert reporter is not None
        spark.sparkContext.parallelize([0], 1).foreach(lambda _: [reporter.send({"n": n}) for n in range(20)])  # type: ignore[func-returns-value]
    assert received == [{"n": n} for n in range(20)]
    assert "secret" not in repr(reporter)


def test_nobody_listening_is_no_error(spark: SparkSession) -> None:
    with reports(spark, print) as reporter:
        pass
    assert reporter is not None
    reporter.send({"n": 1})


def test_strangers_are_turned_away_and_failing_listeners_go_on(spark: SparkSession) -> None:
    received: list[dict[str, Any]] = []

    def receive(message: dict[str, Any]) -> None:
        received.append(message)
        raise ValueError(message)

    with reports(spark, receive) as reporter:
        assert reporter is not None
        Reporter(reporter.host, reporter.port, b"guess").send({"n": 0})
        with Client((reporter.host, reporter.port)) as connection:
            connection.send_bytes(b'{"n": 0}')
        reporter.send({"n": 1})
        reporter.send({"n": 2})
    assert received == [{"n": 1}, {"n": 2}]
