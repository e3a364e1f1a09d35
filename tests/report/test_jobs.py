"""rank, evaluate and report as jobs, one after the other, on a small lake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.job import Suite
from jobs import evaluate, rank
from tests.report.page import Elements, data_of
from tests.small_lake import EARLIER, HOSTILE, LATER, PRODUCTS, evaluated_shop


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Suite:
    return evaluated_shop(spark)


@pytest.fixture(scope="module")
def page(shop: Suite) -> str:
    return (Path(shop.config.report.path) / f"{LATER}.html").read_text()


def test_every_product_has_related_products_with_a_reason(shop: Suite) -> None:
    rows = shop.tables.read("gold.related_products", LATER).collect()
    assert {row.product_id for row in rows} == set(PRODUCTS)
    assert all(re.match(r"Bought together in \d|\d+ customers? bought both", row.why) for row in rows)


def test_customers_without_candidates_get_the_popular_products(shop: Suite) -> None:
    rows = shop.tables.read("gold.recommendations", LATER).where("user_id = 'user99'").orderBy("rank").collect()
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0].models == ["popularity"]
    # Fewer products were sold in the region than a list has places.
    assert rows[0].why.startswith("Popular: bought by ")


def test_the_fused_lists_are_evaluated_beside_the_models(shop: Suite) -> None:
    models = shop.tables.read("gold.evaluation", EARLIER).where("slice = 'all'").select("model").distinct().collect()
    assert {row.model for row in models} == {"als", "popularity", "fused"}


def test_related_products_are_evaluated_on_baskets(shop: Suite) -> None:
    rows = shop.tables.read("gold.evaluation", EARLIER).where("slice = 'baskets' and metric = 'hit_rate' and k = 5")
    assert {row.model: row.value for row in rows.collect()} == {"item_neighbours": 1.0, "fused": 1.0}


def test_running_rank_again_changes_nothing(shop: Suite) -> None:
    before = [shop.tables.version(name) for name in ("gold.recommendations", "gold.related_products")]
    with shop.step("rank", as_of=LATER) as job:
        rank.run(job)
    assert [shop.tables.version(name) for name in ("gold.recommendations", "gold.related_products")] == before


def test_evaluating_a_day_without_lists_reports_it_and_writes_nothing(shop: Suite) -> None:
    version = shop.tables.version("gold.evaluation")
    with shop.step("evaluate", as_of=EARLIER) as job:
        evaluate.run(job)
    assert shop.tables.version("gold.evaluation") == version


def test_titles_and_reasons_cannot_become_markup(page: str) -> None:
    assert HOSTILE not in page
    assert "<b>odd" not in page
    assert Elements(page).tags.count("script") == 2  # the data and our own
    assert HOSTILE in Elements(page).text  # shown, as text


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    assert Elements(page).loaded == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)", page)


def test_bundles_have_the_share_of_orders_that_complete_them(page: str) -> None:
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page[page.index("<h3>Bundles</h3>") :])
    assert cells[:3] == ["4", "25.0%", "2.5"]
    assert "<bdi>BOWL NO 0</bdi> + <bdi>BOWL NO 1</bdi> + <bdi>BOWL NO 2</bdi>" in page


def test_the_data_of_the_page_is_json_and_complete(page: str) -> None:
    data = data_of(page)
    assert data["titles"]["lamp0"] == HOSTILE
    assert {item["product_id"] for item in data["related_products"]["best_sellers"]} == set(PRODUCTS)
    assert {row["model"] for row in data["models"]["evaluation"]} >= {"fused", "als"}
    assert {"gini", "calibration"} <= set(data["models"]["lower_is_better"])
    assert {one["n_products"] for one in data["communities"]["communities"]} == {3}
    assert {len(one["leaders"]) for one in data["communities"]["communities"]} == {3}
    assert {node["product_id"] for node in data["communities"]["map"]["nodes"]} == set(PRODUCTS)
    assert len(data["communities"]["map"]["edges"]) == 12  # each pair of a group once
    assert len(data["rules"]["rules"]) == 24
    assert len(data["sales"]["weeks"]) == 10


def test_the_ledger_adds_up_on_the_page(page: str) -> None:
    text = " ".join(Elements(page).text.split())
    assert "7 quarantined, 2 duplicates. Nothing is lost." in text


def test_the_page_says_how_lists_were_fused_and_what_the_audit_found(page: str) -> None:
    text = " ".join(Elements(page).text.split())
    assert "By reciprocal rank fusion: there is no earlier day yet to learn from." in text
    assert "Not audited on this date" in text


def test_quarantined_rows_are_counted_per_rule_with_an_example(page: str) -> None:
    text = " ".join(Elements(page).text.split())
    assert "price missing such as: price_missing" in text
