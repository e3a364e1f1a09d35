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


def queues(
    lists: DataFrame, products: DataFrame, events: DataFrame, as_of: date, k: int, settings: Exploration
) -> DataFrame:
    """The lists with the new products that might be shown in their last places put before these: not cut at `k` yet.

    Thompson sampling (Thompson 1933; Chapelle and Li 2011): for each of a thousand groups of customers, a chance is
    drawn for every new product from what is known of its chances, a beta distribution, and the products of the highest
    draws are shown. A product that sells is drawn high more often; one that nobody buys is shown less and less. What
    customers have bought, or have in the places before anyway, is not tried on them.

    Rows have the columns of `lists` and chance, the one drawn for a new product (null for the others). Models say
    nothing of new products: their score is 0. Ranks are in order, without doubles and with gaps: rules may take rows
    out before `with_trials` makes lists of them.

    Args:
        lists: user_id, product_id, rank, score, models, votes: all candidates that may be shown.
        products: rows of silver.products before `as_of`, those that may be tried.
        events: rows of silver.events before `as_of`; views count as being shown.
        as_of: the day.
        k: length of a list.
        settings: how many, and how hopefully.
    """
    first, most = k - settings.slots, 2 * settings.slots
    tried = _tried(lists.where(F.col("rank") <= first), lists, products, events, as_of, settings)
    unsaid = {"score": F.lit(0.0), "votes": F.array(F.lit(0.0)), "models": F.array(F.lit(EXPLORED))}
    new = tried.select(*_PAIR, "chance", (F.col("place") + first).alias("rank")).withColumns(unsaid)
    later = F.when(F.col("rank") > first, F.col("rank") + most).otherwise(F.col("rank"))
    own = lists.join(tried.select(*_PAIR), _PAIR, "left_anti").withColumn("rank", later)
    columns = [*lists.columns, "chance"]
    return own.withColumn("chance", F.lit(None).cast("double")).select(*columns).unionByName(new.select(*columns))


def with_trials(queue: DataFrame, k: int, slots: int) -> DataFrame:
    """Lists of at most `k` products: the best of a customer's own, then up to `slots` new ones; ranks have no gaps.

    Fewer new products leave more places to a customer's own.

    Args:
        queue: of `queues`, without what may not be shown.
        k: length of a list.
        slots: most new products in it.
    """
    is_new = F.col("chance").isNotNull()
    in_turn = Window.partitionBy("user_id", is_new).orderBy("rank")
    placed = queue.withColumn("place", F.row_number().over(in_turn))
    n_new = F.least(F.count_if(is_new).over(Window.partitionBy("user_id")), F.lit(slots))
    kept = placed.withColumn("n_new", n_new).where(
        F.col("place") <= F.when(is_new, F.col("n_new")).otherwise(k - F.col("n_new"))
    )
    at_last = Window.partitionBy("user_id").orderBy(is_new, "place")
    return kept.withColumn("rank", F.row_number().over(at_last)).drop("place", "n_new")


def _tried(
    shown: DataFrame, lists: DataFrame, products: DataFrame, events: DataFrame, as_of: date, settings: Exploration
) -> DataFrame:
    """The new products that each customer of `lists` might be shown, best first: user_id, product_id, chance, place.

    Twice as many as there are places for them, as rules may forbid some. None that is `shown` anyway.
    """
    drawn = _drawn(_known(products, events, as_of, settings), as_of, settings)
    group = F.pmod(F.xxhash64(F.lit("exploration"), "user_id"), F.lit(_GROUPS)).alias("group")
    asked = lists.select("user_id").distinct().select("user_id", group).join(drawn, "group")
    had = events.where("event_type = 'purchase' AND user_id IS NOT NULL").select(*_PAIR)
    left = asked.join(had.unionByName(shown.select(*_PAIR)).distinct(), _PAIR, "left_anti")
    best_first = Window.partitionBy("user_id").orderBy(F.desc("chance"), "product_id")
    placed = left.withColumn("place", F.row_number().over(best_first))
    return placed.where(F.col("place") <= 2 * settings.slots).select(*_PAIR, "chance", "place")


def _known(products: DataFrame, events: DataFrame, as_of: date, settings: Exploration) -> DataFrame:
    """One row per new product: product_id, n_hits (customers who bought it), n_shown (who saw or bought it)."""
    newest = F.lit(as_of).cast("timestamp") - F.expr(f"INTERVAL {settings.new_days} DAYS")
    new = products.where(F.col("first_seen_at") >= newest).select("product_id")
    met = events.join(new, "product_id", "left_semi").groupBy("product_id").agg(
        F.countDistinct(F.when(F.col("event_type") == "purchase", F.col("user_id"))).alias("n_hits"),
        F.countDistinct("user_id").alias("n_shown"),
    )  # fmt: skip
    return new.join(met, "product_id", "left").na.fill(0, ["n_hits", "n_shown"])


def _drawn(known: DataFrame, as_of: date, settings: Exploration) -> DataFrame:
    """For each group of customers the products of the highest draws: group, product_id, chance."""
    groups = F.explode(F.sequence(F.lit(0), F.lit(_GROUPS - 1))).alias("group")
    asked = known.select("product_id", "n_hits", "n_shown", groups)
    parts = [F.lit(settings.seed), F.lit(str(as_of)), F.col("group"), F.col("product_id")]
    draw = (F.pmod(F.xxhash64(*parts), F.lit(1_000_003)) + 0.5) / 1_000_003.0
    hits = F.col("n_hits") + settings.prior_hits
    misses = F.col("n_shown") - F.col("n_hits") + (settings.prior_shown - settings.prior_hits)
    rows = asked.select("group", "product_id", draw.alias("draw"), hits.alias("hits"), misses.alias("misses"))
    draws = rows.mapInPandas(_quantiles, "group int, product_id string, chance double")
    best_first = Window.partitionBy("group").orderBy(F.desc("chance"), "product_id")
    # More than there are places, as customers may have some of them, and rules may forbid some.
    return draws.withColumn("place", F.row_number().over(best_first)).where(
        F.col("place") <= 4 * settings.slots
    ).drop("place")  # fmt: skip


def _quantiles(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The chance of each row at its draw."""
    for rows in batches:
        yield rows[["group", "product_id"]].assign(chance=beta.ppf(rows["draw"], rows["hits"], rows["misses"]))
