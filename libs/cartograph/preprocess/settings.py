"""The thresholds and patterns of preprocess, as its functions take them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Which rows are set aside.

    `not_product_ids` and `not_product_titles` are Java regular expressions that match whole ids or titles, whatever
    their case. The product ids of `upper_id_sources` are the same in upper and lower case.
    """

    not_product_ids: tuple[str, ...]
    not_product_titles: tuple[str, ...]
    upper_id_sources: tuple[str, ...]
    quantity_fence: float
    price_ratio: float
    price_fence: float
    price_min_rows: int


@dataclass(frozen=True)
class Flags:
    """Which customers are marked, by their own behaviour alone."""

    wholesale_units: int
    wholesale_share: float
    bot_actions: int
