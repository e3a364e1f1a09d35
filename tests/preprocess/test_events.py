"""Raw events are typed, and each that is set aside is set aside by the right rule, with a reason."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime

import pytest
from pyspark.sql import DataFrame

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.errors import UserError
from cartograph.preprocess.events import checked_events, good_events, quarantined_events, typed_events
from cartograph.preprocess.settings import FenceSettings
from tests.preprocess.conftest import KEY, PURCHASE, RETAIL, Raw

ASIDE = [
    ({"product_id": " "}, "no_product", "product_id is missing"),
    ({"event_type": None}, "no_event_type", "event_type is missing"),
    (
        {"event_type": "hover"},
        "bad_event_type",
        "event_type 'hover' is not one of view, cart, purchase, rating, return",
    ),
    ({"event_at": None}, "no_time", "event_at is missing"),
    ({"event_at": "yesterday"}, "bad_time", "event_at 'yesterday' is not a time"),
    ({"event_at": "2024-02-30"}, "bad_time", "event_at '2024-02-30' is not a time"),
    ({"event_at": "10:15"}, "bad_time", "event_at '10:15' is not a time"),
    ({"event_at": "2024"}, "bad_time", "event_at '2024' is not a time"),
    ({"event_at": "0001-01-01"}, "bad_time", "event_at '0001-01-01' is not a time"),
    (
        {"event_at": "2099-05-01 10:00", "known_until": datetime(2024, 6, 1)},
        "future_time",
        "event_at '2099-05-01 10:00' lies after 2024-06-01 00:00, when the row was known",
    ),
    ({"quantity": "two"}, "bad_quantity", "quantity 'two' is not a number"),
    ({"quantity": "1e999"}, "bad_quantity", "quantity '1e999' is not a number"),
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
    ({"unit_price": "0", "user_id": " nan "}, "stock_correction", "unit_price = 0 AND user_id IS NULL"),
]
GOOD = [
    {"event_type": " Purchase "},
    {"event_type": "view", "order_id": None, "quantity": None, "unit_price": None},
    {"user_id": None},
    {"unit_price": "0"},
    {"quantity": "3.0"},
    {"quantity": "0.734", "product_id": "apples"},
    {"event_at": "2024-05-31 23:59", "known_until": datetime(2024, 6, 1)},
    {"product_id": "POSTER"},
    {"title": "POSTAGE STAMP ALBUM"},
    {"event_at": "2024-05-01T10:00:00Z"},
]


def verdicts_on(
    raw: Raw, fences: FenceSettings, rows: list[dict[str, object]], cleaning: Cleaning = RETAIL
) -> DataFrame:
    return checked_events(typed_events([(raw("events", rows), cleaning)]), KEY, fences)


def test_every_rule_sets_aside_what_it_should(raw: Raw, fences: FenceSettings) -> None:
    checked = verdicts_on(raw, fences, [PURCHASE | changed for changed, _, _ in ASIDE])
    found = {row.row_id: (row.rule, row.reason) for row in quarantined_events(checked).collect()}
    assert found == {f"r{n}": (rule, reason) for n, (_, rule, reason) in enumerate(ASIDE)}
    assert good_events(checked).count() == 0


def test_unusual_but_valid_rows_are_kept(raw: Raw, fences: FenceSettings) -> None:
    checked = verdicts_on(raw, fences, [PURCHASE | changed for changed in GOOD])
    assert [(row.row_id, row.rule) for row in checked.where("rule IS NOT NULL").collect()] == []
    kept = {row.row_id: row for row in good_events(checked).collect()}
    first = kept["r0"]
    assert (first.event_type, first.quantity, first.unit_price) == ("purchase", 2, 3.5)
    assert (first.event_at, first.event_on) == (datetime(2024, 5, 1, 10), date(2024, 5, 1))
    assert first.user_id == hmac.new(KEY, b"ann", hashlib.sha256).hexdigest()
    assert kept["r2"].user_id is None
    assert (kept["r5"].quantity, kept["r0"].order_id) == (0.734, "s:O1")
    assert kept["r4"].quantity == 3


def test_a_row_set_aside_is_kept_as_delivered_under_the_customers_pseudonym(raw: Raw, fences: FenceSettings) -> None:
    [row] = quarantined_events(verdicts_on(raw, fences, [PURCHASE | {"quantity": "two"}])).collect()
    pseudonym = hmac.new(KEY, b"ann", hashlib.sha256).hexdigest()
    assert row.raw == PURCHASE | {"quantity": "two", "user_id": pseudonym}
    assert (row.source, row.batch_id, row.event_at) == ("s", "b1", datetime(2024, 5, 1, 10))


@pytest.mark.parametrize("kind", ["purchase", "return"])
def test_a_negative_quantity_is_a_return_of_as_many(raw: Raw, fences: FenceSettings, kind: str) -> None:
    [row] = good_events(verdicts_on(raw, fences, [PURCHASE | {"quantity": "-2", "event_type": kind}])).collect()
    assert (row.event_type, row.quantity) == ("return", 2)


def test_events_without_an_id_are_identified_by_content_within_their_source(raw: Raw, fences: FenceSettings) -> None:
    rows = [
        PURCHASE,
        PURCHASE,
        PURCHASE | {"quantity": "3"},
        PURCHASE | {"user_id": "bob"},
        PURCHASE | {"source": "t"},
        PURCHASE | {"event_id": "E1"},
        PURCHASE | {"event_id": "E1", "source": "t"},
    ]
    ids = {row.row_id: row.event_id for row in verdicts_on(raw, fences, rows).collect()}
    assert ids["r0"] == ids["r1"]
    assert len(set(ids.values())) == 6
    assert (ids["r5"], ids["r6"]) == ("s:E1", "t:E1")


def test_order_ids_are_unique_per_source_and_declared_part_and_sessions_per_customer(
    raw: Raw, fences: FenceSettings
) -> None:
    rows = [
        PURCHASE | {"session_id": "1", "store": "north", "till": "4"},
        PURCHASE | {"session_id": "1", "user_id": None, "source": "t"},
        PURCHASE | {"session_id": "1", "user_id": "bob", "store": "north"},
    ]
    plain = {row.row_id: row for row in verdicts_on(raw, fences, rows).collect()}
    assert [plain[row].order_id for row in ("r0", "r1", "r2")] == ["s:O1", "t:O1", "s:O1"]
    assert plain["r1"].session_id == "t:1"
    assert len({row.session_id for row in plain.values()}) == 3
    per_till = Cleaning(orders_per=("store", "till", "day"))
    kept = {row.row_id: row.order_id for row in verdicts_on(raw, fences, rows, per_till).collect()}
    assert kept == {"r0": "s:north:4:2024-05-01:O1", "r1": "t:::2024-05-01:O1", "r2": "s:north::2024-05-01:O1"}


def test_product_ids_of_case_insensitive_sources_are_upper_case(raw: Raw, fences: FenceSettings) -> None:
    rows = [PURCHASE | {"product_id": " 85123a "}, PURCHASE | {"product_id": "22423.0"}]

    def ids(cleaning: Cleaning) -> list[str]:
        return [row.product_id for row in verdicts_on(raw, fences, rows, cleaning).orderBy("row_id").collect()]

    assert ids(Cleaning()) == ["85123a", "22423"]
    assert ids(Cleaning(upper_product_ids=True)) == ["85123A", "22423"]
    assert ids(Cleaning(ids="as_written")) == [" 85123a ", "22423.0"]


def test_a_source_may_require_whole_quantities_and_use_any_product_ids(raw: Raw, fences: FenceSettings) -> None:
    rows = [PURCHASE | {"quantity": "1.5"}, *[PURCHASE | {"product_id": name} for name in ("M", "POST", "TEST1")]]
    assert verdicts_on(raw, fences, rows, Cleaning()).where("rule IS NOT NULL").count() == 0
    [bad] = verdicts_on(raw, fences, rows, Cleaning(whole_quantities=True)).where("rule IS NOT NULL").collect()
    assert bad.reason == "quantity '1.5' is not a whole number"


def test_a_condition_that_cannot_be_evaluated_is_named(raw: Raw, fences: FenceSettings) -> None:
    with pytest.raises(UserError, match=r"cleaning\.not_sales\.gift is not a condition on an event: .*prize"):
        verdicts_on(raw, fences, [PURCHASE], Cleaning(not_sales={"gift": "prize = 0"}))


def outliers(raw: Raw, fences: FenceSettings, rows: list[dict[str, object]]) -> dict[str, str]:
    """The rule per row that is set aside."""
    checked = verdicts_on(raw, fences, rows, Cleaning())
    return {row.row_id: row.rule for row in checked.where("rule IS NOT NULL").collect()}


def test_outlying_quantities_and_prices_are_set_aside_by_batch(raw: Raw, fences: FenceSettings) -> None:
    usual: list[dict[str, object]] = [PURCHASE | {"quantity": str(n % 12 + 1)} for n in range(100)]
    # The quartiles are 3 and 9, so the fence is 9 * max(9 / 3, 8) ** 3 = 4608.
    odd = [PURCHASE | {"quantity": "4600"}, PURCHASE | {"quantity": "4700"}, PURCHASE | {"quantity": "80995"}]
    priced = [PURCHASE | {"unit_price": price} for price in ("0.16", "0.18", "70", "70.01")]
    rare = [PURCHASE | {"product_id": "rare", "unit_price": price} for price in ("850", "900")]
    # The median price is 3.50: 20 times less or more is far. A product with two lines has no usual price, and the fence
    # of all prices is 3.50 * 4 ** 4 = 896.
    quantities = {"r101": "outlier_quantity", "r102": "outlier_quantity"}
    prices = {"r103": "outlier_price", "r106": "outlier_price", "r108": "outlier_price"}
    assert outliers(raw, fences, usual + odd + priced + rare) == quantities | prices


def test_supported_outliers_are_kept(raw: Raw, fences: FenceSettings) -> None:
    usual: list[dict[str, object]] = [
        PURCHASE | {"order_id": f"O{n}", "product_id": product, "unit_price": "12.90"}
        for n in range(10)
        for product in ("pen", "pad")
    ]

    def line(order: str, product: str, price: str) -> dict[str, object]:
        return PURCHASE | {"order_id": order, "product_id": product, "unit_price": price}

    repeated = [line("Y1", "pen", "1290"), line("Y2", "pen", "1290")]
    whole_order = [line("W1", "pen", "1400"), line("W1", "pad", "1500")]
    discounts = [line("D1", "pen", "0.01"), line("D2", "pad", "0.26")]  # a gift, and 98 % off
    wrong = [
        line("Z1", "pen", "12900"),
        line("Z1", "pad", "12.90"),
        line("Z2", "pad", "0.30"),
        line("Z3", "pad", "12899"),
    ]
    found = outliers(raw, fences, usual + repeated + whole_order + discounts + wrong)
    assert found == {f"r{20 + 6 + n}": "outlier_price" for n in (0, 2, 3)}


def test_the_reason_gives_the_usual_price(raw: Raw, fences: FenceSettings) -> None:
    rows = [PURCHASE | {"order_id": f"O{n}"} for n in range(9)] + [PURCHASE | {"unit_price": "3500"}]
    [row] = verdicts_on(raw, fences, rows, Cleaning()).where("rule IS NOT NULL").collect()
    assert row.reason == "unit_price is over 20 times off the usual 3.50, and occurs once"


def test_an_outlying_quantity_of_one_batch_may_be_usual_in_another(raw: Raw, fences: FenceSettings) -> None:
    retail = [PURCHASE | {"row_id": f"a{n}", "batch_id": "retail"} for n in range(20)]
    wholesale = [PURCHASE | {"row_id": f"b{n}", "batch_id": "wholesale", "quantity": "5000"} for n in range(20)]
    late = [PURCHASE | {"row_id": "late", "batch_id": "retail", "quantity": "5000"}]
    assert outliers(raw, fences, retail + wholesale + late) == {"late": "outlier_quantity"}
