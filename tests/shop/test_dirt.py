"""Planted dirt: the counts beside the data are exactly those in the files."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest

from cartograph.shop.dirt import KINDS
from tests.shop.conftest import PLAN, Exported

Recognise = Callable[[pd.DataFrame], "pd.Series[bool]"]


def is_number(text: pd.Series[str]) -> pd.Series[bool]:
    return text.fillna("0").str.fullmatch(r"-?\d+(\.\d+)?")


def starts(text: pd.Series[str], prefix: str) -> pd.Series[bool]:
    return text.fillna("").str.startswith(prefix)


SEEN_IN_A_ROW: dict[str, Recognise] = {
    "test_line": lambda e: e.product_id == "TEST001",
    "postage_line": lambda e: e.product_id == "POST",
    "fee_line": lambda e: e.product_id == "BANK CHARGES",
    "manual_line": lambda e: e.product_id == "M",
    "bad_number": lambda e: ~is_number(e.quantity) | ~is_number(e.unit_price),
    "bad_date": lambda e: pd.to_datetime(e.event_at, errors="coerce", format="%Y-%m-%d %H:%M:%S").isna(),
    "negative_price": lambda e: starts(e.unit_price, "-"),
    "zero_price": lambda e: e.unit_price == "0.00",
    "negative_quantity": lambda e: starts(e.quantity, "-") & ~starts(e.order_id, "C"),
    "cancellation": lambda e: starts(e.order_id, "C"),
    "zero_quantity": lambda e: e.quantity == "0",
    "outlier_quantity": lambda e: pd.to_numeric(e.quantity, errors="coerce") > 20_000,
    "missing_product": lambda e: e.product_id.isna(),
    "unknown_product": lambda e: e.product_id.fillna("").str.match(r"X0|\?\?"),
    "missing_order": lambda e: (e.event_type == "purchase") & e.order_id.isna(),
    "missing_session": lambda e: e.session_id.isna() & ~e.event_type.isin(["rating", "return"]),
    "unknown_event_type": lambda e: e.event_type == "hover",
    "messy_text": lambda e: e.event_type.str.match("[A-Z]"),
    "missing_user": lambda e: e.user_id.isna(),
}


@pytest.fixture(scope="module")
def planted(exported: Exported) -> dict[tuple[str, str], int]:
    counts = exported.truth("dirt")
    return {(row.entity, row.kind): row.n_rows for row in counts.itertuples()}


@pytest.mark.parametrize("kind", SEEN_IN_A_ROW)
def test_rows_of_a_kind_are_as_many_as_planted(
    kind: str, exported: Exported, planted: dict[tuple[str, str], int]
) -> None:
    assert SEEN_IN_A_ROW[kind](exported.events).sum() == planted["events", kind] > 0


def test_corrupt_lines_and_duplicates_are_as_many_as_planted(
    exported: Exported, planted: dict[tuple[str, str], int]
) -> None:
    assert len(exported.lines) - len(exported.events) == planted["events", "corrupt_line"] > 0
    assert exported.events.duplicated().sum() == planted["events", "duplicate_exact"] > 0
    late = exported.events.duplicated("event_id").sum() - exported.events.duplicated().sum()
    assert late == planted["events", "duplicate_late"] > 0


def test_all_lines_are_accounted_for(exported: Exported, planted: dict[tuple[str, str], int]) -> None:
    counts = {kind: n for (entity, kind), n in planted.items() if entity == "events"}
    assert sum(counts.values()) == len(exported.lines)
    assert set(counts) == {"clean", *(kind.name for kind in KINDS)}
    dirty = sum(n for kind, n in counts.items() if kind not in ("clean", "missing_user"))
    assert dirty == pytest.approx(PLAN.settings.dirt * len(exported.lines), rel=0.05)


def test_a_cancellation_names_the_order_and_product_it_cancels(exported: Exported) -> None:
    events = exported.events
    cancelled = events[events.order_id.fillna("").str.startswith("C")]
    bought = {(row.order_id, row.product_id, row.quantity) for row in events.itertuples()}
    for row in cancelled.itertuples():
        assert ("O" + row.order_id[1:], row.product_id, row.quantity.removeprefix("-")) in bought


def test_most_returns_are_of_something_that_was_bought(exported: Exported) -> None:
    events = exported.events
    returned = events[events.event_type == "return"]
    bought = set(events[events.event_type == "purchase"][["order_id", "product_id"]].itertuples(index=False, name=None))
    paired = [pair in bought for pair in returned[["order_id", "product_id"]].itertuples(index=False, name=None)]
    assert sum(paired) > 0.95 * len(paired)


def test_messy_titles_are_as_many_as_planted(exported: Exported, planted: dict[tuple[str, str], int]) -> None:
    files = sorted((exported.path / "products").glob("part-*.json"))
    products = pd.concat([pd.read_json(file, lines=True, dtype=str) for file in files])
    assert products.title.str.contains(re.compile(r"^ |\t$")).sum() == planted["products", "messy_blanks"] > 0
    assert products.title.str.contains(re.compile("&[a-z#0-9]+;")).sum() == planted["products", "html_entities"] > 0
    assert products.title.str.isupper().sum() == planted["products", "messy_case"] > 0
    assert (products.price == "call us").sum() == planted["products", "bad_number"] > 0
    assert products.product_id.duplicated().sum() == planted["products", "older_fact"] > 0
