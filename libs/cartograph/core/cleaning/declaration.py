"""How the values of one source are read: its dates, numbers and ids, what is not a product, what makes an order.

Declared under `cleaning:` in conf/sources/<name>.yml, stored with every batch in bronze.batches, and applied by
`preprocess`: rows are read by the declaration that was valid when they were ingested.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Dates = Literal["iso", "day_first", "month_first", "compact", "unix_seconds", "unix_milliseconds"]
Catalogue = Literal["auto", "whole", "changes"]
Thousands = Literal["none", "comma", "point", "blank", "apostrophe"]
OrderPart = Literal["store", "till", "day"]
_RULE = re.compile(r"[a-z][a-z0-9_]*")
_NUMBERS = {r"\d{8}": "compact", r"\d{9,10}(\.\d+)?": "unix_seconds", r"\d{12,13}": "unix_milliseconds"}


class Cleaning(BaseModel):
    """How one source writes values; the defaults suit an export of a database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dates: Dates = Field(
        default="iso",
        description="2025-05-31 09:00 (iso), 31.05.2025 or 31/05/2025 (day_first), 5/31/2025 9:00 PM (month_first), "
        "20250531 (compact), or a number since 1970 (unix_seconds, unix_milliseconds)",
    )
    decimals: Literal["point", "comma"] = Field(default="point", description="decimal separator")
    thousands: Thousands = Field(
        default="none", description="grouping separator: 1.000,50 is decimals: comma with thousands: point"
    )
    ids: Literal["normalised", "as_written"] = Field(
        default="normalised",
        description="normalised: surrounding blanks and the trailing .0 of a number are removed; NULL, nan, None, N/A "
        "and the like mean no id",
    )
    upper_product_ids: bool = Field(default=False, description="85123a and 85123A are one product")
    whole_quantities: bool = Field(default=False, description="a quantity of 1.5 is an error")
    catalogue: Catalogue = Field(
        default="auto",
        description="whole: each delivery holds all products, and one that the next one lacks is no longer listed; "
        "changes: products that a delivery does not name are as before (is_listed marks removed ones); auto: whole if "
        "each delivery repeats two thirds of the previous one",
    )
    orders_per: tuple[OrderPart, ...] = Field(
        default=(), description="what order numbers are unique within: store, till (both are columns of events), day"
    )
    not_product_ids: tuple[str, ...] = Field(
        default=(), description="patterns of product ids that are not products: postage, fees, corrections, vouchers"
    )
    not_product_titles: tuple[str, ...] = Field(default=(), description="the same for titles on lines or in catalogues")
    not_sales: dict[str, str] = Field(
        default={}, description="SQL conditions under which an event is not a sale, by the name of the rule"
    )

    @field_validator("not_product_ids", "not_product_titles")
    @classmethod
    def _patterns_compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return patterns

    @field_validator("not_sales")
    @classmethod
    def _rules_are_names(cls, rules: dict[str, str]) -> dict[str, str]:
        for rule in rules:
            if not _RULE.fullmatch(rule):
                raise ValueError(f"{rule!r} is not a name: lower-case letters, digits and _ only")
        return rules

    @model_validator(mode="after")
    def _separators_differ(self) -> Cleaning:
        if self.decimals == self.thousands:
            raise ValueError(f"decimals and thousands are both {self.decimals}")
        return self


def date_setting(examples: list[str]) -> str | None:
    """The setting that would read such dates, as it is declared; None if there is none."""
    numeric = [re.match(r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})\b", text) for text in examples]
    if numeric and all(numeric):
        first, second = (max(int(found[part]) for found in numeric if found) for part in (1, 2))
        if first > 12 >= second:
            return "dates: day_first"
        if second > 12 >= first:
            return "dates: month_first"
        return "dates: day_first (31.12.2025) or dates: month_first (12/31/2025)" if max(first, second) <= 12 else None
    for pattern, setting in _NUMBERS.items():
        if examples and all(re.fullmatch(pattern, text.strip()) for text in examples):
            return f"dates: {setting}"
    return None


_WRITTEN = {  # Forms of numbers with the settings that read them.
    r"[+-]?\d{1,3}(\.\d{3})+,\d+": "decimals: comma, thousands: point",
    r"[+-]?\d{1,3}([ \u00a0\u202f]\d{3})+,\d+": "decimals: comma, thousands: blank",
    r"[+-]?\d+,\d{1,2}": "decimals: comma",
    r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?": "thousands: comma",
    r"[+-]?\d{1,3}('\d{3})+(\.\d+)?": "thousands: apostrophe",
    r"[+-]?\d{1,3}([ \u00a0\u202f]\d{3})+(\.\d+)?": "thousands: blank",
}


def number_setting(examples: list[str]) -> str | None:
    """The settings that would read such numbers, as they are declared; None if there are none."""
    texts = [example.strip() for example in examples]
    settings = {next((each for form, each in _WRITTEN.items() if re.fullmatch(form, text)), "") for text in texts}
    if "" in settings or not settings:
        return None
    parts = dict(part.split(": ") for each in settings for part in each.split(", "))
    return ", ".join(f"{key}: {value}" for key, value in sorted(parts.items()))
