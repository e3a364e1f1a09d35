"""Factors kept up to date without fitting again: customers and products whose events changed are solved for.

A row's factor is the exact minimum of the objective for its own history, the other side staying as it was fitted. So
new customers and products get factors, and changed ones new factors; `drift` says how far this has moved from what was
fitted, and when to fit again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.als import Als
from cartograph.cf.factorisation.factor_tables import factor_table, side_of
from cartograph.cf.factorisation.row_solver import solved_rows
from cartograph.cf.settings import CfSettings
from cartograph.core.errors import UserError
from cartograph.core.views.histories import histories

Sides = Mapping[str, DataFrame]  # user_id: user_id, vector; product_id: product_id, vector


@dataclass(frozen=True)
class Fit:
    """A fit: its day, and the version of silver.events that it read."""

    as_of: date
    events_version: int


def fits_in(factors: DataFrame) -> list[Fit]:
    """The fits that gold.factors has rows of, refreshes left out; there is at most one per day."""
    fits = factors.where("as_of = fitted_as_of").select("as_of", "events_version").distinct()
    return [Fit(row.as_of, row.events_version) for row in fits.collect()]


def last_fit(fits: Sequence[Fit], as_of: date | None) -> Fit:
    """The newest fit before `as_of`.

    Raises:
        UserError: there is none, or als was fitted for `as_of` itself, and a refresh would overwrite that.
    """
    earlier = [fit for fit in fits if as_of is not None and fit.as_of <= as_of]
    if not earlier:
        raise UserError(f"no factors of als were fitted before {as_of}: run cf with als among cf.models first")
    last = max(earlier, key=lambda fit: fit.as_of)
    if last.as_of == as_of:
        raise UserError(f"als was fitted for {as_of} itself: give refresh a later --as-of, up to which events count")
    return last


def touched_pairs(changes: DataFrame, events: DataFrame, fit: Fit) -> DataFrame:
    """user_id and product_id of events that the fit did not know: changed since, or of its day and later.

    Args:
        changes: the change feed of silver.events since the fit read it: inserted, deleted and updated rows.
        events: rows of silver.events before the date of the refresh.
        fit: the fit.
    """
    later = events.where(F.col("event_at") >= F.lit(fit.as_of).cast("timestamp"))
    return changes.select("user_id", "product_id").unionByName(later.select("user_id", "product_id")).distinct()


def distinct_ids(rows: DataFrame, column: str) -> DataFrame:
    """One row per customer or product of `rows`: `column` (user_id or product_id), guests left out."""
    return rows.select(column).where(F.col(column).isNotNull()).distinct()


def sides_of(factors: DataFrame) -> Sides:
    """Both sides of rows of gold.factors."""
    return {column: side_of(factors, column) for column in ("user_id", "product_id")}


def refreshed_factors(
    settings: CfSettings, events: DataFrame, touched: DataFrame, fitted: Sides, fit: Fit, events_version: int
) -> DataFrame:
    """Rows of gold.factors, of the customers and products that were touched.

    Args:
        settings: as als was fitted with them.
        events: rows of silver.events before the date of the refresh.
        touched: user_id, product_id of events that the fit did not know.
        fitted: the factors of the fit.
        fit: the fit.
        events_version: version of silver.events that is read now.
    """
    weights = als(settings).weights(events)
    newer = {
        column: solved_rows(
            weights.join(distinct_ids(touched, column), column, "left_semi"), column, fitted[other], settings.als
        )
        for column, other in (("user_id", "product_id"), ("product_id", "user_id"))
    }
    return factor_table(newer["user_id"], newer["product_id"], fit.as_of, events_version)


def refreshed_lists(
    settings: CfSettings, events: DataFrame, fitted: Sides, refreshed: Sides, seen_by: Sequence[str]
) -> DataFrame:
    """Rows of gold.candidates of the customers with a refreshed factor.

    Args:
        settings: as als was fitted with them.
        events: rows of silver.events before the date of the refresh.
        fitted: the factors of the fit.
        refreshed: the factors that were solved for since.
        seen_by: events that make a product a seen one, see `core.views.seen`.
    """
    past = histories(events, settings.history, seen_by)
    users = past.join(refreshed["user_id"].select("user_id"), "user_id", "left_semi")
    items = replaced(fitted["product_id"], "product_id", refreshed["product_id"])
    return als(settings).with_factors(refreshed["user_id"], items).recommend(users, settings.k)


def als(settings: CfSettings) -> Als:
    """The model as `cf` fits it."""
    return Als(settings.als, event_weights=settings.event_weights)


def replaced(factors: DataFrame, column: str, newer: DataFrame) -> DataFrame:
    """`factors` (`column`, vector) with those of `newer` in place of, or beside, the older ones."""
    return factors.join(newer.select(column), column, "left_anti").select(column, "vector").unionByName(newer)
