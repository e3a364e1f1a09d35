"""Section `graph` of the settings: the product graph, its analytics, typed relations, filters and networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.runtime.section import AboveZero, EventWeights, NotNegative, Positive, Section, Share
from cartograph.runtime.training_settings import TrainingSettings

GraphAnalysis = Literal["components", "communities", "pagerank", "triangles", "cores", "hubs"]
GraphModelName = Literal["gfcf", "lightgcn", "gcn", "gat"]


class BuildingSettings(Section):
    """graph.building.product_graph."""

    max_products: Annotated[int, Field(ge=2)]
    newest: Annotated[int, Field(ge=2)]
    max_users: Annotated[int, Field(ge=2)]
    window_days: Positive
    max_chance: Annotated[float, Field(gt=0)]
    n_neighbours: Positive


class AnalyticsSettings(Section):
    """graph.analyses.Analyses, and the edges that they look at."""

    run: tuple[GraphAnalysis, ...]
    max_chance: Annotated[float, Field(gt=0)]
    engine: Literal["auto", "igraph", "graphframes"]
    max_edges: Positive
    iterations: Positive
    rounds: Positive
    resolution: AboveZero
    n_hubs: Positive
    seed: Annotated[int, Field(ge=0)]


class BundleSettings(Section):
    """graph.bundles.bundles."""

    enabled: bool
    n_strongest: Positive
    min_orders: Positive
    min_completed: Share


class RelationSettings(Section):
    """graph.relations.RelationRules."""

    level: Annotated[float, Field(gt=0)]
    min_orders: Positive
    min_forward: Share
    min_score: Share
    repeat_level: Annotated[float, Field(gt=0, lt=1)]
    min_repeaters: Positive
    min_repeat_share: Share
    max_spread: NotNegative
    k: Positive


class GfCfSettings(Section):
    """graph.gfcf.GfCf."""

    n_vectors: Positive
    alpha: NotNegative
    n_neighbours: Positive
    max_products: Positive
    sweeps: Positive
    newest: Positive
    seed: Annotated[int, Field(ge=0)]


class GraphTrainingSettings(TrainingSettings):
    """graph.product_model.ProductModel: what the networks share."""

    initial: Literal["spectral", "random"]
    max_length: Annotated[int, Field(ge=2)]
    loss: Literal["softmax", "bpr"]
    biased: bool
    n_negatives: Positive
    validation_days: Positive | None
    weight_decay: NotNegative


class LightGcnSettings(Section):
    """graph.lightgcn.LightGcn."""

    width: Positive
    hops: Positive
    temperature: AboveZero
    epochs: Positive
    learning_rate: AboveZero


class GcnSettings(Section):
    """graph.gcn.Gcn."""

    width: Positive
    depth: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    cold_share: Annotated[float, Field(ge=0, lt=1)]
    fanout: Annotated[int, Field(ge=0)]
    n_neighbours: Positive
    temperature: AboveZero
    epochs: Positive
    learning_rate: AboveZero


class GatSettings(GcnSettings):
    """graph.gat.Gat."""

    heads: Positive


class GraphSettings(Section):
    """The product graph, and models that learn from graphs."""

    enabled: bool
    models: tuple[GraphModelName, ...]
    k: Positive
    active_days: Positive | None
    history: Positive
    event_weights: EventWeights
    building: BuildingSettings
    analytics: AnalyticsSettings
    bundles: BundleSettings
    relations: RelationSettings
    gfcf: GfCfSettings
    training: GraphTrainingSettings
    lightgcn: LightGcnSettings
    gcn: GcnSettings
    gat: GatSettings
