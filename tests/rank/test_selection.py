"""Rules, then diversity: as the rank job applies them, on a small lake."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.views.histories import histories
from cartograph.rank.fusion.reciprocal_ranks import fused_lists
from cartograph.rank.plot import trade_off_figure
from cartograph.rank.reranking.business_rules import BusinessRules
from cartograph.rank.reranking.selection import Diversity, ruling, taken_apart
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import rank
from tests.conftest import LOCAL
from tests.small_lake import LATER, judged_shop


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    return judged_shop(spark)


def chosen(shop: Suite, *settings: str) -> list[Any]:
    """The lists of one customer, under these settings."""
    with shop.step("rank", as_of=LATER) as job:
        job.config = load_config("demo", [*LOCAL, *settings])
        data = job.silver()
        fused = fused_lists(job.read("gold.candidates"), "user_id", "product_id", 60, {})
        rules = ruling(data, rank.on_the_shelf(job), job.settings.rules.model_dump())
        rows, hidden = rank.chosen(job, fused, data, histories(data.events, 50), rules)
        assert rows.columns == fused.columns
        rank.write_hidden(job, "gold.hidden", hidden)
        return rows.where("user_id = 'user01'").orderBy("rank").collect()


def test_what_is_hidden_leaves_no_gap_and_is_kept_with_its_rule(shop: Suite) -> None:
    plain = chosen(shop)
    first = plain[0].product_id
    ruled = chosen(shop, f"rank.rules.blocked_products=[{first}]")
    assert [(row.product_id, row["rank"]) for row in ruled] == [(row.product_id, row["rank"] - 1) for row in plain[1:]]
    hidden = shop.tables.read("gold.hidden", LATER).where("user_id = 'user01'").collect()
    assert [(row.product_id, row["rank"], row.hidden_by) for row in hidden] == [(first, 1, "blocklist")]


def test_calibrated_lists_are_cut_to_what_is_shown(shop: Suite) -> None:
    found = chosen(shop, "rank.k=2", "rank.diversity.method=calibrated")
    assert [row["rank"] for row in found] == [1, 2]
    assert all(row.models for row in found)


def test_a_method_that_wants_vectors_says_where_they_are_missing(shop: Suite) -> None:
    with pytest.raises(UserError, match=r"gold\.factors"):
        chosen(shop, "rank.diversity.method=mmr")


def test_products_may_be_alike_by_what_is_told_of_them(shop: Suite) -> None:
    """All have one vector but the third of the list, which takes the second place."""
    plain = [row.product_id for row in chosen(shop)]
    with shop.step("embed", as_of=LATER) as job:
        odd = F.when(F.col("product_id") == plain[2], F.array(F.lit(0.0), F.lit(1.0)))
        vector = odd.otherwise(F.array(F.lit(1.0), F.lit(0.0))).cast("array<float>")
        told = job.read("silver.products").select("product_id", vector.alias("vector"))
        rows = told.withColumn("source_hash", F.lit(None).cast("long"))
        job.replace("silver.product_vectors", rows, model="attributes")
    given = ("rank.diversity.vectors=attributes", "rank.diversity.method=mmr", "rank.diversity.weight=0.9")
    found = [row.product_id for row in chosen(shop, *given)]
    assert found[:2] == [plain[0], plain[2]]


def test_settings_of_the_file_are_the_defaults_of_the_code() -> None:
    settings = load_config("local").rank
    assert Diversity(**settings.diversity.model_dump(exclude={"vectors", "curve"})) == Diversity()
    assert BusinessRules(**settings.rules.model_dump()) == BusinessRules()


def test_the_cost_of_diversity_is_drawn_point_by_point() -> None:
    figure = trade_off_figure([(0.0, 1.0, 0.2), (0.5, 0.9, 0.6)], "mmr")
    [line] = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[0.2, 1.0], [0.6, 0.9]]


def test_without_a_catalogue_nothing_is_looked_at_unless_a_rule_is_set(shop: Suite) -> None:
    with shop.step("rank", as_of=LATER) as job:
        data, settings = job.silver(), load_config("local").rank.rules.model_dump()
        assert ruling(data, rank.on_the_shelf(job), settings) is None
        assert ruling(data, None, settings | {"blocked_products": ["unheard of"]}) is None
        assert ruling(data, None, settings | {"category_quota": 2}) is not None


def test_what_a_rule_keeps_out_is_what_would_stand_in_the_list_without_it(spark: SparkSession) -> None:
    """Of a list of two: 1, 2 and 4 are hidden, 3 and 5 take the places; 6, hidden too, would have had none."""
    rows = [("ann", f"p{rank}", rank, 1.0 / rank, "stock" if rank in (1, 2, 4, 6) else None) for rank in range(1, 8)]
    rows += [("bob", "p1", 1, 0.5, "stock"), ("bob", "p2", 2, 0.25, "stock")]
    judged = spark.createDataFrame(rows, "user_id string, product_id string, rank int, score double, hidden_by string")
    shown, hidden = taken_apart(judged, 2, "user_id")
    assert sorted((row.product_id, row["rank"]) for row in shown.collect()) == [("p3", 1), ("p5", 2), ("p7", 3)]
    kept_out = {(row.user_id, row.product_id): (row["rank"], row.score) for row in hidden.collect()}
    assert kept_out == {
        ("ann", "p1"): (1, pytest.approx(3.0)), ("ann", "p2"): (2, pytest.approx(1.5)),
        ("ann", "p4"): (4, pytest.approx(0.75)), ("bob", "p1"): (1, 1.0), ("bob", "p2"): (2, 0.5),
    }  # fmt: skip
