"""What experiments declare, as a column of rows that name their experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F


def by_experiment(values: Mapping[str, Any], kind: str) -> Column:
    """The value of the row's `experiment`; null for experiments without one.

    Args:
        values: a literal or a column per experiment.
        kind: Spark's type of the values.
    """
    chosen = F.lit(None).cast(kind)
    for name, value in values.items():
        chosen = F.when(F.col("experiment") == name, value).otherwise(chosen)
    return chosen
