"""Section `audit` of the settings."""

from __future__ import annotations

from pydantic import Field

from cartograph.core.settings import Positive, Section


class AuditSettings(Section):
    """evaluate.audit."""

    tables: tuple[str, ...] = Field(default=(), description="that are looked at; []: all that there is a check for")
    told: tuple[str, ...] = Field(
        default=("silver.products", "silver.baskets"),
        description="leaks in these are told, and do not fail the run: preprocess keeps what is known last of a "
        "product, and an order whole, so a day run later reads what came since",
    )
    sample: Positive = Field(default=200, description="rows of a table whose counts are made again, drawn by a hash")
