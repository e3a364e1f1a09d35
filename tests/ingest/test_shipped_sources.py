"""Every shipped source reads its real data completely; published counts are met."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.tables.schema import columns_of
from cartograph.ingest.plan import Delivery, new_rows
from cartograph.ingest.source import load_source
from tests.conftest import ROOT

# Rows per table as published with each data set (docs/design.md), or as its files have them.
ROWS = {
    "online_retail": {"events": 541_909},
    "online_retail_ii": {"events": 1_067_371},
    "retailrocket_multibehavior": {"events": 97_381},
    "complete_journey": {"events": 75_000},
    "instacart_train": {"events": 1_384_617},
}
DISTINCT = {
    "online_retail": {"order_id": 25_900, "product_id": 4_070, "user_id": 4_372},
    "online_retail_ii": {"user_id": 5_942},
    "instacart_train": {"order_id": 131_209, "user_id": 0},
}


def canonical(spark: SparkSession, name: str, folder: Path) -> dict[str, DataFrame]:
    """The rows of each bronze table, kept in memory."""
    source = load_source(name, ROOT / "conf" / "sources")
    with new_rows(spark, Delivery(source, str(folder / name)), {}, lambda _: None, 0.0) as found:
        return {new.target: new.rows.localCheckpoint() for new in found.new if new.rows is not None}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_shipped_source_reads_its_real_data(spark: SparkSession, shared_data: Path, name: str) -> None:
    tables = canonical(spark, name, shared_data)
    counts = {target: rows.count() for target, rows in tables.items()}
    assert {target: counts[target] for target in ROWS[name]} == ROWS[name]
    assert all(count > 0 for count in counts.values())
    events = tables["events"]
    expected = DISTINCT.get(name, {})
    distinct = events.agg(*[F.count_distinct(column).alias(column) for column in (*expected, "row_id")]).collect()[0]
    assert {column: distinct[column] for column in expected} == expected
    assert distinct["row_id"] == counts["events"]
    missing = events.agg(*[F.count_if(F.col(name).isNull()) for name in ("product_id", "event_type", "event_at")])
    assert list(missing.collect()[0]) == [0, 0, 0]
    if name == "online_retail":
        assert events.where("user_id IS NULL").count() == 135_080
    for target, rows in tables.items():
        assert rows.columns == columns_of(f"bronze.{target}")
