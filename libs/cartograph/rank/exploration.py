"""A place in each list for a product that little is known of, so that something becomes known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from scipy.stats import beta

EXPLORED = "exploration"  # stands for the model that listed the product
_GROUPS = 1_000  # of customers who are shown the same new product: few enough for every draw to be one row
_PAIR = ["user_id", "product_id"]


@dataclass(frozen=True)
class Exploration:
    """Which products are tried out, and how hopefully.

    Attributes:
        slots: last places of a list that are given to new products; 0: none.
        new_days: a product is new for so many days after it was first seen.
        prior_hits: purchases that a product is believed to have had before the first …
        prior_shown: … of so many customers.
        seed: of the draws.
    """

    slots: int = 0
    new_days: int = 30
    prior_hits: float = 1.0
    prior_shown: float = 50.0
    seed: int = 7


def explored(
    lists: DataFrame, products: DataFrame, events: DataFrame, as_of: date, k: int, settings: Exploration
) -> DataFrame:
    """One row per customer and last place that goes to a new product: user_id, product_id, rank, score.

    Thompson sampling (Thompson 1933; Chapelle and Li 2011): for each of a thousand groups of customers, a chance is
    drawn for every new product from what is known of its chances, a beta distribution, and the products of the highest
    draws are shown. A product that sells is drawn high more often; one that nobody buys is shown less and less. The
    score is the chance drawn. Customers who have bought the product, or have it in their list anyway, keep their list.

    Args:
        lists: user_id, product_id, rank: the lists that would be shown.
        products: rows of silver.products before `as_of`.
        events: rows of silver.events before `as_of`; views count as being shown.
        as_of: the day.
        k: length of a list.
        settings: how many, and how hopefully.
    """
    drawn = _drawn(_known(products, events, as_of, settings), as_of, settings)
    group = F.pmod(F.xxhash64(F.lit("exploration"), "user_id"), F.lit(_GROUPS)).alias("group")
    asked = lists.select("user_id").distinct().select("user_id", group).join(F.broadcast(drawn), "group")
    had = events.where("event_type = 'purchase' AND user_id IS NOT NULL").select(*_PAIR)
    listed = lists.where(F.col("rank") <= k - settings.slots).select(*_PAIR)
    left = asked.join(had.unionByName(listed).distinct(), _PAIR, "left_anti")
    best_first = Window.partitionBy("user_id").orderBy(F.desc("score"), "product_id")
    placed = left.withColumn("place", F.row_number().over(best_first)).where(F.col("place") <= settings.slots)
    return placed.select(*_PAIR, (F.col("place") + (k - settings.slots)).alias("rank"), "score")


def _known(products: DataFrame, events: DataFrame, as_of: date, settings: Exploration) -> DataFrame:
    """One row per new product: product_id, n_hits (customers who bought it), n_shown (who saw or bought it)."""
    newest = F.lit(as_of).cast("timestamp") - F.expr(f"INTERVAL {settings.new_days} DAYS")
    new = products.where(F.col("first_seen_at") >= newest).select("product_id")
    met = events.join(F.broadcast(new), "product_id", "left_semi").groupBy("product_id").agg(
        F.countDistinct(F.when(F.col("event_type") == "purchase", F.col("user_id"))).alias("n_hits"),
        F.countDistinct("user_id").alias("n_shown"),
    )  # fmt: skip
    return new.join(met, "product_id", "left").na.fill(0, ["n_hits", "n_shown"])


def _drawn(known: DataFrame, as_of: date, settings: Exploration) -> DataFrame:
    """For each group of customers the products of the highest draws: group, product_id, score."""
    groups = known.sparkSession.range(_GROUPS).select(F.col("id").cast("int").alias("group"))
    parts = [F.lit(settings.seed), F.lit(str(as_of)), F.col("group"), F.col("product_id")]
    chance = (F.pmod(F.xxhash64(*parts), F.lit(1_000_003)) + 0.5) / 1_000_003.0
    hits = F.col("n_hits") + settings.prior_hits
    misses = F.col("n_shown") - F.col("n_hits") + (settings.prior_shown - settings.prior_hits)
    asked = groups.crossJoin(F.broadcast(known)).select(
        "group", "product_id", chance.alias("chance"), hits.alias("hits"), misses.alias("misses")
    )
    draws = asked.mapInPandas(_quantiles, "group int, product_id string, score double")
    best_first = Window.partitionBy("group").orderBy(F.desc("score"), "product_id")
    # Twice as many as there are places, as customers may have some of them.
    return draws.withColumn("place", F.row_number().over(best_first)).where(
        F.col("place") <= 2 * settings.slots
    ).drop("place")  # fmt: skip


def _quantiles(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The chance drawn of each row."""
    for rows in batches:
        yield rows[["group", "product_id"]].assign(score=beta.ppf(rows["chance"], rows["hits"], rows["misses"]))
