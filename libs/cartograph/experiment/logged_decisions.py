"""Decisions as they were logged, beside what other models would have shown in the same places.

Every place of a list is a decision: it earns 1 when the customer takes interest in what stands there, whatever stands
elsewhere (the item-position model of Li et al. 2018, "Offline evaluation of ranking policies with click models"). Its
propensity is the chance that the product had to stand there.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.interleaving import INTEREST
from cartograph.experiment.reward_rates import reward_rates, side


def logged_places(exposures: DataFrame, events: DataFrame, window_days: int, as_of: date) -> DataFrame:
    """One row per place of a list shown: exposure_id, user_id, rank, product_id, propensity, reward (0 or 1).

    Lists whose window is not over at `as_of` are left out.

    Args:
        exposures: rows of gold.exposures; those without propensities are left out.
        events: rows of silver.events before `as_of`.
        window_days: interest so long after the list was shown is its merit.
        as_of: the day that everything happened before.
    """
    until = F.expr(f"exposed_at + make_dt_interval({int(window_days)})")
    lists = exposures.where("propensities is not null and user_id is not null").withColumn("until", until)
    place = F.posexplode(F.arrays_zip("product_ids", "propensities")).alias("place", "shown")
    shown = lists.where(F.col("until") <= F.lit(as_of).cast("timestamp")).select(
        "exposure_id", "user_id", "exposed_at", "until", place
    )
    named = shown.select("*", F.col("shown.product_ids").alias("product_id"))
    acts = events.where(F.col("event_type").isin(*INTEREST)).select("user_id", "product_id", "event_at")
    met = named.join(acts, ["user_id", "product_id"]).where("event_at >= exposed_at and event_at < until")
    rewarded = met.select("exposure_id", "place").distinct().withColumn("reward", F.lit(1.0))
    return (
        named.join(rewarded, ["exposure_id", "place"], "left")
        .na.fill(0.0, ["reward"])
        .select("exposure_id", "user_id", (F.col("place") + 1).alias("rank"), "product_id",
                F.col("shown.propensities").alias("propensity"), "reward")
    )  # fmt: skip


def decisions(places: DataFrame, lists: DataFrame, prior_strength: float = 10.0) -> DataFrame:
    """One row per model and place shown to a customer it has a list for; the input of `off_policy_values`.

    Columns: model, user_id, reward, propensity, probability (1 where the model has the same product in that place, else
    0), predicted and expected (reward of the product shown, and of the model's own).

    Args:
        places: of `logged_places`.
        lists: rows of gold.candidates.
        prior_strength: see `reward_rates`.
    """
    rates = reward_rates(places, prior_strength)
    wanted = lists.select("model", "user_id", "rank", F.col("product_id").alias("wanted"))
    asked = places.join(wanted, ["user_id", "rank"]).withColumn("side", side())
    at_places = rates.places.withColumnRenamed("rate", "place_rate")
    of_shown = rates.products.withColumnRenamed("factor", "shown_factor")
    of_wanted = of_shown.withColumnsRenamed({"product_id": "wanted", "shown_factor": "wanted_factor"})
    told = (
        asked.join(at_places, ["side", "rank"], "left")
        .join(of_shown, ["side", "product_id"], "left")
        .join(of_wanted, ["side", "wanted"], "left")
        .na.fill(0.0, ["place_rate"])
        .na.fill(1.0, ["shown_factor", "wanted_factor"])
    )
    return told.select(
        "model",
        "user_id",
        "reward",
        F.col("propensity").cast("double").alias("propensity"),
        (F.col("wanted") == F.col("product_id")).cast("double").alias("probability"),
        (F.col("place_rate") * F.col("shown_factor")).alias("predicted"),
        (F.col("place_rate") * F.col("wanted_factor")).alias("expected"),
    )
