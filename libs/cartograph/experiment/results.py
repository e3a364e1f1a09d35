"""One verdict per experiment, arm and metric, and one decision per arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from cartograph.core.tables.schema import table
from cartograph.experiment.cuped import Difference, adjusted_difference
from cartograph.experiment.declared import Experiment
from cartograph.experiment.enrolments import Counts, counts, entries
from cartograph.experiment.interleaving import PREFERENCE, preferences
from cartograph.experiment.metric_verdicts import Judged, Levels, Look, decision, faults, finite, judged
from cartograph.experiment.moments import Moments, arm_moments
from cartograph.experiment.outcomes import METRICS, outcomes
from cartograph.experiment.power import customers_needed
from cartograph.experiment.sample_ratio import sample_ratio_p

Key = tuple[str, str, str]  # experiment, arm, metric
Row = dict[str, object]


def verdicts(
    exposures: DataFrame,
    events: DataFrame,
    experiments: Sequence[Experiment],
    as_of: date,
    levels: Levels,
    earlier: Mapping[Key, Look] | None = None,
) -> DataFrame:
    """One row per experiment, arm besides the control and metric; columns of gold.experiments without as_of.

    Spark counts; what comes to the driver are some numbers per arm and metric, from which the tests are made.

    Args:
        exposures: rows of gold.exposures before `as_of`.
        events: rows of silver.events before `as_of`.
        experiments: as declared; those that nobody has entered yet have no rows.
        as_of: the day that everything happened before.
        levels: to judge at.
        earlier: what earlier days left of the always valid intervals.
    """
    split = [each for each in experiments if not each.interleaved]
    merged = [each for each in experiments if each.interleaved]
    rows: list[Row] = []
    if split:
        entered = entries(exposures, split).persist()
        seen = counts(entered)
        moments = arm_moments(outcomes(entered, events, split, as_of), METRICS)
        entered.unpersist()
        for each in split:
            if each.name in seen:
                rows += _of_arms(each, seen[each.name], moments, levels, earlier or {})
    if merged:
        moments = arm_moments(preferences(exposures, events, merged, as_of), [PREFERENCE])
        for each in merged:
            rows += _of_lists(each, moments, levels, earlier or {})
    columns = T.StructType([column for column in table("gold.experiments").columns if column.name != "as_of"])
    values = [tuple(row.get(name) for name in columns.names) for row in rows]
    return exposures.sparkSession.createDataFrame(values, columns)


def _of_arms(
    experiment: Experiment,
    seen: Counts,
    moments: Mapping[tuple[str, str], Mapping[str, Moments]],
    levels: Levels,
    earlier: Mapping[Key, Look],
) -> Iterable[Row]:
    """Rows of an A/B test."""
    declared = {name: n for name, n in seen.n_users.items() if name in experiment.shares}
    ratio_p = sample_ratio_p(declared, experiment.shares)
    broken = faults(experiment, seen, ratio_p, levels)
    control = moments.get((experiment.name, experiment.control), {})
    for name in experiment.arms:
        arm = moments.get((experiment.name, name), {}) if control else {}
        found = []
        for metric in arm:
            difference = adjusted_difference(arm[metric], control[metric])
            look = earlier.get((experiment.name, name, metric), Look())
            found.append(judged(metric, experiment, difference, look, levels))
        yield from _rows(experiment, name, found, broken, ratio_p, levels)


def _of_lists(
    experiment: Experiment,
    moments: Mapping[tuple[str, str], Mapping[str, Moments]],
    levels: Levels,
    earlier: Mapping[Key, Look],
) -> Iterable[Row]:
    """The row of an experiment whose lists are interleaved: every customer is in both arms."""
    name = experiment.arms[0]
    if (experiment.name, name) in moments:
        of_all = moments[experiment.name, name][PREFERENCE]
        difference = Difference(of_all.n, of_all.n, of_all.mean, 0.0, of_all.variance / of_all.n)
        look = earlier.get((experiment.name, name, PREFERENCE), Look())
        found = judged(PREFERENCE, experiment, difference, look, levels, scale=1.0)
        yield from _rows(experiment, name, [found], [], None, levels)


def _rows(
    experiment: Experiment,
    arm: str,
    found: Sequence[Judged],
    broken: Sequence[str],
    ratio_p: float | None,
    levels: Levels,
) -> Iterable[Row]:
    """A row per metric; the primary alone, without numbers, while no window is over: faults show at once."""
    decided, reasons = decision(found, broken)
    same: Row = {"experiment": experiment.name, "arm": arm, "sample_ratio_p": ratio_p, "decision": decided,
            "reasons": reasons}  # fmt: skip
    if not found:
        yield same | {"metric": experiment.primary, "role": "primary", "n_users": 0, "n_control_users": 0,
                      "verdict": "unclear"}  # fmt: skip
    for each in found:
        difference = each.found
        yield same | {
            "metric": each.metric, "role": each.role, "verdict": each.verdict,
            "n_users": difference.n_users, "n_control_users": difference.n_control_users,
            "value": difference.value, "control_value": difference.control_value, "difference": difference.difference,
            "low": finite(each.low), "high": finite(each.high), "p_value": each.p_value,
            "always_low": finite(each.always.low), "always_high": finite(each.always.high), "always_p": each.always.p,
            "variance_left": difference.variance_left, "detectable": finite(each.detectable),
            "n_needed": _needed(experiment, arm, difference, levels),
        }  # fmt: skip


def _needed(experiment: Experiment, arm: str, found: Difference, levels: Levels) -> int | None:
    """Customers that a test of the declared effect at a fixed size needs; null where the control's mean is 0."""
    level = levels.level / len(experiment.arms)
    effect = experiment.effect * (1.0 if experiment.interleaved else abs(found.control_value))
    if effect <= 0 or found.variance <= 0:
        return None
    if experiment.interleaved:  # one mean, not two of half the customers: a quarter
        return customers_needed(effect, found.variance * found.n_users, level, levels.power) // 4
    spread = found.variance / (1 / found.n_users + 1 / found.n_control_users)
    shares = experiment.shares
    return customers_needed(effect, spread, level, levels.power, shares[arm], shares[experiment.control])
