"""Places in each list for new products, to find out who buys them (Thompson sampling)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from scipy.stats import beta

from cartograph.rank.settings import ExplorationSettings

EXPLORED = "exploration"  # in place of the model that listed the product
_GROUPS = 1_000  # of customers shown the same new products: few enough for one row per group and product
_PAIR = ["user_id", "product_id"]


def queues(
    lists: DataFrame, products: DataFrame, events: DataFrame, as_of: date, k: int, settings: ExplorationSettings
) -> DataFrame:
    """The lists with new products inserted before their last places, not yet cut at `k`.

    Thompson sampling (Thompson 1933; Chapelle and Li 2011): for each of a thousand groups of customers, a purchase
    probability is sampled for every new product from its beta posterior, and the products with the highest ones are
    shown. Products that sell are sampled high more often; products that nobody buys are shown less and less. Products
    that a customer has bought, or has in earlier places, are not tried on them.

    Rows have the columns of `lists` and `chance`, the probability sampled for a new product (null for the others). The
    score of new products is 0, as models do not know them. Ranks are in order and unique, but have gaps: rules may
    remove rows before `with_trials` makes lists of them.

    Args:
        lists: user_id, product_id, rank, score, models, votes: all candidates that may be shown.
        products: rows of silver.products before `as_of`, those that may be tried.
        events: rows of silver.events before `as_of`; views count as being shown.
        as_of: the day.
        k: length of a list.
        settings: how many places, and the prior.
    """
    first, most = k - settings.slots, 2 * settings.slots
    tried = _tried(lists.where(F.col("rank") <= first), lists, products, events, as_of, settings)
    unknown = {"score": F.lit(0.0), "votes": F.array(F.lit(0.0)), "models": F.array(F.lit(EXPLORED))}
    new = tried.select(*_PAIR, "chance", (F.col("place") + first).alias("rank")).withColumns(unknown)
    later = F.when(F.col("rank") > first, F.col("rank") + most).otherwise(F.col("rank"))
    own = lists.join(tried.select(*_PAIR), _PAIR, "left_anti").withColumn("rank", later)
    columns = [*lists.columns, "chance"]
    return own.withColumn("chance", F.lit(None).cast("double")).select(*columns).unionByName(new.select(*columns))


def with_trials(queue: DataFrame, k: int, slots: int) -> DataFrame:
    """Lists of at most `k` products: the customer's best candidates, then up to `slots` new ones; ranks have no gaps.

    Places without a new product go to further candidates.

    Args:
        queue: of `queues`, without what may not be shown.
        k: length of a list.
        slots: maximum number of new products in it.
    """
    is_new = F.col("chance").isNotNull()
    by_rank = Window.partitionBy("user_id", is_new).orderBy("rank")
    placed = queue.withColumn("place", F.row_number().over(by_rank))
    n_new = F.least(F.count_if(is_new).over(Window.partitionBy("user_id")), F.lit(slots))
    kept = placed.withColumn("n_new", n_new).where(
        F.col("place") <= F.when(is_new, F.col("n_new")).otherwise(k - F.col("n_new"))
    )
    new_last = Window.partitionBy("user_id").orderBy(is_new, "place")
    return kept.withColumn("rank", F.row_number().over(new_last)).drop("place", "n_new")


def _tried(
    shown: DataFrame,
    lists: DataFrame,
    products: DataFrame,
    events: DataFrame,
    as_of: date,
    settings: ExplorationSettings,
) -> DataFrame:
    """The new products to try on each customer of `lists`, best first: user_id, product_id, `chance`, place.

    Twice the number of places for them, as rules may hide some; without those that are `shown` anyway.
    """
    sampled = _sampled(_trials(products, events, as_of, settings), as_of, settings)
    group = F.pmod(F.xxhash64(F.lit("exploration"), "user_id"), F.lit(_GROUPS)).alias("group")
    offered = lists.select("user_id").distinct().select("user_id", group).join(sampled, "group")
    owned = events.where("event_type = 'purchase' AND user_id IS NOT NULL").select(*_PAIR)
    left = offered.join(owned.unionByName(shown.select(*_PAIR)).distinct(), _PAIR, "left_anti")
    best_first = Window.partitionBy("user_id").orderBy(F.desc("chance"), "product_id")
    placed = left.withColumn("place", F.row_number().over(best_first))
    return placed.where(F.col("place") <= 2 * settings.slots).select(*_PAIR, "chance", "place")


def _trials(products: DataFrame, events: DataFrame, as_of: date, settings: ExplorationSettings) -> DataFrame:
    """One row per new product: product_id, n_hits (customers who bought it), n_shown (who saw or bought it)."""
    newest = F.lit(as_of).cast("timestamp") - F.expr(f"INTERVAL {settings.new_days} DAYS")
    new = products.where(F.col("first_seen_at") >= newest).select("product_id")
    counts = events.join(new, "product_id", "left_semi").groupBy("product_id").agg(
        F.countDistinct(F.when(F.col("event_type") == "purchase", F.col("user_id"))).alias("n_hits"),
        F.countDistinct("user_id").alias("n_shown"),
    )  # fmt: skip
    return new.join(counts, "product_id", "left").na.fill(0, ["n_hits", "n_shown"])


def _sampled(trials: DataFrame, as_of: date, settings: ExplorationSettings) -> DataFrame:
    """For each group of customers the products of the highest sampled probability: group, product_id, `chance`."""
    groups = F.explode(F.sequence(F.lit(0), F.lit(_GROUPS - 1))).alias("group")
    pairs = trials.select("product_id", "n_hits", "n_shown", groups)
    seed = [F.lit(settings.seed), F.lit(str(as_of)), F.col("group"), F.col("product_id")]
    uniform = (F.pmod(F.xxhash64(*seed), F.lit(1_000_003)) + 0.5) / 1_000_003.0
    hits = F.col("n_hits") + settings.prior_hits
    misses = F.col("n_shown") - F.col("n_hits") + (settings.prior_shown - settings.prior_hits)
    rows = pairs.select("group", "product_id", uniform.alias("uniform"), hits.alias("hits"), misses.alias("misses"))
    samples = rows.mapInPandas(_quantiles, "group int, product_id string, chance double")
    best_first = Window.partitionBy("group").orderBy(F.desc("chance"), "product_id")
    # More than the number of places, because customers may own some of them, and rules may hide some.
    return samples.withColumn("place", F.row_number().over(best_first)).where(
        F.col("place") <= 4 * settings.slots
    ).drop("place")  # fmt: skip


def _quantiles(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The quantile of each row's posterior at its uniform number."""
    for rows in batches:
        yield rows[["group", "product_id"]].assign(chance=beta.ppf(rows["uniform"], rows["hits"], rows["misses"]))
