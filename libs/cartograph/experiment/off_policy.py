"""What a policy would have earned, from the log of another one that chose at random with known propensities.

With w = (probability under the policy evaluated) / (propensity of the one that was logged), per decision:

    IPS     mean of w r                                 unbiased, wide
    SNIPS   sum of w r / sum of w                       nearly unbiased, far narrower (Swaminathan and Joachims 2015)
    DR      mean of expected + w (r - predicted)        unbiased; the narrower, the better rewards are predicted
                                                        (Dudík, Langford and Li 2011)

All three are ratios of sums over customers, so sums and sums of squares give their variance (delta method), with
decisions about one customer clustered. Only customers who were shown something that the policy would have shown too
contribute: if they are few, or the variance is 0, the interval is null.
"""

from __future__ import annotations

from statistics import NormalDist

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.experiment.settings import ExperimentSettings

ESTIMATORS = ("ips", "snips", "dr")
_ROUNDING = 1e-12


def off_policy_values(decisions: DataFrame, settings: ExperimentSettings) -> DataFrame:
    """One row per model and estimator: value (mean reward of a decision) and its interval.

    Columns: model, estimator, value, low, high, n_users, n_decisions, effective_n (effective sample size: small means
    that the two policies have little in common), largest_weight. Intervals are null where the data is insufficient,
    SNIPS where the policy evaluated never agrees with what was logged.

    Args:
        decisions: model, user_id, reward, propensity (above 0), probability, predicted, expected (double).
        settings: level of the intervals, and minimum number of customers in whose lists the policies agree at least
            once.
    """
    weight = F.col("probability") / F.col("propensity")
    one, earned = F.lit(1.0), weight * F.col("reward")
    corrected = F.col("expected") + weight * (F.col("reward") - F.col("predicted"))
    ratios = {"ips": (earned, one), "snips": (earned, weight), "dr": (corrected, one)}
    customers = decisions.groupBy("model", "user_id").agg(
        *[F.sum(above).alias(f"{name}_a") for name, (above, _) in ratios.items()],
        *[F.sum(below).alias(f"{name}_b") for name, (_, below) in ratios.items()],
        F.count(one).alias("n"),
        F.sum(weight * weight).alias("squares"),
        F.max(weight).alias("largest"),
    )
    sums = customers.groupBy("model").agg(
        *[column for name in ratios for column in _sums(name)],
        F.count(one).alias("n_users"),
        F.sum("n").alias("n_decisions"),
        F.sum("squares").alias("squares"),
        F.max("largest").alias("largest_weight"),
        F.count_if(F.col("largest") > 0).alias("n_agreeing"),
    )
    is_sufficient = F.col("n_agreeing") >= settings.min_users
    values = F.explode(F.array(*[_value(name, settings.level, is_sufficient) for name in ratios])).alias("of")
    effective = F.col("snips_B") ** 2 / F.nullif("squares", F.lit(0.0))
    return sums.select(
        "model", values, "n_users", "n_decisions", F.coalesce(effective, F.lit(0.0)).alias("effective_n"),
        "largest_weight",
    ).select(
        "model", "of.estimator", "of.value", "of.low", "of.high", "n_users", "n_decisions", "effective_n",
        "largest_weight",
    )  # fmt: skip


def _sums(name: str) -> list[Column]:
    """Sums over customers of a, b and their products."""
    a, b = F.col(f"{name}_a"), F.col(f"{name}_b")
    products = {"A": a, "B": b, "AA": a * a, "AB": a * b, "BB": b * b}
    return [F.sum(column).alias(f"{name}_{of}") for of, column in products.items()]


def _value(name: str, level: float, is_sufficient: Column) -> Column:
    """The ratio and its interval: null where all weights are 0, nothing varies, or the data is not sufficient."""
    a, b, aa, ab, bb = (F.col(f"{name}_{of}") for of in ("A", "B", "AA", "AB", "BB"))
    below = F.nullif(b, F.lit(0.0))
    value = a / below
    spread = aa - 2 * value * ab + value * value * bb
    varies = is_sufficient & (spread > _ROUNDING * aa)
    half = F.when(varies, F.lit(NormalDist().inv_cdf(1 - level / 2)) * F.sqrt(spread) / below)
    return F.struct(
        F.lit(name).alias("estimator"), value.alias("value"), (value - half).alias("low"), (value + half).alias("high")
    )
