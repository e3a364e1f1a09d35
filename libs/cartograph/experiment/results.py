"""One verdict per experiment, arm and metric, and one decision per arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from cartograph.core.tables.schema import table
from cartograph.experiment.arm_decisions import arm_decision, invalid_because
from cartograph.experiment.cuped import Difference, adjusted_difference
from cartograph.experiment.enrolments import EnrolmentCounts, enrolment_counts, enrolments
from cartograph.experiment.interleaving import PREFERENCE, preferences
from cartograph.experiment.looks import Key, Look
from cartograph.experiment.metric_verdicts import MetricVerdict, metric_verdict
from cartograph.experiment.moments import Moments, arm_moments
from cartograph.experiment.outcomes import METRICS, outcomes
from cartograph.experiment.power import customers_needed
from cartograph.experiment.sample_ratio import sample_ratio_p
from cartograph.experiment.settings import ExperimentDeclaration, ExperimentSettings

Row = dict[str, object]


@dataclass(frozen=True)
class Evidence:
    """What the verdicts are made from: moments by experiment and arm, earlier looks, and the levels of the tests."""

    moments: Mapping[tuple[str, str], Mapping[str, Moments]]
    settings: ExperimentSettings
    earlier: Mapping[Key, Look] = field(default_factory=dict)


def experiment_results(
    exposures: DataFrame,
    events: DataFrame,
    settings: ExperimentSettings,
    as_of: date,
    earlier: Mapping[Key, Look] | None = None,
) -> DataFrame:
    """One row per declared experiment, arm besides the control and metric: gold.experiments without as_of.

    Spark counts; a few numbers per arm and metric come to the driver, from which the tests are made. Experiments that
    nobody has entered yet have no rows.

    Args:
        exposures: rows of gold.exposures before `as_of`.
        events: rows of silver.events before `as_of`.
        settings: the declarations and the levels of the tests.
        as_of: the day before which everything happened.
        earlier: what earlier days left of the always valid intervals, see `earlier_looks`.
    """
    separate = {name: each for name, each in settings.declared.items() if not each.interleaved}
    interleaved = {name: each for name, each in settings.declared.items() if each.interleaved}
    rows: list[Row] = []
    if separate:
        entered = enrolments(exposures, separate).persist()
        counts = enrolment_counts(entered)
        moments = arm_moments(outcomes(entered, events, separate, as_of), METRICS)
        entered.unpersist()
        evidence = Evidence(moments, settings, earlier or {})
        for name, each in separate.items():
            if name in counts:
                rows += _separate_arms(name, each, counts[name], evidence)
    if interleaved:
        moments = arm_moments(preferences(exposures, events, interleaved, as_of), [PREFERENCE])
        for name, each in interleaved.items():
            rows += _interleaved_arms(name, each, Evidence(moments, settings, earlier or {}))
    columns = T.StructType([column for column in table("gold.experiments").columns if column.name != "as_of"])
    values = [tuple(row.get(name) for name in columns.names) for row in rows]
    return exposures.sparkSession.createDataFrame(values, columns)


def undeclared(exposures: DataFrame, settings: ExperimentSettings) -> list[str]:
    """The names of experiments that were logged but not declared, of which there are few."""
    logged = {row[0] for row in exposures.select("experiment").distinct().collect()}
    return sorted(logged - settings.declared.keys())


def _separate_arms(
    name: str, experiment: ExperimentDeclaration, counts: EnrolmentCounts, evidence: Evidence
) -> Iterable[Row]:
    """Rows of an A/B test."""
    declared = {arm: n for arm, n in counts.n_users.items() if arm in experiment.shares}
    ratio_p = sample_ratio_p(declared, experiment.shares)
    problems = invalid_because(experiment, counts, ratio_p, evidence.settings)
    control = evidence.moments.get((name, experiment.control), {})
    for arm in experiment.treatments:
        moments = evidence.moments.get((name, arm), {}) if control else {}
        verdicts = []
        for metric in moments:
            difference = adjusted_difference(moments[metric], control[metric])
            look = evidence.earlier.get((name, arm, metric), Look())
            verdicts.append(metric_verdict(metric, experiment, difference, look, evidence.settings))
        decision = arm_decision(verdicts, problems)
        yield from _rows({"experiment": name, "arm": arm, "sample_ratio_p": ratio_p}, experiment, verdicts, decision,
                         evidence.settings)  # fmt: skip


def _interleaved_arms(name: str, experiment: ExperimentDeclaration, evidence: Evidence) -> Iterable[Row]:
    """The row of an experiment with interleaved lists: every customer is in both arms."""
    arm = experiment.treatments[0]
    if (name, arm) in evidence.moments:
        moments = evidence.moments[name, arm][PREFERENCE]
        difference = Difference(moments.n, moments.n, moments.mean, 0.0, moments.variance / moments.n)
        look = evidence.earlier.get((name, arm, PREFERENCE), Look())
        found = metric_verdict(PREFERENCE, experiment, difference, look, evidence.settings, scale=1.0)
        same: Row = {"experiment": name, "arm": arm, "sample_ratio_p": None}
        yield from _rows(same, experiment, [found], arm_decision([found], []), evidence.settings)


def _rows(
    same: Row,
    experiment: ExperimentDeclaration,
    verdicts: Sequence[MetricVerdict],
    decision: tuple[str, list[str]],
    settings: ExperimentSettings,
) -> Iterable[Row]:
    """A row per metric; only the primary, without numbers, while no window is over: problems show at once."""
    same = same | {"decision": decision[0], "reasons": decision[1]}
    if not verdicts:
        yield same | {"metric": experiment.primary, "role": "primary", "n_users": 0, "n_control_users": 0,
                      "verdict": "unclear"}  # fmt: skip
    for each in verdicts:
        difference = each.found
        yield same | {
            "metric": each.metric, "role": each.role, "verdict": each.verdict,
            "n_users": difference.n_users, "n_control_users": difference.n_control_users,
            "value": difference.value, "control_value": difference.control_value, "difference": difference.difference,
            "low": _finite(each.low), "high": _finite(each.high), "p_value": each.p_value,
            "always_low": _finite(each.always.low), "always_high": _finite(each.always.high), "always_p": each.always.p,
            "variance_left": difference.variance_left, "detectable": _finite(each.detectable),
            "n_needed": _n_needed(experiment, str(same["arm"]), difference, settings),
        }  # fmt: skip


def _n_needed(
    experiment: ExperimentDeclaration, arm: str, found: Difference, settings: ExperimentSettings
) -> int | None:
    """Customers that a fixed-sample test of the declared effect needs; null if the control's mean is 0."""
    level = settings.level / len(experiment.treatments)
    effect = experiment.effect * (1.0 if experiment.interleaved else abs(found.control_value))
    if effect <= 0 or found.variance <= 0:
        return None
    if experiment.interleaved:  # One mean, not two of half the customers: a quarter.
        return customers_needed(effect, found.variance * found.n_users, level, settings.power) // 4
    spread = found.variance / (1 / found.n_users + 1 / found.n_control_users)
    shares = experiment.shares
    return customers_needed(effect, spread, level, settings.power, shares[arm], shares[experiment.control])


def _finite(value: float) -> float | None:
    """The number, or null for an infinite bound."""
    return value if math.isfinite(value) else None
