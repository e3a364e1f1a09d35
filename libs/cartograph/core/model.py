"""The contract every model keeps: fit on silver tables, associate products, recommend to customers.

A model's constructor takes its settings (an object of its class in the step's `settings.py`, or the same names as
keywords) and stores them, nothing else; what it learns ends in `_`. Lists are ranked 1..k, equal scores in order of
product_id, and a product is never its own neighbour. Customers and products a model knows nothing of get no rows, never
an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, Self

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from cartograph.core.search.approximate import best_products
from cartograph.core.search.directions import unit_vectors
from cartograph.core.search.neighbours import lists_of, recommend_from_lists


@dataclass(frozen=True)
class Silver:
    """The silver tables a model may learn from, cut to the rows before `as_of`.

    `events`, `baskets` and `products` have the columns of the tables of the same name, events also the `liking` of a
    rating on the shop's scale (`core.views.liking`; without it ratings are taken for one to five stars). `users` is
    None when no source describes customers. `vectors` (product_id, vector) are the fused ones of
    silver.product_vectors; None when none were made.

    `edges` are those of silver.product_graph of the same day, None when there is no graph. `events_version` is the
    version of silver.events that was read. `on_epoch` is called with a model's name and the metrics of each epoch.
    """

    events: DataFrame
    baskets: DataFrame
    products: DataFrame
    users: DataFrame | None = None
    vectors: DataFrame | None = None
    edges: DataFrame | None = None
    as_of: date | None = None
    events_version: int | None = None
    on_epoch: Callable[[str, Mapping[str, float]], None] | None = None


class NotFitted(RuntimeError):
    """Associations or recommendations of a model were requested before `fit`."""

    def __init__(self, model: Model) -> None:
        super().__init__(f"{type(model).__name__} has not been fitted: call fit(data) first")


class TooLittle(ValueError):
    """A model has nothing to learn from: no fault of the shop's. Its lists are empty, and the message says why."""


class Weights(Protocol):
    """The weights of a network."""

    def save(self, spark: SparkSession, path: str) -> Any:
        """Writes them to a file that `path` names."""


class Model(Protocol):
    """The interface of every model. `name` is the one used in settings, tables and reports.

    `artifact_tables` names the tables, beside the two of lists, that a model has rows for.
    """

    name: str
    artifact_tables: tuple[str, ...] = ()

    @classmethod
    def configured(cls, section: Any, **changed: Any) -> Self:
        """The model as its step's section of the settings describes it, with single settings changed.

        Lists leave out the customer's `seen_ids`: which products these are is decided by section `seen` of the
        settings, as jobs make the histories by it. `mask_seen` of a constructor is for direct use, as in notebooks.
        """
        make: Any = cls
        model: Self = make(getattr(section, cls.name), event_weights=section.event_weights, **changed)
        return model

    def fit(self, data: Silver) -> Self:
        """Learn from `data`; returns the model itself.

        Raises:
            TooLittle: there is nothing to learn from, and no way to answer without.
        """

    def associate(self, k: int) -> DataFrame:
        """At most `k` rows per product: product_id, associated_product_id, score (double), rank (int, from 1).

        Raises:
            NotFitted: `fit` has not been called.
        """

    def recommend(self, users: DataFrame, k: int) -> DataFrame:
        """At most `k` rows per row of `users`: user_id, product_id, score (double), rank (int, from 1).

        Args:
            users: user_id, product_ids (the customer's history, oldest first, which recommendations are made from),
                seen_ids (what they leave out, if the model's `mask_seen` says so; product_ids where there are none) and
                disliked_ids (what they leave out in any case), as `core.views.histories` makes them. Customers need not
                have been there in `fit`.

        Raises:
            NotFitted: `fit` has not been called.
        """

    def artifacts(self, users: DataFrame, lists: DataFrame) -> Mapping[str, DataFrame]:
        """Rows of each of `artifact_tables`, by table.

        Args:
            users: as for `recommend`.
            lists: what was recommended to them: user_id, product_id, score, rank.
        """
        del users, lists
        return {}

    def network_weights(self) -> Weights | None:
        """The weights of a network, to be kept beside the tables; None of other models."""
        return None


def best_k(scored: DataFrame, group: str, item: str, k: int) -> DataFrame:
    """The `k` rows of the highest `score` per `group`, as group, item, score (double), rank (int, from 1).

    Equal scores rank in order of `item`.
    """
    best_first = Window.partitionBy(group).orderBy(F.desc("score"), F.asc(item))
    return (
        scored.withColumn("rank", F.row_number().over(best_first))
        .where(F.col("rank") <= k)
        .select(group, item, F.col("score").cast("double").alias("score"), "rank")
    )


def recommend_from_associations(
    associations: DataFrame, users: DataFrame, k: int, recent: int = 20, mask_seen: bool = True
) -> DataFrame:
    """Recommendations of an item-to-item model: user_id, product_id, score, rank.

    See `neighbours.recommend_from_lists`.

    Args:
        associations: product_id, associated_product_id, score.
        users: user_id, product_ids (oldest first) and seen_ids.
    """
    return recommend_from_lists(lists_of(associations), users, k, recent, mask_seen)


def associate_from_vectors(vectors: DataFrame, k: int, approximate_above: int | None = None) -> DataFrame:
    """Associations of a model that has product vectors, by cosine: product_id, associated_product_id, score, rank.

    Args:
        vectors: product_id, vector (array<float>). Products with a zero vector have no direction and are left out.
        approximate_above: above this many products search is approximate (`core.search.approximate`); None: never.
    """
    units = unit_vectors(vectors)
    queries = units.select(F.col("product_id").alias("id"), "vector", F.array("product_id").alias("mask"))
    neighbours = best_products(queries, units, k, approximate_above)
    return neighbours.select(
        F.col("id").alias("product_id"), F.col("product_id").alias("associated_product_id"), "score", "rank"
    )
