"""Section `graph` of the settings: the product graph, its analytics, typed relations, filters and networks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.settings import (
    AboveZero,
    Count,
    EventWeights,
    ModelSettings,
    ModelsSection,
    NotNegative,
    Positive,
    Section,
    Seed,
    Share,
)
from cartograph.core.training.settings import TrainingSettings

AtLeastTwo = Annotated[int, Field(ge=2)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
Analysis = Literal["components", "communities", "pagerank", "triangles", "cores", "hubs"]


class BuildingSettings(Section):
    """Which pairs are counted, and which of them become edges."""

    max_products: AtLeastTwo = Field(
        default=100,
        description="products counted per order, session and customer, a sample of larger ones; work grows with its "
        "square",
    )
    newest: AtLeastTwo = Field(
        default=200, description="newest products of an order or customer that purchase order is counted from"
    )
    max_users: AtLeastTwo = Field(
        default=500, description="customers per product that swing compares; work grows with the square"
    )
    window_days: Positive = Field(
        default=3, description="a purchase follows another if it comes at most this many days later"
    )
    max_chance: AboveZero = Field(
        default=5.0,
        description="edges are kept if at most this many equally unlikely ones are expected per product at random; "
        "higher keeps weaker edges",
    )
    n_neighbours: Positive = Field(default=100, description="edges kept per product, the heaviest")


class AnalyticsSettings(Section):
    """Which analytics of the significant edges are computed, and by which engine."""

    run: tuple[Analysis, ...] = Field(
        default=("components", "communities", "pagerank", "triangles", "cores", "hubs"),
        description="analytics to compute; hubs needs pagerank; []: none",
    )
    max_chance: AboveZero = Field(default=0.05, description="as in building, for the edges that are analysed")
    engine: Literal["auto", "igraph", "graphframes"] = Field(
        default="auto",
        description="igraph: the whole graph in one task, takes seconds; graphframes: distributed message passing, "
        "takes minutes, any size; auto: igraph if it is installed (extra graph) and there are at most max_edges",
    )
    max_edges: Positive = Field(
        default=2000000, description="undirected edges; a million take about half a gigabyte of the task's memory"
    )
    iterations: Positive = Field(default=10, description="iterations of PageRank by graphframes; igraph solves it")
    rounds: Positive = Field(
        default=5,
        description="iterations of the Leiden algorithm (igraph); of label propagation between two checks for "
        "convergence (graphframes)",
    )
    resolution: AboveZero = Field(
        default=1.0, description="resolution of modularity (igraph): higher gives smaller communities"
    )
    n_hubs: Positive = Field(default=10, description="products of the highest PageRank to which distances are measured")
    seed: Seed = Field(default=7, description="random seed of the Leiden algorithm (igraph)")

    @model_validator(mode="after")
    def _hubs_have_ranks(self) -> Self:
        if "hubs" in self.run and "pagerank" not in self.run:
            raise ValueError("run: hubs needs pagerank too")
        return self


class BundleSettings(Section):
    """Sets of three or four products that are all bought with each other."""

    enabled: bool = Field(default=True, description="whether bundles are searched for")
    n_strongest: Positive = Field(
        default=10, description="every product of a bundle is among this many heaviest neighbours of every other one"
    )
    min_orders: Positive = Field(default=5, description="least number of orders with all products of a bundle")
    min_completed: Share = Field(
        default=0.2, description="least share of orders with all products but one that also contain that one"
    )


class RelationSettings(Section):
    """The thresholds of typed relations."""

    level: AboveZero = Field(
        default=0.2,
        description="pairs are related if at most this many equally unlikely ones are expected per product at random",
    )
    min_orders: Positive = Field(
        default=2, description="least number of orders that a complement shares with its product or variants of it"
    )
    min_forward: Share = Field(
        default=0.8,
        description="least share of cases in which the complement was bought after its product, if order lines have "
        "timestamps of their own",
    )
    min_score: Share = Field(
        default=0.35,
        description="least score of substitutes if no views are recorded: similar companions and similar titles",
    )
    repeat_level: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="false discovery rate of products bought at regular intervals"
    )
    min_repeaters: Positive = Field(default=3, description="least number of customers who bought a product again …")
    min_repeat_share: Share = Field(default=0.15, description="… their least share of all its buyers …")
    max_spread: NotNegative = Field(
        default=0.5,
        description="… and the widest interquartile range of the days between, over their median; about 1.6 at random",
    )
    k: Positive = Field(default=20, description="products kept per product and relation")


class GfCfSettings(ModelSettings):
    """GF-CF, a graph filter in closed form: no training."""

    n_vectors: Positive = Field(
        default=256, description="singular vectors kept; each task holds 8 bytes per vector and product"
    )
    alpha: NotNegative = Field(
        default=0.3, description="weight of the ideal low-pass filter beside the linear one; 0: off"
    )
    n_neighbours: Positive = Field(default=500, description="pairs of the linear filter kept per product")
    max_products: Positive = Field(
        default=500000, description="a larger catalogue is refused, as it would not fit into memory"
    )
    sweeps: Positive = Field(
        default=8, description="iterations of the search for singular vectors: more are more accurate"
    )
    newest: Positive = Field(
        default=500, description="newest products counted per customer; work grows with the square"
    )
    seed: Seed = Field(default=7, description="random seed of the search for singular vectors")


class GraphTrainingSettings(TrainingSettings):
    """The training of the networks lightgcn, gcn and gat."""

    warmup_steps: Count = Field(default=0, description="steps in which the learning rate rises from 0 …")
    clip_norm: NotNegative = Field(default=0.0, description="gradients are clipped to this norm; 0: never")
    initial: Literal["spectral", "random"] = Field(
        default="spectral",
        description="initial product embeddings: spectral (singular vectors of the customer-product matrix) or random",
    )
    max_length: AtLeastTwo = Field(default=200, description="newest products used per customer")
    loss: Literal["softmax", "bpr"] = Field(
        default="softmax", description="softmax: against n_negatives sampled products; bpr: against one, pairwise"
    )
    biased: bool = Field(default=True, description="whether products have a bias, which captures their popularity")
    n_negatives: Positive = Field(
        default=4096, description="negative products sampled per step at most: more is better and slower"
    )
    validation_days: Positive | None = Field(
        default=None,
        description="days at the end whose interactions are held out to measure NDCG@10; null: no validation",
    )
    weight_decay: NotNegative = Field(default=0.0, description="weight decay of the matrices")

    @model_validator(mode="after")
    def _early_stopping_has_validation(self) -> Self:
        if self.patience and self.validation_days is None:
            raise ValueError("patience needs validation_days")
        return self


class NetworkSettings(ModelSettings):
    """Settings that the networks share, besides those of training."""

    needs_torch = True

    width: Positive = Field(default=64, description="embedding dimension: memory and time grow with it")
    temperature: AboveZero = Field(
        default=0.1, description="temperature of the softmax: lower puts more weight on hard negatives"
    )
    epochs: Positive = Field(default=20, description="epochs over the customers")
    learning_rate: AboveZero = Field(default=0.02, description="peak learning rate")


class LightGcnSettings(NetworkSettings):
    """LightGCN: embeddings propagated over the graph of customers and products."""

    hops: Positive = Field(default=1, description="product to customer to product; each is two LightGCN layers")


class GcnSettings(NetworkSettings):
    """GCN: graph convolutions over the product graph and product features."""

    depth: Positive = Field(default=2, description="graph convolution layers")
    dropout: ShareBelowOne = Field(default=0.1, description="dropout rate")
    cold_share: ShareBelowOne = Field(
        default=0.1,
        description="share of products that each training step treats as new, so that new ones are embedded by their "
        "features",
    )
    fanout: Count = Field(
        default=0,
        description="neighbours sampled per product in training, for graphs that do not fit into memory; 0: all",
    )
    n_neighbours: Positive = Field(
        default=20, description="edges per product of the graph that the model builds itself if graph.enabled is false"
    )
    learning_rate: AboveZero = Field(default=0.005, description="peak learning rate")


class GatSettings(GcnSettings):
    """GAT: as gcn, with attention over the neighbours."""

    heads: Positive = Field(default=4, description="attention heads; width must be a multiple of it")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class GraphSettings(ModelsSection):
    """The product graph, and models that learn from graphs."""

    enabled: bool = Field(
        default=False, description="whether the product graph, its analytics and relations are computed"
    )
    models: tuple[str, ...] = Field(
        default=(), description="models to fit, in this order, of gfcf, lightgcn, gcn, gat; []: none"
    )
    k: Positive = Field(default=50, description="candidates kept per model and customer, neighbours per product")
    active_days: Positive | None = Field(
        default=None, description="customers with an event in this many days before as_of get candidates; null: all"
    )
    history: Positive = Field(default=500, description="newest events per customer that candidates are based on")
    event_weights: EventWeights = Field(
        default=dict(EVENT_WEIGHTS),
        description="weight of each event type as a sign of preference, of the best rating (see ratings); types not "
        "listed are ignored",
    )
    building: BuildingSettings = Field(default=BuildingSettings(), description="silver.product_graph")
    analytics: AnalyticsSettings = Field(default=AnalyticsSettings(), description="silver.communities")
    bundles: BundleSettings = Field(
        default=BundleSettings(), description="gold.bundles: three or four products that are all bought with each other"
    )
    relations: RelationSettings = Field(default=RelationSettings(), description="gold.relations")
    training: GraphTrainingSettings = GraphTrainingSettings()
    gfcf: GfCfSettings = GfCfSettings()
    lightgcn: LightGcnSettings = LightGcnSettings()
    gcn: GcnSettings = GcnSettings()
    gat: GatSettings = GatSettings()
