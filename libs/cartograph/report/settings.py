"""Section `report` of the settings."""

from __future__ import annotations

from pydantic import Field

from cartograph.core.settings import Positive, Section


class ReportSettings(Section):
    """The HTML report."""

    path: str = Field(default="build/report", description="folder of the HTML report")
    n_rules: Positive = Field(
        default=500, description="rules in the table and the plot, those of the highest leverage first"
    )
    n_products: Positive = Field(default=400, description="best sellers whose related products can be looked up")
    n_related: Positive = Field(default=10, description="related products shown of each")
    n_communities: Positive = Field(
        default=16, description="communities of the product graph that are listed, the largest"
    )
    n_nodes: Positive = Field(default=150, description="products that are drawn of them, the most central")
    n_customers: Positive = Field(default=12, description="customers whose recommendations are shown")
