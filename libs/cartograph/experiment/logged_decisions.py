"""Logged decisions, beside what other models would have listed at the same ranks.

Every rank of a list is a decision: its reward is 1 if the customer shows interest in the product there, whatever is
listed at other ranks (the item-position model of Li et al. 2018, "Offline evaluation of ranking policies with click
models"). Its propensity is the probability with which the product was given that rank.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.interest import elapsed, interesting
from cartograph.experiment.reward_rates import reward_rates, side
from cartograph.experiment.settings import OffPolicySettings


def logged_decisions(exposures: DataFrame, events: DataFrame, settings: OffPolicySettings, as_of: date) -> DataFrame:
    """One row per rank of a list shown: exposure_id, user_id, rank, product_id, propensity, reward (0 or 1).

    Lists whose window is not over at `as_of` are left out.

    Args:
        exposures: rows of gold.exposures; those without propensities are left out.
        events: rows of silver.events before `as_of`.
        settings: the window within which interest counts as reward.
        as_of: the day before which everything happened.
    """
    with_propensities = exposures.where("propensities is not null")
    lists = elapsed(with_propensities, F.lit(settings.window_days), as_of)
    position = F.posexplode(F.arrays_zip("product_ids", "propensities")).alias("position", "shown")
    shown = lists.select("exposure_id", "user_id", "exposed_at", "until", position).select(
        "*", F.col("shown.product_ids").alias("product_id")
    )
    interest = interesting(shown, events)
    rewarded = interest.select("exposure_id", "position").distinct().withColumn("reward", F.lit(1.0))
    return (
        shown.join(rewarded, ["exposure_id", "position"], "left")
        .na.fill(0.0, ["reward"])
        .select("exposure_id", "user_id", (F.col("position") + 1).alias("rank"), "product_id",
                F.col("shown.propensities").alias("propensity"), "reward")
    )  # fmt: skip


def policy_decisions(logged: DataFrame, lists: DataFrame, settings: OffPolicySettings) -> DataFrame:
    """One row per model and logged decision about a customer it has a list for; the input of `off_policy_values`.

    Columns: model, user_id, reward, propensity, probability (1 if the model has the same product at that rank, else
    0), predicted and expected (predicted reward of the product shown, and of the model's own).

    Args:
        logged: see `logged_decisions`.
        lists: rows of gold.candidates.
        settings: prior of the reward model, see `reward_rates`.
    """
    rates = reward_rates(logged, settings.prior_strength)
    target = lists.select("model", "user_id", "rank", F.col("product_id").alias("target"))
    both = logged.join(target, ["user_id", "rank"]).withColumn("side", side())
    of_ranks = rates.ranks.withColumnRenamed("rate", "rank_rate")
    of_shown = rates.products.withColumnRenamed("factor", "shown_factor")
    of_target = of_shown.withColumnsRenamed({"product_id": "target", "shown_factor": "target_factor"})
    predicted = (
        both.join(of_ranks, ["side", "rank"], "left")
        .join(of_shown, ["side", "product_id"], "left")
        .join(of_target, ["side", "target"], "left")
        .na.fill(0.0, ["rank_rate"])
        .na.fill(1.0, ["shown_factor", "target_factor"])
    )
    return predicted.select(
        "model",
        "user_id",
        "reward",
        F.col("propensity").cast("double").alias("propensity"),
        (F.col("target") == F.col("product_id")).cast("double").alias("probability"),
        (F.col("rank_rate") * F.col("shown_factor")).alias("predicted"),
        (F.col("rank_rate") * F.col("target_factor")).alias("expected"),
    )
