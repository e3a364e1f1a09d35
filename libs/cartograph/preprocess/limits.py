"""Checks that a source is declared correctly: if too large a share of its rows is set aside, it is misread.

They run before anything is written, so that a wrong declaration can simply be corrected and the run repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import date_setting, number_setting
from cartograph.core.errors import UserError
from cartograph.preprocess.settings import LimitSettings

_EXAMPLES = 5
_QUOTED = r"^(\w+) '(.*)' "  # How a reason names its column and quotes its value.
_FAR_APART = 86_400  # Seconds between lines that cannot be of one order.


class SourceMisread(UserError):
    """Too many rows are set aside or orders mixed up: a source must be declared wrongly; nothing was written."""


@dataclass(frozen=True)
class SetAside:
    """How many of a source's new rows one rule sets aside, with some of the reasons."""

    source: str
    target: str
    rule: str
    n_rows: int
    n_aside: int
    reasons: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of the source's rows."""
        return self.n_aside / self.n_rows

    def __str__(self) -> str:
        shown = f"{self.n_aside} of {self.n_rows} {self.target} of {self.source} ({100 * self.share:.1f} %)"
        return f"{shown}: {self.rule}, for example {self.reasons[0]}"


def set_aside(rows: Mapping[str, DataFrame]) -> list[SetAside]:
    """The rows set aside by source, table and rule, in descending order of their number.

    Args:
        rows: the new rows by target (`events` …): source, rule (null: not set aside) and reason.
    """
    each = [frame.select("source", F.lit(target).alias("target"), "rule", "reason") for target, frame in rows.items()]
    counted = (
        reduce(DataFrame.unionByName, each)
        .groupBy("source", "target", "rule")
        .agg(F.count("*").alias("n"), F.slice(F.sort_array(F.collect_set("reason")), 1, _EXAMPLES).alias("reasons"))
    )
    found: list[Row] = counted.collect()
    totals: dict[tuple[str, str], int] = {}
    for row in found:
        totals[row.source, row.target] = totals.get((row.source, row.target), 0) + row.n
    aside = [
        SetAside(row.source, row.target, row.rule, totals[row.source, row.target], row.n, tuple(row.reasons))
        for row in found
        if row.rule is not None
    ]
    return sorted(aside, key=lambda each: (-each.n_aside, each.source, each.target, each.rule))


def refuse_misread(aside: Sequence[SetAside], limits: LimitSettings) -> None:
    """Raises if a rule sets a larger share of a source aside than is allowed.

    Raises:
        SourceMisread: with the shares, examples, and the declaration that would read the values, if there is one.
    """
    problems = [line for each in aside if _is_too_much(each, limits) for line in _explained(each, limits)]
    if problems:
        raise SourceMisread("too many rows are set aside; nothing was written:\n" + "\n".join(problems))


def _is_too_much(each: SetAside, limits: LimitSettings) -> bool:
    return each.n_aside >= limits.min_rows and each.share > limits.shares.get(each.rule, limits.share)


def _explained(each: SetAside, limits: LimitSettings) -> Iterator[str]:
    allowed = limits.shares.get(each.rule, limits.share)
    setting = f"preprocess.limits.shares.{each.rule}" if each.rule in limits.shares else "preprocess.limits.share"
    yield f"  - {each} (at most {100 * allowed:g} % by {setting})"
    remedy = _remedy(each)
    if remedy:
        declaration = f"cleaning: {{{remedy}}} in conf/sources/{each.source}.yml"
        yield f"    such values are read by {declaration}; then run ingest again"


def _remedy(each: SetAside) -> str | None:
    """The part of a declaration that would read the values quoted in the reasons; None if there is none."""
    values = [found[2] for reason in each.reasons if (found := re.match(_QUOTED, reason))]
    if each.rule == "bad_time":
        return date_setting(values)
    return number_setting(values) if each.rule in ("bad_price", "bad_quantity", "bad_rating", "bad_stock") else None


@dataclass(frozen=True)
class MixedOrders:
    """A source's orders that hold several customers (`n_mixed_days`: within a day), or lines more than a day apart."""

    source: str
    n_orders: int
    n_lines: int
    n_mixed: int
    n_mixed_lines: int
    n_mixed_days: int
    example: str | None

    def __str__(self) -> str:
        return (
            f"{self.n_mixed} of {self.n_orders} orders of {self.source} ({self.n_mixed_lines} of {self.n_lines} lines) "
            f"hold several customers, or lines more than a day apart, for example {self.example}"
        )


def mixed_orders(lines: DataFrame, baskets: DataFrame | None) -> list[MixedOrders]:
    """Per source with new order lines, how many of their orders cannot be one order; guests do not count as customers.

    Args:
        lines: new order lines: source, order_id, user_id, event_at, event_on, n_lines.
        baskets: silver.baskets, for what is already known of these orders; None if nothing of it counts.
    """
    extent = [F.min("event_at").alias("first_at"), F.max("event_at").alias("last_at")]
    people = [F.min("user_id").alias("first_user"), F.max("user_id").alias("last_user")]
    days = lines.groupBy("source", "order_id", "event_on").agg(*extent, *people, F.sum("n_lines").alias("n_lines"))
    whole = [F.min("first_at").alias("first_at"), F.max("last_at").alias("last_at")]
    whole += [F.min("first_user").alias("first_user"), F.max("last_user").alias("last_user")]
    within_day = F.max(F.col("first_user") != F.col("last_user")).alias("is_mixed_day")
    orders = days.groupBy("source", "order_id").agg(*whole, within_day, F.sum("n_lines").alias("n_lines"))
    if baskets is not None:
        orders = _with_known(orders, baskets)
    has_several = F.coalesce(F.col("first_user") != F.col("last_user"), F.lit(False))
    is_mixed = has_several | (F.unix_seconds("last_at") - F.unix_seconds("first_at") > _FAR_APART)
    marked = orders.withColumn("is_mixed", is_mixed)
    counted = marked.groupBy("source").agg(
        F.count("*"),
        F.sum("n_lines"),
        F.count_if("is_mixed"),
        F.coalesce(F.sum(F.when(F.col("is_mixed"), F.col("n_lines"))), F.lit(0)),
        F.count_if("is_mixed_day"),
        F.min(F.when(F.col("is_mixed"), F.col("order_id"))),
    )
    return [MixedOrders(*row) for row in sorted(counted.collect())]


def _with_known(orders: DataFrame, baskets: DataFrame) -> DataFrame:
    """The orders with what silver knows of them."""
    known = baskets.select("order_id", F.col("user_id").alias("known_user"), F.col("ordered_at").alias("known_at"))
    return orders.join(known, "order_id", "left").withColumns(
        {
            "first_user": F.least("first_user", "known_user"),
            "last_user": F.greatest("last_user", "known_user"),
            "first_at": F.least("first_at", "known_at"),
            "last_at": F.greatest("last_at", "known_at"),
        }
    )


def refuse_mixed(orders: Sequence[MixedOrders], limits: LimitSettings) -> None:
    """Raises if too many lines are in orders that cannot be one order.

    Raises:
        SourceMisread: with the counts, and what may be missing from the declaration.
    """
    problems = []
    for each in orders:
        if each.n_mixed_lines >= limits.min_rows and each.n_mixed_lines > limits.mixed_orders * each.n_lines:
            allowed = f"at most {100 * limits.mixed_orders:g} % of the lines by preprocess.limits.mixed_orders"
            key = "day" if each.n_mixed_days == 0 else "store, till, day: whichever apply"
            declaration = f"cleaning: {{orders_per: [{key}]}} in conf/sources/{each.source}.yml"
            problems.append(
                f"  - {each} ({allowed})\n    order numbers are reused: declare what they are unique within by "
                f"{declaration}, with store and till as columns of events; then run ingest again"
            )
    if problems:
        raise SourceMisread("orders hold lines that cannot be one order; nothing was written:\n" + "\n".join(problems))
