"""What the lists of a day are made from: the models' lists, the silver tables, and the results of optional steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from cartograph.core.model import Silver
from cartograph.rank.explanation.als_fit import AlsFit


@dataclass(frozen=True)
class Day:
    """What candidates of a day are fused by, today's or those of an earlier day to learn from.

    Attributes:
        as_of: the day.
        lists: rows of gold.candidates of that day.
        data: silver tables before it.
        relations: rows of gold.relations; None without a graph.
        communities: rows of silver.communities; None without a graph.
    """

    as_of: date
    lists: DataFrame
    data: Silver
    relations: DataFrame | None = None
    communities: DataFrame | None = None


@dataclass(frozen=True)
class Sources:
    """What the fused lists of today are re-ranked and explained by.

    Attributes:
        associations: rows of gold.associations.
        listings: rows of silver.listings; None if there is no catalogue.
        vectors: rows of gold.factors of products, or of silver.product_vectors, for the diversity methods mmr and dpp;
            None for other methods, or if there are none.
        edges: rows of silver.product_graph; None without a graph.
        attributions: rows of gold.attributions; None if no sequence model was explained.
        als: the fit of ALS; None if it is unknown.
    """

    associations: DataFrame
    listings: DataFrame | None = None
    vectors: DataFrame | None = None
    edges: DataFrame | None = None
    attributions: DataFrame | None = None
    als: AlsFit | None = None
