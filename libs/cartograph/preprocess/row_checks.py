"""New rows with their verdicts: each row by itself first, then the good events together; a misread source stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame

from cartograph.preprocess.conflicts import conflict_counts
from cartograph.preprocess.events import checked_events, good_events, typed_events
from cartograph.preprocess.increment import Increment
from cartograph.preprocess.limits import mixed_orders, refuse_misread, refuse_mixed, set_aside
from cartograph.preprocess.products import checked_products
from cartograph.preprocess.settings import PreprocessSettings
from cartograph.preprocess.users import checked_users
from cartograph.preprocess.versions import kept_lines, with_outcomes


@dataclass(frozen=True)
class CheckedRows:
    """New rows of each bronze table with `rule` and `reason`, and new events with the stored ones of the same ids."""

    events: DataFrame
    products: DataFrame
    users: DataFrame
    versions: DataFrame  # Good events, each with its `outcome` (`versions.with_outcomes`).
    has_conflicts: bool  # Whether an event, new or stored, has the id of another one.

    @property
    def good_events(self) -> DataFrame:
        """New good events, superseded versions included: their products and customers were seen then."""
        return self.versions.where("is_new")


def check_rows(
    increment: Increment, key: bytes, settings: PreprocessSettings, report: Callable[[str], None]
) -> CheckedRows:
    """Checks the new rows and reports what is set aside; nothing is written.

    Raises:
        SourceMisread: more rows are set aside or orders mixed up than the limits allow.
    """
    typed = increment.keep(typed_events(increment.raw("events")))
    events = increment.keep(checked_events(typed, key, settings.fences))
    products = increment.keep(checked_products(increment.raw("products")))
    users = increment.keep(checked_users(increment.raw("users"), key))
    aside = set_aside({"events": events, "products": products, "users": users})
    for each in aside:
        report(f"  set aside {each}")
    refuse_misread(aside, settings.limits)
    versions = increment.keep(with_outcomes(good_events(events), increment.earlier_events()))
    conflicts = conflict_counts(versions)
    for each in conflicts:
        if each.n_aside:
            report(f"  set aside {each}")
    refuse_misread(conflicts, settings.limits)
    orders = mixed_orders(kept_lines(versions).where("event_type = 'purchase'"), increment.stored("silver.baskets"))
    for mixed in orders:
        if mixed.n_mixed:
            report(f"  {mixed}")
    refuse_mixed(orders, settings.limits)
    return CheckedRows(events, products, users, versions, bool(conflicts))
