"""Leaks of every kind, one planted in each table, are found and named; a lake without any passes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.audit.findings import Finding, Sources
from cartograph.audit.leaks import AUDITED, audit, described
from cartograph.audit.settings import AuditSettings
from cartograph.core.tables import schema

DAY = date(2011, 3, 1)
NOON = datetime(2011, 2, 1, 12)
AFTER = datetime(2011, 3, 3, 12)

Rows = list[dict[str, Any]]


def purchase(user: str, product: str, order: str, at: datetime) -> dict[str, Any]:
    return {"event_id": order + product, "user_id": user, "product_id": product, "event_type": "purchase",
            "order_id": order, "event_at": at, "event_on": at.date()}  # fmt: skip


# u1 buys `cup` and `jar` together once and `cup` again; `late` is listed, bought, and its customer first seen, after
# the day; `fresh` is listed without a date and `shown` before the day, and nobody buys either.
EVENTS = [
    purchase("u1", "cup", "o1", NOON),
    purchase("u1", "jar", "o1", NOON),
    purchase("u1", "cup", "o2", NOON + timedelta(days=3)),
    purchase("u1", "jar", "o2", AFTER),
    purchase("u2", "late", "o3", AFTER),
    purchase("u2", "cup", "o3", AFTER),
]
BASKETS = [
    {"order_id": "o1", "user_id": "u1", "ordered_at": NOON, "product_ids": ["cup", "jar"]},
    {"order_id": "o2", "user_id": "u1", "ordered_at": NOON + timedelta(days=3), "product_ids": ["cup"]},
    {"order_id": "o3", "user_id": "u2", "ordered_at": AFTER, "product_ids": ["cup", "late"]},
]
PRODUCTS = [
    {"product_id": "cup", "title": "A blue cup", "first_seen_at": NOON},
    {"product_id": "jar", "title": "A jar", "first_seen_at": NOON},
    {"product_id": "late", "title": "A crimson cup", "first_seen_at": AFTER},
    {"product_id": "fresh", "title": "A lamp"},
    {"product_id": "shown", "title": "A bowl", "first_seen_at": NOON},
]
USERS = [{"user_id": name, "is_wholesale": False, "is_bot": False} for name in ("u1", "u2", "quiet")]
DELIVERED = [
    {"row_id": "1", "source": "s", "batch_id": "b", "product_id": "cup", "seen_at": "2011-02-01 12:00:00"},
    {"row_id": "2", "source": "s", "batch_id": "b", "product_id": "JAR", "seen_at": "2011-03-05 12:00:00"},
]
LISTED = [
    {"source": "s", "product_id": "jar", "stated_at": NOON, "is_listed": True},
    {"source": "s", "product_id": "shown", "stated_at": datetime(2011, 3, 1), "is_listed": True, "stock": 0},
]
SHOWN = [
    {"exposure_id": str(n), "experiment": "test", "arm": "new", "user_id": f"u{n}"}
    | {"exposed_at": NOON + n * timedelta(days=10)}
    for n in range(4)
]

# Per table a correct row, and rows that leak: what differs in them, the check, and what must be reported.
CASES: dict[str, tuple[dict[str, Any], list[tuple[dict[str, Any], str, str]]]] = {
    "gold.candidates": (
        {"model": "als", "user_id": "quiet", "rank": 1, "product_id": "fresh"},
        [
            ({"product_id": "late"}, "products",
             "model=als, user_id=quiet, rank=1: product late is first seen on 2011-03-03"),
            ({"user_id": "u2"}, "users", "model=als, user_id=u2, rank=1: user u2 is first seen on 2011-03-03"),
        ],
    ),
    "gold.recommendations": (
        {"user_id": "u1", "rank": 1, "product_id": "cup"},
        [
            ({"product_id": "late"}, "products", "user_id=u1, rank=1: product late is first seen on 2011-03-03"),
            ({"user_id": "who"}, "users", "user_id=who, rank=1: user who is in no event and no list"),
        ],
    ),
    "gold.hidden": (
        {"user_id": "u1", "product_id": "cup"},
        [
            ({"product_id": "late"}, "products",
             "user_id=u1, product_id=late: product late is first seen on 2011-03-03"),
            ({"product_id": "shown", "hidden_by": "stock"}, "catalogues",
             "user_id=u1, product_id=shown is hidden by stock; first in a catalogue: 2011-03-01"),
        ],
    ),
    "gold.hidden_related": (
        {"product_id": "cup", "relation": "variant", "associated_product_id": "jar", "hidden_by": "not_listed"},
        [
            ({"associated_product_id": "late", "hidden_by": "margin"}, "products",
             "product_id=cup, relation=variant, associated_product_id=late: product late is first seen on 2011-03-03"),
            ({"associated_product_id": "fresh"}, "catalogues",
             "product_id=cup, relation=variant, associated_product_id=fresh is hidden by not_listed; "
             "first in a catalogue: never"),
        ],
    ),
    "gold.associations": (
        {"model": "als", "product_id": "cup", "rank": 1, "associated_product_id": "shown"},
        [({"associated_product_id": "ghost"}, "products",
          "model=als, product_id=cup, rank=1: product ghost is in no event and no list")],
    ),
    "gold.related_products": (
        {"product_id": "cup", "relation": "complement", "rank": 1, "associated_product_id": "jar"},
        [({"product_id": "late"}, "products",
          "product_id=late, relation=complement, rank=1: product late is first seen on 2011-03-03")],
    ),
    "gold.relations": (
        {"src": "cup", "dst": "shown"},
        [({"dst": "late"}, "products", "src=cup, dst=late: product late is first seen on 2011-03-03")],
    ),
    "gold.inferred_rules": (
        {"product_id": "shown", "associated_product_id": "jar", "inferred_from": ["cup"]},
        [({"inferred_from": ["late"]}, "products",
          "product_id=shown, associated_product_id=jar: product late is first seen on 2011-03-03")],
    ),
    "gold.bundles": (
        {"product_ids": ["cup", "jar"]},
        [({"product_ids": ["cup", "late"]}, "products",
          "product_ids=[cup, late]: product late is first seen on 2011-03-03")],
    ),
    "gold.itemsets": (
        {"itemset": ["cup", "jar"], "n_baskets": 1},
        [
            ({"itemset": ["shown"], "n_baskets": 0}, "products", "itemset=[shown]: product shown is in no event"),
            ({"itemset": ["cup"], "n_baskets": 3}, "n_baskets",
             "itemset=[cup] says 3 baskets; before 2011-03-01 there were 2"),
        ],
    ),
    "gold.high_utility_itemsets": (
        {"itemset": ["cup", "jar"], "n_baskets": 1},
        [({"n_baskets": 2}, "n_baskets", "itemset=[cup, jar] says 2 baskets; before 2011-03-01 there were 1")],
    ),
    "gold.rules": (
        {"antecedent": ["cup"], "consequent": ["jar"], "n_baskets": 1, "n_antecedent": 2, "n_consequent": 1},
        [
            ({"consequent": ["late"], "n_baskets": 0, "n_consequent": 0}, "products",
             "antecedent=[cup], consequent=[late]: product late is first seen on 2011-03-03"),
            ({"n_baskets": 2}, "n_baskets",
             "antecedent=[cup], consequent=[jar] says 2 baskets; before 2011-03-01 there were 1"),
            ({"n_antecedent": 3}, "n_antecedent",
             "antecedent=[cup], consequent=[jar] says 3 baskets; before 2011-03-01 there were 2"),
            ({"n_consequent": 2}, "n_consequent",
             "antecedent=[cup], consequent=[jar] says 2 baskets; before 2011-03-01 there were 1"),
        ],
    ),
    "silver.product_graph": (
        {"src": "cup", "dst": "jar", "n_orders": 1},
        [
            ({"dst": "late", "n_orders": 0}, "products", "src=cup, dst=late: product late is first seen on 2011-03-03"),
            ({"n_orders": 2}, "n_orders", "src=cup, dst=jar says 2 baskets; before 2011-03-01 there were 1"),
        ],
    ),
    "silver.communities": (
        {"product_id": "cup"},
        [({"product_id": "late"}, "products", "product_id=late: product late is first seen on 2011-03-03")],
    ),
    "silver.product_vectors": (
        {"model": "words", "product_id": "fresh"},
        [({"product_id": "late"}, "products",
          "model=words, product_id=late: product late is first seen on 2011-03-03")],
    ),
    "silver.word_vectors": (
        {"word": "cup"},
        [({"word": "crimson"}, "words",
          "word=crimson is in no text known before 2011-03-01, first in one of 2011-03-03")],
    ),
    "gold.factors": (
        {"model": "als", "side": "product", "id": "cup", "fitted_as_of": DAY},
        [
            ({"id": "late"}, "products", "model=als, side=product, id=late: product late is first seen on 2011-03-03"),
            ({"side": "user", "id": "u2"}, "users", "model=als, side=user, id=u2: user u2 is first seen on 2011-03-03"),
            ({"fitted_as_of": DAY + timedelta(days=1)}, "fitted_as_of",
             "model=als, side=product, id=cup has fitted_as_of 2011-03-02"),
        ],
    ),
    "gold.user_vectors": (
        {"model": "gru", "user_id": "u1"},
        [({"user_id": "quiet"}, "users", "model=gru, user_id=quiet: user quiet is in no event")],
    ),
    "gold.fusion": (
        {"method": "learned", "learned_from": DAY - timedelta(days=1)},
        [({"learned_from": DAY}, "learned_from", "has learned_from 2011-03-01")],
    ),
    "gold.attributions": (
        {"model": "gru", "user_id": "u1", "product_id": "cup", "parts": {"other": 1.0}},
        [
            ({"product_id": "late"}, "products",
             "model=gru, user_id=u1, product_id=late: product late is first seen on 2011-03-03"),
            ({"user_id": "u2"}, "users",
             "model=gru, user_id=u2, product_id=cup: user u2 is first seen on 2011-03-03"),
        ],
    ),
    "gold.repurchases": (
        {"user_id": "u1", "product_id": "cup", "n_purchases": 2, "last_on": date(2011, 2, 4)},
        [
            ({"n_purchases": 3}, "n_purchases",
             "user_id=u1, product_id=cup says 3 days; before 2011-03-01 there were 2"),
            ({"last_on": DAY}, "last_on", "user_id=u1, product_id=cup has last_on 2011-03-01"),
            ({"last_on": date(2011, 2, 5)}, "last_purchase",
             "user_id=u1, product_id=cup was last bought on 2011-02-05; before 2011-03-01: 2011-02-04"),
        ],
    ),
    "gold.experiments": (
        {"experiment": "test", "arm": "new", "metric": "revenue", "n_users": 2, "n_control_users": 3},
        [({"n_control_users": 4}, "n_users",
          "experiment=test, arm=new, metric=revenue has 4 customers; before 2011-03-01 there were 3")],
    ),
}  # fmt: skip
EXPECTED = [(name, check, example) for name, (_, leaks) in CASES.items() for _, check, example in leaks]


def frame(spark: SparkSession, name: str, rows: Rows) -> DataFrame:
    columns = schema.table(name).columns
    nullable = type(columns)([type(each)(each.name, each.dataType) for each in columns])
    return spark.createDataFrame([{"as_of": DAY} | row if "as_of" in columns.names else row for row in rows], nullable)


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[tuple[str, str], Finding]:
    sources = Sources(
        frame(spark, "silver.events", EVENTS),
        frame(spark, "silver.baskets", BASKETS),
        frame(spark, "silver.products", PRODUCTS),
        frame(spark, "silver.users", USERS),
        frame(spark, "bronze.products", DELIVERED),
        frame(spark, "gold.exposures", SHOWN),
        frame(spark, "silver.listings", LISTED),
    )
    frames = {name: frame(spark, name, [good, *[good | leak for leak, _, _ in leaks]])
              for name, (good, leaks) in CASES.items()}  # fmt: skip
    frames["silver.products"] = sources.products.where("product_id <> 'late'")
    frames["silver.baskets"] = sources.baskets.where("order_id <> 'o3'")
    assert set(frames) == set(AUDITED)
    return {(each.table, each.check): each for each in audit(frames, sources, DAY, AuditSettings(sample=50))}


@pytest.mark.parametrize(("name", "check", "example"), EXPECTED, ids=[f"{name} {check}" for name, check, _ in EXPECTED])
def test_a_planted_leak_is_found_and_reported_with_its_row(
    found: dict[tuple[str, str], Finding], name: str, check: str, example: str
) -> None:
    assert found[name, check].example == example


def test_only_what_was_planted_is_found(found: dict[tuple[str, str], Finding]) -> None:
    leaks = {key for key, finding in found.items() if finding.n_leaked}
    reported_only = {("silver.products", "facts"), ("silver.baskets", "lines")}
    # Where a row leaks in one way, what else that breaks: a day that is too late is also later than any purchase.
    assert leaks == {(name, check) for name, check, _ in EXPECTED} | reported_only
    assert found["gold.repurchases", "last_purchase"].n_leaked == 2
    others = [finding.n_leaked for key, finding in found.items() if key in leaks and key[1] != "last_purchase"]
    assert set(others) == {1}


def test_attributes_and_lines_that_came_later_are_counted(found: dict[tuple[str, str], Finding]) -> None:
    attributes, lines = found["silver.products", "facts"], found["silver.baskets", "lines"]
    assert (attributes.n_checked, attributes.example) == (4, "product_id=jar has attributes of 2011-03-05")
    assert (lines.n_checked, lines.example) == (2, "order_id=o2 has a line of 2011-03-03 12:00:00")


def test_leaks_are_described_a_line_each() -> None:
    leak, none = Finding("gold.rules", "n_baskets", 200, 3, "a says 2"), Finding("gold.rules", "products", 9, 0, None)
    assert described([leak, none], DAY) == (
        "  - gold.rules, n_baskets: 3 of 200 were not known before 2011-03-01, for example a says 2"
    )
    assert described([none], DAY) == ""
