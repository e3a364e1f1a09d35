"""Section `cf` of the settings: the models of collaborative filtering, their refresh and their tuning."""

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

# Settings that several models have, each with a default of its own.
Neighbours = Annotated[int, Field(gt=0, description="neighbours kept per product; at least k")]
Newest = Annotated[int, Field(gt=0, description="newest products of a customer that count; cost grows with the square")]
Recent = Annotated[int, Field(gt=0, description="newest products of a customer whose neighbours are the candidates")]
HalfLife = Annotated[AboveZero | None, Field(description="age in days at which an event counts half; null: no decay")]
Decay = Annotated[float, Field(gt=0, le=1)]
AtLeastTwo = Annotated[int, Field(ge=2)]


class PopularitySettings(ModelSettings):
    """The best sellers, of the shop or of a segment: the baseline."""

    half_life_days: HalfLife = None
    by: tuple[str, ...] = Field(
        default=(), description="columns of silver.users (region, age_band) whose values get lists of their own"
    )
    shrinkage: NotNegative = Field(
        default=1000.0, description="weight of events that a segment needs to count as much as the whole shop"
    )


class ItemToItemSettings(ModelSettings):
    """Settings of models that keep a list of neighbours per product."""

    n_neighbours: Neighbours = 100
    newest: Newest = 500
    recent: Recent = 50


class ItemNeighboursSettings(ItemToItemSettings):
    """Cosine of products over their customers."""

    shrinkage: NotNegative = Field(
        default=5.0, description="common customers at which a pair keeps half of its cosine; 0: the plain cosine"
    )


class CooccurrenceSettings(ItemToItemSettings):
    """Co-occurrence: products interacted with one after another, or bought in one basket."""

    newest: Newest = 200
    recent: Recent = 20
    source: Literal["histories", "baskets"] = Field(
        default="histories", description="histories; or baskets, of which the first `newest` products by id count"
    )
    measure: Literal["decayed", "confidence", "expected", "llr"] = Field(
        default="decayed",
        description="decayed: by weight, order and age; of counts alone: confidence, expected (excess over it), llr",
    )
    min_count: Positive = Field(default=1, description="customers or baskets a pair must occur in (not for decayed)")
    distance_decay: Decay = Field(
        default=0.7, description="factor on a pair's weight for each further step between its products"
    )
    backward: Share = Field(
        default=0.0, description="factor on a pair against the order of time; 0: directed, 1: undirected"
    )
    half_life_days: HalfLife = None
    popularity_exponent: NotNegative = Field(
        default=0.0, description="how strongly the popularity of the later product is discounted"
    )
    history_decay: Decay = Field(
        default=0.5, description="weight of a product of the history relative to the one after it"
    )


class SwingSettings(ItemToItemSettings):
    """Pairs of customers who share two products and little else."""

    newest: Newest = 200
    alpha: AboveZero = Field(default=1.0, description="added to the number of products that two customers share")
    user_exponent: NotNegative = Field(default=0.5, description="how strongly customers with many products count less")
    min_common: AtLeastTwo = Field(default=2, description="customers that a pair of products must have in common")
    max_users: AtLeastTwo = Field(
        default=500, description="customers of a product that count, a sample by hash; cost grows with the square"
    )


class Rp3BetaSettings(ItemToItemSettings):
    """Random walks product - customer - product."""

    recent: Recent = 500
    alpha: NotNegative = Field(default=0.8, description="exponent of the transition probabilities of both steps")
    beta: NotNegative = Field(
        default=0.2, description="how strongly the popularity of the end is discounted; 0: not at all (P3α)"
    )


class LinearSettings(ItemToItemSettings):
    """Settings of models that predict each product from all others, on a dense matrix of the most popular products."""

    n_neighbours: Neighbours = 200
    recent: Recent = 500
    max_products: Positive = Field(
        default=5000,
        description="products modelled, the n most popular ones; the driver needs 40 * n * n bytes",
    )


class EaseSettings(LinearSettings):
    """Each product as the ridge regression of all others; small catalogues."""

    regularisation: AboveZero = Field(default=200.0, description="L2 penalty; larger for sparser data")


class SlimSettings(LinearSettings):
    """Each product as a sparse, non-negative linear model of the others; small catalogues."""

    l1: NotNegative = Field(
        default=1.0, description="L1 penalty: sparser weights; a pair must share more customers than this"
    )
    l2: NotNegative = Field(
        default=50.0, description="L2 penalty: products bought together share their weight more evenly"
    )
    n_sweeps: Positive = Field(default=100, description="most sweeps of coordinate descent over a product's weights")
    tolerance: NotNegative = Field(default=0.0001, description="largest change of a weight at which sweeping stops")


class UserNeighboursSettings(ModelSettings):
    """User neighbours: products of similar customers."""

    n_neighbours: Positive = Field(default=100, description="similar customers that recommendations are made from")
    newest: Newest = 500
    recent: Positive = Field(
        default=500, description="most recent products of a customer by which similar customers are found"
    )
    measure: Literal["cosine", "pearson"] = Field(
        default="cosine", description="cosine or pearson, of rows of zeros and ones"
    )
    shrinkage: NotNegative = Field(
        default=5.0, description="common products at which a pair keeps half of its similarity; 0: the plain similarity"
    )
    threshold: Positive = Field(
        default=1, description="common products from which on a similarity counts in full; 1: always"
    )
    max_users: Positive = Field(
        default=500, description="customers of a product that are searched, those who touched it last"
    )


class FactorSettings(ModelSettings):
    """Settings of models that learn a vector for every customer and every product."""

    rank: Positive = Field(
        default=64, description="embedding dimension: memory and time grow with it, and quality while data lasts"
    )
    seed: Seed = Field(default=7, description="seed of the initial vectors and of sampling")
    approximate_above: Positive | None = Field(
        default=None, description="with more products the search is approximate, at 95 % recall; null: always exact"
    )


class BprSettings(FactorSettings):
    """Vectors that rank what a customer has above what they do not have; needs all its cores at once."""

    iterations: Positive = Field(default=50, description="steps per pair of customer and product")
    learning_rate: AboveZero = Field(default=0.05, description="initial learning rate; it decays to 0")
    regularisation: NotNegative = Field(default=0.01, description="L2 regularisation of vectors and biases")
    n_negatives: Positive = Field(
        default=4, description="negatives sampled per step, of which the highest-scoring is used; 1: plain BPR"
    )
    exchanges: Positive = Field(default=5, description="times per iteration that workers average their product vectors")


class AlsSettings(FactorSettings):
    """Matrix factorisation by alternating least squares."""

    engine: Literal["mllib", "native"] = Field(
        default="mllib",
        description="mllib: Spark's own; native: compiled, many times faster, needs all its cores at once",
    )
    implicit: bool = Field(default=True, description="false: learn from ratings alone, and predict them")
    iterations: Positive = Field(default=10, description="alternations: each solves for customers and for products")
    regularisation: NotNegative = Field(
        default=0.02, description="L2 regularisation, times (interactions of a customer or product) ** frequency_power"
    )
    frequency_power: NotNegative = Field(
        default=1.0, description="1 as MLlib has it; less lets the factors of popular products grow (native only)"
    )
    alpha: AboveZero = Field(default=40.0, description="confidence gained per unit of event weight")
    nonnegative: bool = Field(default=False, description="true: no negative numbers in factors (mllib only)")
    solver: Literal["cg", "cholesky"] = Field(
        default="cg", description="native only: cg, three steps of conjugate gradient; cholesky, exact and slower"
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="native only: cuda if every worker has a GPU (solver cg)"
    )
    checkpoint_every: Count = Field(
        default=0,
        description="iterations between checkpoints in spark.checkpoint_dir, from which native resumes; 0: never",
    )
    half_life_days: HalfLife = None
    debias: NotNegative = Field(
        default=0.0, description="weights are divided by popularity to this power; 0.5 favours the long tail"
    )
    prior_strength: NotNegative = Field(
        default=0.0, description="customers that a description counts for, so that new products get factors; 0: none"
    )

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        """Refuses settings that exclude each other."""
        native, cuda = self.engine == "native", self.device == "cuda"
        problems = {
            "nonnegative factors need engine=mllib": native and self.nonnegative,
            "device=cuda needs engine=native and solver=cg": cuda and not (native and self.solver == "cg"),
            "frequency_power other than 1 needs engine=native": not native and self.frequency_power != 1,
        }
        found = [rule for rule, broken in problems.items() if broken]
        if found:
            raise ValueError(f"als: {'; '.join(found)}")
        return self


class RefreshSettings(Section):
    """jobs/refresh.py: factors of customers and products that changed since als was fitted."""

    keep_factors: bool = Field(
        default=True, description="cf writes the factors of als to gold.factors, from which a refresh starts"
    )
    drift_bound: AboveZero = Field(
        default=0.1, description="share of new rows, or relative movement of the factors, above which a fit is advised"
    )


class TuningSettings(Section):
    """jobs/cf.py --tune: a search for the settings that predict the last days best."""

    model: str = Field(default="als", description="the model whose settings are searched for")
    days: Positive = Field(default=14, description="validation period: the last days before as_of")
    trials: Positive = Field(default=20, description="models fitted")
    k: Positive = Field(default=20, description="length of the lists that NDCG is computed on")
    seed: int = Field(default=7, description="seed of the search")
    space: dict[str, dict[str, tuple[int | float, int | float]]] = Field(
        default={
            "als": {"regularisation": (0.001, 0.5), "alpha": (1.0, 100.0), "rank": (16, 128)},
            "item_neighbours": {"shrinkage": (0.1, 100.0)},
        },
        description="lower and upper end; logarithmic if above 0, whole numbers if both ends are",
    )


class CfSettings(ModelsSection):
    """Collaborative filtering."""

    models: tuple[str, ...] = Field(
        default=("popularity", "cooccurrence", "rp3beta", "als"),
        description="which of the models below are fitted, in this order",
    )
    k: Positive = Field(default=50, description="candidates kept per model and customer, neighbours per product")
    active_days: Positive | None = Field(
        default=None, description="only customers with an event in this many days before as_of get lists; null: all"
    )
    history: Positive = Field(default=500, description="newest events of a customer that recommendations are made from")
    event_weights: EventWeights = Field(
        default=dict(EVENT_WEIGHTS),
        description="weight of an event of each type, of ratings the best one (see ratings); others are ignored",
    )
    popularity: PopularitySettings = PopularitySettings()
    item_neighbours: ItemNeighboursSettings = ItemNeighboursSettings()
    cooccurrence: CooccurrenceSettings = CooccurrenceSettings()
    swing: SwingSettings = SwingSettings()
    rp3beta: Rp3BetaSettings = Rp3BetaSettings()
    ease: EaseSettings = EaseSettings()
    slim: SlimSettings = SlimSettings()
    user_neighbours: UserNeighboursSettings = UserNeighboursSettings()
    bpr: BprSettings = BprSettings()
    als: AlsSettings = AlsSettings()
    refresh: RefreshSettings = RefreshSettings()
    tuning: TuningSettings = TuningSettings()

    @model_validator(mode="after")
    def _tuned_models_exist(self) -> Self:
        for name in (self.tuning.model, *self.tuning.space):
            if name not in self.choices():
                raise ValueError(f"tuning: there is no model {name!r}; there are {', '.join(self.choices())}")
        return self
