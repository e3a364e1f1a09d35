"""What customers come for: visits and the products they consider, before anything is bought.

A visit holds one or more missions; a mission is "looking for one product of a type". Missions of one visit never
share a type, so that substitutes are seen together but not bought together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from cartograph.shop.catalogue import Catalogue, Floats, Ints
from cartograph.shop.customers import BOT, NORMAL, Customers
from cartograph.shop.plan import DAY, Plan

GUEST_SHARE = 0.08
STOPS = np.array([0.45, 0.12, 0.45])  # By customer kind: probability to stop after a mission.
BOT_MISSIONS = (400, 700)  # A bot visits a large part of the shop within a quarter of an hour.
CANDIDATES = 3


@dataclass(frozen=True)
class Missions:
    """One entry per mission; `is_planned` ones follow from an earlier purchase and end in a purchase."""

    visit: Ints  # number within the block
    customer: Ints  # index within the block
    is_guest: Ints
    at: Ints  # seconds since 1970, when the mission starts
    product: Ints
    is_planned: Ints

    def take(self, rows: Ints) -> Missions:
        """The missions at positions `rows`."""
        return Missions(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def __add__(self, other: Missions) -> Missions:
        """Both sets, self first."""
        return Missions(
            **{
                each.name: np.concatenate([getattr(self, each.name), getattr(other, each.name)])
                for each in fields(self)
            }
        )

    def __len__(self) -> int:
        return len(self.visit)


def spontaneous_missions(
    plan: Plan, shop: Catalogue, people: Customers, n_visits: int, rng: np.random.Generator
) -> Missions:
    """Missions of `n_visits` visits by season and taste."""
    who = rng.choice(len(people.number), n_visits, p=people.activity)
    kind = people.kind[who]
    start = _visit_times(plan, n_visits, rng)
    is_guest = (rng.random(n_visits) < GUEST_SHARE) & (kind == NORMAL)
    n_missions = np.where(
        kind == BOT, rng.integers(*BOT_MISSIONS, n_visits), np.minimum(rng.geometric(STOPS[kind]), 40)
    )
    visit = np.repeat(np.arange(n_visits), n_missions)
    step = np.arange(len(visit)) - np.repeat(np.cumsum(n_missions) - n_missions, n_missions)
    pace = np.where(kind[visit] == BOT, 1, rng.integers(150, 420, len(visit)))
    at = start[visit] + step * pace
    product = _considered(plan, shop, people, who[visit], at, rng)
    missions = Missions(visit, who[visit], is_guest[visit].astype(np.int64), at, product, np.zeros_like(visit))
    is_bot = kind[visit] == BOT
    type_in_visit = np.where(is_bot, -1 - np.arange(len(visit)), visit * len(shop.types) + shop.type_of(product))
    return missions.take(np.sort(np.unique(type_in_visit, return_index=True)[1]))


def _visit_times(plan: Plan, n: int, rng: np.random.Generator) -> Ints:
    """Seconds of `n` visits: more before Christmas and at weekends, mostly in the evening."""
    day = np.arange(plan.n_days)
    month = (np.datetime64(plan.settings.start_on) + day).astype("datetime64[M]").astype(int) % 12
    weekday = (day + plan.settings.start_on.weekday()) % 7
    weight = 1 + 0.5 * (month >= 10) + 0.25 * (weekday >= 5) + 0.2 * day / plan.n_days
    chosen = rng.choice(plan.n_days, n, p=weight / weight.sum())
    hour = np.where(rng.random(n) < 0.65, rng.normal(19.5, 2.0, n), rng.normal(12.5, 2.5, n)) % 24
    return plan.start + chosen * DAY + (hour * 3600).astype(np.int64)


def _considered(plan: Plan, shop: Catalogue, people: Customers, who: Ints, at: Ints, rng: np.random.Generator) -> Ints:
    """The product each mission starts from: department and type by taste and season, family by price and brand."""
    n = len(who)
    is_bot = people.kind[who] == BOT
    first, second = _types(shop, people, who, rng), _types(shop, people, who, rng)
    keep = rng.random(n) < _season(plan, shop, first, at)
    kind = np.where(keep & ~is_bot, first, second)
    family = _families(plan, shop, people, who, kind, at, rng)
    product = shop.families.first[family] + (rng.random(n) * shop.families.n_variants[family]).astype(np.int64)
    return np.where(is_bot, _seen_by_bot(plan, shop, at, rng), product)


def _types(shop: Catalogue, people: Customers, who: Ints, rng: np.random.Generator) -> Ints:
    """A type per mission: mostly near the customer's corner of a favourite department, otherwise any by popularity."""
    n = len(who)
    slot = np.searchsorted([0.55, 0.85], rng.random(n), side="right")
    department = people.departments[who, slot]
    corner = (people.corner[who, slot] + rng.normal(0, 0.12, n)) % 1.0
    position = np.where(rng.random(n) < 0.7, corner, rng.random(n))
    total = np.concatenate([[0.0], np.cumsum(shop.type_weight)])
    lowest = np.searchsorted(shop.department, np.arange(shop.n_departments + 1))
    low, high = total[lowest[department]], total[lowest[department + 1]]
    anywhere = rng.random(n) < 0.15
    target = np.where(anywhere, rng.random(n) * total[-1], low + position * (high - low))
    return np.minimum(np.searchsorted(total, target, side="right") - 1, len(shop.types) - 1).astype(np.int64)


def _season(plan: Plan, shop: Catalogue, kind: Ints, at: Ints) -> Floats:
    """Relative demand for a type at that time: 1 all year round or at its peak, 0.15 half a year away from it."""
    peak = np.array([each.peak_month for each in shop.types])[kind]
    day = (at - plan.start) // DAY + plan.settings.start_on.timetuple().tm_yday
    away = np.cos(2 * np.pi * (day / 365.25 - (peak - 0.5) / 12))
    return np.where(peak == 0, 0.6, 0.575 + 0.425 * away)


def _families(
    plan: Plan, shop: Catalogue, people: Customers, who: Ints, kind: Ints, at: Ints, rng: np.random.Generator
) -> Ints:
    """A family of each type: of three sampled by popularity, the one nearest in price and brand that is on sale."""
    families = shop.families
    total = np.concatenate([[0.0], np.cumsum(families.popularity)])
    low, high = total[shop.first_family[kind]], total[shop.first_family[kind + 1]]
    target = low + rng.random((CANDIDATES, len(kind))) * (high - low)
    sampled = np.searchsorted(total, target, side="right") - 1
    sampled = np.clip(sampled, shop.first_family[kind], shop.first_family[kind + 1] - 1)
    regret = np.abs(families.price_level[sampled] - people.price_level[who])
    regret = regret - 0.4 * (families.brand[sampled] == people.brand[who]) + rng.random(sampled.shape) * 0.5
    regret = regret + 9.0 * (families.launch_day[sampled] * DAY + plan.start > at)
    best = np.argmin(regret, axis=0)
    chosen = sampled[best, np.arange(len(kind))]
    on_sale = families.launch_day[chosen] * DAY + plan.start <= at
    return np.where(on_sale, chosen, _first_on_sale(shop, kind))


def _first_on_sale(shop: Catalogue, kind: Ints) -> Ints:
    """Per type a family that was there from the start (the earliest launched, if there is none)."""
    order = np.lexsort((-shop.families.popularity, shop.families.launch_day, shop.families.type))
    family: Ints = order[shop.first_family[kind]]
    return family


def _seen_by_bot(plan: Plan, shop: Catalogue, at: Ints, rng: np.random.Generator) -> Ints:
    """Any product that is on sale."""
    product = rng.integers(0, shop.n_products, len(at))
    on_sale = shop.families.launch_day[shop.family[product]] * DAY + plan.start <= at
    return np.where(on_sale, product, shop.families.first[_first_on_sale(shop, shop.type_of(product))])
