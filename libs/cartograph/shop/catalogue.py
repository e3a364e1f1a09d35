"""The products of a shop and the relations planted among them, as NumPy arrays.

A catalogue grows with the square root of the events (8,000 products for ten million events, 80,000 for a billion) and
is sampled from the seed alone, so every worker quickly makes its own copy and nothing is broadcast.

Products are numbered by type, then by family (the same article in several sizes or colours), then by variant.
`Catalogue.code` is a random permutation of these numbers: public ids give nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cartograph.shop import plan as streams
from cartograph.shop.plan import Plan
from cartograph.shop.vocabulary import (
    BRANDS,
    BUNDLE_TYPES,
    CHAIN_TYPES,
    VARIANTS,
    ProductType,
    complement_types,
    departments,
    linked_types,
    price_factors,
    product_types,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_COMPLEMENTS = 4
BUNDLE_STRENGTH = 0.3
CHAIN_STRENGTH = 0.55
PRODUCTS_PER_TYPE = 7  # A small shop carries fewer types rather than one product of each.
NEW_SHARE = 0.08


@dataclass(frozen=True)
class Families:
    """One entry per family: the same article up to size, colour or pack."""

    type: Ints
    rank: Ints  # within its type
    brand: Ints  # index into the department's brands
    feature: Ints  # index into the type's features
    price: Floats
    price_level: Floats  # 0 cheapest to 1 dearest of its type
    quality: Floats  # mean rating
    group: Ints  # families of one group are substitutes
    launch_day: Ints  # 0 for what the shop had from the start
    rhythm: Floats  # days between repeat purchases, 0 if none
    first: Ints  # its first product
    n_variants: Ints
    variant_offset: Ints
    popularity: Floats


@dataclass(frozen=True)
class Catalogue:
    """All products and everything planted among them. -1 stands for "none" in padded arrays."""

    types: tuple[ProductType, ...]
    families: Families
    family: Ints  # product -> family
    variant: Ints  # product -> index into its type's variants
    price: Floats
    cost: Floats
    stock: Ints
    code: Ints  # product -> public number
    department: Ints  # type -> department
    type_weight: Floats
    first_family: Ints  # type -> its first family; one entry more than there are types
    group_members: Ints  # group x most members -> family
    complement: Ints  # product x MAX_COMPLEMENTS -> product
    complement_strength: Floats  # the same shape: P(complement | product)
    bundle_of: Ints  # product -> bundle
    bundles: Ints  # bundle x 4 -> product
    chains: Ints  # chain x 3 -> product
    chain_gap: Floats  # chain x 2 -> days
    chain_next: Ints  # product -> the chain step (chain * 2 + step) it starts

    @property
    def n_products(self) -> int:
        """Number of products."""
        return len(self.family)

    @property
    def n_departments(self) -> int:
        """Number of departments the shop carries."""
        return int(self.department.max()) + 1

    def type_of(self, product: Ints) -> Ints:
        """The type of each product."""
        kind: Ints = self.families.type[self.family[product]]
        return kind


@lru_cache(maxsize=4)
def catalogue(plan: Plan) -> Catalogue:
    """The catalogue of `plan`."""
    rng = plan.stream(streams.CATALOGUE)
    types = _carried_types(plan)
    families = _families(plan, types, rng)
    n_products = int(families.n_variants.sum())
    family = np.repeat(np.arange(len(families.type)), families.n_variants)
    position = np.arange(n_products) - families.first[family]
    n_options = np.array([len(VARIANTS[kind.variants]) for kind in types])[families.type[family]]
    variant = (families.variant_offset[family] + position) % n_options
    factor = np.array([price_factors(kind) for kind in types])[families.type[family], variant]
    price = np.maximum(0.5, np.floor(families.price[family] * factor)) + 0.99 - 0.5 * (rng.random(n_products) < 0.3)
    names = list(departments())
    complement, strength = _complements(types, families, rng)
    bundles = _linked_products(types, families, linked_types(BUNDLE_TYPES, ","), 4, rng)
    chains = _linked_products(types, families, linked_types(CHAIN_TYPES, ">"), 3, rng)
    return Catalogue(
        types=types,
        families=families,
        family=family,
        variant=variant,
        price=price,
        cost=np.round(price * rng.uniform(0.45, 0.8, n_products), 2),
        stock=np.where(rng.random(n_products) < 0.04, 0, rng.negative_binomial(2, 0.02, n_products)),
        code=rng.permutation(n_products),
        department=np.array([names.index(kind.department) for kind in types]),
        type_weight=_zipf(len(types), 0.5)[rng.permutation(len(types))],
        first_family=np.searchsorted(families.type, np.arange(len(types) + 1)),
        group_members=_group_members(families.group),
        complement=complement,
        complement_strength=strength,
        bundle_of=_bundle_of(bundles, n_products),
        bundles=bundles,
        chains=chains,
        chain_gap=rng.integers(6, 31, (len(chains), 2)).astype(float),
        chain_next=_chain_next(chains, n_products),
    )


def _carried_types(plan: Plan) -> tuple[ProductType, ...]:
    """The types a shop of this size carries: whole departments, the first two at least."""
    types = product_types()
    names = departments()
    per_department = len(types) / len(names)
    n = int(np.clip(round(plan.about_products / (PRODUCTS_PER_TYPE * per_department)), 2, len(names)))
    return tuple(kind for kind in types if kind.department in names[:n])


def _families(plan: Plan, types: tuple[ProductType, ...], rng: np.random.Generator) -> Families:
    """Families of every type, their variants, brands, prices, groups and launches."""
    n_options = np.array([len(VARIANTS[kind.variants]) for kind in types])
    most = np.minimum(n_options, 3)
    per_type = _spread(plan.about_products / float(np.mean((1 + most) / 2)), len(types), rng)
    kind = np.repeat(np.arange(len(types)), per_type)
    n = len(kind)
    rank = np.arange(n) - np.searchsorted(kind, kind)
    price = np.array([each.price for each in types])[kind] * np.exp(rng.normal(0, 0.28, n))
    order = np.lexsort((price, kind))
    level = np.empty(n)
    level[order] = rank / np.maximum(1, per_type[kind] - 1)
    n_variants = rng.integers(1, most[kind] + 1)
    group = _groups(kind, rank, order)
    launch = _launches(plan, kind, group, rng)
    rhythm = np.array([each.rhythm_days for each in types], float)[kind]
    return Families(
        type=kind,
        rank=rank,
        brand=rng.integers(0, len(next(iter(BRANDS.values())).split(", ")), n),
        feature=rng.integers(0, 12, n),
        price=price,
        price_level=level,
        quality=np.clip(rng.normal(4.0, 0.45, n), 2.0, 4.9),
        group=group,
        launch_day=launch,
        rhythm=np.round(rhythm * rng.uniform(0.8, 1.2, n)),
        first=np.concatenate([[0], np.cumsum(n_variants)[:-1]]),
        n_variants=n_variants,
        variant_offset=rng.integers(0, n_options[kind]),
        popularity=_popularity(kind, rank, rng),
    )


def _spread(n_families: float, n_types: int, rng: np.random.Generator) -> Ints:
    """Families per type: uneven, at least two each, so that every type has something to compare."""
    share = rng.uniform(0.6, 1.4, n_types)
    per_type: Ints = np.maximum(2, np.round(n_families * share / share.sum())).astype(np.int64)
    return per_type


def _popularity(kind: Ints, rank: Ints, rng: np.random.Generator) -> Floats:
    """Zipf weights within each type, in an order unrelated to price."""
    shuffled = np.lexsort((rng.random(len(kind)), kind))
    weight = np.empty(len(kind))
    weight[shuffled] = 1.0 / (1 + rank) ** 0.7
    return weight


def _groups(kind: Ints, rank: Ints, by_price: Ints) -> Ints:
    """Substitute groups: about four neighbours in price within a type share one."""
    per_type = np.bincount(kind)
    n_groups = np.maximum(1, per_type // 4)
    first_group = np.concatenate([[0], np.cumsum(n_groups)[:-1]])
    group = np.empty(len(kind), np.int64)
    group[by_price] = first_group[kind] + rank * n_groups[kind] // per_type[kind]
    return group


def _group_members(group: Ints) -> Ints:
    """Group -> its families, padded with -1. A type of up to seven families is one group."""
    order = np.argsort(group, kind="stable")
    position = np.arange(len(group)) - np.searchsorted(group[order], group[order])
    members = np.full((int(group.max()) + 1, int(position.max()) + 1), -1)
    members[group[order], position] = order
    return members


def _launches(plan: Plan, kind: Ints, group: Ints, rng: np.random.Generator) -> Ints:
    """Launch days: 0 for most; some families appear in the last 40 % of the time, never two of one group."""
    day = rng.integers(int(plan.n_days * 0.6), max(int(plan.n_days * 0.93), int(plan.n_days * 0.6) + 1), len(kind))
    candidate = rng.random(len(kind)) < NEW_SHARE * 1.4
    first = np.zeros(len(kind), bool)
    chosen = np.flatnonzero(candidate)
    first[chosen[np.unique(group[chosen], return_index=True)[1]]] = True
    return np.where(first, day, 0)


def _established(families: Families, kind: int) -> Ints:
    """Families of a type that were there from the start, the best-selling first."""
    members = np.flatnonzero((families.type == kind) & (families.launch_day == 0))
    return members[np.argsort(-families.popularity[members], kind="stable")]


def _complements(types: tuple[ProductType, ...], families: Families, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Per product its complements and the probability that each is bought with it."""
    target = np.full((len(families.type), MAX_COMPLEMENTS), -1)
    strength = np.zeros((len(families.type), MAX_COMPLEMENTS))
    number = {kind.name: i for i, kind in enumerate(types)}
    pairs = [(number[a], number[b]) for a, b in complement_types() if a in number and b in number]
    used = np.zeros(len(types), int)
    n_partners = np.bincount([a for a, _ in pairs], minlength=len(types))
    for a, b in pairs:  # a few dozen pairs of types
        anchors, goals = _established(families, a), _established(families, b)
        if not len(anchors) or not len(goals):
            continue
        slots = 2 if n_partners[a] == 1 and len(goals) > 1 else 1
        for slot in range(slots):
            picked = goals[(np.arange(len(anchors)) + slot) % len(goals)]
            product = families.first[picked] + rng.integers(0, families.n_variants[picked])
            target[anchors, used[a]] = product
            strength[anchors, used[a]] = rng.uniform(0.22, 0.38, len(anchors))
            used[a] += 1
    family = np.repeat(np.arange(len(families.type)), families.n_variants)
    return target[family], strength[family]


def _linked_products(
    types: tuple[ProductType, ...],
    families: Families,
    linked: list[tuple[str, ...]],
    width: int,
    rng: np.random.Generator,
) -> Ints:
    """Rows of products, one per type named in `linked`; the i-th row of a tuple takes each type's i-th family.

    Several rows come from one tuple: a third of the families of its rarest type, at least one.
    """
    number = {kind.name: i for i, kind in enumerate(types)}
    rows = []
    for names in linked:
        if not all(name in number for name in names):
            continue
        members = [_established(families, number[name]) for name in names]
        for i in range(max(1, min(map(len, members)) // 3) if min(map(len, members)) else 0):
            chosen = np.array([each[i] for each in members])
            products = families.first[chosen] + rng.integers(0, families.n_variants[chosen])
            rows.append(np.pad(products, (0, width - len(products)), constant_values=-1))
    return np.array(rows, np.int64).reshape(-1, width)


def _bundle_of(bundles: Ints, n_products: int) -> Ints:
    bundle_of = np.full(n_products, -1)
    row, column = np.nonzero(bundles >= 0)
    bundle_of[bundles[row, column]] = row
    return bundle_of


def _chain_next(chains: Ints, n_products: int) -> Ints:
    """Product -> chain * 2 + step of the link that leaves it; the first chain wins if two leave the same product."""
    following = np.full(n_products, -1)
    links = np.arange(len(chains) * 2)[::-1]
    following[chains[links // 2, links % 2]] = links
    return following


def _zipf(n: int, exponent: float) -> Floats:
    return 1.0 / np.arange(1, n + 1) ** exponent
