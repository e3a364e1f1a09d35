"""Drafted lists are fair, the same in Spark and in Python, and interest counts for the team of the product."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.experiment.interleaving import interleaved_lists, preferences, team_draft_of
from cartograph.experiment.moments import arm_moments
from tests.experiment.declarations import declaration

NAMES = ("new", "control")


def lists(seed: int) -> tuple[list[str], list[str]]:
    draw = np.random.default_rng(seed)
    return tuple([f"p{n}" for n in draw.permutation(12)[: draw.integers(1, 9)]] for _ in NAMES)  # type: ignore[return-value]


def test_spark_drafts_as_python_does(spark: SparkSession) -> None:
    shown = {f"u{seed}": lists(seed) for seed in range(60)}
    rows = [
        (name, user, rank, product)
        for user, both in shown.items()
        for name, products in zip(NAMES, both, strict=True)
        for rank, product in enumerate(products, 1)
    ]
    rows.append(("new", "one list only", 1, "p1"))
    frame = spark.createDataFrame(rows, "model string, user_id string, rank int, product_id string")
    found = interleaved_lists(frame, *NAMES, "day1", 6).collect()
    expected = {user: team_draft_of(*both, NAMES, f"day1:{user}", 6) for user, both in shown.items()}
    assert {row.user_id: (row.product_ids, row.teams) for row in found} == expected


def test_teams_are_of_equal_size_and_each_picks_its_best() -> None:
    for seed in range(200):
        both = lists(seed)
        products, teams = team_draft_of(*both, NAMES, str(seed), 20)
        assert len(set(products)) == len(products)
        assert abs(teams.count("new") - teams.count("control")) <= 1
        for place, (product, team) in enumerate(zip(products, teams, strict=True)):
            own = both[NAMES.index(team)]
            assert product == next(each for each in own if each not in products[:place])


def test_identical_lists_are_drafted_evenly_at_every_rank() -> None:
    same = [f"p{n}" for n in range(10)]
    drafted = [team_draft_of(same, same, NAMES, f"day:{user}", 10) for user in range(2000)]
    assert {tuple(products) for products, _ in drafted} == {tuple(same)}
    for place in range(10):
        assert np.mean([teams[place] == "new" for _, teams in drafted]) == pytest.approx(0.5, abs=0.04)


def test_interest_within_the_window_counts_for_the_team_once_per_list(spark: SparkSession) -> None:
    start = datetime(2025, 3, 1)
    exposures = spark.createDataFrame(
        [("e1", "test", "ann", start, ["a", "b", "c"], ["new", "control", "new"]),
         ("e2", "test", "bob", start, ["a", "b"], ["new", "control"]),
         ("e3", "test", "cat", start, ["a", "b"], ["new", "control"]),
         ("e4", "test", "dan", start + timedelta(days=9), ["a", "b"], ["new", "control"]),
         ("e5", "another", "eve", start, ["a", "b"], ["new", "control"])],
        "exposure_id string, experiment string, user_id string, exposed_at timestamp, product_ids array<string>, "
        "teams array<string>",
    )  # fmt: skip
    hour = timedelta(hours=1)
    events = spark.createDataFrame(
        [("ann", "a", "view", start + hour), ("ann", "c", "cart", start + hour), ("ann", "b", "view", start + hour),
         ("bob", "b", "view", start + hour), ("bob", "b", "purchase", start + 2 * hour),
         ("bob", "a", "return", start + hour), ("bob", "a", "view", start - hour),
         ("bob", "a", "view", start + 80 * hour),
         ("dan", "a", "view", start + timedelta(days=9, hours=1))],
        "user_id string, product_id string, event_type string, event_at timestamp",
    )  # fmt: skip
    test = declaration(primary="preference", window_days=3, interleaved=True)
    found = preferences(exposures, events, {"test": test}, date(2025, 3, 12)).persist()
    assert {row.user_id: row.preference for row in found.collect()} == {"ann": 1.0, "bob": -1.0, "cat": 0.0}
    moments = arm_moments(found, ["preference"])["test", "new"]["preference"]
    assert (moments.n, moments.mean, moments.variance) == (3, 0.0, 1.0)
