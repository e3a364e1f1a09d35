"""What a section of the page is given: a day, the settings, and the tables as they were known before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pyspark.sql import DataFrame

from cartograph.report.rows import Values
from cartograph.report.settings import ReportSettings
from cartograph.report.totals import shop_totals


@dataclass(frozen=True)
class ReportDay:
    """A day of the shop.

    `read` gives the rows of a table that were known before `as_of`, `read_all` those of every day; both give no rows
    where no step has written the table. `versions` are those of the tables there are. Lists are evaluated on the
    `horizon_days` after they were made; `k_fusion` is the list length that methods of fusion are compared at.
    """

    as_of: date
    settings: ReportSettings
    read: Callable[[str], DataFrame]
    read_all: Callable[[str], DataFrame]
    versions: Mapping[str, int]
    horizon_days: int
    k_fusion: int

    @cached_property
    def totals(self) -> Values:
        """Totals of the shop, as `shop_totals` gives them; computed once for all sections."""
        return shop_totals(*(self.read(f"silver.{name}") for name in ("events", "baskets", "products")))

    @cached_property
    def n_rules(self) -> int:
        """How many rules the day has."""
        return self.read("gold.rules").count()
