"""A vocabulary is bounded by the count that its tokens must reach."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.model import TooLittle
from cartograph.embed.skip_gram import least_count


def counted(spark: SparkSession, **counts: int) -> DataFrame:
    return spark.createDataFrame(list(counts.items()), "token string, n long")


def test_the_least_count_keeps_as_many_tokens_as_may_be_kept(spark: SparkSession) -> None:
    counts = counted(spark, a=9, b=5, c=5, d=2)
    assert [least_count(counts, least, most) for least, most in ((1, 4), (1, 3), (1, 2), (3, 9))] == [2, 5, 9, 5]


def test_what_cannot_be_bounded_or_never_repeats_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="at most 1 tokens may be kept, and 2 occur 4 times, the highest count"):
        least_count(counted(spark, a=4, b=4), 1, 1)
    with pytest.raises(TooLittle, match="no token occurs 5 times or more"):
        least_count(counted(spark, a=4), 5, 10)
