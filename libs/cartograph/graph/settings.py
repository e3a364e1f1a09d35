"""Section `graph` of the settings: the product graph, its analytics, typed relations, filters and networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import AboveZero, Count, EventWeights, NotNegative, Positive, Section, Share
from cartograph.core.training.settings import TrainingSettings

GraphAnalysis = Literal["components", "communities", "pagerank", "triangles", "cores", "hubs"]

GraphModelName = Literal["gfcf", "lightgcn", "gcn", "gat"]


class BuildingSettings(Section):
    """graph.building.product_graph."""

    max_products: Annotated[int, Field(ge=2)] = Field(
        default=100, description="of an order, a session, a customer that count; work grows with the square"
    )
    newest: Annotated[int, Field(ge=2)] = Field(
        default=200, description="products of an order or a customer that are looked at for what follows what"
    )
    max_users: Annotated[int, Field(ge=2)] = Field(
        default=500, description="customers of a product that swing compares; work grows with the square"
    )
    window_days: Positive = Field(default=3, description="what is bought later does not count as following")
    max_chance: Annotated[float, Field(gt=0)] = Field(
        default=5.0, description="a product keeps edges that chance gives it so many of: the more, the more weak ones"
    )
    n_neighbours: Positive = Field(default=100, description="edges kept per product, the heaviest")


class AnalyticsSettings(Section):
    """graph.analyses.Analyses, and the edges that they look at."""

    run: tuple[GraphAnalysis, ...] = Field(
        default=("components", "communities", "pagerank", "triangles", "cores", "hubs"), description="which; []: none"
    )
    max_chance: Annotated[float, Field(gt=0)] = Field(
        default=0.05, description="edges more likely than that to be chance are left out"
    )
    engine: Literal["auto", "igraph", "graphframes"] = Field(
        default="auto",
        description="igraph: the graph in one task, seconds; graphframes: messages between tasks, minutes, any size; "
        "auto: igraph where it is installed (extra graph) and there are max_edges at most",
    )
    max_edges: Positive = Field(
        default=2000000, description="each counted once; a million take about half a gigabyte of the task"
    )
    iterations: Positive = Field(default=10, description="of pagerank by graphframes; igraph solves it")
    rounds: Positive = Field(
        default=5,
        description="of the search for communities (igraph), or between two looks at whether it is over (graphframes)",
    )
    resolution: AboveZero = Field(default=1.0, description="of communities (igraph): the higher, the smaller they are")
    n_hubs: Positive = Field(
        default=10, description="most central products that the distance of the others is measured to"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=7, description="of the search for communities (igraph)")


class BundleSettings(Section):
    """graph.bundles.bundles."""

    enabled: bool = Field(default=True, description="false: none are looked for")
    n_strongest: Positive = Field(
        default=10, description="each product is among so many heaviest neighbours of each other one"
    )
    min_orders: Positive = Field(default=5, description="orders with all products of a bundle")
    min_completed: Share = Field(
        default=0.2, description="least share of the orders with all but one product that hold that one too"
    )


class RelationSettings(Section):
    """graph.relations.RelationRules."""

    level: Annotated[float, Field(gt=0)] = Field(
        default=0.2, description="pairs that chance gives a product more often have no relation"
    )
    min_orders: Positive = Field(
        default=2, description="orders that a complement shares with its product or variants of it"
    )
    min_forward: Share = Field(
        default=0.8,
        description="least share of cases in which it came after its product, where lines bear times of their own",
    )
    min_score: Share = Field(
        default=0.35,
        description="of substitutes where no views are recorded: goes with the same others, and is called alike",
    )
    repeat_level: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="share of the products said to be bought by a rhythm that may be chance"
    )
    min_repeaters: Positive = Field(default=3, description="customers who bought a product again …")
    min_repeat_share: Share = Field(default=0.15, description="… of all who bought it, at least …")
    max_spread: NotNegative = Field(
        default=0.5,
        description="… after about the same time: quartile distance of the days over their median; chance: 1.6",
    )
    k: Positive = Field(default=20, description="products kept per product and relation")


class GfCfSettings(Section):
    """graph.gfcf.GfCf."""

    n_vectors: Positive = Field(
        default=256, description="singular vectors kept; each task holds 8 bytes times them per product"
    )
    alpha: NotNegative = Field(
        default=0.3, description="what they weigh beside pairs of products; 0: they are left out"
    )
    n_neighbours: Positive = Field(default=500, description="pairs kept per product")
    max_products: Positive = Field(default=500000, description="of a larger catalogue none is fitted: an error says so")
    sweeps: Positive = Field(
        default=8, description="of the search for singular vectors: the more, the truer the last ones"
    )
    newest: Positive = Field(
        default=500, description="products of a customer that count, those touched last; work grows with the square"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=7, description="of the search")


class GraphTrainingSettings(TrainingSettings):
    """graph.product_model.ProductModel: what the networks share."""

    warmup_steps: Count = Field(default=0, description="steps in which the learning rate grows from 0 …")
    clip_norm: NotNegative = Field(default=0.0, description="longest gradient; 0: any length")

    initial: Literal["spectral", "random"] = Field(
        default="spectral",
        description="first vectors of products: spectral (the strongest directions of who has what), or random",
    )
    max_length: Annotated[int, Field(ge=2)] = Field(
        default=200, description="products of a customer that count, those touched last"
    )
    loss: Literal["softmax", "bpr"] = Field(
        default="softmax",
        description="softmax: each product is told from n_negatives drawn ones; bpr: from one, pair by pair",
    )
    biased: bool = Field(
        default=True, description="products have a number each that is added to their scores: what many customers like"
    )
    n_negatives: Positive = Field(
        default=4096, description="products drawn per step at most: the more, the better and the slower"
    )
    validation_days: Positive | None = Field(
        default=None,
        description="what is touched first in so many last days is kept apart to measure NDCG@10 on; null: nothing",
    )
    weight_decay: NotNegative = Field(default=0.0, description="pull of matrices towards 0")


class LightGcnSettings(Section):
    """graph.lightgcn.LightGcn."""

    width: Positive = Field(default=64, description="length of the vectors: memory and time grow with it")
    hops: Positive = Field(default=1, description="product to customer to product; each is two layers")
    temperature: AboveZero = Field(
        default=0.1, description="of softmax: the lower, the more the hardest products count"
    )
    epochs: Positive = Field(default=20, description="passes over the customers")
    learning_rate: AboveZero = Field(default=0.02, description="at its highest")


class GcnSettings(Section):
    """graph.gcn.Gcn."""

    width: Positive = Field(default=64, description="length of the vectors")
    depth: Positive = Field(default=2, description="convolutions")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1, description="share of numbers that a step leaves out"
    )
    cold_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="share of products that a step treats as new, so that new ones are placed by their descriptions",
    )
    fanout: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="neighbours drawn per product in training, for graphs that do not fit into memory; 0: all",
    )
    n_neighbours: Positive = Field(
        default=20, description="edges per product of the graph made for it, where graph.enabled is false"
    )
    temperature: AboveZero = Field(default=0.1, description="as for lightgcn")
    epochs: Positive = Field(default=20, description="passes over the customers")
    learning_rate: AboveZero = Field(default=0.005, description="at its highest")


class GatSettings(GcnSettings):
    """graph.gat.Gat."""

    heads: Positive = Field(default=4, description="of attention; width is a multiple")


class GraphSettings(Section):
    """The product graph, and models that learn from graphs."""

    enabled: bool = Field(default=False, description="false: no product graph, communities and relations are made")
    models: tuple[GraphModelName, ...] = Field(
        default=(), description="of gfcf, lightgcn, gcn, gat: those that are fitted, in this order; []: none"
    )
    k: Positive = Field(default=50, description="candidates kept per model and customer, neighbours per product")
    active_days: Positive | None = Field(
        default=None, description="customers with an event in so many days before as_of get candidates; null: all"
    )
    history: Positive = Field(default=500, description="newest events of a customer that are recommended from")
    event_weights: EventWeights = Field(
        default={"view": 0.2, "cart": 0.5, "purchase": 1.0, "rating": 1.0, "return": -1.0},
        description="what an event says of a taste, of ratings the best one (see ratings); not named: nothing",
    )
    building: BuildingSettings = Field(default=BuildingSettings(), description="silver.product_graph")
    analytics: AnalyticsSettings = Field(default=AnalyticsSettings(), description="silver.communities")
    bundles: BundleSettings = Field(
        default=BundleSettings(), description="gold.bundles: three or four products, each bought with each other one"
    )
    relations: RelationSettings = Field(default=RelationSettings(), description="gold.relations")
    gfcf: GfCfSettings = Field(default=GfCfSettings(), description="a filter of the graph in closed form: no training")
    training: GraphTrainingSettings = Field(default=GraphTrainingSettings(), description="what the networks share")
    lightgcn: LightGcnSettings = LightGcnSettings()
    gcn: GcnSettings = GcnSettings()
    gat: GatSettings = GatSettings()
