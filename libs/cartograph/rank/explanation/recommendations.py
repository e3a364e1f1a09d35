"""The rows of gold.recommendations: each product of a customer's list with its reason and the evidence for it."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.contributions import OTHER
from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from cartograph.rank.explanation import reasons
from cartograph.rank.explanation.connections import CONNECTION_EVIDENCE, connections
from cartograph.rank.reranking.exploration import EXPLORED
from cartograph.rank.settings import RankSettings

_PAIR = ["user_id", "product_id"]
_NAMED = 2  # own products named in a sentence
_BY_MODEL = "map<string, map<string, double>>"


def recommendations(
    listed: DataFrame,
    associations: DataFrame,
    data: Silver,
    settings: RankSettings,
    *,
    edges: DataFrame | None = None,
    tastes: DataFrame | None = None,
    attributions: DataFrame | None = None,
) -> DataFrame:
    """The lists of customers with candidates, at most `k` rows each, with the reason and the evidence.

    The first of these reasons that applies: the customer bought the product before; it is a new product being tried;
    it is connected to one of the customer's `recent` products (`connections`), the strongest connection of the best
    kind; a sequence model bases its score on the customer's history; similar customers chose it, according to one of
    `user_models`; it is popular. The evidence has the product of the history that the reason refers to, the counts of
    the pair or the product between the two, the contributions of own products to the score of ALS and to those of
    sequence models, and the sampled probability of a new product.

    Columns: user_id, rank, product_id, score (a share of the best of the list, `score_shares`), models, why, evidence
    (JSON).

    Args:
        listed: the lists shown, `as_shares`, with parts (of `with_parts`) and, if new products are tried, `chance`.
        associations: `fused_lists` of gold.associations, `with_evidence`.
        data: silver tables before the day.
        settings: of the step.
        edges: rows of silver.product_graph; None if there is no graph.
        tastes: of `als_contributions`; None if unknown.
        attributions: rows of gold.attributions; None if there are none.
    """
    shown = listed.where(F.col("rank") <= settings.k)
    bought = data.events.where("event_type = 'purchase'")
    found = connections(associations, data.products, settings.sequence_models, edges)
    explained = shown.join(_connection_reasons(shown, found, data, settings), _PAIR, "left").join(
        _own_purchases(shown, bought), _PAIR, "left"
    )
    of_als = None if tastes is None else tastes.withColumn("parts", F.col("taste"))
    explained = _with_own_products(explained, of_als, data.products, "taste", "map<string, double>", "liked")
    explained = _with_own_products(
        explained, _by_model(attributions), data.products, "sequence", _BY_MODEL, "attributed_to"
    )
    n_buyers = bought.groupBy("product_id").agg(F.countDistinct("user_id").alias("n_buyers"))
    again = F.when(F.col("n_days") > 0, reasons.sentence(reasons.of_own_purchases()))
    tried = F.when(F.array_contains("models", EXPLORED), reasons.sentence(reasons.of_exploration()))
    by_sequence = F.when(F.size("attributed_to") > 0, reasons.sentence(reasons.of_sequence(F.col("attributed_to"))))
    by_voters = reasons.sentence(reasons.of_voters(settings.user_models, F.col("liked")))
    why = F.coalesce(again, tried, "connection_reason", by_sequence, by_voters)
    connection = [F.when(again.isNull(), F.col(name)).alias(name) for name in CONNECTION_EVIDENCE]
    chance = (F.col("chance") if "chance" in listed.columns else F.lit(None).cast("double")).alias("chance")
    bought_on = F.col("n_days").alias("days_bought")
    evidence = F.to_json(F.struct("parts", *connection, "taste", "sequence", bought_on, "n_buyers", chance))
    return explained.join(n_buyers, "product_id", "left").select(
        "user_id", "rank", "product_id", "score", "models", why.alias("why"), evidence.alias("evidence")
    )


def newcomer_recommendations(lists: DataFrame) -> DataFrame:
    """The lists of customers without candidates, with the reason and the evidence; columns of `recommendations`.

    Args:
        lists: of `cold_start_lists`, cut to what is shown, `as_shares`.
    """
    parts = F.create_map(F.lit("popularity"), F.col("score"))
    return lists.select(
        "user_id",
        "rank",
        "product_id",
        "score",
        F.array(F.lit("popularity")).alias("models"),
        reasons.sentence(reasons.of_best_seller()).alias("why"),
        F.to_json(F.struct(parts.alias("parts"), "n_buyers")).alias("evidence"),
    )


def recent_products(data: Silver, recent: int) -> DataFrame:
    """One row per customer and product of their `recent` latest events: user_id, product_id, event_type, event_at.

    Of several events with a product the purchase is kept if there is one, else the last event.
    """
    steps = F.arrays_zip("product_ids", "event_types", "event_ats")
    latest = F.explode(F.slice(F.reverse(steps), 1, recent)).alias("step")
    events = histories(data.events, recent).select("user_id", latest).select(
        "user_id",
        F.col("step.product_ids").alias("product_id"),
        F.col("step.event_types").alias("event_type"),
        F.col("step.event_ats").alias("event_at"),
    )  # fmt: skip
    kept = F.max(F.struct(F.col("event_type") == "purchase", "event_at", "event_type")).alias("event")
    return events.groupBy(*_PAIR).agg(kept).select(*_PAIR, "event.event_type", "event.event_at")


def _connection_reasons(shown: DataFrame, found: DataFrame, data: Silver, settings: RankSettings) -> DataFrame:
    """One row per connected product: user_id, product_id, connection_reason, `CONNECTION_EVIDENCE`."""
    past = recent_products(data, settings.recent).withColumnRenamed("product_id", "past_id")
    strongest_first = [F.asc("kind"), F.desc("score"), F.desc("event_at"), F.asc("past_id")]
    strongest = Window.partitionBy(*_PAIR).orderBy(*strongest_first)
    chosen = (
        shown.select(*_PAIR)
        .join(past, "user_id")
        .join(found, ["past_id", "product_id"])
        .withColumn("place", F.row_number().over(strongest))
        .where("place = 1")
    )
    titles = data.products.select(F.col("product_id").alias("past_id"), "title")
    own = reasons.of_history(F.coalesce("title", "past_id"))
    reason = reasons.sentence(own, F.col("clause")).alias("connection_reason")
    named = chosen.join(titles, "past_id", "left").withColumn("because_of", F.col("past_id"))
    return named.select(*_PAIR, reason, *CONNECTION_EVIDENCE)


def _own_purchases(shown: DataFrame, bought: DataFrame) -> DataFrame:
    """One row per product shown that the customer bought before: user_id, product_id, n_days, last_at."""
    own = bought.join(shown.select(*_PAIR), _PAIR, "left_semi")
    return own.groupBy(*_PAIR).agg(
        F.countDistinct(F.to_date("event_at")).alias("n_days"), F.max("event_at").alias("last_at")
    )


def _by_model(attributions: DataFrame | None) -> DataFrame | None:
    """One row per customer and product: sequence, the parts by model, and parts, those of the first model by name."""
    if attributions is None:
        return None
    models = F.sort_array(F.collect_list(F.struct("model", F.map_entries("parts").alias("entries"))))
    rows = attributions.groupBy(*_PAIR).agg(models.alias("models"))
    maps = F.transform("models", lambda one: F.struct(one["model"], F.map_from_entries(one["entries"])))
    first = F.map_from_entries(F.get("models", F.lit(0))["entries"])
    return rows.select(*_PAIR, F.map_from_entries(maps).alias("sequence"), first.alias("parts"))


def _with_own_products(
    shown: DataFrame, explained: DataFrame | None, products: DataFrame, evidence: str, kind: str, titles: str
) -> DataFrame:
    """The rows with a column of evidence and the titles of the own products that contribute most; null if unknown.

    Args:
        shown: user_id, product_id and more.
        explained: user_id, product_id, parts (contributions by product) and the column of evidence; None: unknown.
        products: rows of silver.products.
        evidence: name of the column of evidence, whose type is `kind`.
        titles: name of the column of titles.
    """
    if explained is None:
        return shown.withColumns({evidence: F.lit(None).cast(kind), titles: F.lit(None).cast("array<string>")})
    parts = explained.select(*_PAIR, F.explode(F.map_entries("parts")).alias("part")).where(F.col("part.key") != OTHER)
    named = parts.join(
        products.select(F.col("product_id").alias("past_id"), "title"), F.col("part.key") == F.col("past_id"), "left"
    )
    largest_first = F.struct(-F.col("part.value"), F.coalesce("title", "part.key").alias("title"))
    found = named.groupBy(*_PAIR).agg(F.sort_array(F.collect_list(largest_first)).alias(titles))
    rows = shown.join(explained.select(*_PAIR, evidence), _PAIR, "left").join(found, _PAIR, "left")
    return rows.withColumn(titles, F.slice(F.col(titles)["title"], 1, _NAMED))
