"""The result per customer: one ranked list out of all models' candidates, each row with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank import reasons


def recommendations(
    fused: DataFrame,
    associations: DataFrame,
    histories: DataFrame,
    data: Silver,
    *,
    k: int,
    recent: int,
    user_models: Sequence[str],
) -> DataFrame:
    """The `k` best candidates of each customer, with the models that voted and the reason.

    The reason is the strongest association from one of the customer's `recent` last products to the one shown; without
    any it is likeness of customers when one of `user_models` voted, else popularity.

    Columns: user_id, rank, product_id, score, models, why.

    Args:
        fused: `fused_lists` of gold.candidates.
        associations: `fused_lists` of gold.associations, `with_evidence`.
        histories: what each customer did, of `core.histories`.
        data: silver tables before `as_of`.
        k: length of a list.
        recent: how many of the last events may be named as a reason.
        user_models: models whose vote means that similar customers chose the product.
    """
    shown = fused.where(F.col("rank") <= k)
    reasoned = shown.join(
        _pair_reasons(shown, associations, histories, data.products, recent), ["user_id", "product_id"], "left"
    )
    n_buyers = data.events.where("event_type = 'purchase'").groupBy("product_id").agg(
        F.countDistinct("user_id").alias("n_buyers")
    )  # fmt: skip
    why = F.coalesce("pair_reason", reasons.sentence(reasons.of_voters(user_models)))
    return reasoned.join(n_buyers, "product_id", "left").select(
        "user_id", "rank", "product_id", "score", "models", why.alias("why")
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


def _pair_reasons(
    shown: DataFrame, associations: DataFrame, histories: DataFrame, products: DataFrame, recent: int
) -> DataFrame:
    """One row per shown product that an association leads to: user_id, product_id, pair_reason."""
    past = recent_products(histories, recent).withColumnRenamed("product_id", "past_id")
    leads = associations.withColumn("pair", reasons.of_pair()).where("pair is not null")
    leads = leads.select(
        F.col("product_id").alias("past_id"), F.col("associated_product_id").alias("product_id"), "score", "pair"
    )
    strongest_first = [F.desc("score"), F.desc("event_at"), F.asc("past_id")]
    strongest = Window.partitionBy("user_id", "product_id").orderBy(*strongest_first)
    chosen = (
        shown.select("user_id", "product_id")
        .join(past, "user_id")
        .join(leads, ["past_id", "product_id"])
        .withColumn("place", F.row_number().over(strongest))
        .where("place = 1")
    )
    titles = products.select(F.col("product_id").alias("past_id"), "title")
    seen = reasons.of_history(F.coalesce("title", "past_id"))
    reason = reasons.sentence(seen, F.col("pair")).alias("pair_reason")
    return chosen.join(titles, "past_id", "left").select("user_id", "product_id", reason)
