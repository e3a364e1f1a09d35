"""Whether a challenger's lists should replace those that are shown: only if they are shown to be better.

A challenger is compared with the champion on the same customers (`paired`), at levels that are corrected for the number
of challengers (Holm 1979), and must not harm the metrics that guardrails protect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.statistics.guardrails import guardrail_state
from cartograph.core.statistics.metrics import direction
from cartograph.evaluate.bootstrap import ResampledMeans, bucket_weights
from cartograph.evaluate.exposure import EXPOSURE_METRICS
from cartograph.evaluate.paired import ModelDifference, model_differences
from cartograph.evaluate.settings import EvaluateSettings, PromotionSettings


@dataclass(frozen=True)
class PromotionDecision:
    """The decision about a challenger: promote, keep (the champion stays) or not_enough, with the reasons as text."""

    challenger: str
    decision: str
    reasons: list[str]
    n_users: int
    champion_value: float | None = None
    value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Measured:
    """The metrics of the compared models in the slice that decides.

    `models` are means over customers, their metrics in the order of `names` (`metric@k`); `exposure` has, by model and
    metric, the values that are not such means (`evaluate.exposure`).
    """

    names: list[str]
    models: Mapping[str, ResampledMeans]
    exposure: Mapping[tuple[str, str], float]


def promotion_decisions(sums: DataFrame, values: DataFrame, settings: EvaluateSettings) -> list[PromotionDecision]:
    """One decision per challenger.

    Only bucket sums come to the driver: one row per bucket and model.

    Args:
        sums: see `bootstrap.bucket_sums`.
        values: rows of gold.evaluation of the same day.
        settings: the champion, its challengers and what they have to show, and the resampling.
    """
    rule = settings.promotion
    compared = (F.col("slice") == rule.slice) & F.col("model").isin(rule.champion, *rule.challengers)
    exposure = values.where(compared & (F.col("k") == rule.k) & F.col("metric").isin(*EXPOSURE_METRICS)).collect()
    by_metric = {(row["model"], row["metric"]): row["value"] for row in exposure}
    return decided(sums.where(compared).toPandas(), by_metric, settings)


def decided(
    sums: pd.DataFrame, exposure: Mapping[tuple[str, str], float], settings: EvaluateSettings
) -> list[PromotionDecision]:
    """One decision per challenger. At most one is promoted: of several that qualify, the one that gains most.

    Args:
        sums: see `bootstrap.bucket_sums`, those of the slice: one row per model and bucket.
        exposure: see `Measured`, at `settings.promotion.k`.
        settings: the champion, its challengers and what they have to show, and the resampling.

    Raises:
        UserError: a metric is not among those measured.
    """
    rule = settings.promotion
    names = [column.removeprefix("sum ") for column in sums.columns if column.startswith("sum ")]
    _require_measured(rule, names, exposure)
    weights = bucket_weights(settings)
    models = {str(model): ResampledMeans.of(rows, names, weights) for model, rows in sums.groupby("model")}
    measured = Measured(names, models, exposure)
    present = [model for model in rule.challengers if {model, rule.champion} <= models.keys()]
    differences = _differences(measured, present, rule) if present else []
    decisions = [_decision(each, measured, rule) for each in differences]
    absent = [_absent(model, rule) for model in rule.challengers if model not in present]
    return _one_promoted(decisions) + absent


def promotion_rows(decisions: Sequence[PromotionDecision], rule: PromotionSettings, day: date) -> list[dict[str, Any]]:
    """The rows of gold.promotions for that day."""
    same = {"as_of": day, "champion": rule.champion, "metric": rule.metric, "k": rule.k, "slice": rule.slice}
    return [same | vars(each) for each in decisions]


def described(decisions: Sequence[PromotionDecision], champion: str) -> str:
    """The decisions as text, one line each."""
    lines = [f"{each.challenger} vs. {champion}: {each.decision} ({'; '.join(each.reasons)})" for each in decisions]
    return "\n".join(lines)


def aliases(decisions: Sequence[PromotionDecision], champion: str) -> dict[str, str]:
    """The model to be shown (champion), and the next in line: the former champion, or the best challenger."""
    promoted = [each.challenger for each in decisions if each.decision == "promote"]
    if promoted:
        return {"champion": promoted[0], "challenger": champion}
    compared = [each for each in decisions if each.difference is not None]
    best = max(compared, key=lambda each: each.difference or 0.0, default=None)
    return {"champion": champion} | ({"challenger": best.challenger} if best else {})


def _require_measured(rule: PromotionSettings, names: Sequence[str], exposure: Mapping[tuple[str, str], float]) -> None:
    known = sorted({name.partition("@")[0] for name in names})
    if f"{rule.metric}@{rule.k}" not in names:
        raise UserError(
            f"evaluate.promotion: {rule.metric} at {rule.k} is not measured; metrics are {', '.join(known)}, "
            f"at {', '.join(sorted({name.partition('@')[2] for name in names}, key=int))}"
        )
    unknown = sorted(set(rule.guardrails) - set(known) - {metric for _, metric in exposure})
    if unknown and exposure:
        raise UserError(f"evaluate.promotion.guardrails: {', '.join(unknown)} is not measured")


def _differences(measured: Measured, challengers: Sequence[str], rule: PromotionSettings) -> list[ModelDifference]:
    """Each challenger against the champion; gains are above 0."""
    sign, position = direction(rule.metric), measured.names.index(f"{rule.metric}@{rule.k}")
    models, champion = measured.models, measured.models[rule.champion]
    values = {name: sign * float(models[name].values[position] - champion.values[position]) for name in challengers}
    resamples = {
        name: sign * (models[name].resamples[:, position] - champion.resamples[:, position]) for name in challengers
    }
    return model_differences(values, resamples, rule.level, rule.min_gain)


def _decision(found: ModelDifference, measured: Measured, rule: PromotionSettings) -> PromotionDecision:
    """The decision on one challenger, as if there were no others."""
    position = measured.names.index(f"{rule.metric}@{rule.k}")
    challenger, champion = measured.models[found.model], measured.models[rule.champion]
    n_users = int(min(challenger.n[position], champion.n[position]))
    what = f"{rule.metric}@{rule.k} differs by {found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
    if n_users < rule.min_users:
        decision, reasons = "not_enough", [f"{n_users:,} customers are fewer than {rule.min_users:,}"]
    else:
        harm = [
            reason
            for metric, tolerated in rule.guardrails.items()
            for reason in _harm(metric, tolerated, found.model, measured, rule)
        ]
        is_better = found.low > rule.min_gain and found.p_value <= rule.level
        gain = f"{what}: {'above' if is_better else 'not significantly above'} {rule.min_gain:g}"
        decision, reasons = "promote" if is_better and not harm else "keep", [gain, *harm]
    values = float(champion.values[position]), float(challenger.values[position])
    interval = found.value, found.low, found.high, found.p_value
    return PromotionDecision(found.model, decision, reasons, n_users, *values, *interval)


def _harm(metric: str, tolerated: float, challenger: str, measured: Measured, rule: PromotionSettings) -> list[str]:
    """Why a guardrail stops the challenger; empty if it is safe.

    For a mean over customers, a loss beyond the tolerated one must be ruled out; other metrics have no interval.
    """
    sign = direction(metric)
    name = f"{metric}@{rule.k}"
    both = rule.champion, challenger
    if name in measured.names:
        position = measured.names.index(name)
        before, after = (float(measured.models[model].values[position]) for model in both)
        old, new = (measured.models[model].resamples[:, position] for model in both)
        low, high = np.nanpercentile(sign * (new - old), [50 * rule.level, 100 - 50 * rule.level])
    else:
        before, after = (measured.exposure.get((model, metric), float("nan")) for model in both)
        low = high = sign * (after - before)
    state = guardrail_state(float(low), float(high), tolerated * abs(before))
    if state == "safe":
        return []
    word = "is harmed" if state == "harmed" else "may be harmed"
    return [f"{name} {word}: {after:.4f} instead of {before:.4f}, where a loss of {tolerated:.1%} is tolerated"]


def _one_promoted(decisions: Sequence[PromotionDecision]) -> list[PromotionDecision]:
    """The same decisions with one promotion at most."""
    better = [each for each in decisions if each.decision == "promote"]
    if not better:
        return list(decisions)
    first = max(better, key=lambda each: (each.difference or 0.0, each.challenger))
    reason = f"{first.challenger} gains more"
    second = {each.challenger for each in better} - {first.challenger}
    return [
        replace(each, decision="keep", reasons=[*each.reasons, reason]) if each.challenger in second else each
        for each in decisions
    ]


def _absent(model: str, rule: PromotionSettings) -> PromotionDecision:
    reason = f"{model} and {rule.champion} do not both have lists for that day"
    return PromotionDecision(model, "not_enough", [reason], 0)
