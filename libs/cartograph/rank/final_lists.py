"""All lists of a day, from the models' lists to the rows of the gold tables: fused, re-ranked and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from pyspark.sql import DataFrame

from cartograph.rank.day import Day, Sources
from cartograph.rank.explanation.explain import explain
from cartograph.rank.fusion.fuse import fuse
from cartograph.rank.fusion.learning import Fusion, fusion_row
from cartograph.rank.related_products import relate_products
from cartograph.rank.reranking.rerank import rerank
from cartograph.rank.reranking.rule_filter import rule_filter
from cartograph.rank.settings import RankSettings


@dataclass(frozen=True)
class FinalLists:
    """The lists of a day.

    Attributes:
        tables: rows by table, of gold.candidates and gold.associations those of the fused model; None for what business
            rules hide if no rule applies.
        metrics: what was measured on the way, by name.
        figures: plots, by name.
        persisted: what `unpersist` frees once the tables are written.
    """

    tables: Mapping[str, DataFrame | None]
    metrics: Mapping[str, float]
    figures: Mapping[str, Figure]
    persisted: Sequence[DataFrame]

    def unpersist(self) -> None:
        """Frees the memory that the lists are kept in."""
        for rows in self.persisted:
            rows.unpersist()


def final_lists(today: Day, fusion: Fusion, sources: Sources, settings: RankSettings) -> FinalLists:
    """The lists of all customers and all products.

    Args:
        today: the day of the lists.
        fusion: how the models' lists are fused, of `learn_fusion`.
        sources: what else the lists are made from.
        settings: of the step.
    """
    rules = rule_filter(today.data, sources.listings, settings.rules)
    fused = fuse(today, fusion, settings)
    customers = rerank(fused.lists, today, rules, sources.vectors, settings)
    products = relate_products(sources.associations, today, rules, settings)
    recommended = explain(customers, fused, products.associations, today, sources, settings)
    own = {"gold.fusion": fusion_row(today, fusion), "gold.recommendations": recommended}
    figures = {} if customers.trade_off is None else {"diversity": customers.trade_off}
    metrics = {**fusion.metrics, **customers.metrics}
    return FinalLists(own | customers.tables | products.tables, metrics, figures, customers.persisted)
