"""The events of a block of customers, as NumPy columns: views, carts, purchases, ratings, returns."""

from __future__ import annotations

import numpy as np

from cartograph.shop import plan as streams
from cartograph.shop.catalogue import Catalogue, Ints, catalogue
from cartograph.shop.customers import BOT, NORMAL, Customers, customers
from cartograph.shop.dirt import CLEAN, MISSING_SESSION, MISSING_USER, spoiled
from cartograph.shop.plan import DAY, Plan
from cartograph.shop.purchases import (
    Lines,
    came_along,
    chosen,
    first_of_order,
    followed,
    quantities,
    ratings,
    viewed,
)
from cartograph.shop.visits import Missions, spontaneous_missions

EVENT_TYPES = ("view", "cart", "purchase", "rating", "return")
VIEW, CART, PURCHASE, RATING, RETURN = range(5)
EVENTS_PER_VISIT = 8.0  # A low estimate: more events are sampled than needed, then whole visits are left out.
MAX_PER_BLOCK = 10 * streams.EVENTS_PER_BLOCK  # Numbers reserved for the events, visits and orders of a block.
NONE = -1

Columns = dict[str, Ints]
"""number, customer, product, event_type, visit, order, quantity, cents, rating, at, dirt: one entry per event.

`product` is a public code, `at` is in seconds since 1970, -1 stands for null."""


def events_of_block(plan: Plan, block: int) -> Columns:
    """All events of the customers in `block`, in the order of time, dirt included."""
    shop = catalogue(plan)
    people = customers(plan, shop, block)
    rng = plan.stream(streams.EVENTS, block)
    budget = round(plan.settings.n_events * len(people.number) / plan.n_users)
    n_visits = int(1.1 * budget / EVENTS_PER_VISIT) + 10
    missions = spontaneous_missions(plan, shop, people, n_visits, rng)
    seen = viewed(plan, shop, people, missions, rng)
    lines = chosen(people, missions, seen, rng)
    later = followed(plan, shop, people, missions, lines, rng)
    offset = len(missions)
    bought_later = chosen(people, later, later.product[:, None].repeat(2, axis=1), rng)
    missions = missions + later
    lines = lines + Lines(bought_later.mission + offset, bought_later.product, bought_later.place)
    lines = first_of_order(missions, lines + came_along(shop, lines, rng), shop)
    columns = _joined(
        [
            _views(missions, np.concatenate([seen, _planned_views(later, seen.shape[1], rng)]), rng),
            *_order_events(shop, people, missions, lines, rng),
        ]
    )
    columns = _within(columns, plan, budget, rng)
    columns["customer"] = np.where(columns.pop("is_guest") == 1, NONE, people.number[columns["customer"]])
    columns["dirt"] = np.where(columns["customer"] == NONE, MISSING_USER, CLEAN)
    columns = spoiled(columns, plan.settings.dirt, rng)
    return _public(columns, shop, block)


def _planned_views(later: Missions, width: int, rng: np.random.Generator) -> Ints:
    """Mission x width: three in four look at the product again before they buy it."""
    seen = np.full((len(later), width), NONE)
    seen[:, 0] = np.where(rng.random(len(later)) < 0.75, later.product, NONE)
    return seen


def _views(missions: Missions, seen: Ints, rng: np.random.Generator) -> Columns:
    """A view per product looked at, about twenty seconds apart."""
    mission, place = np.nonzero(seen >= 0)
    at = missions.at[mission] + place * rng.integers(12, 30, len(mission))
    return _events(missions, mission, seen[mission, place], VIEW, at)


def _order_events(
    shop: Catalogue, people: Customers, missions: Missions, lines: Lines, rng: np.random.Generator
) -> list[Columns]:
    """Carts, purchases, ratings and returns of the order lines, and views of half of what came along."""
    mission, product = lines.mission, lines.product
    basket_at = missions.at[mission] + 125 + 8 * lines.place
    paid_at = _checkout(missions, lines) + 2 * _position_in_order(missions, lines, basket_at)
    pieces = quantities(people, missions, lines, rng)
    cents = _paid_price(shop, product, paid_at, people.kind[missions.customer[mission]] == NORMAL)
    along = np.flatnonzero((lines.place > 0) & (rng.random(len(mission)) < 0.4))
    cart = _events(missions, mission, product, CART, basket_at, pieces, cents)
    bought = _events(missions, mission, product, PURCHASE, paid_at, pieces, cents)
    abandoned = np.flatnonzero(rng.random(len(missions)) < 0.06 * (people.kind[missions.customer] != BOT))
    one = np.ones_like(abandoned)
    return [
        _events(missions, mission[along], product[along], VIEW, basket_at[along] - 4),
        cart,
        _events(missions, abandoned, missions.product[abandoned], CART, missions.at[abandoned] + 118, one),
        bought,
        _ratings(shop, people, bought, rng),
        _returns(bought, rng),
    ]  # fmt: skip


def _checkout(missions: Missions, lines: Lines) -> Ints:
    """Second at which the order of each line is paid: after the last mission of the visit."""
    last = np.zeros(int(missions.visit.max(initial=0)) + 1, np.int64)
    np.maximum.at(last, missions.visit, missions.at)
    paid_at: Ints = last[missions.visit[lines.mission]] + 240
    return paid_at


def _position_in_order(missions: Missions, lines: Lines, basket_at: Ints) -> Ints:
    """0 for what was put in the basket first, 1 for the next, and so on."""
    visit = missions.visit[lines.mission]
    order = np.lexsort((basket_at, visit))
    position = np.empty(len(visit), np.int64)
    position[order] = np.arange(len(visit)) - np.searchsorted(visit[order], visit[order])
    return position


def _paid_price(shop: Catalogue, product: Ints, at: Ints, is_ordinary: Ints) -> Ints:
    """Cents per piece: the list price, on sale now and then, a quarter less for resale."""
    week = at // (7 * DAY)
    on_sale = (product * 7 + week * 13) % 29 == 0
    factor = np.where(on_sale, 0.8, 1.0) * np.where(is_ordinary, 1.0, 0.75)
    cents: Ints = np.round(100 * shop.price[product] * factor).astype(np.int64)
    return cents


def _ratings(shop: Catalogue, people: Customers, bought: Columns, rng: np.random.Generator) -> Columns:
    """A rating for one purchase in five, two to twenty days after it; guests do not rate."""
    n = len(bought["at"])
    rates = np.flatnonzero((rng.random(n) < 0.2) & (bought["is_guest"] == 0))
    rated = _take(bought, rates)
    rated["event_type"] = np.full(len(rates), RATING)
    rated["at"] = rated["at"] + (rng.uniform(2, 20, len(rates)) * DAY).astype(np.int64)
    rated["rating"] = ratings(shop, people, rated["customer"], rated["product"], rng).astype(np.int64)
    for column in ("quantity", "cents"):
        rated[column] = np.full(len(rates), NONE)
    rated["is_order"] = np.zeros(len(rates), np.int64)
    rated["has_session"] = np.zeros(len(rates), np.int64)
    return rated


def _returns(bought: Columns, rng: np.random.Generator) -> Columns:
    """A return for one purchase in twenty-five, three to twenty-five days after it, of some or all pieces."""
    returns = np.flatnonzero(rng.random(len(bought["at"])) < 0.04)
    returned = _take(bought, returns)
    returned["event_type"] = np.full(len(returns), RETURN)
    returned["at"] = returned["at"] + (rng.uniform(3, 25, len(returns)) * DAY).astype(np.int64)
    returned["quantity"] = np.maximum(1, (returned["quantity"] * rng.uniform(0.3, 1.4, len(returns))).astype(np.int64))
    returned["quantity"] = np.minimum(returned["quantity"], bought["quantity"][returns])
    returned["has_session"] = np.zeros(len(returns), np.int64)
    return returned


def _events(
    missions: Missions,
    mission: Ints,
    product: Ints,
    event_type: int,
    at: Ints,
    quantity: Ints | None = None,
    cents: Ints | None = None,
) -> Columns:
    """Columns of one event per entry of `mission`."""
    n = len(mission)
    empty = np.full(n, NONE)
    return {
        "customer": missions.customer[mission],
        "is_guest": missions.is_guest[mission],
        "product": product,
        "event_type": np.full(n, event_type),
        "visit": missions.visit[mission],
        "is_order": np.full(n, int(event_type == PURCHASE)),
        "has_session": np.ones(n, np.int64),
        "quantity": empty if quantity is None else quantity,
        "cents": empty if cents is None else cents,
        "rating": empty,
        "at": at,
    }


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _take(columns: Columns, rows: Ints) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _within(columns: Columns, plan: Plan, budget: int, rng: np.random.Generator) -> Columns:
    """The events within the period of the shop, by time, without the whole visits that exceed the budget."""
    columns = _take(columns, np.flatnonzero(columns["at"] < plan.start + plan.n_days * DAY))
    per_visit = np.bincount(columns["visit"])
    order = rng.permutation(len(per_visit))
    kept = np.zeros(len(per_visit), bool)
    kept[order[np.cumsum(per_visit[order]) <= budget]] = True
    rows = np.flatnonzero(kept[columns["visit"]])
    return _take(columns, rows[np.lexsort((columns["event_type"][rows], columns["at"][rows]))])


def _public(columns: Columns, shop: Catalogue, block: int) -> Columns:
    """Numbers as exported: product codes, and events, visits and orders unique over all blocks."""
    first = block * MAX_PER_BLOCK
    columns["product"] = shop.code[columns["product"]]
    columns["order"] = np.where(columns.pop("is_order") == 1, columns["visit"] + first, NONE)
    columns["visit"] = np.where(columns.pop("has_session") == 1, columns["visit"] + first, NONE)
    columns["visit"] = np.where(columns["dirt"] == MISSING_SESSION, NONE, columns["visit"])
    columns["number"] = columns["number"] + first
    return columns
