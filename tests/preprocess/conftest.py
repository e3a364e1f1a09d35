"""Settings as configured, and raw events out of the columns that matter to a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.tables.schema import table
from cartograph.ingest.source import load_source
from cartograph.preprocess.settings import CustomerFlags, FenceSettings
from cartograph.settings import Config
from tests.conftest import ROOT

KEY = b"a key for tests"
RETAIL = load_source("online_retail", ROOT / "conf" / "sources").cleaning
Raw = Callable[..., DataFrame]
PURCHASE = {"event_type": "purchase", "order_id": "O1", "product_id": "cup", "quantity": "2", "unit_price": "3.50"}
PURCHASE |= {"event_at": "2024-05-01 10:00:00", "user_id": "ann"}


@pytest.fixture(scope="session")
def fences(config: Config) -> FenceSettings:
    """The fences of conf/base.yml."""
    return config.preprocess.fences


@pytest.fixture(scope="session")
def retail() -> Cleaning:
    """How the gift shop of Online Retail writes things."""
    return RETAIL


@pytest.fixture(scope="session")
def flags(config: Config) -> CustomerFlags:
    """The flags of conf/base.yml."""
    return config.preprocess.flags


@pytest.fixture(scope="session")
def raw(spark: SparkSession) -> Raw:
    """Makes rows of a bronze table: each a mapping of columns, laid over those given for all."""

    def make(target: str, rows: list[dict[str, Any]], **all_rows: Any) -> DataFrame:
        columns = table(f"bronze.{target}").columns
        known = {"source": "s", "batch_id": "b1", **all_rows}
        full = [{"row_id": f"r{n}", **known, **row} for n, row in enumerate(rows)]
        return spark.createDataFrame([tuple(row.get(name) for name in columns.names) for row in full], columns)

    return make
