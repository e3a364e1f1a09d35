"""Two lists merged into one, so that each customer compares them without knowing: team-draft interleaving.

In rounds, a coin decides which list picks first; each picks its best product that is not there yet, and the product
belongs to its team. The team whose products attract more interest is preferred (Radlinski, Kurup and Joachims 2008). It
needs far fewer customers than an A/B test (Chapelle, Joachims, Radlinski and Yue 2012), but measures preference only,
not revenue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.by_experiment import by_experiment
from cartograph.experiment.interest import elapsed, interesting
from cartograph.experiment.moments import BEFORE
from cartograph.experiment.settings import ExperimentDeclaration

PREFERENCE = "preference"
_COINS = 64  # Digits of SHA-256, one per round.


def interleaved_lists(lists: DataFrame, arm: str, control: str, salt: str, k: int) -> DataFrame:
    """One row per customer who has both lists: user_id, product_ids (at most `k`, best first), teams.

    Args:
        lists: model, user_id, rank, product_id; the models are `arm` and `control`.
        salt: salt of the coins. Use a new one each day, or a customer always gets the same list first.
        k: length of a list, at most 128.
    """
    place = F.struct("rank", "product_id")
    both = lists.groupBy("user_id").agg(
        *[F.sort_array(F.collect_list(F.when(F.col("model") == name, place))).alias(name) for name in (arm, control)]
    )
    drafted = team_draft(F.col(f"`{arm}`.product_id"), F.col(f"`{control}`.product_id"), (arm, control),
                         F.concat(F.lit(f"{salt}:"), F.col("user_id")), k)  # fmt: skip
    has_both = (F.size(f"`{arm}`") > 0) & (F.size(f"`{control}`") > 0)
    merged = both.where(has_both).select("user_id", drafted.alias("list"))
    return merged.select("user_id", "list.product_ids", "list.teams")


def team_draft(first: Column, second: Column, names: tuple[str, str], key: Column, k: int) -> Column:
    """The drafted list: struct of product_ids and teams. It ends when a list has nothing left to pick, or at `k`.

    Args:
        first, second: arrays of product_id, best first.
        names: names of the two teams.
        key: string whose hash gives the coins.
    """
    digest = F.sha2(key, 256)

    def pick(drafted: Column, turn: Column) -> Column:
        left = [F.array_except(each, drafted["product_ids"]) for each in (first, second)]
        heads = F.substr(digest, F.floor(turn / 2).cast("int") + 1, F.lit(1)) < F.lit("8")
        is_first = heads == (turn % 2 == 0)
        product = F.when(is_first, F.get(left[0], F.lit(0))).otherwise(F.get(left[1], F.lit(0)))
        team = F.when(is_first, names[0]).otherwise(names[1])
        goes_on = (F.size(left[0]) > 0) & (F.size(left[1]) > 0) & (F.size(drafted["teams"]) < k)
        longer = F.struct(
            F.concat(drafted["product_ids"], F.array(product)).alias("product_ids"),
            F.concat(drafted["teams"], F.array(team)).alias("teams"),
        )
        return F.when(goes_on, longer).otherwise(drafted)

    nothing = F.array().cast("array<string>")
    start = F.struct(nothing.alias("product_ids"), nothing.alias("teams"))
    return F.aggregate(F.sequence(F.lit(0), F.lit(min(k, 2 * _COINS) - 1)), start, pick)


def team_draft_of(
    first: Sequence[str], second: Sequence[str], names: tuple[str, str], key: str, k: int
) -> tuple[list[str], list[str]]:
    """The result of `team_draft` for two lists, for servers without Spark: product_ids and teams."""
    coins = hashlib.sha256(key.encode()).hexdigest()
    products: list[str] = []
    teams: list[str] = []
    for turn in range(min(k, 2 * _COINS)):
        left = [[product for product in each if product not in products] for each in (first, second)]
        if not left[0] or not left[1]:
            break
        side = 0 if (coins[turn // 2] < "8") == (turn % 2 == 0) else 1
        products.append(left[side][0])
        teams.append(names[side])
    return products, teams


def preferences(
    exposures: DataFrame, events: DataFrame, experiments: Mapping[str, ExperimentDeclaration], as_of: date
) -> DataFrame:
    """One row per experiment and customer: arm, preference (1: for the arm, -1: for the control, 0: for neither).

    A product counts for its team once per list if the customer viewed it, put it in the cart or bought it within the
    window. Lists whose window is not over do not count yet. Half the mean, plus a half, is the share of customers who
    prefer the arm, ties shared.

    Columns: experiment, user_id, arm, preference, before_preference (0: nobody had one).

    Args:
        exposures: rows of gold.exposures with teams.
        events: rows of silver.events before `as_of`.
        experiments: declarations by name, of those that are interleaved.
        as_of: the day before which everything happened.
    """
    window = by_experiment({name: each.window_days for name, each in experiments.items()}, "int")
    arm = by_experiment({name: each.treatments[0] for name, each in experiments.items()}, "string")
    lists = elapsed(exposures.withColumn("arm", arm), window, as_of)
    pairs = lists.select("experiment", "user_id", "arm", "exposure_id", "exposed_at", "until",
                         F.explode(F.arrays_zip("product_ids", "teams")).alias("pair"))  # fmt: skip
    shown = pairs.select("*", F.col("pair.product_ids").alias("product_id"), F.col("pair.teams").alias("team"))
    interest = interesting(shown, events)
    credited = interest.select("experiment", "user_id", "exposure_id", "product_id", "team", "arm").distinct()
    sides = credited.groupBy("experiment", "user_id").agg(
        F.signum(F.sum(F.when(F.col("team") == F.col("arm"), 1).otherwise(-1))).alias(PREFERENCE)
    )
    customers = lists.select("experiment", "user_id", "arm").distinct()
    compared = customers.join(sides, ["experiment", "user_id"], "left").na.fill(0.0, [PREFERENCE])
    return compared.withColumn(BEFORE + PREFERENCE, F.lit(0.0))
