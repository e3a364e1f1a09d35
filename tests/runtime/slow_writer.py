"""A program that is killed while it writes: run as `python -m tests.runtime.slow_writer FOLDER`.

It appends baskets and replaces a partition of associations at the same time, and its rows take minutes to come.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from cartograph.runtime.config import load_config
from cartograph.runtime.session import spark_session
from cartograph.runtime.tables import Tables
from tests.conftest import LOCAL

DAY = date(2011, 11, 1)
BASKETS = "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"
NEIGHBOURS = "product_id string, rank int, associated_product_id string, score double"


def baskets(spark: SparkSession) -> DataFrame:
    """Two orders."""
    rows = [(f"o{i}", "u", datetime(2011, 1, 1), ["a"]) for i in range(2)]
    return spark.createDataFrame(rows, BASKETS).coalesce(1)


def neighbours(spark: SparkSession) -> DataFrame:
    """Two neighbours."""
    return spark.createDataFrame([("a", 1, "b", 0.5), ("a", 2, "c", 0.4)], NEIGHBOURS).coalesce(1)


def dawdle(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The rows as they are; the end comes minutes later."""
    yield from batches
    time.sleep(300)


def main(folder: str) -> None:
    """Writes both tables at once, slowly."""
    spark = spark_session(load_config("demo", [*LOCAL, "spark.driver_memory=1g"]), "slow writer")
    tables = Tables(spark, folder)
    slow_baskets = baskets(spark).mapInPandas(dawdle, BASKETS)
    slow_neighbours = neighbours(spark).mapInPandas(dawdle, NEIGHBOURS)
    append = threading.Thread(target=lambda: tables.append("silver.baskets", slow_baskets, "shop", 1, "same"))
    append.start()
    tables.replace("gold.associations", slow_neighbours, as_of=DAY, model="als")
    append.join()


if __name__ == "__main__":
    main(sys.argv[1])
