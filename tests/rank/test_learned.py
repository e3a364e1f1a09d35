"""The learned ranker on planted purchases: customers buy what one model lists low down and they had bought before."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.rank.fusion.features import features
from cartograph.rank.fusion.fused_candidates import fused_candidates
from cartograph.rank.fusion.methods import Fusion, Votes, best_fusion
from cartograph.rank.fusion.scale import as_shares
from cartograph.rank.fusion.trees import Trees, contributions, labelled, scored, trained

DAY = date(2011, 5, 1)
VOTES = Votes(60.0, {})
TREES = Trees(n_trees=20, patience=5, held_back=0.3, judges=0.3, learning_rate=0.3, min_weight=0.01)
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
    return best_fusion(lists, data, bought, DAY, votes=VOTES, trees=TREES, k=3)


def test_the_ranker_wins_where_only_it_can_know(fusion: Fusion) -> None:
    assert fusion.method == "learned"
    assert fusion.judgement is not None
    assert fusion.judgement.ndcg["learned"] == pytest.approx(1.0)
    assert fusion.judgement.ndcg["rrf"] < 0.9
    assert fusion.judgement.leads["learned"].low > 0
    assert fusion.reason == fusion.judgement.reason


def test_who_judges_is_not_learned_from(lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion) -> None:
    """The judges buy something else: the trees stay the same, what is said of them does not."""
    rows = labelled(features(lists, ["fresh", "own"], data, DAY), bought, TREES)
    groups = rows.groupBy("is_held_back", "is_judge").agg(F.collect_set("user_id").alias("users")).collect()
    by_group = {(row.is_held_back, row.is_judge): set(row.users) for row in groups}
    assert set(by_group) == {(False, False), (True, False), (False, True)}
    assert sum(len(users) for users in by_group.values()) == N_USERS
    judges = by_group[False, True]
    others = bought.where(~F.col("user_id").isin(*judges)).unionByName(
        lists.where(F.col("user_id").isin(*judges) & (F.col("product_id") == "new1")).select("user_id", "product_id")
    )
    again = best_fusion(lists, data, others, DAY, votes=VOTES, trees=TREES, k=3)
    assert again.ranker == fusion.ranker
    assert again.judgement is not None
    assert again.judgement.n == len(judges)
    assert again.judgement.ndcg["learned"] < 0.7
    assert again.method == "rrf"


def test_lists_are_in_the_rankers_order_and_their_parts_sum_to_the_score(
    lists: DataFrame, data: Silver, fusion: Fusion
) -> None:
    ranked, explained = fused_candidates(lists.where("user_id < 'u010'"), data, DAY, fusion, VOTES, n_parts=2)
    rows = explained(as_shares(ranked.where("rank <= 3"), "user_id")).orderBy("user_id", "rank").collect()
    assert [row.score for row in rows if row["rank"] == 1] == [1.0] * 10
    assert all(0 <= row.score <= 1 for row in rows)
    assert [row.product_id for row in rows if row["rank"] == 1] == [f"own{user % 7}z" for user in range(10)]
    for row in rows:
        assert sum(row.parts.values()) == pytest.approx(row.score, abs=1e-4)
        assert {"bias", "other"} <= set(row.parts)
        assert len(row.parts) == 4


def test_the_same_rows_make_the_same_trees(lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion) -> None:
    shuffled = lists.repartition(3, "product_id")
    rows = labelled(features(shuffled, ["fresh", "own"], data, DAY), bought, TREES)
    again = trained(rows.where("NOT is_judge").persist(), TREES, 3)
    assert again == fusion.ranker


def test_batches_without_anybody_held_back_make_the_same_trees(
    spark: SparkSession, lists: DataFrame, data: Silver, bought: DataFrame, fusion: Fusion
) -> None:
    """Workers get their rows in batches; in those of a single customer all are held back, or none."""
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(name)
    assert before is not None
    spark.conf.set(name, 8)
    try:
        again = best_fusion(lists, data, bought, DAY, votes=VOTES, trees=TREES, k=3)
    finally:
        spark.conf.set(name, before)
    assert (again.ranker, again.judgement) == (fusion.ranker, fusion.judgement)


def test_unlisted_features_are_unknown_and_still_scored(lists: DataFrame, data: Silver, fusion: Fusion) -> None:
    assert fusion.ranker is not None
    told = features(lists.where("user_id = 'u001'"), ["own"], data, DAY)
    row = scored(told, fusion.ranker).orderBy(F.desc("score")).head()
    parts = contributions(told, fusion.ranker).where(F.col("product_id") == row.product_id).head().contributions
    assert sum(parts.values()) == pytest.approx(row.score, abs=1e-4)


def test_a_handful_of_customers_teaches_nothing(lists: DataFrame, data: Silver, bought: DataFrame) -> None:
    few = lists.where("user_id < 'u020'")
    reason = "too few customers bought what was listed on 2011-05-01 to learn from them"
    assert best_fusion(few, data, bought, DAY, votes=VOTES, trees=TREES, k=3) == Fusion(reason=reason)
