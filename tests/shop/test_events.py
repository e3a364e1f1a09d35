"""What customers do, one block of them at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from cartograph.shop.catalogue import BUNDLE_STRENGTH, catalogue
from cartograph.shop.dirt import CLEAN
from cartograph.shop.events import MAX_PER_BLOCK, PURCHASE, VIEW, Columns, events_of_block
from cartograph.shop.plan import DAY, Plan

PLAN = Plan(n_events=200_000, dirt=0.0)
SHOP = catalogue(PLAN)


@pytest.fixture(scope="module")
def events() -> Columns:
    """All events of the shop, without dirt."""
    blocks = [events_of_block(PLAN, block) for block in range(PLAN.n_blocks)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


@pytest.fixture(scope="module")
def baskets(events: Columns) -> dict[int, set[int]]:
    """Order -> internal product numbers."""
    internal = np.argsort(SHOP.code)
    found: dict[int, set[int]] = {}
    bought = events["event_type"] == PURCHASE
    for order, code in zip(events["order"][bought], events["product"][bought], strict=True):
        found.setdefault(int(order), set()).add(int(internal[code]))
    return found


@pytest.mark.parametrize("n_events", [1_000, 10_000, 100_000, 600_000])
def test_as_many_events_come_out_as_asked_for(n_events: int) -> None:
    plan = Plan(n_events=n_events)
    n = sum(len(events_of_block(plan, block)["at"]) for block in range(plan.n_blocks))
    assert n == pytest.approx(n_events, rel=0.05)


def test_a_block_is_the_same_every_time_and_differs_by_seed_and_block() -> None:
    first, again = events_of_block(Plan(), 1), events_of_block(Plan(), 1)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    for other in (events_of_block(Plan(seed=8), 1), events_of_block(Plan(), 2)):
        assert not np.array_equal(first["at"], other["at"][: len(first["at"])])


def test_numbers_of_blocks_do_not_meet(events: Columns) -> None:
    assert len(np.unique(events["number"])) == len(events["number"])
    for block in range(PLAN.n_blocks):
        columns = events_of_block(PLAN, block)
        for name in ("number", "visit", "order"):
            known = columns[name][columns[name] >= 0]
            assert (known // MAX_PER_BLOCK == block).all()


def test_event_types_come_in_a_shops_proportions(events: Columns) -> None:
    view, cart, purchase, rating, returned = np.bincount(events["event_type"], minlength=5) / len(events["at"])
    assert view > cart > purchase > rating > returned > 0
    assert 0.55 < view < 0.75
    assert 0.10 < purchase < 0.20


def test_all_happens_within_the_shops_time_and_never_before_a_launch(events: Columns) -> None:
    assert PLAN.start <= events["at"].min()
    assert events["at"].max() < PLAN.start + PLAN.n_days * DAY
    internal = np.argsort(SHOP.code)[events["product"]]
    launch = PLAN.start + SHOP.families.launch_day[SHOP.family[internal]] * DAY
    assert (events["at"] >= launch).all()
    assert (launch > PLAN.start).any()


def test_few_products_make_many_sales(events: Columns) -> None:
    sales = np.sort(np.bincount(events["product"][events["event_type"] == PURCHASE], minlength=SHOP.n_products))[::-1]
    share = sales[: len(sales) // 10].sum() / sales.sum()
    assert 0.25 < share < 0.6
    assert (sales > 0).mean() > 0.9


def test_december_outsells_february(events: Columns) -> None:
    month = (events["at"].astype("datetime64[s]").astype("datetime64[M]").astype(int)) % 12
    per_month = np.bincount(month, minlength=12)
    assert per_month[11] > 1.3 * per_month[1]


def test_an_order_holds_a_product_once(events: Columns) -> None:
    bought = events["event_type"] == PURCHASE
    key = events["order"][bought] * SHOP.n_products + events["product"][bought]
    assert len(np.unique(key)) == len(key)
    assert (events["order"][bought] >= 0).all()
    assert (events["quantity"][bought] > 0).all()
    assert (events["cents"][bought] > 0).all()


def test_robots_look_at_hundreds_of_products_and_buy_none(events: Columns) -> None:
    known = (events["customer"] >= 0) & (events["visit"] >= 0)
    per_visit = np.bincount(events["visit"][known & (events["event_type"] == VIEW)])
    robot_visits = np.flatnonzero(per_visit > 300)
    assert len(robot_visits) > 3
    robots = np.unique(events["customer"][np.isin(events["visit"], robot_visits)])
    assert not (np.isin(events["customer"], robots) & (events["event_type"] == PURCHASE)).any()


def test_guests_buy_but_do_not_rate(events: Columns) -> None:
    guests = np.bincount(events["event_type"][events["customer"] < 0], minlength=5)
    assert guests[PURCHASE] > 100
    assert guests[3] == 0


def test_complements_are_bought_along_as_often_as_planted_and_not_the_other_way(baskets: dict[int, set[int]]) -> None:
    anchors = {int(product) for product in np.flatnonzero(SHOP.complement[:, 0] >= 0)}
    n_anchor = n_along = n_goal = expected = 0.0
    for basket in baskets.values():
        for product in basket & anchors:
            targets, strengths = SHOP.complement[product], SHOP.complement_strength[product]
            n_anchor += 1
            expected += 0.8 * strengths.sum()  # a fifth of the complements are bought later
            n_along += len(basket & set(targets[targets >= 0].tolist()))
    goals = {int(target) for target in SHOP.complement[SHOP.complement >= 0]} - anchors
    n_goal = sum(len(basket & goals) for basket in baskets.values())
    assert n_along / n_anchor == pytest.approx(expected / n_anchor, rel=0.15)
    assert n_along / n_goal < 0.8 * n_along / n_anchor


def test_bundles_are_bought_whole(baskets: dict[int, set[int]]) -> None:
    bundles = [set(row[row >= 0].tolist()) for row in SHOP.bundles]
    touched = sum(bool(basket & bundle) for basket in baskets.values() for bundle in bundles)
    whole = sum(bundle <= basket for basket in baskets.values() for bundle in bundles)
    assert whole / touched == pytest.approx(BUNDLE_STRENGTH, abs=0.07)


def test_loyal_customers_come_back_after_the_rhythm(events: Columns) -> None:
    bought = np.flatnonzero((events["event_type"] == PURCHASE) & (events["customer"] >= 0))
    bought = bought[np.lexsort((events["at"][bought], events["product"][bought], events["customer"][bought]))]
    same = (np.diff(events["customer"][bought]) == 0) & (np.diff(events["product"][bought]) == 0)
    gap = np.diff(events["at"][bought])[same] / DAY
    internal = np.argsort(SHOP.code)[events["product"][bought][1:][same]]
    rhythm = SHOP.families.rhythm[SHOP.family[internal]]
    assert (rhythm > 0).mean() > 0.6
    assert np.median(gap[rhythm > 0] / rhythm[rhythm > 0]) == pytest.approx(1, abs=0.1)


def test_a_clean_shop_has_no_dirt_but_guests(events: Columns) -> None:
    assert ((events["dirt"] == CLEAN) | (events["customer"] < 0)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_events": 10}, "greater than or equal to 1000"),
        ({"end_on": date(2024, 1, 1)}, "before it starts"),
        ({"dirt": 0.9}, "less than or equal to 0.5"),
        ({"events_per_user": 10_000}, "events_per_user"),
        ({"n_event": 10_000}, "did you mean 'n_events'"),
    ],
)
def test_an_impossible_plan_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Plan(**changes)
