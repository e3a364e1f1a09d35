"""The preprocess job on a shop full of dirt, batch by batch, and interrupted between any two writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import columns_of, table
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Job
from cartograph.shop.export import export
from cartograph.shop.plan import Plan
from tests.cluster import Cluster
from tests.conftest import LOCAL
from tests.lake import Lake
from tests.preprocess.conftest import PURCHASE, Raw

PLAN = Plan(n_events=20_000, dirt=0.1)
SILVER_ID = "concat('shop:', trim(event_id)) AS event_id"  # of a raw event
UNKNOWN = "RLIKE '^(X0|[?])'"  # ids that no product has
SILVER = ("events", "baskets", "products", "users", "quarantine", "ledger")


class Shop:
    """A dirty shop in silver, and what was planted in it."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.path = folder / "shop"
        export(spark, PLAN, str(self.path))
        self.lake = Lake(spark, folder, "ingest.max_quarantined_share=0.05", "preprocess.limits.share=0.2")
        self.lake.ingest(self.lake.ship("shop"), self.path)
        self.lake.preprocess()
        rows = spark.read.parquet(f"{self.path}/truth/dirt").collect()
        self.planted = {(row.entity, row.kind): row.n_rows for row in rows}

    def n_aside(self, *conditions: str) -> int:
        return self.lake.read("silver.quarantine").where(" AND ".join(conditions)).count()

    def n_events(self, condition: str) -> int:
        return self.lake.read("silver.events").where(condition).count()


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(spark, tmp_path_factory.mktemp("dirty"))


ASIDE = {
    "test_line": "raw.product_id = 'TEST001' AND rule = 'not_a_product'",
    "postage_line": "raw.product_id = 'POST' AND rule = 'not_a_product'",
    "fee_line": "raw.product_id = 'BANK CHARGES' AND rule = 'not_a_product'",
    "manual_line": "raw.product_id = 'M' AND rule = 'not_a_product'",
    "bad_number": "rule IN ('bad_quantity', 'bad_price') AND raw.event_type IS NOT NULL AND raw.quantity <> '0'",
    "bad_date": "rule IN ('bad_time', 'no_time')",
    "negative_price": "rule = 'negative_price'",
    "zero_quantity": "rule = 'bad_quantity' AND raw.quantity = '0'",
    "duplicate_late": "rule = 'conflicting_id'",
    "missing_product": "rule = 'no_product'",
    "missing_order": "rule = 'no_order'",
    "unknown_event_type": "rule = 'bad_event_type' AND raw.event_type = 'hover'",
}


@pytest.mark.parametrize("kind", ASIDE)
def test_dirt_is_set_aside_by_its_rule_as_often_as_it_was_planted(shop: Shop, kind: str) -> None:
    assert shop.n_aside(ASIDE[kind]) == shop.planted["events", kind] > 0


def test_nothing_but_dirt_is_set_aside(shop: Shop) -> None:
    """But for lines that came free of charge to guests, which read like corrections of the stock."""
    free, far = shop.n_aside("rule = 'stock_correction'"), shop.n_aside("rule LIKE 'outlier_%'")
    dirt = sum(shop.planted["events", kind] for kind in ASIDE)
    assert shop.n_aside("raw.event_type IS NOT NULL") == free + far + dirt
    assert free + shop.n_events("unit_price = 0") == shop.planted["events", "zero_price"] > 0


def test_quantities_in_the_ten_thousands_are_set_aside_unless_two_orders_have_the_same(shop: Shop) -> None:
    planted = shop.planted["events", "outlier_quantity"]
    assert 0.8 * planted < shop.n_aside("rule = 'outlier_quantity'") <= planted


def test_prices_a_thousand_times_too_high_are_set_aside_where_the_product_is_known_well(shop: Shop) -> None:
    planted = shop.planted["events", "outlier_price"]
    found = shop.n_aside("rule = 'outlier_price'", f"NOT raw.product_id {UNKNOWN}")
    assert 0.7 * planted < found <= planted


def test_lines_that_cannot_be_read_stay_in_bronze(shop: Shop) -> None:
    assert shop.lake.read("bronze.quarantine").count() == shop.planted["events", "corrupt_line"] > 0


def test_repeated_events_are_duplicates_and_those_that_came_again_otherwise_are_set_aside(shop: Shop) -> None:
    ledger = shop.lake.read("silver.ledger").agg(
        *[F.sum(f"n_{part}") for part in ("in", "kept", "merged", "quarantined", "duplicates")]
    )
    n_in, n_kept, n_merged, n_quarantined, n_duplicates = ledger.collect()[0]
    assert n_in == n_kept + n_merged + n_quarantined + n_duplicates
    assert n_duplicates == shop.planted["events", "duplicate_exact"] > 0
    raw = shop.lake.read("bronze.events").join(shop.lake.read("silver.quarantine"), "row_id", "left_anti")
    assert n_duplicates == raw.count() - raw.select(F.trim("event_id")).distinct().count()


def test_cancellations_are_returns_of_the_order_they_cancel(shop: Shop) -> None:
    cancelled = shop.lake.read("silver.events").where("order_id LIKE 'shop:C%'")
    assert cancelled.count() == shop.planted["events", "cancellation"] > 0
    assert cancelled.where("event_type <> 'return'").count() == 0
    known = cancelled.where("user_id IS NOT NULL")
    paired = known.where("returned_order_id IS NOT NULL").count()
    assert paired >= 0.95 * known.count() > 0  # the line that was cancelled may be dirty itself
    exactly = known.where("substring(returned_order_id, 7) = substring(order_id, 7)").count()
    assert exactly >= 0.9 * paired


def test_negative_quantities_of_ordinary_orders_are_returns(shop: Shop) -> None:
    negative = shop.lake.read("bronze.events").where("quantity LIKE '-%' AND order_id LIKE 'O%'").selectExpr(SILVER_ID)
    kept = shop.lake.read("silver.events").join(negative, "event_id", "left_semi")
    assert kept.count() == shop.planted["events", "negative_quantity"] > 0
    assert kept.where("event_type = 'return' AND quantity > 0").count() == kept.count()


def test_messy_text_is_put_right(shop: Shop) -> None:
    messy = shop.lake.read("bronze.events").where("event_type RLIKE '^[A-Z]'").selectExpr(SILVER_ID)
    assert messy.count() == shop.planted["events", "messy_text"] > 0
    kept = shop.lake.read("silver.events").join(messy, "event_id", "left_semi")
    assert kept.count() == messy.count()
    assert kept.where("product_id NOT RLIKE '^P[0-9]{6}$' OR event_type <> lower(event_type)").count() == 0
    names = shop.lake.read("silver.users").select("user_id")
    assert kept.where("user_id IS NOT NULL").join(names, "user_id", "left_anti").count() == 0


def test_lost_sessions_are_made_from_pauses_for_customers(shop: Shop) -> None:
    raw = shop.lake.read("bronze.events").where("session_id IS NULL").selectExpr(SILVER_ID)
    lost = shop.lake.read("silver.events").join(raw, "event_id", "left_semi").where("event_type <> 'return'")
    lost = lost.where("event_type <> 'rating'")
    assert lost.count() == shop.planted["events", "missing_session"] > 0
    assert lost.where("user_id IS NOT NULL AND NOT session_id LIKE 'gap-%'").count() == 0
    assert lost.where("user_id IS NULL AND session_id IS NOT NULL").count() == 0


def test_unknown_products_are_kept_without_a_title(shop: Shop) -> None:
    kept, aside = shop.n_events(f"product_id {UNKNOWN}"), shop.n_aside(f"raw.product_id {UNKNOWN}")
    assert kept + aside == shop.planted["events", "unknown_product"] > 0
    assert aside < 0.1 * kept  # three ids stand for products of many prices
    found = shop.lake.read("silver.products").where(f"product_id {UNKNOWN}")
    assert 0 < found.count() == found.where("title IS NULL").count()


def test_guests_orders_are_baskets(shop: Shop) -> None:
    orders = shop.lake.read("silver.events").where("event_type = 'purchase'").groupBy("order_id").agg(F.max("user_id"))
    guests = orders.where("`max(user_id)` IS NULL")
    baskets = shop.lake.read("silver.baskets")
    assert baskets.where("user_id IS NULL").count() == guests.count() > 0
    assert baskets.count() == orders.count()


def test_messy_product_attributes_are_put_right_or_aside(shop: Shop) -> None:
    products, planted = shop.lake.read("silver.products"), shop.planted
    assert shop.n_aside("rule = 'bad_price'", "raw.price = 'call us'") == planted["products", "bad_number"] > 0
    assert products.where("title RLIKE '^ | $|  |\\t|&[a-z#0-9]+;'").count() == 0
    outdated = products.where("price = 1.0").count()
    assert planted["products", "older_fact"] > outdated == 0


def test_no_customers_id_is_in_silver(shop: Shop) -> None:
    for name in ("events", "baskets", "users"):
        ids = shop.lake.read(f"silver.{name}").where("user_id IS NOT NULL")
        assert ids.where("NOT user_id RLIKE '^[0-9a-f]{64}$'").count() == 0 < ids.count()
    aside = shop.lake.read("silver.quarantine")
    assert aside.where("raw.user_id IS NOT NULL AND NOT raw.user_id RLIKE '^[0-9a-f]{64}$'").count() == 0


def test_without_a_key_nothing_is_read(spark: SparkSession, tmp_path: Path, raw: Raw) -> None:
    lake = Lake(spark, tmp_path)
    stock(lake, raw, "b1", [PURCHASE])
    lake.suite.config = load_config("demo", [*LOCAL, f"lake.root={tmp_path}/lake", "preprocess.key_source=required"])
    with pytest.raises(UserError, match=r"preprocess.pseudonym_key is not set: .*CARTOGRAPH_PSEUDONYM_KEY"):
        lake.preprocess()
    assert set(lake.versions()) == {"bronze.events", "bronze.batches"}


def stock(lake: Lake, raw: Raw, batch: str, events: list[dict[str, Any]]) -> None:
    """Puts a batch of raw events into bronze."""
    rows = [{"row_id": f"{batch}:{n}", **event} for n, event in enumerate(events)]
    lake.suite.tables.merge("bronze.events", raw("events", rows, batch_id=batch))
    known = ("s", batch, "events", "f", len(rows), len(rows), 0, f"content of {batch}", "declared", "{}")
    lake.suite.tables.merge("bronze.batches", lake.spark.createDataFrame([known], table("bronze.batches").columns))


FIRST = [
    PURCHASE | {"event_id": "E1"},
    PURCHASE | {"event_id": "E2", "order_id": "O2", "user_id": None, "product_id": "lid"},
    PURCHASE | {"event_id": "E3", "order_id": "O3", "event_at": "2024-05-02 10:00:00"},
    PURCHASE | {"event_id": "E4", "quantity": "none"},
]
SECOND = [
    PURCHASE | {"event_id": "E1", "quantity": "5", "event_at": "2024-05-01 10:20:00", "product_id": "jug"},
    PURCHASE | {"event_id": "E3", "quantity": "9", "event_at": "2024-05-01 09:00:00", "order_id": "O3"},
    PURCHASE | {"event_id": "E5", "event_type": "return", "order_id": "C1", "event_at": "2024-05-03 10:00:00"},
    PURCHASE | {"event_id": "E6", "order_id": "O6", "user_id": "bob", "event_at": "2024-05-03 10:00:00"},
    PURCHASE | {"event_id": "E7", "event_at": "never"},
    PURCHASE | {"event_id": "E6", "order_id": "O6", "user_id": "bob", "event_at": "2024-05-03 10:00:00"},
]


def content(lake: Lake) -> dict[str, list[str]]:
    """All silver rows as text."""
    return {name: list(map(str, lake.rows(f"silver.{name}", *columns_of(f"silver.{name}")))) for name in SILVER}


@pytest.fixture(scope="module")
def at_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, raw: Raw) -> dict[str, list[str]]:
    """What both batches give in one run."""
    lake = Lake(spark, tmp_path_factory.mktemp("at-once"))
    stock(lake, raw, "b1", FIRST)
    stock(lake, raw, "b2", SECOND)
    lake.preprocess()
    return content(lake)


def test_what_both_batches_give(at_once: dict[str, list[str]]) -> None:
    """E1 of the first batch and E3 of the second are older versions of other events; E6 came twice."""
    assert at_once["ledger"] == ["('b1', 's', 4, 2, 0, 2, 0)", "('b2', 's', 6, 3, 0, 2, 1)"]
    assert len(at_once["events"]) == 5
    assert len(at_once["users"]) == 2
    assert [row.split(",")[0] for row in at_once["baskets"]] == ["('s:O1'", "('s:O2'", "('s:O3'", "('s:O6'"]
    reasons = [row for row in at_once["quarantine"] if "conflicting_id" in row]
    assert [f"event_id '{event}' is also the id of another event, of 2024-05-0" in row
            for event, row in zip(("E1", "E3"), reasons, strict=True)] == [True, True]  # fmt: skip


@pytest.mark.slow
def test_a_run_killed_between_any_two_writes_is_done_again_with_the_same_result(
    spark: SparkSession, tmp_path: Path, raw: Raw, at_once: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(spark, tmp_path)

    def killed_before(table: str) -> None:
        with monkeypatch.context() as patched:
            for call in ("replace", "merge"):
                real = getattr(Job, call)

                def killing(job: Job, name: str, frame: DataFrame, real: Any = real) -> Any:
                    if name == f"silver.{table}":
                        raise KeyboardInterrupt
                    return real(job, name, frame)

                patched.setattr(Job, call, killing)
            with pytest.raises(KeyboardInterrupt):
                lake.preprocess()

    stock(lake, raw, "b1", FIRST)
    for name in ("events", "ledger"):
        killed_before(name)
    lake.preprocess()
    stock(lake, raw, "b2", SECOND)
    for name in ("events", "baskets", "products", "users", "ledger"):
        killed_before(name)
    lake.preprocess()
    assert content(lake) == at_once
    versions = lake.versions()
    lake.preprocess()
    assert lake.versions() == versions


def shop_on_cluster(spark: SparkSession, folder: str) -> list[list[int]]:
    """Runs on the cluster: a small shop to silver; rows in, kept, quarantined, duplicates."""
    lake = Lake(spark, Path(folder), "ingest.max_quarantined_share=0.05")
    export(spark, Plan(n_events=2_000), f"{folder}/shop")
    lake.ingest(lake.ship("shop"), f"{folder}/shop")
    lake.preprocess()
    parts = ("in", "kept", "quarantined", "duplicates")  # its events have ids, so none are merged
    kept = lake.read("silver.ledger").agg(*[F.sum(f"n_{part}") for part in parts])
    return [list(kept.collect()[0]), [lake.read(f"bronze.{name}").count() for name in ("events", "products", "users")]]


@pytest.mark.cluster
def test_a_real_cluster_takes_a_shop_to_silver(cluster: Cluster, tmp_path: Path) -> None:
    (n_in, n_kept, n_quarantined, n_duplicates), bronze = cluster.run(shop_on_cluster, str(tmp_path))
    assert n_in == sum(bronze) == n_kept + n_quarantined + n_duplicates
    assert min(n_kept, n_quarantined, n_duplicates) > 0
