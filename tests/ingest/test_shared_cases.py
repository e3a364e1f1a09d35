"""Small files with known right answers, as shops deliver them: what comes out of ingest and preprocess.

Each case is a source of its own; those that are read well share a lake.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.runtime.last_day import day_after_last_event
from jobs import cf, rank
from tests.lake import Lake

GERMAN = {"dates": "day_first", "decimals": "comma", "thousands": "point"}
TILLS = {"orders_per": ["till", "day"]}


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    """The folder of the cases; skips where there is none."""
    folder = shared_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist")
    return folder


def delivered(lake: Lake, cases: Path, number: str, *files: str, name: str = "", **changed: dict[str, Any]) -> None:
    """Ingests files of a case as source `case_<number>` under its declaration, with changed columns or cleaning."""
    case = next(cases.glob(f"{number}-*"))
    text = (case / "source.yml").read_text()
    if changed:
        declared = yaml.safe_load(text)
        declared["events"]["columns"] |= changed.get("columns", {})
        text = yaml.safe_dump(declared | {"cleaning": changed["cleaning"]})
    source = lake.declare(name or f"case_{number}", text)
    for file in files:
        lake.ingest(source, case / file)


@pytest.fixture(scope="module")
def lake(spark: SparkSession, cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """All cases that can be read, each a source; the till's day is delivered twice."""
    lake = Lake(spark, tmp_path_factory.mktemp("cases"))
    for number in ("01", "05", "06", "07", "09", "11"):
        delivered(lake, cases, number, "day.csv")
    delivered(lake, cases, "01", "day.csv")
    delivered(lake, cases, "02", "day.csv", columns={"till": "till"}, cleaning=TILLS)
    delivered(lake, cases, "03", "web.csv", name="web")
    delivered(lake, cases, "03", "shop.csv", name="shop")
    delivered(lake, cases, "04", "clicks.csv")
    delivered(lake, cases, "08", "january.csv", "february.csv")
    delivered(lake, cases, "10", "day.csv", cleaning=GERMAN)
    lake.preprocess()
    return lake


def events_of(lake: Lake, number: str) -> DataFrame:
    """The events of a case."""
    return lake.read("silver.events").where(F.col("source") == f"case_{number}")


def baskets_of(lake: Lake, number: str) -> DataFrame:
    """The baskets of a case."""
    orders = events_of(lake, number).select("order_id").distinct()
    return lake.read("silver.baskets").join(orders, "order_id", "left_semi")


def aside_of(lake: Lake, number: str) -> int:
    """The number of rows of a case that are in quarantine."""
    return lake.read("silver.quarantine").where(F.col("source") == f"case_{number}").count()


def test_a_line_per_piece_is_added_up_and_a_day_counts_once(lake: Lake) -> None:
    worth = F.round(F.sum(F.col("quantity") * F.col("unit_price")), 2)
    sold = events_of(lake, "01").groupBy("product_id").agg(F.sum("quantity"), worth)
    assert sorted(map(tuple, sold.collect())) == [("salt", 8.0, 6.4), ("soap", 16.0, 24.0)]
    assert baskets_of(lake, "01").where("size(product_ids) = 2").count() == 8


def test_receipts_of_each_till_and_day_are_orders_of_their_own(lake: Lake) -> None:
    baskets = baskets_of(lake, "02")
    assert baskets.where("size(product_ids) = 2").count() == baskets.count() == 20
    assert baskets.where("array_sort(product_ids) = array('T1x', 'T1y')").count() == 10
    customers = events_of(lake, "02").groupBy("order_id").agg(F.count_distinct("user_id").alias("n"))
    assert customers.where("n > 1").isEmpty()


def test_event_ids_of_two_systems_do_not_meet(lake: Lake) -> None:
    of_systems = lake.read("silver.events").where("source IN ('shop', 'web')").groupBy("source").count()
    assert sorted(map(tuple, of_systems.collect())) == [("shop", 12), ("web", 12)]


def test_visits_belong_to_their_visitor(lake: Lake) -> None:
    visits = events_of(lake, "04").groupBy("session_id").agg(F.collect_set("product_id").alias("ids"))
    assert visits.count() == 24
    assert visits.where("array_contains(ids, 'red1') AND array_contains(ids, 'red2')").count() == 12
    assert visits.where("exists(ids, x -> x LIKE 'red%') AND exists(ids, x -> x LIKE 'blue%')").isEmpty()


def test_goods_are_sold_by_weight(lake: Lake) -> None:
    assert baskets_of(lake, "05").where("size(product_ids) = 2").count() == 10
    kilos = events_of(lake, "05").where("product_id = 'apples'").agg(F.sum("quantity").alias("n")).collect()
    assert kilos[0].n == pytest.approx(8.5)


def test_products_may_be_called_by_letters(lake: Lake) -> None:
    assert (baskets_of(lake, "06").count(), events_of(lake, "06").count(), aside_of(lake, "06")) == (10, 23, 0)


def test_two_currencies_and_a_promotion_are_no_errors(lake: Lake) -> None:
    assert baskets_of(lake, "07").where("size(product_ids) = 2").count() == 40


def test_ids_come_through_a_spreadsheet(lake: Lake) -> None:
    orders = baskets_of(lake, "08").groupBy("user_id").count().collect()
    assert sorted((row.user_id is None, row["count"]) for row in orders) == [(False, 2), (False, 2), (True, 4)]


def test_a_clock_far_ahead_is_set_aside(lake: Lake) -> None:
    assert (events_of(lake, "09").count(), aside_of(lake, "09")) == (60, 1)
    assert events_of(lake, "09").agg(F.max("event_on").alias("day")).collect()[0].day == date(2025, 5, 17)
    assert day_after_last_event(lake.suite.tables).year == 2025


def test_a_german_export_is_declared_in_a_word_each(lake: Lake) -> None:
    events = events_of(lake, "10")
    assert events.count() == 30
    assert [row.unit_price for row in events.where("order_id LIKE '%G7%'").collect()] == [1007.5]
    assert events.agg(F.min("event_at").alias("first")).collect()[0].first == datetime(2025, 5, 5, 9)


def test_a_header_in_other_letters_is_matched(lake: Lake) -> None:
    assert events_of(lake, "11").count() == 20


@pytest.mark.parametrize(
    ("number", "answer"), [("02", r"(?s)customers.*orders_per"), ("10", r"(?s)day_first|decimals"), ("12", r"quote")]
)
def test_a_declaration_that_misreads_its_file_stops_with_the_remedy(
    spark: SparkSession, cases: Path, tmp_path: Path, number: str, answer: str
) -> None:
    with pytest.raises(UserError, match=answer):
        read(Lake(spark, tmp_path), cases, number)


def read(lake: Lake, cases: Path, number: str) -> None:
    """Ingests and preprocesses a case as its own declaration says."""
    delivered(lake, cases, number, "day.csv")
    lake.preprocess()


def test_neither_one_star_nor_what_is_gone_is_recommended(spark: SparkSession, cases: Path, tmp_path: Path) -> None:
    lake = Lake(spark, tmp_path, "cf.models=[popularity,cooccurrence,rp3beta,als]", "rank.fusion.method=rrf")
    delivered(lake, cases, "13", "ratings.csv")
    delivered(lake, cases, "14", ".")
    lake.preprocess()
    for step, run in (("cf", cf.run), ("rank", rank.run)):
        lake.suite.run(step, run, as_of=date(2025, 6, 1))
    lists = lake.read("gold.candidates").where("product_id IN ('fine', 'broken')")
    both = lists.groupBy("model", "user_id").pivot("product_id", ["fine", "broken"]).agg(F.min("rank"))
    assert not lists.where("product_id = 'fine'").isEmpty()
    assert both.where("broken <= fine").isEmpty()
    shown = [("gold.recommendations", "product_id"), ("gold.related_products", "associated_product_id")]
    for table, column in shown:
        assert not lake.read(table).isEmpty()
        assert lake.read(table).where(F.col(column).isin("old", "out")).isEmpty()
