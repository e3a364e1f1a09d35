"""The thresholds of preprocess, as its functions take them; those of one source are in `core.cleaning.declaration`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Fences:
    """From where on quantities and prices are too far from the others of their batch: see `outliers`."""

    quantity_fence: float
    price_ratio: float
    price_fence: float
    price_min_rows: int


@dataclass(frozen=True)
class Limits:
    """The shares of a source's new rows above which something is wrong with the source, not with rows.

    `share` may be quarantined for one reason, unless `shares` names that reason; `mixed_orders` is the share of order
    lines in orders of several customers or days. Fewer than `min_rows` never stop a run.
    """

    share: float
    shares: Mapping[str, float]
    mixed_orders: float
    min_rows: int


@dataclass(frozen=True)
class Flags:
    """Which customers are marked, by their own behaviour alone."""

    wholesale_units: int
    wholesale_share: float
    bot_actions: int
