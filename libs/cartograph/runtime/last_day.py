"""The day to run for when none is given: the one after the last event, so that no clock is read."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.runtime.tables import Tables

_LONG = timedelta(days=60)  # without events before those of a clock that runs ahead


def day_after_last_event(tables: Tables) -> date:
    """The first day on which everything there is lies in the past; where no event was kept, the rows set aside.

    Raises:
        UserError: no row that was read has a time.
    """
    for table, at in (("silver.events", "event_on"), ("silver.quarantine", "event_at")):
        days = tables.read(table).groupBy(F.to_date(at).alias("day")).agg(F.count("*").alias("n"))
        n_events = {row.day: row.n for row in days.where("day IS NOT NULL").collect()}
        if n_events:
            return last_day(n_events) + timedelta(days=1)
    raise UserError("no row that was read has a time, so the day cannot be derived: give it with --as-of")


def last_day(n_events: Mapping[date, int]) -> date:
    """The last day with events; a few events more than two months after all others are ignored.

    Args:
        n_events: events per day; at least one day.
    """
    days, total, later = sorted(n_events, reverse=True), sum(n_events.values()), 0
    few = max(0.001 * total, min(0.02 * total, 3))
    last = days[0]
    for day, before in itertools.pairwise(days):
        later += n_events[day]
        if later > few:
            break
        if day - before > _LONG:
            last = before
    return last
