"""A small shop for which cf has run, shared by the tests of the jobs: writing its tables is what takes the time."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.job import Suite
from jobs import cf
from tests.small_lake import small_shop

DAY = date(2011, 2, 15)  # a day of its own: other tests own the lake's other days


@pytest.fixture(scope="session")
def shop(spark: SparkSession) -> Suite:
    suite = small_shop(spark)
    with suite.step("cf", as_of=DAY) as job:
        cf.run(job)
    return suite
