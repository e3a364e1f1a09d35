"""Section `report` of the settings."""

from __future__ import annotations

from pydantic import Field

from cartograph.core.settings import Positive, Section


class ReportSettings(Section):
    """The HTML report."""

    path: str = Field(default="build/report", description="folder of the HTML report")
    n_rules: Positive = Field(default=500, description="rules in the table and the plot, by falling leverage")
    n_products: Positive = Field(default=400, description="best sellers whose related products can be looked up")
    n_related: Positive = Field(default=10, description="related products shown per product")
    n_communities: Positive = Field(
        default=16, description="communities of the product graph that are listed, largest first"
    )
    n_nodes: Positive = Field(default=150, description="nodes of their map, the most central products")
    n_customers: Positive = Field(default=12, description="example customers")
