"""What is bought again, by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from pyspark.sql import SparkSession
from scipy.stats import gamma

from cartograph.graph.relations.repeats import repeats

BOUGHT = [("ann", "beans", [0, 20, 40]), ("bob", "beans", [5, 27]), ("eve", "beans", [9, 9]), ("eve", "grill", [3])]


def test_days_between_purchases_of_the_same_customer_are_summed_up(spark: SparkSession) -> None:
    rows = [
        (user, product, "purchase", date(2011, 5, 1) + timedelta(days=day))
        for user, product, days in BOUGHT
        for day in days
    ]
    rows += [("ann", "grill", "view", date(2011, 5, 1)), (None, "grill", "purchase", date(2011, 5, 9))]
    events = spark.createDataFrame(rows, "user_id string, product_id string, event_type string, event_on date")
    [beans] = repeats(events).collect()  # nobody bought a second grill
    assert (beans.product_id, beans.n_buyers, beans.n_repeaters) == ("beans", 3, 2)
    assert beans.repeat_share == pytest.approx(2 / 3)
    assert beans.median_days == 20  # of 20, 20 and 22
    assert beans.spread == pytest.approx(2 / 20)  # quartiles 20, 20 and 22
    # The logarithms of 19.25, 19.75 and 21.5 (two purchases after 20 days lie half a day apart) under Exp(1) + Exp(2).
    spread = math.log(21.5 / 19.25)
    assert beans.p_value == pytest.approx(gamma.cdf(spread, 1.5**2 / 1.25, scale=1.25 / 1.5))
    assert beans.q_value == beans.p_value  # the one product of the test
