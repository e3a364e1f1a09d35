"""A lake of a very small shop: silver tables, what three models and the rules said on two days, and a product graph.

Twelve products in four groups of three (`lamp0`, `lamp1`, `lamp2`, `cup0` …); each of 24 customers orders once a week
from one group, guests order lamps. Written once per process and copied: writing Delta tables is what takes the time.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from pyspark.sql import SparkSession

from cartograph.core.tables import schema
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from cartograph.runtime.progress import Progress
from cartograph.runtime.tables import Tables
from cartograph.runtime.tracking import Tracking
from cartograph.settings import Config
from jobs import evaluate, rank, report
from tests.conftest import LOCAL

LATER = date(2011, 3, 1)
EARLIER = LATER - timedelta(days=30)
GROUPS = ("lamp", "cup", "bowl", "vase")
PRODUCTS = [f"{group}{index}" for group in GROUPS for index in range(3)]
HOSTILE = "<script>alert('lamp')</script> & \"co\" [/b] [set of 4] :lamp:"


@cache
def evaluated_shop(spark: SparkSession) -> Suite:
    """The shop after rank on both days, then evaluate and report on the later one."""
    shop = small_shop(spark)
    for day in (EARLIER, LATER):
        shop.run("rank", rank.run, as_of=day)
    shop.run("evaluate", evaluate.run, as_of=LATER)
    shop.run("report", report.run, as_of=LATER)
    return shop


def small_shop(spark: SparkSession, original: str | None = None) -> Suite:
    """The shop with its silver tables and what the models said, as a suite to run jobs in: a lake of the caller's."""
    folder = new_folder()
    shutil.copytree(original or written(spark), folder, dirs_exist_ok=True)
    config = settings(folder)
    return Suite("tests", config, spark, Tables.of(spark, config), Tracking(config), Progress())


@cache
def written(spark: SparkSession) -> str:
    """The folder of a lake that nobody changes."""
    folder = new_folder()
    tables = Tables.of(spark, settings(folder))
    write_silver(spark, tables)
    write_model_outputs(spark, tables)
    return folder


def new_folder() -> str:
    """An empty folder, gone when the process ends."""
    folder = tempfile.mkdtemp(prefix="small-lake-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def settings(folder: str) -> Config:
    """The tests' settings with lake and report under `folder`; `als` and a model without lists challenge `fused`."""
    gate = ["evaluate.promotion.challengers=[als, absent]", "evaluate.promotion.min_users=10"]
    small = ["cf.als.iterations=3", "rank.fusion.trees.n_estimators=30"]  # twelve products are soon learned
    return load_config("demo", [*LOCAL, *gate, *small, f"lake.root={folder}/lake", f"report.path={folder}/report"])


def orders() -> list[tuple[str, str | None, datetime, list[str]]]:
    """order_id, user_id, ordered_at, product_ids."""
    made = []
    for week in range(10):
        for user in range(24):
            when = datetime(2010, 12, 27, 9) + timedelta(weeks=week, hours=user)
            group = GROUPS[(user + (week == 9)) % 4]
            products = [f"{group}{(week + part) % 3}" for part in range(1 + user % 2)]
            name = None if user == 0 else f"user{user:02}"
            made.append((f"order{week}-{user:02}", name, when, sorted(products)))
    return made


def write_silver(spark: SparkSession, tables: Tables) -> None:
    """events, baskets, products, users, ledger and quarantine; columns not named are null."""
    first = datetime(2010, 12, 27)
    titles = {product: f"{product[:-1].upper()} NO {product[-1]}" for product in PRODUCTS} | {"lamp0": HOSTILE}
    batch = {"source": "small", "batch_id": "b1"}
    baskets = [
        {"order_id": order, "user_id": user, "ordered_at": when, "product_ids": products}
        for order, user, when, products in orders()
    ]
    events = [
        batch
        | {"event_id": f"{basket['order_id']}-{product}", "product_id": product, "event_type": "purchase"}
        | {
            "quantity": 2.0,
            "unit_price": 3.5,
            "event_at": basket["ordered_at"],
            "event_on": basket["ordered_at"].date(),
        }
        | {name: basket[name] for name in ("order_id", "user_id")}
        for basket in baskets
        for product in basket["product_ids"]
    ]
    users = [f"user{n:02}" for n in (*range(1, 24), 99)]
    reasons = ["price_missing"] * 5 + ["<b>odd</b>"] * 2
    n_kept = len(events)
    rows: dict[str, list[dict[str, Any]]] = {
        "silver.events": events,
        "silver.baskets": baskets,
        "silver.products": [{"product_id": name, "title": titles[name], "first_seen_at": first} for name in PRODUCTS],
        "silver.users": [
            {"user_id": name, "region": "north", "is_wholesale": False, "is_bot": False} for name in users
        ],
        "silver.ledger": [
            batch | {"n_in": n_kept + 9, "n_kept": n_kept, "n_merged": 0, "n_quarantined": 7, "n_duplicates": 2}
        ],
        "silver.quarantine": [
            batch | {"row_id": str(n), "rule": reason, "reason": reason} for n, reason in enumerate(reasons)
        ],
    }
    for name, content in rows.items():
        tables.replace(name, spark.createDataFrame(content, schema.table(name).columns))


def write_model_outputs(spark: SparkSession, tables: Tables) -> None:
    """On both days: associations within groups, candidates of two models, one rule per pair of a group."""
    pairs = sorted((one, other) for one in PRODUCTS for other in PRODUCTS if one != other and one[:-1] == other[:-1])
    users = [f"user{n:02}" for n in range(1, 24)]
    neighbours = [
        {
            "model": "item_neighbours",
            "product_id": one,
            "associated_product_id": other,
            "rank": 1 + index % 2,
            "score": 0.5,
        }
        for index, (one, other) in enumerate(pairs)
    ]
    chart = [
        {"model": "popularity", "user_id": user, "product_id": product, "rank": rank, "score": 9.0 - rank}
        for user in users
        for rank, product in enumerate(("lamp0", "cup1", "bowl2"), 1)
    ]
    taste = [
        {
            "model": "als",
            "user_id": user,
            "product_id": f"{GROUPS[(number + 1) % 4]}{rank}",
            "rank": rank + 1,
            "score": 0.5,
        }
        for number, user in enumerate(users, 1)
        for rank in range(3)
    ]
    measures = {"support": 0.05, "confidence": 0.5, "lift": 2.0, "leverage": 0.025, "is_redundant": False}
    rules = [
        {"as_of": day, "antecedent": [one], "consequent": [other], "n_baskets": n_together(one, other, day)} | measures
        for one, other in pairs
        for day in (EARLIER, LATER)
    ]
    counts = {"n_sessions": 9, "n_views": 0, "lift": 2.0, "npmi": 0.4, "p_value": 0.001}
    unseen = {"view_lift": 0.0, "view_npmi": -1.0, "view_p_value": 1.0, "swing": 0.0, "n_followed": 0, "n_preceded": 0}
    edges = [
        {"src": one, "dst": other, "n_orders": n_together(one, other, LATER), "chance": 0.01, "weight": 0.4}
        | counts | unseen
        for one, other in pairs
    ]  # fmt: skip
    places = [
        {"product_id": name, "community_id": f"{name[:-1]}0@{LATER}", "pagerank": 0.1 - place / 1000, "core": 2}
        for place, name in enumerate(PRODUCTS)
    ]
    sets = [
        {"product_ids": [f"{group}{n}" for n in range(3)], "n_products": 3, "n_orders": 4, "n_outside": 12, "lift": 2.5}
        for group in GROUPS
    ]
    lists = {"gold.associations": neighbours, "gold.candidates": chart + taste}
    graph = {"silver.product_graph": edges, "silver.communities": places, "gold.bundles": sets}
    both_days = {name: [row | {"as_of": day} for row in lists[name] for day in (EARLIER, LATER)] for name in lists}
    later_alone = {name: [row | {"as_of": LATER} for row in graph[name]] for name in graph}
    for name, rows in (both_days | later_alone | {"gold.rules": rules}).items():
        tables.replace(name, spark.createDataFrame(rows, schema.table(name).columns))


def n_together(one: str, other: str, before: date) -> int:
    """Orders before that day with both products."""
    return sum({one, other} <= set(products) for _, _, when, products in orders() if when.date() < before)
