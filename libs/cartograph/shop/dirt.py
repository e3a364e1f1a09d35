"""The dirt planted in a shop's events: which kinds there are, how many rows of each, and what they look like.

Each spoiled row has exactly one kind, so what preprocess finds can be checked against `<path>/truth/dirt` row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column
from pyspark.sql import functions as F

from cartograph.shop.plan import DAY

Ints = NDArray[np.int64]
PURCHASE = 2


@dataclass(frozen=True)
class Kind:
    """One kind of dirt.

    `scope`: any event or only purchases. `adds` says whether a row is added to a clean one or the row itself is
    spoiled. `share` is its part of all planted dirt.
    """

    name: str
    scope: str
    adds: bool
    share: float
    what: str


_SPOILED = (
    Kind("duplicate_exact", "any", True, 0.14, "the same line twice"),
    Kind("duplicate_late", "any", True, 0.08, "the same event_id again, minutes to hours later"),
    Kind("cancellation", "purchase", True, 0.08, "order_id C…, negative quantity, cancels the line of order O…"),
    Kind("test_line", "purchase", True, 0.03, "product_id TEST001"),
    Kind("postage_line", "purchase", True, 0.06, "product_id POST"),
    Kind("fee_line", "purchase", True, 0.03, "product_id BANK CHARGES"),
    Kind("manual_line", "purchase", True, 0.03, "product_id M"),
    Kind("bad_number", "purchase", False, 0.05, "quantity or price is not a number"),
    Kind("bad_date", "any", False, 0.05, "event_at is not a date"),
    Kind("negative_price", "purchase", False, 0.03, "unit_price below zero"),
    Kind("zero_price", "purchase", False, 0.04, "unit_price of 0"),
    Kind("negative_quantity", "purchase", False, 0.03, "quantity below zero in an ordinary order"),
    Kind("zero_quantity", "purchase", False, 0.03, "quantity of 0"),
    Kind("outlier_price", "purchase", False, 0.02, "unit_price a thousand times too high"),
    Kind("outlier_quantity", "purchase", False, 0.02, "quantity in the ten thousands"),
    Kind("missing_product", "any", False, 0.04, "no product_id"),
    Kind("unknown_product", "any", False, 0.04, "a product_id that no product has"),
    Kind("missing_order", "purchase", False, 0.02, "a purchase without order_id"),
    Kind("missing_session", "any", False, 0.06, "no session_id"),
    Kind("unknown_event_type", "any", False, 0.03, "event_type hover"),
    Kind("messy_text", "any", False, 0.06, "blanks around ids and capital letters in event_type"),
    Kind("corrupt_line", "any", False, 0.03, "half a line of JSON"),
)
KINDS = (*_SPOILED, Kind("missing_user", "any", False, 0.0, "a guest: no user_id (a trait of orders, not of `dirt`)"))
CLEAN = -1
_NUMBER = {kind.name: i for i, kind in enumerate(KINDS)}
MISSING_USER, MISSING_SESSION = _NUMBER["missing_user"], _NUMBER["missing_session"]


def spoiled(columns: dict[str, Ints], share: float, rng: np.random.Generator) -> dict[str, Ints]:
    """The events with `share` of them spoiled: `dirt` set to a kind, rows of the adding kinds appended, numbered."""
    columns = {**columns, "number": np.arange(len(columns["at"]))}
    pools = _pools(columns, rng)
    extra: list[Ints] = []
    extra_dirt: list[Ints] = []
    for code, kind in enumerate(_SPOILED):
        pool = pools[kind.scope]
        pool = pool[columns["dirt"][pool] == CLEAN]
        rows = pool[: round(share * kind.share * len(columns["at"]))]
        columns["dirt"][rows] = code
        if kind.adds:
            extra.append(rows)
            extra_dirt.append(np.full(len(rows), code))
    originals, codes = np.concatenate(extra), np.concatenate(extra_dirt)
    columns["dirt"][originals] = CLEAN
    return _appended(columns, originals, codes, rng)


def _pools(columns: dict[str, Ints], rng: np.random.Generator) -> dict[str, Ints]:
    """Row numbers that may be spoiled, shuffled, by scope. Rows outside a visit have no session to lose: left alone."""
    free = np.flatnonzero((columns["dirt"] == CLEAN) & (columns["has_session"] == 1))
    shuffled = rng.permutation(free)
    return {"any": shuffled, "purchase": shuffled[columns["event_type"][shuffled] == PURCHASE]}


def _appended(columns: dict[str, Ints], originals: Ints, codes: Ints, rng: np.random.Generator) -> dict[str, Ints]:
    """The events followed by altered copies of `originals`; only duplicates keep the original's number."""
    n, n_extra = len(columns["at"]), len(originals)
    copies = {name: values[originals] for name, values in columns.items()}
    copies["dirt"] = codes
    is_duplicate = np.isin(codes, [_NUMBER["duplicate_exact"], _NUMBER["duplicate_late"]])
    copies["number"] = np.where(is_duplicate, copies["number"], n + np.arange(n_extra))
    delay = rng.integers(120, 4 * 3600, n_extra)
    copies["at"] = copies["at"] + delay * (codes == _NUMBER["duplicate_late"])
    copies["at"] = copies["at"] + (delay + DAY) * (codes == _NUMBER["cancellation"])
    return {name: np.concatenate([values, copies[name]]) for name, values in columns.items()}


def _pick(*values: str) -> Column:
    """One of `values`, by the event's number."""
    return F.element_at(F.array(*map(F.lit, values)), (F.col("number") % len(values) + 1).cast("int"))


def spoiled_text() -> dict[str, dict[str, Column]]:
    """Per kind: the text columns it changes, in terms of the clean text columns."""
    is_even = F.col("number") % 2 == 0
    return {
        "cancellation": {
            "order_id": F.concat(F.lit("C"), F.expr("substring(order_id, 2)")),
            "quantity": F.concat(F.lit("-"), F.col("quantity")),
        },
        "test_line": {"product_id": F.lit("TEST001"), "unit_price": F.lit("0.01")},
        "postage_line": {"product_id": F.lit("POST"), "unit_price": _pick("3.95", "7.50"), "quantity": F.lit("1")},
        "fee_line": {"product_id": F.lit("BANK CHARGES"), "unit_price": F.lit("1.50"), "quantity": F.lit("1")},
        "manual_line": {"product_id": F.lit("M"), "unit_price": _pick("10.00", "125.50"), "quantity": F.lit("1")},
        "bad_number": {
            "quantity": F.when(is_even, _pick("two", "N/A", "1O")).otherwise(F.col("quantity")),
            "unit_price": F.when(~is_even, _pick("12,50 EUR", "free", "?")).otherwise(F.col("unit_price")),
        },
        "bad_date": {"event_at": _pick("32/13/2025", "yesterday", "", "0000-00-00 00:00:00", "2025-02-30T10:00:00Z")},
        "negative_price": {"unit_price": F.concat(F.lit("-"), F.col("unit_price"))},
        "zero_price": {"unit_price": F.lit("0.00")},
        "negative_quantity": {"quantity": F.concat(F.lit("-"), F.col("quantity"))},
        "zero_quantity": {"quantity": F.lit("0")},
        "outlier_price": {"unit_price": F.format_string("%.2f", F.col("cents") * 10.0)},
        "outlier_quantity": {"quantity": _pick("80995", "74215", "99999")},
        "missing_product": {"product_id": F.lit(None).cast("string")},
        "unknown_product": {"product_id": _pick("X000001", "X000017", "??")},
        "missing_order": {"order_id": F.lit(None).cast("string")},
        "unknown_event_type": {"event_type": F.lit("hover")},
        "messy_text": {
            "product_id": F.concat(F.lit("  "), F.lower("product_id"), F.lit(" ")),
            "user_id": F.concat(F.col("user_id"), F.lit("\t")),
            "event_type": F.initcap("event_type"),
        },
    }  # fmt: skip
