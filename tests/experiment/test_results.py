"""Results of experiments from the log to the decision, and the job that writes them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pyspark.sql import DataFrame, Row, SparkSession

from cartograph.core.tables import schema
from cartograph.experiment.assignment import arm_of
from cartograph.experiment.cuped import adjusted_difference
from cartograph.experiment.looks import Look, earlier_looks
from cartograph.experiment.moments import Moments
from cartograph.experiment.outcomes import METRICS
from cartograph.experiment.results import experiment_results
from cartograph.experiment.settings import ExperimentDeclaration, ExperimentSettings
from cartograph.runtime.config import ConfigError, load_config
from cartograph.runtime.job import Suite
from cartograph.runtime.progress import Progress
from cartograph.runtime.tables import Tables
from cartograph.runtime.tracking import Tracking
from jobs import experiment
from tests.conftest import LOCAL
from tests.experiment.declarations import DEFAULTS, HALVES, declaration

START, DAY = datetime(2025, 3, 1), date(2025, 4, 1)
TEST = declaration(salt="s", guardrails={"returns": 0.5}, effect=0.2, window_days=7)
FAULTY = declaration(window_days=7)
YOUNG = declaration(window_days=60)
TASTE = declaration(primary="preference", effect=0.2, window_days=1, interleaved=True)
USERS = [f"u{n}" for n in range(400)]
HOUR = timedelta(hours=1)

Events = list[dict[str, Any]]


def entered_at(number: int) -> datetime:
    return START + number % 20 * timedelta(days=1)


def exposures() -> list[dict[str, Any]]:
    """`test` is assigned by its salt, `faulty` lost half an arm, `young` has open windows, `taste` is interleaved."""
    rows = []
    for number, user in enumerate(USERS):
        arms = {"test": arm_of(user, "s", HALVES), "young": "new" if number % 2 else "control", "taste": "both"}
        if number % 4 != 1:
            arms["faulty"] = "new" if number % 2 else "control"
        for name, arm in arms.items():
            seen = {"experiment": name, "arm": arm, "user_id": user, "product_ids": ["p1", "p2"]}
            rows += [seen | {"exposed_at": entered_at(number) + again * HOUR} for again in range(2)]
    for row in rows:
        row["teams"] = ["new", "control"] if row["experiment"] == "taste" else None
        row["propensities"] = [0.5, 0.5] if row["experiment"] == "young" else None
    rows.append(rows[0] | {"user_id": None})
    rows.append({"experiment": "unheard of", "arm": "x", "user_id": "u1", "exposed_at": START, "product_ids": []})
    return [row | {"exposure_id": f"e{number}"} for number, row in enumerate(rows)]


def events() -> Events:
    """Orders before and after: who bought much buys much, and the new arm of `test` half as much again."""
    draw, rows = np.random.default_rng(3), []
    for number, user in enumerate(USERS):
        habit = float(draw.uniform(5, 25))
        lift = 1.5 if arm_of(user, "s", HALVES) == "new" else 1.0
        for days, price in ((-3, habit), (-40, 999.0), (2, lift * habit + draw.normal(0, 1)), (8, 999.0)):
            bought = {"event_type": "purchase", "product_id": "p1", "order_id": f"o{number}{days}"}
            rows.append(bought | {"user_id": user, "event_at": entered_at(number) + timedelta(days=days),
                                  "quantity": 2.0 if days == 2 else None, "unit_price": price})  # fmt: skip
        sent_back = {"event_type": "return", "product_id": "p1", "user_id": user}
        rows += [sent_back | {"event_at": entered_at(number) + days * HOUR} for days in range(50, 51 + number // 2 % 2)]
        looked = {"user_id": user, "event_at": entered_at(number) + 2 * HOUR, "event_type": "view"}
        rows.append(looked | {"product_id": "p1" if number % 4 else "p2"})
    return [row | {"event_id": f"v{n}", "event_on": row["event_at"].date()} for n, row in enumerate(rows)]


def frame(spark: SparkSession, table: str, rows: list[dict[str, Any]]) -> DataFrame:
    return spark.createDataFrame(rows, schema.table(table).columns)


@pytest.fixture(scope="module")
def results(spark: SparkSession) -> dict[tuple[str, str], Row]:
    shown, done = frame(spark, "gold.exposures", exposures()), frame(spark, "silver.events", events())
    settings = ExperimentSettings(declared={"test": TEST, "faulty": FAULTY, "young": YOUNG, "taste": TASTE})
    rows = experiment_results(shown, done, settings, DAY).collect()
    assert {row.arm for row in rows} == {"new"}
    return {(row.experiment, row.metric): row for row in rows}


def oracle(metric_of: Any) -> tuple[Moments, Moments]:
    """Moments of `test` from the definitions: customer by customer."""
    arms = {}
    for name in ("new", "control"):
        users = [number for number, user in enumerate(USERS) if arm_of(user, "s", HALVES) == name]
        after = np.array([metric_of(number, 0, 7) for number in users])
        before = np.array([metric_of(number, -28, 0) for number in users])
        arms[name] = Moments(len(users), after.mean(), after.var(ddof=1), before.mean(), before.var(ddof=1),
                             np.cov(before, after)[0, 1])  # fmt: skip
    return arms["new"], arms["control"]


def test_the_difference_is_computed_over_the_customers_windows(results: dict[tuple[str, str], Row]) -> None:
    done = events()

    def revenue(number: int, begin: int, end: int) -> float:
        low, high = (entered_at(number) + timedelta(days=days) for days in (begin, end))
        mine = [row for row in done if row["user_id"] == USERS[number] and low <= row["event_at"] < high]
        return sum((row["quantity"] or 1) * row["unit_price"] for row in mine if row["event_type"] == "purchase")

    expected, row = adjusted_difference(*oracle(revenue)), results["test", "revenue"]
    assert (row.n_users, row.n_control_users) == (expected.n_users, expected.n_control_users)
    assert row.difference == pytest.approx(expected.difference)
    assert row.variance_left == pytest.approx(expected.variance_left)
    assert row.variance_left < 0.5
    assert (row.low + row.high) / 2 == pytest.approx(expected.difference)
    assert row.low < row.difference < row.high
    assert row.always_low < row.low


def test_a_clear_gain_that_harms_nothing_is_shipped(results: dict[tuple[str, str], Row]) -> None:
    row = results["test", "revenue"]
    assert (row.role, row.verdict, row.decision) == ("primary", "better", "ship")
    assert row.sample_ratio_p > 0.001
    assert row.n_needed > 0
    assert {metric for name, metric in results if name == "test"} == set(METRICS)
    assert results["test", "returns"].verdict == "safe"  # one or two a customer in either arm
    nothing = results["test", "carts"]  # are in neither arm
    assert (nothing.verdict, nothing.p_value, nothing.always_p) == ("unclear", 1.0, 1.0)
    assert [nothing[name] for name in ("low", "high", "always_low", "always_high", "detectable")] == [None] * 5


def test_an_arm_that_lost_customers_makes_an_experiment_invalid(results: dict[tuple[str, str], Row]) -> None:
    row = results["faulty", "revenue"]
    assert row.decision == "invalid"
    assert row.sample_ratio_p < 1e-6
    assert "do not match the declared shares" in row.reasons[0]


def test_an_experiment_whose_windows_are_not_over_waits(results: dict[tuple[str, str], Row]) -> None:
    row = results["young", "revenue"]
    assert (row.n_users, row.value, row.decision) == (0, None, "continue")
    assert [metric for name, metric in results if name == "young"] == ["revenue"]


def test_interleaved_lists_show_which_one_is_preferred(results: dict[tuple[str, str], Row]) -> None:
    row = results["taste", "preference"]
    assert (row.n_users, row.value, row.decision) == (
        400,
        0.5,
        "ship",
    )  # three of four looked at the new list's product


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """The tables that the job reads, with the settings of `test` and `taste`."""
    config = load_config("demo", [*LOCAL, f"lake.root={tmp_path_factory.mktemp('experiments')}",
                                  setting("test", TEST), setting("taste", TASTE)])  # fmt: skip
    tables = Tables.of(spark, config)
    return Suite("tests", config, spark, tables, Tracking(config), Progress())


def setting(name: str, each: ExperimentDeclaration, **changed: Any) -> str:
    """A declaration as an argument of the command line."""
    return f"experiment.declared.{name}={json.dumps(each.model_dump(mode='json') | changed)}"


def test_the_job_writes_verdicts_and_off_policy_values(spark: SparkSession, lake: Suite) -> None:
    lake.run("experiment", experiment.run, as_of=DAY)  # nothing was shown yet: it says so
    tables = lake.tables
    tables.replace("gold.exposures", frame(spark, "gold.exposures", exposures()))
    tables.replace("silver.events", frame(spark, "silver.events", events()))
    earlier = DAY - timedelta(days=30)
    listed = [{"as_of": earlier, "model": "als", "user_id": user, "rank": 1, "product_id": "p1", "score": 1.0}
              for user in USERS]  # fmt: skip
    tables.replace("gold.candidates", frame(spark, "gold.candidates", listed))
    lake.run("experiment", experiment.run, as_of=DAY)
    rows = {(row.experiment, row.metric): row for row in tables.read("gold.experiments", DAY).collect()}
    assert rows["test", "revenue"].decision == rows["taste", "preference"].decision == "ship"
    values = {row.estimator: row for row in tables.read("gold.off_policy", earlier).collect()}
    # Lists since then went to 380 customers, all with p1 first, with a probability of a half; 300 of them looked at it.
    assert values["snips"].value == pytest.approx(300 / 380)
    assert values["ips"].value == pytest.approx(2 * 300 / 380)
    looks = earlier_looks(tables.read("gold.experiments"), DAY + timedelta(days=1), min_users=100)
    assert earlier_looks(tables.read("gold.experiments"), DAY, min_users=100) == {}
    assert looks["test", "new", "revenue"].low == rows["test", "revenue"].always_low
    assert looks["test", "new", "carts"] == Look()
    assert values["snips"].low < values["snips"].value < values["snips"].high


def test_looks_at_few_customers_or_without_variance_are_ignored(spark: SparkSession, lake: Suite) -> None:
    def look(metric: str, day: int, n_users: int, low: float | None, high: float | None, p: float) -> dict[str, Any]:
        same = {"experiment": "old", "arm": "new", "role": "primary", "verdict": "unclear", "decision": "continue"}
        return same | {
            "as_of": date(2025, 1, day), "metric": metric, "n_users": n_users, "n_control_users": 500, "reasons": [],
            "always_low": low, "always_high": high, "always_p": p,
        }  # fmt: skip

    rows = [
        look("orders", 1, 99, 0.1, 0.2, 0.01), look("orders", 2, 100, -0.5, 0.6, 0.3),
        look("revenue", 1, 500, 0.0, 0.0, 0.0), look("revenue", 2, 500, None, None, 1.0),
        look("views", 1, 500, 0.2, 0.9, 0.02), look("views", 2, 500, 0.2, 0.1, 0.01),
    ]  # fmt: skip
    for row in rows:
        lake.tables.replace(
            "gold.experiments",
            frame(spark, "gold.experiments", [each for each in rows if each["as_of"] == row["as_of"]]),
            as_of=row["as_of"],
        )
    found = earlier_looks(lake.tables.read("gold.experiments"), date(2025, 2, 1), min_users=100)
    looks = {metric: look for (_, _, metric), look in found.items()}
    assert looks["orders"] == Look(0.3, -0.5, 0.6)
    assert looks["revenue"] == Look()
    assert looks["views"] == Look(0.02, 0.2, 0.9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"control": "old"}, "control 'old' is not one of the arms"),
        ({"shares": {"control": 0.5, "new": 0.4}}, "sum to 1"),
        ({"primary": "preference"}, "if, and only if, lists are interleaved"),
        ({"guardrails": {"revenue": 0.1}}, "revenue is the primary metric"),
    ],
)
def test_a_declaration_that_does_not_fit_together_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        declaration(**change)
    with pytest.raises(ConfigError, match=message):
        load_config("demo", [setting("test", TEST, **change)])


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_a_declaration_that_lacks_a_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match=f"{key}\n *Field required"):
        ExperimentDeclaration(**{name: value for name, value in DEFAULTS.items() if name != key})
