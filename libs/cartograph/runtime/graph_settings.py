"""Section `graph` of the settings: the product graph, its analytics and typed relations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import Positive, Section, Share

GraphAnalysis = Literal["components", "communities", "pagerank", "triangles", "cores", "hubs"]
NotNegative = Annotated[float, Field(ge=0)]


class BuildingSettings(Section):
    """graph.building.product_graph."""

    max_products: Annotated[int, Field(ge=2)]
    newest: Annotated[int, Field(ge=2)]
    max_users: Annotated[int, Field(ge=2)]
    window_days: Positive
    max_chance: Annotated[float, Field(gt=0)]
    n_neighbours: Positive


class AnalyticsSettings(Section):
    """graph.communities.places."""

    run: tuple[GraphAnalysis, ...]
    max_chance: Annotated[float, Field(gt=0)]
    iterations: Positive
    rounds: Positive
    n_hubs: Positive


class RelationSettings(Section):
    """graph.relations.RelationRules."""

    level: Annotated[float, Field(gt=0)]
    min_orders: Positive
    min_forward: Share
    min_similarity: Share
    min_repeaters: Positive
    min_repeat_share: Share
    max_spread: NotNegative
    k: Positive


class GraphSettings(Section):
    """The product graph."""

    enabled: bool
    building: BuildingSettings
    analytics: AnalyticsSettings
    relations: RelationSettings
