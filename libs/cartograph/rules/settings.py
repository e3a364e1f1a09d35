"""Section `rules` of the settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import Positive, Section, Share


class MiningSettings(Section):
    """rules.mining.mine and rules.rules.rules_from_itemsets."""

    engine: Literal["auto", "mllib", "native"] = Field(
        default="auto", description="native (compiled, exact), mllib (Spark's FP-Growth), auto"
    )
    min_support: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.005, description="share of the baskets that an itemset must be in"
    )
    max_length: Annotated[int, Field(ge=0)] = Field(default=4, description="most products in an itemset; 0: no limit")
    min_confidence: Share = Field(
        default=0.2, description="share of the antecedent's baskets that hold the consequent too"
    )
    max_consequent: Positive = Field(default=1, description="most products on the right of a rule")
    rare_support: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="rare products keep itemsets down to this support (at most min_support); null: none do",
    )
    rare_share: Share = Field(
        default=0.5, description="… of those that are in at least this share of the product's own baskets"
    )


class GuardSettings(Section):
    """rules.guard.guard."""

    length_quantile: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.999, description="baskets longer than this share of all baskets are …"
    )
    long_baskets: Literal["split", "cut", "drop", "keep"] = Field(
        default="split",
        description="… split into parts of that length, cut to it, drop (left out), or keep (left as they are)",
    )
    max_itemsets: Positive = Field(
        default=200000, description="min_support is raised until about so many itemsets are expected"
    )
    seed: int = Field(default=7, description="of the sample that the number is estimated from, and of the splitting")


class JudgingSettings(Section):
    """rules.judging: which rules are held to be more than chance."""

    level: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="the risk allowed that any rule marked is_significant is chance"
    )
    holdout_days: Positive = Field(
        default=30, description="the rules of as_of - holdout_days are tried on the baskets since (columns holdout_…)"
    )


class GroupSettings(Section):
    """rules.hierarchy.generalised_rules."""

    min_support: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.005, description="share of the baskets that both sides must be in"
    )
    min_confidence: Share = Field(default=0.1, description="share of the left side's baskets that hold the right one")
    min_interest: Annotated[float, Field(ge=0)] = Field(
        default=1.1, description="a rule stays if it holds so many times more often than its groups' rules make expect"
    )


class UtilitySettings(Section):
    """rules.utility.high_utility_itemsets."""

    min_share: Annotated[float, Field(gt=0, le=1)] = Field(default=0.002, description="of all revenue")
    max_length: Annotated[int, Field(ge=0)] = Field(default=4, description="0: no limit")


class RulesModelSettings(Section):
    """rules.model.Rules."""

    min_support: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.001, description="lower than above: a list wants the long tail too"
    )
    min_confidence: Share = Field(default=0.05, description="as for mining")
    min_lift: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="rules at or below it say nothing that chance does not"
    )
    measure: str = Field(
        default="confidence", description="what a product's rules are ranked by: see core/statistics/rule_measures.py"
    )
    engine: Literal["auto", "mllib", "native"] = Field(default="auto", description="as for mining")
    recent: Positive = Field(default=50, description="last products of a history that rules start from")
    rare_baskets: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="products in fewer baskets, and without rules, get those of the products most like them; 0: none "
        "do",
    )
    n_neighbours: Positive = Field(default=5, description="so many such products are asked")
    min_similarity: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="the least cosine of their vectors (of titles, where embed has made none)"
    )
    shrinkage: Annotated[float, Field(ge=0)] = Field(
        default=20.0, description="so many baskets of theirs are believed half"
    )


class RulesSettings(Section):
    """Association rules."""

    k: Positive = Field(default=50, description="related products kept per product, candidates per customer")
    history: Positive = Field(default=200, description="newest events of a customer that count")
    mining: MiningSettings = MiningSettings()
    guard: GuardSettings = Field(
        default=GuardSettings(),
        description="keeps a few huge or copied baskets from making a million itemsets; what it did is told",
    )
    judging: JudgingSettings = JudgingSettings()
    analyses: tuple[Literal["trends", "groups", "utility"], ...] = Field(
        default=("trends",),
        description="what is made besides: trends (rising, fading, seasonal rules), groups, utility (below)",
    )
    groups: GroupSettings = Field(
        default=GroupSettings(), description="rules between products, brands and categories (gold.generalised_rules)"
    )
    utility: UtilitySettings = Field(
        default=UtilitySettings(), description="itemsets by what they bring in (gold.high_utility_itemsets)"
    )
    vectors: str | None = Field(
        default=None,
        description="model of silver.product_vectors that tells which products are alike; null: words of titles",
    )
    model: RulesModelSettings = Field(
        default=RulesModelSettings(), description="rules between two products, for lists of related products"
    )
