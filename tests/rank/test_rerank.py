"""Business rules, then diversity, as the rank job applies them on a small lake."""

from __future__ import annotations

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.rank.fusion.reciprocal_ranks import fused_lists
from cartograph.rank.reranking.rerank import rerank
from cartograph.rank.reranking.rule_filter import rule_filter, split_by_rules
from cartograph.rank.reranking.trade_off_plot import trade_off_figure
from cartograph.rank.settings import BusinessRuleSettings
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import rank
from tests.conftest import LOCAL
from tests.small_lake import LATER, evaluated_shop

USER = "user_id = 'user01'"


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    return evaluated_shop(spark)


def reranked(shop: Suite, *settings: str) -> tuple[list[Row], list[Row]]:
    """The list of one customer under these settings, and what rules hide from it."""
    with shop.step("rank", as_of=LATER) as job:
        job.config = load_config("demo", [*LOCAL, *settings])
        today, sources = rank.day_of(job, LATER), rank.sources(job)
        fused = fused_lists(today.lists, "user_id", "product_id", 60, {})
        rules = rule_filter(today.data, sources.listings, job.settings.rules)
        found = rerank(fused, today, rules, sources.vectors, job.settings)
        assert found.lists.columns == [*fused.columns, "best"]
        hidden = [] if found.hidden is None else found.hidden.where(USER).collect()
        lists = found.lists.where(USER).orderBy("rank").collect()
        for rows in found.persisted:
            rows.unpersist()
        return lists, hidden


def test_hidden_products_leave_no_gap_and_are_recorded_with_their_rule(shop: Suite) -> None:
    plain, none = reranked(shop)
    assert none == []
    first = plain[0].product_id
    ruled, hidden = reranked(shop, f"rank.rules.blocked_products=[{first}]")
    assert [(row.product_id, row["rank"]) for row in ruled] == [(row.product_id, row["rank"] - 1) for row in plain[1:]]
    assert [(row.product_id, row["rank"], row.hidden_by) for row in hidden] == [(first, 1, "blocklist")]


def test_calibrated_lists_have_at_most_k_rows(shop: Suite) -> None:
    found, _ = reranked(shop, "rank.k=2", "rank.diversity.method=calibrated")
    assert [row["rank"] for row in found] == [1, 2]
    assert all(row.models for row in found)


def test_a_method_that_needs_vectors_says_where_they_are_missing(shop: Suite) -> None:
    with pytest.raises(UserError, match=r"gold\.factors"):
        reranked(shop, "rank.diversity.method=mmr")


def test_products_may_be_compared_by_vectors_of_their_attributes(shop: Suite) -> None:
    """All products have the same vector but the third of the list, which takes the second place."""
    plain = [row.product_id for row in reranked(shop)[0]]
    with shop.step("embed", as_of=LATER) as job:
        odd = F.when(F.col("product_id") == plain[2], F.array(F.lit(0.0), F.lit(1.0)))
        vector = odd.otherwise(F.array(F.lit(1.0), F.lit(0.0))).cast("array<float>")
        products = job.read("silver.products").select("product_id", vector.alias("vector"))
        rows = products.withColumn("source_hash", F.lit(None).cast("long"))
        job.replace("silver.product_vectors", rows, model="attributes")
    given = ("rank.diversity.vectors=attributes", "rank.diversity.method=mmr", "rank.diversity.weight=0.9")
    found = [row.product_id for row in reranked(shop, *given)[0]]
    assert found[:2] == [plain[0], plain[2]]


def test_the_trade_off_is_plotted_point_by_point() -> None:
    figure = trade_off_figure([(0.0, 1.0, 0.2), (0.5, 0.9, 0.6)], "mmr")
    [line] = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[0.2, 1.0], [0.6, 0.9]]


def test_lists_are_checked_only_if_a_rule_may_hide_something(shop: Suite) -> None:
    with shop.step("rank", as_of=LATER) as job:
        data = job.silver()
        assert rule_filter(data, job.read_any("silver.listings"), BusinessRuleSettings()) is None
        assert rule_filter(data, None, BusinessRuleSettings()) is None
        assert rule_filter(data, None, BusinessRuleSettings(blocked_products=("unheard of",))) is None
        assert rule_filter(data, None, BusinessRuleSettings(category_quota=2)) is not None


def test_hidden_rows_are_those_that_would_be_in_the_list_without_their_rule(spark: SparkSession) -> None:
    """In a list of two: 1, 2 and 4 are hidden, 3 and 5 take the places; 6 is hidden too, but would have had none."""
    rows = [("ann", f"p{rank}", rank, 1.0 / rank, "stock" if rank in (1, 2, 4, 6) else None) for rank in range(1, 8)]
    rows += [("bob", "p1", 1, 0.5, "stock"), ("bob", "p2", 2, 0.25, "stock")]
    ruled = spark.createDataFrame(rows, "user_id string, product_id string, rank int, score double, hidden_by string")
    shown, hidden = split_by_rules(ruled, 2, "user_id")
    assert sorted((row.product_id, row["rank"]) for row in shown.collect()) == [("p3", 1), ("p5", 2), ("p7", 3)]
    kept_out = {(row.user_id, row.product_id): (row["rank"], row.score) for row in hidden.collect()}
    assert kept_out == {
        ("ann", "p1"): (1, pytest.approx(3.0)), ("ann", "p2"): (2, pytest.approx(1.5)),
        ("ann", "p4"): (4, pytest.approx(0.75)), ("bob", "p1"): (1, 1.0), ("bob", "p2"): (2, 0.5),
    }  # fmt: skip
