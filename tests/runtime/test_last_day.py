"""The day that is run for when none is given."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cartograph.runtime.last_day import last_day

DAY = date(2025, 5, 1)


def events(*days: tuple[int, int]) -> dict[date, int]:
    return {DAY + timedelta(days=after): n for after, n in days}


@pytest.mark.parametrize(
    ("days", "last"),
    [
        ([(0, 10), (1, 10), (17, 1)], 17),
        ([(0, 59), (30_000, 1)], 0),
        ([(0, 2_000), (40, 1_000), (200, 2), (300, 1)], 40),
        ([(0, 2_000), (40, 1_000), (200, 3), (300, 1)], 200),
        ([(0, 1), (100, 1), (200, 1)], 200),
        ([(0, 900_000), (365, 400)], 0),
        ([(0, 900_000), (365, 1_000)], 365),
        ([(5, 1)], 5),
    ],
)
def test_the_last_day_is_that_of_the_shop_and_not_of_a_clock_that_runs_ahead(
    days: list[tuple[int, int]], last: int
) -> None:
    assert last_day(events(*days)) == DAY + timedelta(days=last)
