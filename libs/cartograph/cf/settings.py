"""Section `cf` of the settings: the models of collaborative filtering."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import EventWeights, Positive, Section, Share

CfModel = Literal[
    "popularity", "item_neighbours", "cooccurrence", "swing", "rp3beta", "ease", "slim", "user_neighbours", "bpr", "als"
]


class PopularitySettings(Section):
    """cf.popularity.Popularity."""

    half_life_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="an event counts half for each such period of age; null: age plays no part"
    )
    by: tuple[str, ...] = Field(
        default=(), description="columns of silver.users (region, age_band) whose values get lists of their own"
    )
    shrinkage: Annotated[float, Field(ge=0)] = Field(
        default=1000.0, description="weight of events that such a segment needs to count as much as the whole shop"
    )


class ItemNeighboursSettings(Section):
    """cf.item_neighbours.ItemNeighbours."""

    n_neighbours: Positive = Field(default=100, description="neighbours kept per product; at least k")
    shrinkage: Annotated[float, Field(ge=0)] = Field(
        default=5.0, description="customers in common that a pair needs for half of its cosine"
    )
    newest: Positive = Field(
        default=500, description="products of a customer that count, those touched last; work grows with the square"
    )
    recent: Positive = Field(
        default=50, description="last products of a customer that candidates are the neighbours of"
    )


class CooccurrenceSettings(Section):
    """cf.cooccurrence.Cooccurrence."""

    source: Literal["histories", "baskets"] = Field(default="histories", description="histories or baskets")
    measure: Literal["decayed", "confidence", "expected", "llr"] = Field(
        default="decayed",
        description="decayed, by weight, order and age; confidence; expected, above chance (Amazon); llr",
    )
    n_neighbours: Positive = Field(default=100, description="neighbours kept per product; at least k")
    min_count: Positive = Field(
        default=1, description="customers or baskets that a pair must be in (confidence, expected, llr)"
    )
    distance_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.7, description="what a pair counts for each further step between its products"
    )
    backward: Share = Field(
        default=0.0, description="what it counts against the order of time; 0: directed, 1: undirected"
    )
    half_life_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="a pair counts half for each such period of age; null: age plays no part"
    )
    popularity_exponent: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="how much the popularity of the later product counts against it"
    )
    newest: Positive = Field(default=200, description="products of a customer or basket that count")
    recent: Positive = Field(
        default=20, description="last products of a customer that candidates are the neighbours of …"
    )
    history_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.5, description="… and what each counts there, compared with the one after it"
    )


class SwingSettings(Section):
    """cf.swing.Swing."""

    n_neighbours: Positive = Field(default=100, description="neighbours kept per product; at least k")
    alpha: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="added to the number of products that two customers share"
    )
    user_exponent: Annotated[float, Field(ge=0)] = Field(
        default=0.5, description="how much customers with many products count less"
    )
    min_common: Annotated[int, Field(ge=2)] = Field(
        default=2, description="customers that a pair of products must have in common"
    )
    max_users: Annotated[int, Field(ge=2)] = Field(
        default=500, description="customers of a product that count; work grows with the square"
    )
    newest: Positive = Field(default=200, description="products of a customer that count, those touched last")
    recent: Positive = Field(
        default=50, description="last products of a customer that candidates are the neighbours of"
    )


class Rp3BetaSettings(Section):
    """cf.rp3beta.Rp3Beta."""

    n_neighbours: Positive = Field(default=100, description="neighbours kept per product; at least k")
    alpha: Annotated[float, Field(ge=0)] = Field(default=0.8, description="exponent of both steps")
    beta: Annotated[float, Field(ge=0)] = Field(
        default=0.2, description="how much the popularity of the end counts against it"
    )
    newest: Positive = Field(
        default=500, description="products of a customer that count, those touched last; work grows with the square"
    )
    recent: Positive = Field(
        default=500, description="last products of a customer that candidates are the neighbours of"
    )


class EaseSettings(Section):
    """cf.ease.Ease."""

    n_neighbours: Positive = Field(default=200, description="neighbours kept per product; at least k")
    regularisation: Annotated[float, Field(gt=0)] = Field(
        default=200.0, description="of the regression; the more, the sparser the data"
    )
    max_products: Positive = Field(
        default=5000,
        description="the head of a larger catalogue is modelled; the driver needs 40 bytes times the square",
    )
    newest: Positive = Field(default=500, description="products of a customer that count, those touched last")
    recent: Positive = Field(
        default=500, description="last products of a customer that candidates are the neighbours of"
    )


class SlimSettings(Section):
    """cf.slim.Slim."""

    n_neighbours: Positive = Field(default=200, description="neighbours kept per product; at least k")
    l1: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="the more, the fewer weights; also the customers in common that a pair must exceed"
    )
    l2: Annotated[float, Field(ge=0)] = Field(
        default=50.0, description="the more, the more evenly products bought together share their weight"
    )
    max_products: Positive = Field(
        default=5000,
        description="the head of a larger catalogue is modelled; the driver needs 40 bytes times the square",
    )
    n_sweeps: Positive = Field(default=100, description="the most passes over a product's weights …")
    tolerance: Annotated[float, Field(ge=0)] = Field(
        default=0.0001, description="… of which one that changes no weight by more is the last"
    )
    newest: Positive = Field(default=500, description="products of a customer that count, those touched last")
    recent: Positive = Field(
        default=500, description="last products of a customer that candidates are the neighbours of"
    )


class UserNeighboursSettings(Section):
    """cf.user_neighbours.UserNeighbours."""

    n_neighbours: Positive = Field(default=100, description="customers that a recommendation is made from")
    measure: Literal["cosine", "pearson"] = Field(
        default="cosine", description="cosine or pearson, of rows of zeros and ones"
    )
    shrinkage: Annotated[float, Field(ge=0)] = Field(
        default=5.0, description="products in common that a pair needs for half of its similarity"
    )
    threshold: Positive = Field(
        default=1, description="products in common from which on a similarity counts in full; 1: always"
    )
    max_users: Positive = Field(
        default=500, description="customers of a product that are looked through, those who touched it last"
    )
    newest: Positive = Field(default=500, description="products of a customer that count, those touched last")
    recent: Positive = Field(default=500, description="last products of a customer that neighbours are found by")


class BprSettings(Section):
    """cf.bpr.Bpr."""

    rank: Positive = Field(default=64, description="length of a vector")
    iterations: Positive = Field(default=50, description="steps per pair of customer and product")
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        default=0.05, description="length of a step at the start; it falls to 0"
    )
    regularisation: Annotated[float, Field(ge=0)] = Field(default=0.01, description="pull of every number towards 0")
    n_negatives: Positive = Field(
        default=4, description="products drawn a step, the one that scores highest is pushed down; 1: the plain method"
    )
    exchanges: Positive = Field(
        default=5, description="times per iteration that workers exchange what they learnt of products"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=7, description="of the first vectors and of what is drawn")
    approximate_above: Positive | None = Field(
        default=None, description="more products than this are searched approximately, 95 % found; null: never"
    )


class AlsSettings(Section):
    """cf.als.Als."""

    engine: Literal["mllib", "native"] = Field(
        default="mllib",
        description="mllib: Spark's own; native: compiled, many times faster, wants all its cores at once",
    )
    implicit: bool = Field(default=True, description="false: learn from ratings alone, and predict them")
    rank: Positive = Field(
        default=64, description="length of a factor: memory and time grow with it, quality too while data lasts"
    )
    iterations: Positive = Field(default=10, description="both sides are solved for so many times")
    regularisation: Annotated[float, Field(ge=0)] = Field(
        default=0.02, description="multiplied by n ** frequency_power, n the customer's or product's interactions"
    )
    frequency_power: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="less than 1 lets the factors of popular products grow (native only)"
    )
    alpha: Annotated[float, Field(gt=0)] = Field(default=40.0, description="confidence gained per unit of event weight")
    nonnegative: bool = Field(default=False, description="true: no negative numbers in factors (mllib only)")
    solver: Literal["cg", "cholesky"] = Field(
        default="cg", description="of native: cg, three steps of conjugate gradient a time; cholesky, exact and slower"
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="of native: cuda, if every worker has a graphics processor"
    )
    checkpoint_every: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="iterations after which the state is saved in spark.checkpoint_dir, to go on from; 0: never",
    )
    seed: int = Field(default=7, description="of the first factors")
    half_life_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="an event weighs half for each such period of age; null: age plays no part"
    )
    debias: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="weights are divided by this power of the product's popularity; 0.5 favours the long tail",
    )
    prior_strength: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="customers that a product's description counts for, so that new ones are recommended; 0: none",
    )
    approximate_above: Positive | None = Field(
        default=None, description="more products than this are searched approximately, 95 % found; null: never"
    )


class RefreshSettings(Section):
    """jobs/refresh.py."""

    keep_factors: bool = Field(
        default=True, description="cf writes the factors of als to gold.factors, which a refresh starts from"
    )
    drift_bound: Annotated[float, Field(gt=0)] = Field(
        default=0.1, description="share of new rows, or of the factors' length that moved, above which a fit is advised"
    )


class TuningSettings(Section):
    """cf.tuning.search."""

    model: CfModel = Field(default="als", description="whose settings are searched for")
    days: Positive = Field(default=14, description="the last days before as_of are predicted from what was before them")
    trials: Positive = Field(default=20, description="models fitted")
    k: Positive = Field(default=20, description="judged by the NDCG of lists of this length")
    seed: int = Field(default=7, description="same seed, same trials")
    space: dict[CfModel, dict[str, tuple[int | float, int | float]]] = Field(
        default={
            "als": {"regularisation": (0.001, 0.5), "alpha": (1.0, 100.0), "rank": (16, 128)},
            "item_neighbours": {"shrinkage": (0.1, 100.0)},
        },
        description="per model, from and to; logarithmic where above 0, whole numbers where both ends are",
    )


class CfSettings(Section):
    """Collaborative filtering."""

    k: Positive = Field(default=50, description="candidates kept per model and customer, neighbours per product")
    models: tuple[CfModel, ...] = Field(
        default=("popularity", "cooccurrence", "rp3beta", "als"),
        description="which of the models below are fitted, in this order",
    )
    active_days: Positive | None = Field(
        default=None, description="customers with an event in so many days before as_of get candidates; null: all"
    )
    history: Positive = Field(default=500, description="newest events of a customer that are recommended from")
    event_weights: EventWeights = Field(
        default={"view": 0.2, "cart": 0.5, "purchase": 1.0, "rating": 1.0, "return": -1.0},
        description="what an event says of a taste, of ratings the best one (see ratings); not named: nothing",
    )
    popularity: PopularitySettings = PopularitySettings()
    item_neighbours: ItemNeighboursSettings = ItemNeighboursSettings()
    cooccurrence: CooccurrenceSettings = Field(
        default=CooccurrenceSettings(), description="what is touched after what, or bought in one basket"
    )
    swing: SwingSettings = Field(
        default=SwingSettings(), description="pairs of customers who share two products and little else"
    )
    rp3beta: Rp3BetaSettings = Field(default=Rp3BetaSettings(), description="walks product - customer - product")
    ease: EaseSettings = Field(
        default=EaseSettings(), description="each product as the ridge regression of all others; small catalogues"
    )
    slim: SlimSettings = Field(
        default=SlimSettings(),
        description="each product as a sparse model of the others, without negative weights; small catalogues",
    )
    user_neighbours: UserNeighboursSettings = Field(
        default=UserNeighboursSettings(), description="what similar customers have"
    )
    bpr: BprSettings = Field(
        default=BprSettings(),
        description="factors that rank what a customer has above what he has not; wants all its cores at once",
    )
    als: AlsSettings = AlsSettings()
    refresh: RefreshSettings = Field(
        default=RefreshSettings(),
        description="jobs/refresh.py: factors of customers and products that changed since als was fitted",
    )
    tuning: TuningSettings = Field(default=TuningSettings(), description="jobs/cf.py --tune")
