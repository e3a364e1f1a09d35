"""Shares above which a source is misread, with the declaration that would read it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.preprocess.limits import (
    MixedOrders,
    SetAside,
    SourceMisread,
    mixed_orders,
    refuse_misread,
    refuse_mixed,
    set_aside,
)
from cartograph.preprocess.settings import LimitSettings

LIMITS = LimitSettings(share=0.05, shares={"outlier_price": 0.01}, mixed_orders=0.02, min_rows=20)
NOON = datetime(2025, 5, 5, 12)


def test_rows_set_aside_are_counted_by_source_table_and_rule(spark: SparkSession) -> None:
    events = [("web", None, None)] * 6 + [("web", "bad_time", f"event_at '{n}' is not a time") for n in (2, 1, 1)]
    products = [("web", "bad_price", "price 'x' is not a number"), ("shop", None, None)]
    columns = "source string, rule string, reason string"
    frames = {"events": spark.createDataFrame(events, columns), "products": spark.createDataFrame(products, columns)}
    assert set_aside(frames) == [
        SetAside("web", "events", "bad_time", 9, 3, ("event_at '1' is not a time", "event_at '2' is not a time")),
        SetAside("web", "products", "bad_price", 1, 1, ("price 'x' is not a number",)),
    ]


@pytest.mark.parametrize(
    ("rule", "reason", "remedy"),
    [
        ("bad_time", "event_at '31.01.2024' is not a time", "dates: day_first"),
        ("bad_price", "unit_price '1.000,50' is not a number", "decimals: comma, thousands: point"),
        ("no_order", "order_id of a purchase is missing", None),
    ],
)
def test_too_large_a_share_stops_the_run_and_names_the_declaration_that_would_read_the_values(
    rule: str, reason: str, remedy: str | None
) -> None:
    with pytest.raises(SourceMisread) as error:
        refuse_misread([SetAside("till", "events", rule, 440, 440, (reason,))], LIMITS)
    lines = str(error.value).splitlines()
    assert lines[1] == (
        f"  - 440 of 440 events of till (100.0 %): {rule}, for example {reason} "
        "(at most 5 % by preprocess.limits.share)"
    )
    expected = f"    such values are read by cleaning: {{{remedy}}} in conf/sources/till.yml; then run ingest again"
    assert lines[2:] == ([expected] if remedy else [])


def test_a_rule_may_have_its_own_share_and_a_few_rows_do_not_stop_the_run() -> None:
    few = SetAside("till", "events", "bad_time", 19, 19, ("event_at 'x' is not a time",))
    some = SetAside("till", "events", "bad_time", 1000, 50, ("event_at 'x' is not a time",))
    refuse_misread([few, some], LIMITS)
    prices = SetAside("till", "events", "outlier_price", 2000, 21, ("unit_price is over 20 times off",))
    with pytest.raises(SourceMisread, match=r"at most 1 % by preprocess\.limits\.shares\.outlier_price"):
        refuse_misread([few, some, prices], LIMITS)


def lines(spark: SparkSession, *rows: tuple[str, str | None, float]) -> DataFrame:
    """order, customer, days after NOON."""
    made: list[tuple[Any, ...]] = []
    for order, user, days in rows:
        at = NOON + timedelta(days=days)
        made.append(("s", order, user, at, at.date(), 2))
    columns = "source string, order_id string, user_id string, event_at timestamp, event_on date, n_lines int"
    return spark.createDataFrame(made, columns)


def test_orders_of_several_customers_or_days_are_counted_with_what_silver_knows(spark: SparkSession) -> None:
    new = lines(
        spark,
        ("good", "ann", 0),
        ("good", None, 0.9),
        ("two people", "ann", 0),
        ("two people", "bob", 0.1),
        ("two days", "ann", 0),
        ("two days", "ann", 1.1),
        ("of another", "ann", 0),
        ("late", None, 2),
    )
    [found] = mixed_orders(new, None)
    assert found == MixedOrders("s", 5, 16, 2, 8, 1, "two days")
    known = [("of another", "bob", NOON), ("late", "ann", NOON), ("good", "ann", NOON)]
    baskets = spark.createDataFrame(known, "order_id string, user_id string, ordered_at timestamp")
    [found] = mixed_orders(new, baskets)
    assert found == MixedOrders("s", 5, 16, 4, 12, 1, "late")


def test_mixed_orders_stop_the_run_with_what_to_declare() -> None:
    refuse_mixed([MixedOrders("s", 100, 1000, 1, 20, 1, "s:1"), MixedOrders("s", 2, 19, 2, 19, 2, "s:1")], LIMITS)
    with pytest.raises(SourceMisread, match=r"orders_per: \[day\]\} in conf/sources/s\.yml"):
        refuse_mixed([MixedOrders("s", 5, 40, 5, 40, 0, "s:1")], LIMITS)
    with pytest.raises(SourceMisread, match=r"orders_per: \[store, till, day: whichever apply\]"):
        refuse_mixed([MixedOrders("s", 5, 40, 5, 40, 3, "s:1")], LIMITS)
