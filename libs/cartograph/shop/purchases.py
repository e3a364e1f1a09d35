"""What is bought: choices among substitutes, complements and bundles in the same order, planned later purchases."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from cartograph.shop.catalogue import BUNDLE_STRENGTH, CHAIN_STRENGTH, Catalogue, Floats, Ints
from cartograph.shop.customers import NORMAL, Customers
from cartograph.shop.plan import DAY, Plan
from cartograph.shop.visits import Missions

CONVERSION = np.array([0.36, 0.85, 0.0])  # By customer kind: probability that a mission ends in a purchase.
TAKES_OTHER = 0.35  # Probability that a substitute is bought instead of the product viewed first.
LATER_COMPLEMENT = 0.2  # Share of complements bought some days after their product.
LOYAL = 0.6  # Probability that a customer keeps buying a product with a repurchase interval.
MAX_VIEWED = 4


@dataclass(frozen=True)
class Lines:
    """One entry per order line, in the order things were put in the basket."""

    mission: Ints  # position of the mission it came from
    product: Ints
    place: Ints  # 0 what was looked for, 1 and more what came along

    def __add__(self, other: Lines) -> Lines:
        """Both sets, self first."""
        return Lines(
            **{
                each.name: np.concatenate([getattr(self, each.name), getattr(other, each.name)])
                for each in fields(self)
            }
        )


def viewed(plan: Plan, shop: Catalogue, people: Customers, missions: Missions, rng: np.random.Generator) -> Ints:
    """Mission x MAX_VIEWED: the products looked at, first the one looked for, -1 for none.

    The others are substitutes on sale, now and then another size or colour. Planned purchases and bots compare nothing.
    """
    n = len(missions)
    families = shop.families
    family = shop.family[missions.product]
    members = shop.group_members[families.group[family]]
    launch = families.launch_day[members] * DAY + plan.start
    eligible = (members >= 0) & (members != family[:, None]) & (launch <= missions.at[:, None])
    preference = np.where(eligible, rng.random(members.shape), -1.0)
    order = np.argsort(-preference, axis=1)[:, : MAX_VIEWED - 1]
    others = np.where(np.take_along_axis(eligible, order, 1), np.take_along_axis(members, order, 1), -1)
    variant = (rng.random(others.shape) * families.n_variants[others]).astype(np.int64)
    alternatives = np.where(others >= 0, families.first[others] + variant, -1)
    curious = (missions.is_planned == 0) & (people.kind[missions.customer] == NORMAL)
    n_alternatives = rng.binomial(alternatives.shape[1], 0.5, n) * curious
    alternatives[np.arange(alternatives.shape[1]) >= n_alternatives[:, None]] = -1
    sibling = families.first[family] + (rng.random(n) * families.n_variants[family]).astype(np.int64)
    asks = (rng.random(n) < 0.3) & curious & (sibling != missions.product)
    alternatives[:, -1] = np.where(asks & (alternatives[:, -1] < 0), sibling, alternatives[:, -1])
    return np.column_stack([missions.product, alternatives])


def chosen(people: Customers, missions: Missions, seen: Ints, rng: np.random.Generator) -> Lines:
    """A line for each mission that ends in a purchase: what was looked for, or a substitute instead of it."""
    n = len(missions)
    buys = (rng.random(n) < CONVERSION[people.kind[missions.customer]]) | (missions.is_planned == 1)
    other = seen[np.arange(n), rng.integers(1, seen.shape[1], n)]
    swaps = (rng.random(n) < TAKES_OTHER) & (other >= 0) & (missions.is_planned == 0)
    at = np.flatnonzero(buys)
    return Lines(at, np.where(swaps, other, missions.product)[at], np.zeros(len(at), np.int64))


def followed(
    plan: Plan, shop: Catalogue, people: Customers, missions: Missions, lines: Lines, rng: np.random.Generator
) -> Missions:
    """Later visits that earlier purchases lead to: repeat purchases, the next links of chains, late complements."""
    ordinary = (people.kind[missions.customer[lines.mission]] == NORMAL) & (missions.is_guest[lines.mission] == 0)
    at = np.flatnonzero(ordinary)
    origin, product = lines.mission[at], lines.product[at]
    bought_at = missions.at[origin]
    plans = [
        _repeats(shop, missions.customer[origin], product, bought_at, plan.start + plan.n_days * DAY, rng),
        *_chain_links(shop, product, bought_at, rng),
        _late_complements(shop, product, bought_at, rng),
    ]
    source = np.concatenate([source for source, _, _ in plans])
    products = np.concatenate([products for _, products, _ in plans])
    when = np.concatenate([when for _, _, when in plans])
    first_visit = int(missions.visit.max(initial=-1)) + 1
    n = len(source)
    later = Missions(
        visit=first_visit + np.arange(n),
        customer=missions.customer[origin][source],
        is_guest=np.zeros(n, np.int64),
        at=when,
        product=products,
        is_planned=np.ones(n, np.int64),
    )
    return later.take(np.flatnonzero(when < plan.start + plan.n_days * DAY))


Plans = tuple[Ints, Ints, Ints]  # position of the earlier purchase, product, second


def _repeats(shop: Catalogue, customer: Ints, product: Ints, at: Ints, end: int, rng: np.random.Generator) -> Plans:
    """Purchases of the same product after its rhythm, give or take a tenth, by the customers who stay loyal to it."""
    rhythm = shop.families.rhythm[shop.family[product]]
    earliest = np.lexsort((at, customer * shop.n_products + product))
    key = (customer * shop.n_products + product)[earliest]
    first = earliest[np.unique(key, return_index=True)[1]]
    first = first[(rhythm[first] > 0) & (rng.random(len(first)) < LOYAL)]
    n_times = np.minimum(rng.geometric(0.3, len(first)), 10)
    source = np.repeat(first, n_times)
    gap = rhythm[source] * DAY * np.clip(rng.normal(1, 0.1, len(source)), 0.6, 1.4)
    waited = np.cumsum(gap)
    before = np.repeat(np.concatenate([[0.0], waited])[np.cumsum(n_times) - n_times], n_times)
    when = (at[source] + (waited - before)).astype(np.int64)
    kept = when < end
    return source[kept], product[source][kept], when[kept]


def _chain_links(shop: Catalogue, product: Ints, at: Ints, rng: np.random.Generator) -> list[Plans]:
    """The next product of a chain, and the one after it, each after its gap of days."""
    source, plans = np.arange(len(product)), []
    for _ in range(2):
        link = shop.chain_next[product]
        goes_on = np.flatnonzero((link >= 0) & (rng.random(len(product)) < CHAIN_STRENGTH))
        chain, step = np.divmod(link[goes_on], 2)
        gap = shop.chain_gap[chain, step] * DAY * np.clip(rng.normal(1, 0.2, len(goes_on)), 0.4, 1.6)
        source, at = source[goes_on], (at[goes_on] + gap).astype(np.int64)
        product = shop.chains[chain, step + 1]
        plans.append((source, product, at))
    return plans


def _complement(shop: Catalogue, product: Ints, rng: np.random.Generator) -> Ints:
    """At most one complement per purchase, -1 for none, each with its own strength."""
    draw = rng.random((len(product), 1))
    passed = np.cumsum(shop.complement_strength[product], axis=1)
    slot = (draw >= passed).sum(axis=1)
    found = shop.complement[product, np.minimum(slot, passed.shape[1] - 1)]
    return np.where(draw[:, 0] < passed[:, -1], found, -1)


def _late_complements(shop: Catalogue, product: Ints, at: Ints, rng: np.random.Generator) -> Plans:
    """Complements bought one to ten days later."""
    found = _complement(shop, product, rng)
    source = np.flatnonzero((found >= 0) & (rng.random(len(product)) < LATER_COMPLEMENT))
    return source, found[source], at[source] + (rng.uniform(1, 10, len(source)) * DAY).astype(np.int64)


def came_along(shop: Catalogue, lines: Lines, rng: np.random.Generator) -> Lines:
    """Lines added to the same order: one complement of a product, or the rest of its bundle."""
    found = _complement(shop, lines.product, rng)
    taken = np.flatnonzero((found >= 0) & (rng.random(len(found)) >= LATER_COMPLEMENT))
    complements = Lines(lines.mission[taken], found[taken], np.ones(len(taken), np.int64))
    bundle = shop.bundle_of[lines.product]
    whole = np.flatnonzero((bundle >= 0) & (rng.random(len(bundle)) < BUNDLE_STRENGTH))
    members = shop.bundles[bundle[whole]]
    row, column = np.nonzero((members >= 0) & (members != lines.product[whole, None]))
    return complements + Lines(lines.mission[whole[row]], members[row, column], 1 + column)


def first_of_order(missions: Missions, lines: Lines, shop: Catalogue) -> Lines:
    """The lines without a product that its order already holds."""
    key = missions.visit[lines.mission] * shop.n_products + lines.product
    kept = np.sort(np.unique(key, return_index=True)[1])
    return Lines(lines.mission[kept], lines.product[kept], lines.place[kept])


def quantities(people: Customers, missions: Missions, lines: Lines, rng: np.random.Generator) -> Ints:
    """Pieces per line: mostly one; dozens for resale."""
    n = len(lines.product)
    few = np.minimum(rng.geometric(0.75, n), 9)
    many = 12 * rng.integers(2, 20, n)
    return np.where(people.kind[missions.customer[lines.mission]] == NORMAL, few, many)


def ratings(shop: Catalogue, people: Customers, customer: Ints, product: Ints, rng: np.random.Generator) -> Floats:
    """Stars from 1 to 5: quality of the product, plus half a star for the favourite brand, plus mood."""
    family = shop.family[product]
    favourite = shop.families.brand[family] == people.brand[customer]
    mood = rng.normal(0, 0.8, len(product))
    stars: Floats = np.clip(np.round(shop.families.quality[family] + 0.5 * favourite + mood), 1, 5)
    return stars
