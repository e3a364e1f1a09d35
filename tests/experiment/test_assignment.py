"""Spark and a server without Spark assign customers to the same arms, in the declared shares."""

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
    assigned = arm(F.col("user_id"), "salt", SHARES, 0.7).alias("arm")
    rows = spark.createDataFrame([(user,) for user in users], "user_id string").select("user_id", assigned).collect()
    expected = {user: None if user is None else arm_of(user, "salt", SHARES, 0.7) for user in users}
    assert {row.user_id: row.arm for row in rows} == expected
    assert set(expected.values()) == {*SHARES, None}


def test_arms_have_the_declared_shares_whatever_their_order() -> None:
    assigned = [arm_of(user, "salt", SHARES) for user in USERS]
    assert sample_ratio_p({name: assigned.count(name) for name in SHARES}, SHARES) > 0.001
    assert assigned[:500] == [arm_of(user, "salt", dict(sorted(SHARES.items()))) for user in USERS[:500]]


def test_more_traffic_adds_customers_and_moves_nobody() -> None:
    few, more = ([arm_of(user, "salt", SHARES, traffic) for user in USERS] for traffic in (0.1, 0.4))
    assert all(one in (None, other) for one, other in zip(few, more, strict=True))
    for assigned, traffic in ((few, 0.1), (more, 0.4)):
        assert 1 - assigned.count(None) / len(USERS) == pytest.approx(traffic, abs=0.01)
        inside = {name: assigned.count(name) for name in SHARES}
        assert sample_ratio_p(inside, SHARES) > 0.001


def test_experiments_with_different_salts_are_independent() -> None:
    places = np.array([[position_of(user, salt) for user in USERS] for salt in ("salt", "salt2", "salt:traffic")])
    assert np.abs(np.corrcoef(places) - np.eye(3)).max() < 0.03


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        arm_of("u1", "salt", {"control": 0.5, "new": 0.4})
