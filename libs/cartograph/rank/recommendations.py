"""The result per customer: one ranked list out of all models' candidates, each row with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank import reasons
from cartograph.rank.exploration import EXPLORED
from cartograph.rank.leads import LEAD_EVIDENCE, leads
from cartograph.rank.parts import OTHER


def recommendations(
    fused: DataFrame,
    associations: DataFrame,
    histories: DataFrame,
    data: Silver,
    *,
    k: int,
    recent: int,
    user_models: Sequence[str],
    sequence_models: Sequence[str] = (),
    edges: DataFrame | None = None,
    tastes: DataFrame | None = None,
) -> DataFrame:
    """The `k` best candidates of each customer, with the models that voted, what the score is made of, and the reason.

    The reason of what was bought before are those purchases; of what is new it is what leads to it from one of the
    customer's `recent` last products (`leads`), the strongest lead of the best kind; without any it is likeness of
    customers when one of `user_models` voted, and what of the customer's own products this comes from, else popularity.
    The product that a reason leads from, the counts of the pair or the product between them, and what own products add
    to the score of ALS, are added to the evidence.

    Columns: user_id, rank, product_id, score, models, why, evidence (JSON).

    Args:
        fused: `fused_lists` of gold.candidates, with parts: a map of numbers that sum to the score.
        associations: `fused_lists` of gold.associations, `with_evidence`.
        histories: what each customer did, of `core.histories`.
        data: silver tables before `as_of`.
        k: length of a list.
        recent: how many of the last events may be named as a reason.
        user_models: models whose vote means that similar customers chose the product.
        sequence_models: models whose vote means that customers go on from one product to the other.
        edges: rows of silver.product_graph; None: there is no graph.
        tastes: of `taste.tastes`; None: not known.
    """
    shown = fused.where(F.col("rank") <= k)
    bought = data.events.where("event_type = 'purchase'")
    found = leads(associations, data.products, sequence_models, edges)
    reasoned = shown.join(
        _reasons(shown, found, histories, data.products, recent), ["user_id", "product_id"], "left"
    ).join(_own_purchases(shown, bought), ["user_id", "product_id"], "left")
    reasoned = _with_likeness(reasoned, tastes, data.products)
    n_buyers = bought.groupBy("product_id").agg(F.countDistinct("user_id").alias("n_buyers"))
    again = F.when(F.col("n_days") > 0, reasons.sentence(reasons.of_own_purchases()))
    tried = F.when(F.array_contains("models", EXPLORED), reasons.sentence(reasons.of_exploration()))
    voters = reasons.of_voters(user_models, F.col("liked"))
    why = F.coalesce(again, tried, "lead_reason", reasons.sentence(voters))
    lead = [F.when(again.isNull(), F.col(name)).alias(name) for name in LEAD_EVIDENCE]
    evidence = F.to_json(F.struct("parts", *lead, "taste", F.col("n_days").alias("days_bought"), "n_buyers"))
    return reasoned.join(n_buyers, "product_id", "left").select(
        "user_id", "rank", "product_id", "score", "models", why.alias("why"), evidence.alias("evidence")
    )


_NAMED = 2  # own products that a sentence names


def _own_purchases(shown: DataFrame, bought: DataFrame) -> DataFrame:
    """One row per product shown that the customer bought before: user_id, product_id, n_days, last_at."""
    own = bought.join(shown.select("user_id", "product_id"), ["user_id", "product_id"], "left_semi")
    return own.groupBy("user_id", "product_id").agg(
        F.countDistinct(F.to_date("event_at")).alias("n_days"), F.max("event_at").alias("last_at")
    )


def _with_likeness(shown: DataFrame, tastes: DataFrame | None, products: DataFrame) -> DataFrame:
    """The rows with taste and liked: titles of the own products that add most to it; null where nothing is known."""
    if tastes is None:
        return shown.withColumns(
            {"taste": F.lit(None).cast("map<string, double>"), "liked": F.lit(None).cast("array<string>")}
        )
    told = tastes.select("user_id", "product_id", F.explode(F.map_entries("taste")).alias("part"))
    named = told.where(F.col("part.key") != OTHER).join(
        products.select(F.col("product_id").alias("past_id"), "title"), F.col("part.key") == F.col("past_id"), "left"
    )
    most_first = F.struct(-F.col("part.value"), F.coalesce("title", "part.key").alias("title"))
    liked = named.groupBy("user_id", "product_id").agg(F.sort_array(F.collect_list(most_first)).alias("liked"))
    pair = ["user_id", "product_id"]
    return (
        shown.join(tastes, pair, "left")
        .join(liked, pair, "left")
        .withColumn("liked", F.slice("liked.title", 1, _NAMED))
    )


def recent_products(histories: DataFrame, recent: int) -> DataFrame:
    """One row per customer and product among the last `recent` events: user_id, product_id, event_type, event_at.

    A product met several times is told by its purchase if it was bought, else by the last event.
    """
    steps = F.arrays_zip("product_ids", "event_types", "event_ats")
    events = histories.select("user_id", F.explode(F.slice(F.reverse(steps), 1, recent)).alias("step")).select(
        "user_id",
        F.col("step.product_ids").alias("product_id"),
        F.col("step.event_types").alias("event_type"),
        F.col("step.event_ats").alias("event_at"),
    )
    telling = F.max(F.struct(F.col("event_type") == "purchase", "event_at", "event_type")).alias("event")
    return events.groupBy("user_id", "product_id").agg(telling).select(
        "user_id", "product_id", "event.event_type", "event.event_at"
    )  # fmt: skip


def _reasons(shown: DataFrame, found: DataFrame, histories: DataFrame, products: DataFrame, recent: int) -> DataFrame:
    """One row per shown product that a lead goes to: user_id, product_id, lead_reason, `LEAD_EVIDENCE`."""
    past = recent_products(histories, recent).withColumnRenamed("product_id", "past_id")
    strongest_first = [F.asc("kind"), F.desc("score"), F.desc("event_at"), F.asc("past_id")]
    strongest = Window.partitionBy("user_id", "product_id").orderBy(*strongest_first)
    chosen = (
        shown.select("user_id", "product_id")
        .join(past, "user_id")
        .join(found, ["past_id", "product_id"])
        .withColumn("place", F.row_number().over(strongest))
        .where("place = 1")
    )
    titles = products.select(F.col("product_id").alias("past_id"), "title")
    seen = reasons.of_history(F.coalesce("title", "past_id"))
    reason = reasons.sentence(seen, F.col("clause")).alias("lead_reason")
    told = chosen.join(titles, "past_id", "left").withColumn("because_of", F.col("past_id"))
    return told.select("user_id", "product_id", reason, *LEAD_EVIDENCE)
