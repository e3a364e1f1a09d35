"""The rules job writes itemsets, rules and lists of one day, tests the rules on the days after, and can run again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.statistics.rule_measures import MEASURES
from cartograph.rules.settings import Measure
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Job, Suite
from jobs import rules
from tests.cluster import Cluster
from tests.small_lake import small_shop, written

DAY = date(2011, 1, 31)  # days of its own: other tests own the lake's other days
LATER = DAY + timedelta(days=30)
ALL = ["rules.analyses=[trends, groups, utility]"]
SETTINGS = ["rules.mining.min_support=0.02", "rules.guard.length_quantile=1.0"]


def run_on(shop: Suite, day: date, *settings: str) -> Job:
    with shop.step("rules", as_of=day) as job:
        job.config = load_config("demo", [*SETTINGS, *settings])
        rules.run(job)
    return job


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    suite = small_shop(spark)
    run_on(suite, DAY, "rules.analyses=[]")
    run_on(suite, LATER, *ALL)
    return suite


def test_rules_join_products_of_a_group_only(shop: Suite) -> None:
    found = shop.tables.read("gold.rules", LATER).collect()
    assert found
    assert all(row.antecedent[0][:-1] == row.consequent[0][:-1] for row in found)
    assert all(row.n_baskets <= min(row.n_antecedent, row.n_consequent) for row in found)


def test_rules_count_the_baskets_before_their_day(shop: Suite) -> None:
    for day in (DAY, LATER):
        rule = shop.tables.read("gold.rules", day).orderBy("antecedent", "consequent").head()
        baskets = shop.tables.read("silver.baskets", day)
        both = baskets.where(
            F.array_contains("product_ids", rule.antecedent[0]) & F.array_contains("product_ids", rule.consequent[0])
        )
        assert rule.n_baskets == both.count()
        assert rule.support == pytest.approx(both.count() / baskets.count())


def test_only_earlier_rules_have_been_tested_on_later_baskets(shop: Suite) -> None:
    earlier, newest = (shop.tables.read("gold.rules", day) for day in (DAY, LATER))
    assert earlier.where("holdout_baskets is null").isEmpty()
    assert newest.where("holdout_baskets is not null").isEmpty()
    rule = earlier.orderBy("antecedent", "consequent").head()
    later = shop.tables.read("silver.baskets", LATER).where(F.col("ordered_at") >= F.lit(DAY).cast("timestamp"))
    holders = later.where(F.array_contains("product_ids", rule.antecedent[0]))
    both = holders.where(F.array_contains("product_ids", rule.consequent[0])).count()
    assert rule.holdout_baskets == both
    assert rule.holdout_confidence == pytest.approx(both / holders.count())


def test_related_products_and_candidates_come_from_the_rules(shop: Suite) -> None:
    related = shop.tables.read("gold.associations", LATER, model="rules").collect()
    assert related
    assert all(row.product_id[:-1] == row.associated_product_id[:-1] for row in related)


def test_further_analyses_are_written(shop: Suite) -> None:
    groups = shop.tables.read("gold.generalised_rules", LATER).collect()
    assert {row.antecedent_level for row in groups} == {"product"}  # the small shop has no brands and no categories
    assert all(row.antecedent[:-1] == row.consequent[:-1] for row in groups)
    utility = {tuple(row.itemset): row for row in shop.tables.read("gold.high_utility_itemsets", LATER).collect()}
    lines = shop.tables.read("silver.events", LATER).where("product_id = 'lamp0'").count()
    assert utility["lamp0",].utility == pytest.approx(lines * 2 * 3.5)
    assert utility["lamp0",].n_baskets == lines
    assert {row.trend for row in shop.tables.read("gold.rules", LATER).collect()} <= {"steady", "rising", "fading"}


def test_a_second_run_changes_nothing(shop: Suite) -> None:
    names = ("gold.itemsets", "gold.rules", "gold.associations")
    before = [shop.tables.version(name) for name in names]
    run_on(shop, DAY, "rules.analyses=[]")
    run_on(shop, LATER, *ALL)
    assert [shop.tables.version(name) for name in names] == before


def test_the_settings_know_every_measure() -> None:
    assert get_args(Measure) == tuple(MEASURES)


def counts_of(spark: SparkSession, original: str) -> dict[str, int]:
    """The rows that the job writes in a copy of that shop."""
    shop = small_shop(spark, original)
    run_on(shop, DAY)
    rows = {name: shop.tables.read(name, DAY) for name in ("gold.itemsets", "gold.rules", "gold.associations")}
    return {name: frame.count() for name, frame in rows.items()}


@pytest.mark.cluster
def test_the_job_on_a_real_cluster(cluster: Cluster, spark: SparkSession) -> None:
    counts = cluster.run(counts_of, written(spark))
    assert counts == counts_of(spark, written(spark))
    assert min(counts.values()) > 0
