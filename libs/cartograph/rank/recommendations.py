"""The result per customer: one ranked list out of all models' candidates, each row with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.contributions import OTHER
from cartograph.core.model import Silver
from cartograph.rank.explanation import reasons
from cartograph.rank.explanation.leads import LEAD_EVIDENCE, leads
from cartograph.rank.reranking.exploration import EXPLORED


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
    attributed: DataFrame | None = None,
) -> DataFrame:
    """The `k` best candidates of each customer, with the models that voted, what the score is made of, and the reason.

    The reason of what was bought before are those purchases; of what is new it is what leads to it from one of the
    customer's `recent` last products (`leads`), the strongest lead of the best kind; without any it is what a network
    of sequences would miss most in the history; else likeness of customers when one of `user_models` voted, and what of
    the customer's own products this comes from, else popularity. The product that a reason leads from, the counts of
    the pair or the product between them, what own products add to the score of ALS, what scores of networks would lose
    without them, and the chance that was drawn of a new product, are added to the evidence.

    Columns: user_id, rank, product_id, score (a share of the best of the list, `scale`), models, why, evidence (JSON).

    Args:
        fused: lists of candidates, `scale.as_shares`, with parts: a map of numbers that sum to the score; and chance,
            of `exploration`, where new products were tried.
        associations: `fused_lists` of gold.associations, `with_evidence`.
        histories: what each customer did, of `core.views.histories`.
        data: silver tables before `as_of`.
        k: length of a list.
        recent: how many of the last events may be named as a reason.
        user_models: models whose vote means that similar customers chose the product.
        sequence_models: models whose vote means that customers go on from one product to the other.
        edges: rows of silver.product_graph; None: there is no graph.
        tastes: of `taste.tastes`; None: not known.
        attributed: rows of gold.attributions; None: there are none.
    """
    shown = fused.where(F.col("rank") <= k)
    bought = data.events.where("event_type = 'purchase'")
    found = leads(associations, data.products, sequence_models, edges)
    reasoned = shown.join(
        _reasons(shown, found, histories, data.products, recent), ["user_id", "product_id"], "left"
    ).join(_own_purchases(shown, bought), ["user_id", "product_id"], "left")
    of_als = None if tastes is None else tastes.withColumn("parts", F.col("taste"))
    reasoned = _with_own(reasoned, of_als, data.products, "taste", "map<string, double>", "liked")
    reasoned = _with_own(reasoned, _by_model(attributed), data.products, "sequence", _BY_MODEL, "leading")
    n_buyers = bought.groupBy("product_id").agg(F.countDistinct("user_id").alias("n_buyers"))
    again = F.when(F.col("n_days") > 0, reasons.sentence(reasons.of_own_purchases()))
    tried = F.when(F.array_contains("models", EXPLORED), reasons.sentence(reasons.of_exploration()))
    voters = reasons.of_voters(user_models, F.col("liked"))
    led = F.when(F.size("leading") > 0, reasons.sentence(reasons.of_sequence(F.col("leading"))))
    why = F.coalesce(again, tried, "lead_reason", led, reasons.sentence(voters))
    lead = [F.when(again.isNull(), F.col(name)).alias(name) for name in LEAD_EVIDENCE]
    chance = (F.col("chance") if "chance" in fused.columns else F.lit(None).cast("double")).alias("chance")
    bought_on = F.col("n_days").alias("days_bought")
    evidence = F.to_json(F.struct("parts", *lead, "taste", "sequence", bought_on, "n_buyers", chance))
    return reasoned.join(n_buyers, "product_id", "left").select(
        "user_id", "rank", "product_id", "score", "models", why.alias("why"), evidence.alias("evidence")
    )


_NAMED = 2  # own products that a sentence names
_BY_MODEL = "map<string, map<string, double>>"


def _own_purchases(shown: DataFrame, bought: DataFrame) -> DataFrame:
    """One row per product shown that the customer bought before: user_id, product_id, n_days, last_at."""
    own = bought.join(shown.select("user_id", "product_id"), ["user_id", "product_id"], "left_semi")
    return own.groupBy("user_id", "product_id").agg(
        F.countDistinct(F.to_date("event_at")).alias("n_days"), F.max("event_at").alias("last_at")
    )


def _by_model(attributed: DataFrame | None) -> DataFrame | None:
    """One row per customer and product: sequence, the parts by model, and parts, those of the first model by name."""
    if attributed is None:
        return None
    told = F.sort_array(F.collect_list(F.struct("model", F.map_entries("parts").alias("entries"))))
    rows = attributed.groupBy("user_id", "product_id").agg(told.alias("told"))
    maps = F.transform("told", lambda one: F.struct(one["model"], F.map_from_entries(one["entries"])))
    first = F.map_from_entries(F.get("told", F.lit(0))["entries"])
    return rows.select("user_id", "product_id", F.map_from_entries(maps).alias("sequence"), first.alias("parts"))


def _with_own(
    shown: DataFrame, told: DataFrame | None, products: DataFrame, evidence: str, kind: str, titles: str
) -> DataFrame:
    """The rows with a column of evidence, and the titles of the own products that most of it comes from.

    Both are null where nothing is known.

    Args:
        shown: user_id, product_id and more.
        told: user_id, product_id, parts and the column of evidence; None: nothing is known.
        products: rows of silver.products.
        evidence: name of that column, whose type is `kind`.
        titles: name of the other.
    """
    if told is None:
        return shown.withColumns({evidence: F.lit(None).cast(kind), titles: F.lit(None).cast("array<string>")})
    pair = ["user_id", "product_id"]
    parts = told.select(*pair, F.explode(F.map_entries("parts")).alias("part")).where(F.col("part.key") != OTHER)
    named = parts.join(
        products.select(F.col("product_id").alias("past_id"), "title"), F.col("part.key") == F.col("past_id"), "left"
    )
    most_first = F.struct(-F.col("part.value"), F.coalesce("title", "part.key").alias("title"))
    found = named.groupBy(*pair).agg(F.sort_array(F.collect_list(most_first)).alias(titles))
    rows = shown.join(told.select(*pair, evidence), pair, "left").join(found, pair, "left")
    return rows.withColumn(titles, F.slice(F.col(titles)["title"], 1, _NAMED))


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
