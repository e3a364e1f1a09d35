"""Raw events are typed, and each that is set aside is set aside by the right rule, with a reason in words."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime

import pytest

from cartograph.preprocess.events import good_events, judged_events, quarantined
from cartograph.preprocess.settings import Rules
from tests.preprocess.conftest import KEY, PURCHASE, Raw

ASIDE = [
    ({"product_id": " "}, "no_product", "product_id is missing"),
    ({"event_type": None}, "no_event_type", "event_type is missing"),
    ({"event_type": "hover"}, "bad_event_type", "event_type 'hover' is none of view, cart, purchase, rating, return"),
    ({"event_at": None}, "no_time", "event_at is missing"),
    ({"event_at": "yesterday"}, "bad_time", "event_at 'yesterday' is not a time"),
    ({"event_at": "2024-02-30"}, "bad_time", "event_at '2024-02-30' is not a time"),
    ({"event_at": "10:15"}, "bad_time", "event_at '10:15' is not a time"),
    ({"event_at": "2024"}, "bad_time", "event_at '2024' is not a time"),
    ({"event_at": "0001-01-01"}, "bad_time", "event_at '0001-01-01' is not a time"),
    ({"quantity": "two"}, "bad_quantity", "quantity 'two' is not a whole number"),
    ({"quantity": "1.5"}, "bad_quantity", "quantity '1.5' is not a whole number"),
    ({"quantity": "1e99"}, "bad_quantity", "quantity '1e99' is not a whole number"),
    ({"quantity": "0"}, "bad_quantity", "quantity '0' is not positive"),
    ({"unit_price": "12,50 EUR"}, "bad_price", "unit_price '12,50 EUR' is not a number"),
    ({"unit_price": "NaN"}, "bad_price", "unit_price 'NaN' is not a number"),
    ({"event_type": "rating", "rating": "good"}, "bad_rating", "rating 'good' is not a number"),
    ({"event_type": "rating"}, "no_rating", "rating is missing"),
    ({"order_id": None}, "no_order", "order_id of a purchase is missing"),
    ({"product_id": "POST"}, "not_a_product", "product_id 'POST' is not a product"),
    ({"product_id": "bank charges"}, "not_a_product", "product_id 'bank charges' is not a product"),
    ({"product_id": "M"}, "not_a_product", "product_id 'M' is not a product"),
    ({"product_id": "TEST001"}, "not_a_product", "product_id 'TEST001' is not a product"),
    ({"title": " DOTCOM POSTAGE "}, "not_a_product", "title ' DOTCOM POSTAGE ' is not a product"),
    ({"title": "Adjust bad debt"}, "not_a_product", "title 'Adjust bad debt' is not a product"),
    ({"unit_price": "-3.50"}, "negative_price", "unit_price '-3.50' is negative"),
    ({"unit_price": "0", "user_id": None}, "stock_correction", "unit_price is 0 and there is no customer"),
]
GOOD = [
    {"event_type": " Purchase "},
    {"event_type": "view", "order_id": None, "quantity": None, "unit_price": None},
    {"user_id": None},
    {"unit_price": "0"},
    {"quantity": "3.0"},
    {"product_id": "POSTER"},
    {"title": "POSTAGE STAMP ALBUM"},
    {"event_at": "2024-05-01T10:00:00Z"},
]


def test_every_rule_sets_aside_what_it_should(raw: Raw, rules: Rules) -> None:
    judged = judged_events(raw("events", [PURCHASE | changed for changed, _, _ in ASIDE]), KEY, rules)
    found = {row.row_id: (row.rule, row.reason) for row in quarantined(judged).collect()}
    assert found == {f"r{n}": (rule, reason) for n, (_, rule, reason) in enumerate(ASIDE)}
    assert good_events(judged).count() == 0


def test_what_is_odd_but_right_is_kept(raw: Raw, rules: Rules) -> None:
    judged = judged_events(raw("events", [PURCHASE | changed for changed in GOOD]), KEY, rules)
    assert [(row.row_id, row.rule) for row in judged.where("rule IS NOT NULL").collect()] == []
    kept = {row.row_id: row for row in good_events(judged).collect()}
    first = kept["r0"]
    assert (first.event_type, first.quantity, first.unit_price) == ("purchase", 2, 3.5)
    assert (first.event_at, first.event_on) == (datetime(2024, 5, 1, 10), date(2024, 5, 1))
    assert first.user_id == hmac.new(KEY, b"ann", hashlib.sha256).hexdigest()
    assert kept["r2"].user_id is None
    assert kept["r4"].quantity == 3


def test_a_row_set_aside_is_kept_as_it_came_but_for_the_customers_name(raw: Raw, rules: Rules) -> None:
    [row] = quarantined(judged_events(raw("events", [PURCHASE | {"quantity": "two"}]), KEY, rules)).collect()
    pseudonym = hmac.new(KEY, b"ann", hashlib.sha256).hexdigest()
    assert row.raw == PURCHASE | {"quantity": "two", "user_id": pseudonym}
    assert (row.source, row.batch_id, row.event_at) == ("s", "b1", datetime(2024, 5, 1, 10))


@pytest.mark.parametrize("kind", ["purchase", "return"])
def test_a_negative_quantity_is_a_return_of_as_many(raw: Raw, rules: Rules, kind: str) -> None:
    [row] = good_events(
        judged_events(raw("events", [PURCHASE | {"quantity": "-2", "event_type": kind}]), KEY, rules)
    ).collect()
    assert (row.event_type, row.quantity) == ("return", 2)


def test_events_without_an_id_are_known_by_their_content(raw: Raw, rules: Rules) -> None:
    rows = [
        PURCHASE,
        PURCHASE,
        PURCHASE | {"quantity": "3"},
        PURCHASE | {"user_id": "bob"},
        PURCHASE | {"event_id": "E1"},
    ]
    ids = {row.row_id: row.event_id for row in judged_events(raw("events", rows), KEY, rules).collect()}
    assert ids["r0"] == ids["r1"]
    assert len(set(ids.values())) == 4
    assert ids["r4"] == "E1"


def test_ids_of_sources_that_do_not_mind_case_are_upper_case(raw: Raw, rules: Rules) -> None:
    rows = [PURCHASE | {"product_id": " 85123a "}, PURCHASE | {"product_id": "85123a", "source": "online_retail"}]
    ids = [row.product_id for row in judged_events(raw("events", rows), KEY, rules).orderBy("row_id").collect()]
    assert ids == ["85123a", "85123A"]


def test_far_quantities_and_prices_are_set_aside_by_batch(raw: Raw, rules: Rules) -> None:
    usual = [PURCHASE | {"quantity": str(n % 12 + 1)} for n in range(100)]
    # The quartiles are 3 and 9, so the fence is 9 * max(9 / 3, 8) ** 3 = 4608.
    odd = [PURCHASE | {"quantity": "4600"}, PURCHASE | {"quantity": "4700"}, PURCHASE | {"quantity": "80995"}]
    priced = [PURCHASE | {"unit_price": price} for price in ("0.17", "0.18", "70", "70.01")]
    rare = [PURCHASE | {"product_id": "rare", "unit_price": price} for price in ("850", "900")]
    judged = judged_events(raw("events", usual + odd + priced + rare), KEY, rules)
    found = {row.row_id: row.rule for row in judged.where("rule IS NOT NULL").collect()}
    # The median price is 3.50: 20 times less or more is set aside. A product with two lines has no usual price, and the
    # fence of all prices is 3.50 * 4 ** 4 = 896.
    quantities = {"r101": "outlier_quantity", "r102": "outlier_quantity"}
    assert found == quantities | {"r103": "outlier_price", "r106": "outlier_price", "r108": "outlier_price"}


def test_a_far_quantity_of_one_batch_may_be_usual_in_another(raw: Raw, rules: Rules) -> None:
    retail = [PURCHASE | {"row_id": f"a{n}", "batch_id": "retail"} for n in range(20)]
    wholesale = [PURCHASE | {"row_id": f"b{n}", "batch_id": "wholesale", "quantity": "5000"} for n in range(20)]
    late = [PURCHASE | {"row_id": "late", "batch_id": "retail", "quantity": "5000"}]
    judged = judged_events(raw("events", retail + wholesale + late), KEY, rules)
    assert [(row.row_id, row.rule) for row in judged.where("rule IS NOT NULL").collect()] == [
        ("late", "outlier_quantity")
    ]
