"""Section `rules` of the settings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cartograph.core.settings import Count, ModelSettings, NotNegative, Positive, Section, Share

Engine = Literal["auto", "mllib", "native"]
Support = Annotated[float, Field(gt=0, le=1)]
# The names of core/statistics/rule_measures.py, which imports Spark.
Measure = Literal[
    "support", "confidence", "lift", "leverage", "leverage_baskets", "conviction", "zhang", "kulczynski", "imbalance",
    "jaccard", "cosine", "all_confidence", "certainty", "added_value", "npmi", "log_likelihood", "shrunk_lift",
]  # fmt: skip


class SupportSettings(Section):
    """How often an itemset must occur: multiple minimum supports (Liu, Hsu & Ma 1999).

    A product requires the share `rare_share` of its own support, at least `rare_support` and at most `min_support`; an
    itemset must occur as often as its least frequent product requires. Without `rare_support`, all require
    `min_support`.
    """

    min_support: Support = Field(default=0.005, description="share of the baskets that an itemset must be in")
    rare_support: Support | None = Field(
        default=None,
        description="rare products keep itemsets down to this support (at most min_support); null: no lower support",
    )
    rare_share: Share = Field(
        default=0.5, description="… if these are in at least this share of the rare product's own baskets"
    )

    @model_validator(mode="after")
    def _rare_is_lower(self) -> Self:
        if self.rare_support is not None and self.rare_support > self.min_support:
            raise ValueError(f"rare_support must be in (0, min_support], not {self.rare_support}")
        return self

    @property
    def lowest(self) -> float:
        """No itemset of a lower support is found."""
        return self.min_support if self.rare_support is None else self.rare_support

    def raised(self, factor: float) -> Self:
        """The same settings with all supports multiplied by `factor`, up to 1."""
        rare = None if self.rare_support is None else min(1.0, self.rare_support * factor)
        return self.model_copy(update={"min_support": min(1.0, self.min_support * factor), "rare_support": rare})


class MiningSettings(SupportSettings):
    """Which itemsets are mined, and which rules are derived from them."""

    # min_support, rare_support and rare_share are those of SupportSettings.
    engine: Engine = Field(default="auto", description="native (compiled, exact), mllib (Spark's FP-Growth), auto")
    max_length: Count = Field(default=4, description="most products in an itemset; 0: no limit")
    min_confidence: Share = Field(
        default=0.2, description="share of the antecedent's baskets that must hold the consequent too"
    )
    max_consequent: Positive = Field(default=1, description="most products in the consequent of a rule")


class GuardSettings(Section):
    """Limits on the baskets and on the number of itemsets."""

    length_quantile: Support = Field(
        default=0.999, description="baskets longer than this quantile of basket lengths are …"
    )
    long_baskets: Literal["split", "cut", "drop", "keep"] = Field(
        default="split",
        description="… split into parts of that length, cut to it, dropped, or kept as they are",
    )
    max_itemsets: Positive = Field(
        default=200000, description="min_support is raised until about this many itemsets are expected"
    )
    seed: int = Field(
        default=7, description="seed of the sample that this number is estimated from, and of the splitting"
    )


class RuleEvaluationSettings(Section):
    """How rules are tested: significance level and holdout."""

    level: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05,
        description="significance level: the probability of any false positive among the rules marked is_significant",
    )
    holdout_days: Positive = Field(
        default=30,
        description="the rules of as_of - holdout_days are tested on the baskets since then (columns holdout_…)",
    )


class GroupSettings(Section):
    """Rules between groups of products."""

    min_support: Support = Field(default=0.005, description="share of the baskets that both sides must be in")
    min_confidence: Share = Field(
        default=0.1, description="share of the antecedent's baskets that must hold the consequent too"
    )
    min_interest: NotNegative = Field(
        default=1.1,
        description="a rule is kept if it holds this many times more often than its groups' rules predict; 0: all",
    )


class UtilitySettings(Section):
    """High-utility itemsets."""

    min_share: Support = Field(default=0.002, description="share of all revenue that an itemset must bring in")
    max_length: Count = Field(default=4, description="most products in an itemset; 0: no limit")


class RulesModelSettings(ModelSettings):
    """The model `rules`."""

    min_support: Support = Field(
        default=0.001, description="share of the baskets that a pair must be in; lower than above for the long tail"
    )
    min_confidence: Share = Field(
        default=0.05, description="share of the antecedent's baskets that must hold the consequent too"
    )
    min_lift: NotNegative = Field(
        default=1.0, description="rules at or below this lift are left out: 1 is what independent products have"
    )
    measure: Measure = Field(
        default="confidence", description="what a product's rules are ranked by: see core/statistics/rule_measures.py"
    )
    engine: Engine = Field(default="auto", description="as for mining")
    recent: Positive = Field(default=50, description="latest products of a history that recommendations start from")
    rare_baskets: Count = Field(
        default=0,
        description="products in fewer baskets, and without rules, get those of similar products; 0: none do",
    )
    n_neighbours: Positive = Field(default=5, description="how many similar products these are taken from")
    min_similarity: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="lowest cosine similarity of their vectors (of titles, if embed has made none)"
    )
    shrinkage: NotNegative = Field(
        default=20.0, description="pseudo-count: with this many baskets of similar products, scores are halved"
    )


class RulesSettings(Section):
    """Association rules."""

    k: Positive = Field(default=50, description="related products kept per product, candidates per customer")
    history: Positive = Field(default=200, description="newest events of a customer that count")
    mining: MiningSettings = Field(
        default=MiningSettings(), description="which itemsets are mined, and which rules are derived from them"
    )
    guard: GuardSettings = Field(
        default=GuardSettings(),
        description="keeps a few huge or copied baskets from producing millions of itemsets; what it did is logged",
    )
    judging: RuleEvaluationSettings = Field(
        default=RuleEvaluationSettings(), description="how rules are tested: significance level and holdout"
    )
    analyses: tuple[Literal["trends", "groups", "utility"], ...] = Field(
        default=("trends",),
        description="further analyses: trends (rising, fading, seasonal rules), groups, utility (below)",
    )
    groups: GroupSettings = Field(
        default=GroupSettings(), description="rules between products, brands and categories (gold.generalised_rules)"
    )
    utility: UtilitySettings = Field(
        default=UtilitySettings(), description="itemsets by their revenue (gold.high_utility_itemsets)"
    )
    vectors: str | None = Field(
        default=None,
        description="model of silver.product_vectors by which products are similar; null: the words of their titles",
    )
    model: RulesModelSettings = Field(
        default=RulesModelSettings(), description="rules between two products, for lists of related products"
    )
