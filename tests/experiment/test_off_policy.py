"""Values of policies that were not shown, in simulations whose truth is known."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from cartograph.experiment.logged_decisions import logged_decisions, policy_decisions
from cartograph.experiment.off_policy import off_policy_values
from cartograph.experiment.settings import ExperimentSettings, OffPolicySettings

SETTINGS = ExperimentSettings(min_users=2)
N_TRIALS, N_USERS, PER_USER = 200, 100, 3
CHOSEN = np.array([0.4, 0.3, 0.2, 0.1])  # propensities of four products
EARNS = np.array([0.1, 0.2, 0.3, 0.6])  # their true rates
TARGET = np.array([0.0, 0.1, 0.2, 0.7])  # the policy to be evaluated
PREDICTED = np.array([0.15, 0.2, 0.25, 0.5])  # a reward model that is slightly wrong
TRUTH = float(TARGET @ EARNS)


def logs() -> pd.DataFrame:
    """Trials of the same experiment, each a model of its own; a customer's rewards go up and down together."""
    draw = np.random.default_rng(6)
    shape = (N_TRIALS, N_USERS, PER_USER)
    shown = draw.choice(4, shape, p=CHOSEN)
    mood = draw.choice([0.5, 1.5], (N_TRIALS, N_USERS, 1))
    reward = draw.random(shape) < EARNS[shown] * mood
    trial, user, _ = np.indices(shape)
    columns = {
        "model": trial.astype(str), "user_id": user.astype(str), "reward": reward.astype(float),
        "propensity": CHOSEN[shown], "probability": TARGET[shown], "predicted": PREDICTED[shown],
        "expected": np.full(shape, TARGET @ PREDICTED),
    }  # fmt: skip
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


@pytest.fixture(scope="module")
def estimated(spark: SparkSession) -> pd.DataFrame:
    return off_policy_values(spark.createDataFrame(logs()), SETTINGS).toPandas()


@pytest.mark.parametrize("estimator", ["ips", "snips", "dr"])
def test_estimates_are_unbiased_and_their_intervals_contain_the_truth(estimated: pd.DataFrame, estimator: str) -> None:
    found = estimated[estimated.estimator == estimator]
    assert len(found) == N_TRIALS
    assert found.value.mean() == pytest.approx(TRUTH, abs=0.025)
    held = ((found.low <= TRUTH) & (found.high >= TRUTH)).mean()
    assert 0.90 <= held <= 0.99
    assert (found.high - found.low).mean() / (2 * 1.96) == pytest.approx(found.value.std(), rel=0.15)


def test_normalising_and_predicting_make_estimates_narrower(estimated: pd.DataFrame) -> None:
    spread = estimated.groupby("estimator").value.std()
    assert spread["snips"] < 0.9 * spread["ips"]
    assert spread["dr"] < 0.9 * spread["ips"]


def test_one_trial_agrees_with_the_definitions(estimated: pd.DataFrame) -> None:
    log = logs()
    log = log[log.model == "7"]
    weight = log.probability / log.propensity
    expected = {
        "ips": (weight * log.reward).mean(),
        "snips": (weight * log.reward).sum() / weight.sum(),
        "dr": (log.expected + weight * (log.reward - log.predicted)).mean(),
    }
    found = estimated[estimated.model == "7"].set_index("estimator")
    assert found.value.to_dict() == pytest.approx(expected)
    assert set(found.n_decisions) == {N_USERS * PER_USER}
    assert set(found.n_users) == {N_USERS}
    assert found.effective_n.iloc[0] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert found.largest_weight.iloc[0] == pytest.approx(weight.max())


def test_one_customer_and_rewards_that_never_come_have_no_interval(spark: SparkSession) -> None:
    rows = [("one", "u0", 1.0, 1.0), *[("one", f"u{n}", float(n % 2), 0.0) for n in range(1, 200)]]
    rows += [("never", f"u{n}", 0.0, 1.0) for n in range(200)] + [("many", f"u{n}", n % 2.0, 1.0) for n in range(200)]
    log = pd.DataFrame(rows, columns=["model", "user_id", "reward", "probability"])
    given = spark.createDataFrame(log.assign(propensity=0.5, predicted=0.5, expected=0.5))
    found = {
        (row.model, row.estimator): row for row in off_policy_values(given, ExperimentSettings(min_users=100)).collect()
    }
    for estimator in ("ips", "snips", "dr"):
        assert (found["one", estimator].low, found["one", estimator].high) == (None, None)
        assert found["many", estimator].low < found["many", estimator].high
    assert found["never", "ips"].value == found["never", "snips"].value == 0.0
    assert found["never", "ips"].low is found["never", "snips"].high is None


def test_logged_decisions_are_compared_with_another_models_lists(spark: SparkSession) -> None:
    start, hour = datetime(2025, 3, 1), timedelta(hours=1)
    exposures = spark.createDataFrame(
        [("e1", "ann", start, ["a", "b"], [0.5, 0.25]), ("e2", "bob", start, ["b", "a"], [0.5, 0.5]),
         ("e3", "ann", start, ["a"], None), ("e4", "ann", start + timedelta(days=9), ["a"], [0.5])],
        "exposure_id string, user_id string, exposed_at timestamp, product_ids array<string>, "
        "propensities array<double>",
    )  # fmt: skip
    events = spark.createDataFrame(
        [("ann", "a", "view", start + hour), ("ann", "a", "cart", start + hour),
         ("ann", "b", "view", start + 30 * hour)],
        "user_id string, product_id string, event_type string, event_at timestamp",
    )  # fmt: skip
    lists = spark.createDataFrame(
        [("als", "ann", 1, "a"), ("als", "ann", 2, "c"), ("als", "bob", 1, "a")],
        "model string, user_id string, rank int, product_id string",
    )
    settings = OffPolicySettings(window_days=1)
    logged = logged_decisions(exposures, events, settings, date(2025, 3, 10)).persist()
    rows = {(row.exposure_id, row["rank"]): (row.product_id, row.propensity, row.reward) for row in logged.collect()}
    assert rows == {
        ("e1", 1): ("a", 0.5, 1.0), ("e1", 2): ("b", 0.25, 0.0), ("e2", 1): ("b", 0.5, 0.0), ("e2", 2): ("a", 0.5, 0.0),
    }  # fmt: skip
    decisions = policy_decisions(logged, lists, settings)
    found = {(row.user_id, row.propensity): (row.probability, row.reward) for row in decisions.collect()}
    assert found == {("ann", 0.5): (1.0, 1.0), ("ann", 0.25): (0.0, 0.0), ("bob", 0.5): (0.0, 0.0)}
    [ips] = off_policy_values(decisions, SETTINGS).where("estimator = 'ips'").collect()
    assert ips.value == pytest.approx((1 / 0.5) / 3)
