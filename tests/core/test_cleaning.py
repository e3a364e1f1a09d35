"""What a source may declare about its values, and which word would read values that were not understood."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cartograph.core.cleaning.declaration import Cleaning, date_setting, number_setting


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"dates": "german"}, "dates"),
        ({"decimals": "comma", "thousands": "comma"}, "decimals and thousands are both comma"),
        ({"orders_per": ["shelf"]}, "orders_per"),
        ({"not_product_ids": ["POST", "(DOT"]}, r"'\(DOT' is not a regular expression"),
        ({"not_sales": {"A gift": "unit_price = 0"}}, "'A gift' is not a name"),
        ({"date": "iso"}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Cleaning.model_validate(values)


@pytest.mark.parametrize(
    ("examples", "word"),
    [
        (["03.01.2024", "31.01.2024 10:00"], "dates: day_first"),
        (["01/31/24", "2/1/24"], "dates: month_first"),
        (["03.01.2024"], "dates: day_first (31.12.2025) or dates: month_first (12/31/2025)"),
        (["20240131"], "dates: compact"),
        (["1706690000", "1706690001.5"], "dates: unix_seconds"),
        (["1706690000123"], "dates: unix_milliseconds"),
        (["31.01.2024", "01/31/2024"], None),
        (["31.01.2024", "soon"], None),
        ([], None),
    ],
)
def test_the_word_that_reads_dates_is_found(examples: list[str], word: str | None) -> None:
    assert date_setting(examples) == word


@pytest.mark.parametrize(
    ("examples", "word"),
    [
        (["1.000,50", "12,5"], "decimals: comma, thousands: point"),
        (["0,79"], "decimals: comma"),
        (["1 000,50"], "decimals: comma, thousands: blank"),
        (["1,234.50", "1,234"], "thousands: comma"),
        (["1'234.50"], "thousands: apostrophe"),
        (["12,50 EUR"], None),
        ([], None),
    ],
)
def test_the_word_that_reads_numbers_is_found(examples: list[str], word: str | None) -> None:
    assert number_setting(examples) == word
