"""Spark and a server without Spark deal customers to the same arms, in the shares promised."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.experiment.assignment import arm, arm_of, position_of
from cartograph.experiment.sample_ratio import sample_ratio_p

SHARES = {"new": 0.3, "control": 0.5, "newer": 0.2}
USERS = [f"u{number}" for number in range(20_000)]


def test_spark_and_python_agree_on_every_customer(spark: SparkSession) -> None:
    users = [*USERS[:2000], "", "zoë 🛒", None]
    dealt = arm(F.col("user_id"), "salt", SHARES, 0.7).alias("arm")
    rows = spark.createDataFrame([(user,) for user in users], "user_id string").select("user_id", dealt).collect()
    expected = {user: None if user is None else arm_of(user, "salt", SHARES, 0.7) for user in users}
    assert {row.user_id: row.arm for row in rows} == expected
    assert set(expected.values()) == {*SHARES, None}


def test_arms_hold_the_shares_promised_and_the_order_they_are_named_in_means_nothing() -> None:
    dealt = [arm_of(user, "salt", SHARES) for user in USERS]
    assert sample_ratio_p({name: dealt.count(name) for name in SHARES}, SHARES) > 0.001
    assert dealt[:500] == [arm_of(user, "salt", dict(sorted(SHARES.items()))) for user in USERS[:500]]


def test_more_traffic_adds_customers_and_moves_nobody() -> None:
    few, more = ([arm_of(user, "salt", SHARES, traffic) for user in USERS] for traffic in (0.1, 0.4))
    assert all(one in (None, other) for one, other in zip(few, more, strict=True))
    for dealt, traffic in ((few, 0.1), (more, 0.4)):
        assert 1 - dealt.count(None) / len(USERS) == pytest.approx(traffic, abs=0.01)
        inside = {name: dealt.count(name) for name in SHARES}
        assert sample_ratio_p(inside, SHARES) > 0.001


def test_experiments_of_different_salts_have_nothing_to_do_with_each_other() -> None:
    places = np.array([[position_of(user, salt) for user in USERS] for salt in ("salt", "salt2", "salt:traffic")])
    assert np.abs(np.corrcoef(places) - np.eye(3)).max() < 0.03


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        arm_of("u1", "salt", {"control": 0.5, "new": 0.4})
