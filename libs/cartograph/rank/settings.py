"""Section `rank` of the settings: from the models' candidates to the lists shown."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import AboveZero, Count, NotNegative, Positive, Section, Share

Fraction = Annotated[float, Field(gt=0, lt=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]


class DiversitySettings(Section):
    """How the products of a list are chosen from the candidates: by score alone, or also for variety."""

    method: Literal["none", "mmr", "dpp", "calibrated"] = Field(
        default="none",
        description="none: by score alone; mmr, dpp: dissimilar products; calibrated: categories in the proportions of "
        "the customer's history",
    )
    weight: Share = Field(default=0.3, description="weight of variety against the score, 0 to 1")
    depth: Positive = Field(default=100, description="best candidates of a customer to choose from")
    category_level: Positive = Field(
        default=1, description="level of the category path that calibration uses, 1 is the highest"
    )
    vectors: str = Field(
        default="als",
        description="product vectors that similarity is computed from: a model in gold.factors or in "
        "silver.product_vectors (fused)",
    )
    curve: tuple[Share, ...] = Field(
        default=(),
        description="weights whose relevance and diversity are measured and plotted, such as [0, 0.2, 0.4, 0.6, 0.8]",
    )

    @property
    def uses_vectors(self) -> bool:
        """Whether the method compares products by their vectors."""
        return self.method in {"mmr", "dpp"}


class BusinessRuleSettings(Section):
    """Business rules. Products whose stock, price or category is unknown pass the rules about it."""

    listed_only: bool = Field(
        default=True,
        description="hide products missing from the latest catalogue of every source that once listed them "
        "(products.deliveries of sources)",
    )
    min_stock: Positive | None = Field(
        default=1, description="minimum number in stock; no effect where no catalogue reports stock"
    )
    min_margin: Annotated[float, Field(lt=1)] | None = Field(
        default=None, description="minimum margin as a share of the price (the cost is the product attribute `cost`)"
    )
    max_price_ratio: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="maximum price as a multiple of the median price the customer has paid, if they have bought "
        "three times",
    )
    blocked_products: tuple[str, ...] = Field(default=(), description="product_ids never to show")
    blocked_categories: tuple[str, ...] = Field(
        default=(), description="categories never to show, at any level of the path"
    )
    blocked_brands: tuple[str, ...] = Field(default=(), description="brands never to show")
    category_quota: Positive | None = Field(default=None, description="maximum products of one category per list")
    category_level: Positive = Field(
        default=1, description="level of the category path that the quota applies to, 1 is the highest"
    )

    @property
    def is_personal(self) -> bool:
        """Whether a product may be hidden from some customers and shown to others."""
        return self.max_price_ratio is not None or self.category_quota is not None

    @property
    def hides_anything(self) -> bool:
        """Whether any rule is set."""
        off = BusinessRuleSettings(listed_only=False, min_stock=None, category_level=self.category_level)
        return self != off


class RankerSettings(Section):
    """Training of the learned ranker; parameters of XGBoost have XGBoost's names."""

    n_estimators: Positive = Field(default=300, description="maximum number of trees")
    max_depth: Positive = Field(default=5, description="maximum depth of a tree")
    learning_rate: PositiveShare = Field(default=0.05, description="shrinkage of each tree's contribution")
    min_child_weight: NotNegative = Field(
        default=1.0, description="minimum sum of second derivatives in a leaf; higher values regularise more"
    )
    reg_lambda: NotNegative = Field(default=5.0, description="L2 regularisation of leaf values")
    colsample_bytree: PositiveShare = Field(default=0.7, description="share of the features sampled for each tree")
    subsample: PositiveShare = Field(default=0.8, description="share of the candidates sampled for each tree")
    early_stopping_rounds: Positive = Field(
        default=30, description="training stops after this many trees without a better validation NDCG"
    )
    held_back: Fraction = Field(default=0.2, description="share of validation customers, for early stopping")
    judges: Fraction = Field(default=0.2, description="share of holdout customers, which the methods are compared on")
    max_customers: Positive = Field(
        default=100000, description="maximum number of customers sampled, all shares included"
    )
    seed: int = Field(default=7, description="random seed of the sampling and of XGBoost")

    @model_validator(mode="after")
    def _somebody_left_to_train_on(self) -> Self:
        if self.held_back + self.judges >= 1:
            raise ValueError(f"held_back ({self.held_back:g}) and judges ({self.judges:g}) must sum to less than 1")
        return self


class FusionSettings(Section):
    """How the models' lists are fused, and the ranker that is learned for it."""

    method: Literal["auto", "learned", "calibrated", "rrf"] = Field(
        default="auto",
        description="rrf: reciprocal rank fusion; calibrated: purchase probability of each model's ranks; learned: "
        "gradient boosted trees; auto: rrf unless another method is significantly better (gold.fusion says why)",
    )
    label_days: Positive = Field(
        default=30,
        description="days of purchases to learn from, after the latest day that is at least this long ago (else the "
        "first day there is)",
    )
    n_parts: Positive = Field(
        default=8, description="features listed in the evidence of a recommendation; the others are summed up"
    )
    trees: RankerSettings = Field(default=RankerSettings(), description="training of the learned ranker (XGBoost)")


class ExplorationSettings(Section):
    """New products shown to find out who buys them (Thompson sampling)."""

    slots: Count = Field(default=0, description="places at the end of each list reserved for new products; 0: none")
    new_days: Positive = Field(default=30, description="days a product counts as new after it was first seen")
    prior_hits: AboveZero = Field(default=1.0, description="prior of the purchase probability: this many purchases …")
    prior_shown: AboveZero = Field(default=50.0, description="… among this many customers shown the product")
    seed: int = Field(default=7, description="random seed of the sampling")

    @model_validator(mode="after")
    def _more_shown_than_bought(self) -> Self:
        if self.prior_shown <= self.prior_hits:
            raise ValueError(f"prior_shown ({self.prior_shown:g}) must be more than prior_hits ({self.prior_hits:g})")
        return self


class RankSettings(Section):
    """From the models' candidates to the lists shown."""

    k: Positive = Field(default=20, description="products recommended per customer")
    k_related: Positive = Field(default=20, description="related products per product and relation")
    constant: Annotated[float, Field(gt=0)] = Field(
        default=60, description="constant of reciprocal rank fusion; higher values favour the first ranks less"
    )
    weights: dict[str, NotNegative] = Field(
        default={"popularity": 0.25}, description="weight of each model's vote, 1 if not listed; 0 ignores the model"
    )
    association_weights: dict[str, NotNegative] = Field(
        default={"popularity": 0, "content": 0.1}, description="the same for related products"
    )
    recent: Positive = Field(
        default=50, description="latest events of a customer that may be given as the reason for a recommendation"
    )
    user_models: tuple[str, ...] = Field(
        default=("user_neighbours", "als", "bpr", "gfcf", "lightgcn", "lstm", "gru", "transformer"),
        description="models whose recommendations are explained by similar customers",
    )
    sequence_models: tuple[str, ...] = Field(
        default=("first_order", "next_basket", "lstm", "gru", "transformer"),
        description="models whose associations are explained as what customers buy next",
    )
    fusion: FusionSettings = Field(default=FusionSettings(), description="how the models' lists are fused into one")
    exploration: ExplorationSettings = Field(
        default=ExplorationSettings(), description="new products shown to find out who buys them (Thompson sampling)"
    )
    diversity: DiversitySettings = Field(
        default=DiversitySettings(), description="which candidates are shown, and in which order"
    )
    rules: BusinessRuleSettings = Field(
        default=BusinessRuleSettings(),
        description="business rules: what is not shown (gold.hidden and gold.hidden_related record it with the rule); "
        "null, []: rule off",
    )

    @model_validator(mode="after")
    def _places_left_for_the_best(self) -> Self:
        if self.exploration.slots >= self.k:
            raise ValueError(f"exploration.slots ({self.exploration.slots}) must be less than k ({self.k})")
        return self
