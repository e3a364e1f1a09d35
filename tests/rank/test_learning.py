"""The learned ranker on planted purchases: customers buy what one model lists low down and they had bought before."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.day import Day
from cartograph.rank.explanation.score_parts import with_parts
from cartograph.rank.fusion.features import features
from cartograph.rank.fusion.fuse import fuse
from cartograph.rank.fusion.learning import Fusion, best_fusion, learn_fusion, learning_day
from cartograph.rank.fusion.ranker import contributions, labelled, scored, train_ranker
from cartograph.rank.score_shares import as_shares
from cartograph.rank.settings import FusionSettings, RankerSettings, RankSettings

DAY = date(2011, 5, 1)
TREES = RankerSettings(
    n_estimators=20, early_stopping_rounds=5, held_back=0.3, judges=0.3, learning_rate=0.3, min_child_weight=0.01
)
SETTINGS = RankSettings(k=3, weights={}, fusion=FusionSettings(trees=TREES, n_parts=2))
N_USERS = 150


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> Silver:
    """Each customer has bought three products of their own, one of them on two days."""
    events = [
        (
            f"{user}-{n}",
            f"u{user:03}",
            f"own{user % 7}{'zabz'[n]}",
            "purchase",
            datetime(2011, 4, 1) + timedelta(days=n),
        )
        for user in range(N_USERS)
        for n in range(4)
    ]
    rows = spark.createDataFrame(
        events, "event_id string, user_id string, product_id string, event_type string, event_at timestamp"
    ).persist()
    return Silver(rows, rows, rows.select("product_id").distinct())


@pytest.fixture(scope="module")
def lists(spark: SparkSession) -> DataFrame:
    """Model `fresh` lists what nobody buys first; `own` lists what they had, the one of two days last."""
    rows = []
    for user in range(N_USERS):
        rows += [("fresh", f"u{user:03}", f"new{place}", place, 1.0 / place) for place in range(1, 6)]
        own = [f"own{user % 7}{n}" for n in "abz"]
        rows += [("own", f"u{user:03}", product, place, 0.5) for place, product in enumerate(own, 1)]
    return spark.createDataFrame(rows, "model string, user_id string, product_id string, rank int, score double")


@pytest.fixture(scope="module")
def bought(spark: SparkSession) -> DataFrame:
    """Everybody buys again what they had bought on two days."""
    return spark.createDataFrame(
        [(f"u{user:03}", f"own{user % 7}z") for user in range(N_USERS)], ["user_id", "product_id"]
    )


@pytest.fixture(scope="module")
def fusion(lists: DataFrame, data: Silver, bought: DataFrame) -> Fusion:
    return best_fusion(Day(DAY, lists, data), bought, SETTINGS)


def test_the_ranker_wins_if_only_it_can_know(fusion: Fusion) -> None:
    assert fusion.method == "learned"
    assert fusion.comparison is not None
    assert fusion.comparison.ndcg["learned"] == pytest.approx(1.0)
    assert fusion.comparison.ndcg["rrf"] < 0.9
    assert fusion.comparison.improvements["learned"].low > 0
    assert fusion.reason == fusion.comparison.reason


def test_holdout_customers_are_not_trained_on(
    lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion
) -> None:
    """Holdout customers buy something else: the trees stay the same, their NDCG does not."""
    rows = labelled(features(Day(DAY, lists, data), ["fresh", "own"]), bought, TREES)
    groups = rows.groupBy("is_validation", "is_holdout").agg(F.collect_set("user_id").alias("users")).collect()
    by_group = {(row.is_validation, row.is_holdout): set(row.users) for row in groups}
    assert set(by_group) == {(False, False), (True, False), (False, True)}
    assert sum(len(users) for users in by_group.values()) == N_USERS
    holdout = by_group[False, True]
    others = bought.where(~F.col("user_id").isin(*holdout)).unionByName(
        lists.where(F.col("user_id").isin(*holdout) & (F.col("product_id") == "new1")).select("user_id", "product_id")
    )
    again = best_fusion(Day(DAY, lists, data), others, SETTINGS)
    assert again.ranker == fusion.ranker
    assert again.comparison is not None
    assert again.comparison.n == len(holdout)
    assert again.comparison.ndcg["learned"] < 0.7
    assert again.method == "rrf"


def test_lists_are_in_the_rankers_order_and_their_parts_sum_to_the_score(
    lists: DataFrame, data: Silver, fusion: Fusion
) -> None:
    fused = fuse(Day(DAY, lists.where("user_id < 'u010'"), data), fusion, SETTINGS)
    shown = as_shares(fused.lists.where("rank <= 3"), "user_id")
    rows = with_parts(shown, fused, n_parts=2).orderBy("user_id", "rank").collect()
    assert [row.score for row in rows if row["rank"] == 1] == [1.0] * 10
    assert all(0 <= row.score <= 1 for row in rows)
    assert [row.product_id for row in rows if row["rank"] == 1] == [f"own{user % 7}z" for user in range(10)]
    for row in rows:
        assert sum(row.parts.values()) == pytest.approx(row.score, abs=1e-4)
        assert {"bias", "other"} <= set(row.parts)
        assert len(row.parts) == 4


def test_the_same_rows_make_the_same_trees(lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion) -> None:
    shuffled = lists.repartition(3, "product_id")
    rows = labelled(features(Day(DAY, shuffled, data), ["fresh", "own"]), bought, TREES)
    again = train_ranker(rows.where("NOT is_holdout").persist(), TREES, 3)
    assert again == fusion.ranker


def test_batches_without_validation_customers_make_the_same_trees(
    spark: SparkSession, lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion
) -> None:
    """Workers receive their rows in batches; in those of a single customer all rows are validation rows, or none."""
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(name)
    assert before is not None
    spark.conf.set(name, 8)
    try:
        again = best_fusion(Day(DAY, lists, data), bought, SETTINGS)
    finally:
        spark.conf.set(name, before)
    assert (again.ranker, again.comparison) == (fusion.ranker, fusion.comparison)


def test_candidates_with_missing_features_are_scored(lists: DataFrame, data: Silver, fusion: Fusion) -> None:
    assert fusion.ranker is not None
    known = features(Day(DAY, lists.where("user_id = 'u001'"), data), ["own"])
    row = scored(known, fusion.ranker).orderBy(F.desc("score")).head()
    parts = contributions(known, fusion.ranker).where(F.col("product_id") == row.product_id).head().contributions
    assert sum(parts.values()) == pytest.approx(row.score, abs=1e-4)


def test_nothing_is_learned_from_a_handful_of_customers(lists: DataFrame, data: Silver, bought: DataFrame) -> None:
    few = lists.where("user_id < 'u020'")
    reason = "too few customers bought any of their candidates of 2011-05-01 to learn from"
    assert best_fusion(Day(DAY, few, data), bought, SETTINGS) == Fusion(reason=reason)


def test_the_day_learned_from_is_the_latest_with_enough_days_of_purchases_since() -> None:
    days = [DAY, DAY + timedelta(days=10), DAY + timedelta(days=20)]
    as_of = DAY + timedelta(days=45)
    assert learning_day(days, as_of, FusionSettings(label_days=30)) == days[1]
    assert learning_day(days, as_of, FusionSettings(label_days=60)) == days[0]  # none is so long ago: the first
    assert learning_day([], as_of, FusionSettings()) is None
    assert learning_day(days, as_of, FusionSettings(method="rrf")) is None


def test_a_configured_method_is_used_whatever_the_comparison_says(
    lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion
) -> None:
    """Also purchases of guests, and those after `label_days`, are not labels."""
    when = F.lit(DAY + timedelta(days=3)).cast("timestamp")
    events = bought.withColumns({"event_type": F.lit("purchase"), "event_at": when})
    late = lists.where("model = 'fresh'").select("user_id", "product_id", F.lit("purchase").alias("event_type"))
    late = late.withColumn("event_at", F.lit(DAY + timedelta(days=40)).cast("timestamp"))
    settings = SETTINGS.model_copy(update={"fusion": FusionSettings(method="calibrated", trees=TREES)})
    found = learn_fusion(Day(DAY, lists, data), events.unionByName(late), settings)
    assert found.method == "calibrated"
    assert found.comparison == fusion.comparison
    assert found.reason == f"rank.fusion.method is calibrated; {fusion.reason}"
    assert learn_fusion(None, events, SETTINGS) == Fusion(reason="no earlier day to learn from")
