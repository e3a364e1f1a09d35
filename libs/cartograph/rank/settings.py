"""Section `rank` of the settings: from the models' candidates to the lists shown."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import AboveZero, NotNegative, Positive, Section, Share


class DiversitySettings(Section):
    """rank.selection.Diversity, the vectors it takes, and the weights that are plotted."""

    method: Literal["none", "mmr", "dpp", "calibrated"] = Field(
        default="none",
        description="none: by score; mmr, dpp: unlike each other; calibrated: in the shares of the customer's taste",
    )
    weight: Share = Field(default=0.3, description="what that counts beside the score, 0 to 1")
    depth: Positive = Field(default=100, description="candidates of a customer that are looked at")
    category_level: Positive = Field(
        default=1, description="of the category path, 1 the highest: what calibration counts by"
    )
    vectors: str = Field(
        default="als",
        description="says how like products are: a model of gold.factors, or of silver.product_vectors (fused)",
    )
    curve: tuple[Share, ...] = Field(
        default=(), description="weights, such as [0, 0.2, 0.4, 0.6, 0.8], whose relevance and spread are plotted"
    )


class RuleSettings(Section):
    """rank.business_rules.BusinessRules."""

    listed_only: bool = Field(
        default=True,
        description="what the newest catalogue of every source that had it lacks (products.deliveries of sources) is "
        "not",
    )
    min_stock: Positive | None = Field(
        default=1, description="fewest pieces in stock; where no catalogue reports any, nothing is hidden"
    )
    min_margin: Annotated[float, Field(lt=1)] | None = Field(
        default=None, description="least share of the price left after the cost (the attribute `cost` of a product)"
    )
    max_price_ratio: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="highest price, in multiples of the median of what the customer has paid"
    )
    blocked_products: tuple[str, ...] = Field(default=(), description="product_ids")
    blocked_categories: tuple[str, ...] = Field(default=(), description="names, at any level of the path")
    blocked_brands: tuple[str, ...] = Field(default=(), description="names")
    category_quota: Positive | None = Field(default=None, description="most products of one category per list …")
    category_level: Positive = Field(default=1, description="… by this level of the path")


class TreeSettings(Section):
    """rank.learned.Trees."""

    n_trees: Positive = Field(default=300, description="at most")
    depth: Positive = Field(default=5, description="of a tree")
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(default=0.05, description="what each tree counts")
    min_weight: NotNegative = Field(default=1.0, description="least weight of a leaf: the more, the smoother")
    l2: NotNegative = Field(default=5.0, description="pull of leaves towards 0")
    columns: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.7, description="share of the features that a tree may look at"
    )
    rows: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="share of the candidates that a tree is made from"
    )
    patience: Positive = Field(
        default=30, description="trees without a better NDCG of customers held back, after which training ends"
    )
    held_back: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.2, description="share of the customers that training ends by …"
    )
    judges: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.2, description="… and of those that methods are compared on; nothing is learned from these"
    )
    max_customers: Positive = Field(default=100000, description="learned from")
    seed: int = Field(default=7, description="of what is drawn")

    @model_validator(mode="after")
    def _somebody_left_to_learn_from(self) -> Self:
        if self.held_back + self.judges >= 1:
            raise ValueError(f"held_back ({self.held_back:g}) and judges ({self.judges:g}) must sum to less than 1")
        return self


class FusionSettings(Section):
    """How many lists are made one, and the ranker that is learned for it."""

    method: Literal["auto", "learned", "calibrated", "rrf"] = Field(
        default="auto",
        description="rrf: by reciprocal ranks; calibrated: by what places were worth; learned: by trees; auto: rrf, "
        "unless one of the others is ahead beyond chance (gold.fusion says why)",
    )
    label_days: Positive = Field(
        default=30,
        description="learned from the last day so long ago (else the first there is), by what was bought in so many "
        "days",
    )
    n_parts: Positive = Field(
        default=8, description="features named in the evidence of a recommendation, the rest is summed up"
    )
    trees: TreeSettings = Field(default=TreeSettings(), description="of the ranker")


class ExplorationSettings(Section):
    """rank.exploration.Exploration."""

    slots: Annotated[int, Field(ge=0)] = Field(default=0, description="last places of a list that they get; 0: none")
    new_days: Positive = Field(default=30, description="a product is new for so many days after it was first seen")
    prior_hits: AboveZero = Field(
        default=1.0, description="a product is believed to have been bought so often already …"
    )
    prior_shown: AboveZero = Field(default=50.0, description="… by so many customers who saw it")
    seed: int = Field(default=7, description="of the draws")

    @model_validator(mode="after")
    def _more_shown_than_bought(self) -> Self:
        if self.prior_shown <= self.prior_hits:
            raise ValueError(f"prior_shown ({self.prior_shown:g}) must be more than prior_hits ({self.prior_hits:g})")
        return self


class RankSettings(Section):
    """From the models' candidates to the lists shown."""

    k: Positive = Field(default=20, description="products recommended per customer")
    k_related: Positive = Field(default=20, description="related products kept per product")
    constant: Annotated[float, Field(gt=0)] = Field(
        default=60,
        description="of reciprocal rank fusion: the larger, the less the first places outweigh the later ones",
    )
    weights: dict[str, NotNegative] = Field(
        default={"popularity": 0.25}, description="votes of the models: 1 unless named here, 0 takes the vote away"
    )
    association_weights: dict[str, NotNegative] = Field(
        default={"popularity": 0, "content": 0.1}, description="the same for related products"
    )
    recent: Positive = Field(
        default=50, description="last events of a customer that may be named as the reason for a recommendation"
    )
    user_models: tuple[str, ...] = Field(
        default=("user_neighbours", "als", "bpr", "gfcf", "lightgcn", "lstm", "gru", "transformer"),
        description="their vote means: chosen by customers like this one",
    )
    sequence_models: tuple[str, ...] = Field(
        default=("first_order", "next_basket", "lstm", "gru", "transformer"),
        description="their vote for a pair means: what customers go on to",
    )
    fusion: FusionSettings = Field(default=FusionSettings(), description="how the models' lists are made one")
    exploration: ExplorationSettings = Field(
        default=ExplorationSettings(), description="new products shown to find out who likes them (Thompson sampling)"
    )
    diversity: DiversitySettings = Field(
        default=DiversitySettings(), description="which of the candidates are shown, and in which order"
    )
    rules: RuleSettings = Field(
        default=RuleSettings(),
        description="what is not shown (gold.hidden and gold.hidden_related keep it, with the rule); null, []: no "
        "such rule",
    )

    @model_validator(mode="after")
    def _places_left_for_the_best(self) -> Self:
        if self.exploration.slots >= self.k:
            raise ValueError(f"exploration.slots ({self.exploration.slots}) must be less than k ({self.k})")
        return self
