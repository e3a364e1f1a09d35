"""Vectors of length one, whose scalar products are cosines.

Computed by NumPy: an expression over the numbers of an array is interpreted by Spark, number by number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql.pandas.functions import pandas_udf


def unit_vectors(vectors: DataFrame) -> DataFrame:
    """The same vectors of length one: product_id, vector (array<float>). Zero vectors have no direction: left out."""
    directions = pandas_udf(_directions, "array<float>")  # type: ignore[call-overload]
    return vectors.select("product_id", directions("vector").alias("vector")).where("vector IS NOT NULL")


def direction(vector: Any) -> NDArray[np.float32] | None:
    """The vector divided by its length; None if it is zero or missing."""
    if vector is None:
        return None
    numbers = np.asarray(vector, np.float64)
    length = np.sqrt(numbers @ numbers)
    return (numbers / length).astype(np.float32) if length > 0 else None


def _directions(vectors: pd.Series) -> pd.Series:
    return pd.Series([direction(vector) for vector in vectors], dtype=object)
