"""Whether a challenger's lists should take the place of those that are shown: only when they are shown to be better.

A challenger is held against the champion on the same customers (`paired`), at levels that allow for the number of
challengers (Holm 1979), and must not cost what guardrails protect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from cartograph.core.errors import UserError
from cartograph.core.statistics.guardrails import State, guardrail_state
from cartograph.core.statistics.metrics import direction
from cartograph.evaluate.bootstrap import Resampled, drawn_weights
from cartograph.evaluate.paired import Compared, compared


@dataclass(frozen=True)
class Gate:
    """What a challenger has to show.

    Args:
        champion: model whose lists are shown.
        challengers: models that may take its place.
        metric, k: decide; a mean over customers.
        slice: where they are taken.
        level: chance allowed that any challenger is promoted that is not better.
        min_gain: the interval of the difference must lie above this; p values are of a difference that is this large.
        min_users: customers without whom nothing is decided.
        guardrails: largest loss of a metric that is tolerated, as a share of the champion's.
    """

    champion: str
    challengers: Sequence[str]
    metric: str = "ndcg"
    k: int = 10
    slice: str = "all"
    level: float = 0.05
    min_gain: float = 0.0
    min_users: int = 500
    guardrails: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Resampling:
    """How bucket sums are resampled, as for `bootstrap.means`."""

    n_buckets: int
    n_resamples: int
    seed: int


@dataclass(frozen=True)
class Decision:
    """What becomes of a challenger: promote, keep (the champion stays) or not_enough, with the reasons in words."""

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


def decisions(
    sums: pd.DataFrame, shown: Mapping[tuple[str, str], float], gate: Gate, resampling: Resampling
) -> list[Decision]:
    """One per challenger. At most one is promoted: of several that may be, the one that gains most.

    Args:
        sums: of `bootstrap.bucket_sums`, those of the slice: as many rows per model as there are buckets.
        shown: by model and metric, the values at `gate.k` of metrics that are no means over customers (`exposure`).
        gate: see `Gate`.
        resampling: see `Resampling`.

    Raises:
        UserError: a metric is none of those measured.
    """
    names = [column.removeprefix("sum ") for column in sums.columns if column.startswith("sum ")]
    _check(gate, names, shown)
    weights = drawn_weights(resampling.n_buckets, resampling.n_resamples, resampling.seed)
    models = {str(model): Resampled.of(rows, names, weights) for model, rows in sums.groupby("model")}
    absent = [_absent(model, gate) for model in gate.challengers if not {model, gate.champion} <= models.keys()]
    asked = [model for model in gate.challengers if {model, gate.champion} <= models.keys()]
    place = names.index(f"{gate.metric}@{gate.k}")
    found = _differences(models, asked, gate, place) if asked else []
    judged = [_judged(each, models, names, shown, gate, place) for each in found]
    return _one_promoted(judged) + absent


def _check(gate: Gate, names: Sequence[str], shown: Mapping[tuple[str, str], float]) -> None:
    known = sorted({name.partition("@")[0] for name in names})
    if f"{gate.metric}@{gate.k}" not in names:
        raise UserError(
            f"evaluate.promotion: no {gate.metric} at {gate.k} is measured; metrics are {', '.join(known)}, "
            f"at {', '.join(sorted({name.partition('@')[2] for name in names}, key=int))}"
        )
    unknown = sorted(set(gate.guardrails) - set(known) - {metric for _, metric in shown})
    if unknown and shown:
        raise UserError(f"evaluate.promotion.guardrails: {', '.join(unknown)} is not measured")


def _differences(models: Mapping[str, Resampled], asked: Sequence[str], gate: Gate, place: int) -> list[Compared]:
    """Each challenger against the champion; gains are above 0."""
    sign = direction(gate.metric)
    champion = models[gate.champion]
    values = {model: sign * float(models[model].values[place] - champion.values[place]) for model in asked}
    draws = {model: sign * (models[model].draws[:, place] - champion.draws[:, place]) for model in asked}
    return compared(values, draws, gate.level, gate.min_gain)


def _judged(
    found: Compared,
    models: Mapping[str, Resampled],
    names: Sequence[str],
    shown: Mapping[tuple[str, str], float],
    gate: Gate,
    place: int,
) -> Decision:
    """The decision on one challenger, as if there were no others."""
    challenger, champion = models[found.model], models[gate.champion]
    n_users = int(min(challenger.n[place], champion.n[place]))
    what = f"{gate.metric}@{gate.k} differs by {found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
    if n_users < gate.min_users:
        decision, reasons = "not_enough", [f"{n_users:,} customers are fewer than {gate.min_users:,}"]
    else:
        broken = [
            reason
            for metric, tolerated in gate.guardrails.items()
            for reason in _broken(metric, tolerated, found.model, models, names, shown, gate)
        ]
        is_better = found.low > gate.min_gain and found.p_value <= gate.level
        gain = f"{what}: {'above' if is_better else 'not shown to be above'} {gate.min_gain:g}"
        decision, reasons = "promote" if is_better and not broken else "keep", [gain, *broken]
    values = float(champion.values[place]), float(challenger.values[place])
    return Decision(found.model, decision, reasons, n_users, *values, found.value, found.low, found.high, found.p_value)


def _broken(
    metric: str,
    tolerated: float,
    challenger: str,
    models: Mapping[str, Resampled],
    names: Sequence[str],
    shown: Mapping[tuple[str, str], float],
    gate: Gate,
) -> list[str]:
    """Why a guardrail holds the challenger back; nothing if it is safe.

    Of a mean over customers, a loss beyond the tolerated one must be ruled out; others have no interval.
    """
    sign = direction(metric)
    name = f"{metric}@{gate.k}"
    if name in names:
        at = names.index(name)
        before, after = (float(models[model].values[at]) for model in (gate.champion, challenger))
        draws = sign * (models[challenger].draws[:, at] - models[gate.champion].draws[:, at])
        low, high = np.nanpercentile(draws, [50 * gate.level, 100 - 50 * gate.level])
    else:
        before, after = (shown.get((model, metric), float("nan")) for model in (gate.champion, challenger))
        low = high = sign * (after - before)
    state: State = guardrail_state(float(low), float(high), tolerated * abs(before))
    if state == "safe":
        return []
    word = "is harmed" if state == "harmed" else "may be harmed"
    return [f"{name} {word}: {after:.4f} instead of {before:.4f}, where a loss of {tolerated:.1%} is tolerated"]


def _one_promoted(judged: Sequence[Decision]) -> list[Decision]:
    """The same decisions with one promotion at most."""
    better = [each for each in judged if each.decision == "promote"]
    if not better:
        return list(judged)
    first = max(better, key=lambda each: (each.difference or 0.0, each.challenger))
    reason = f"{first.challenger} gains more"
    second = {each.challenger for each in better} - {first.challenger}
    return [
        replace(each, decision="keep", reasons=[*each.reasons, reason]) if each.challenger in second else each
        for each in judged
    ]


def _absent(model: str, gate: Gate) -> Decision:
    return Decision(model, "not_enough", [f"{model} and {gate.champion} do not both have lists of that day"], 0)
