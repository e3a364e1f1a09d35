"""Section `audit` of the settings."""

from __future__ import annotations

from pydantic import Field

from cartograph.core.settings import Positive, Section


class AuditSettings(Section):
    """Whether a day's partitions contain anything from that day or later."""

    tables: tuple[str, ...] = Field(default=(), description="tables to audit; []: all that there is a check for")
    told: tuple[str, ...] = Field(
        default=("silver.products", "silver.baskets"),
        description="tables whose leaks are reported but do not fail the run: preprocess keeps the newest attributes "
        "of a product, and an order as a whole, so a day that is run later reads what came since",
    )
    sample: Positive = Field(default=200, description="rows per table whose counts are recomputed, sampled by a hash")
