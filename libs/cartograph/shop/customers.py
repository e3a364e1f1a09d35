"""The customers of a shop: who they are, what they like, how often they come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartograph.shop import plan as streams
from cartograph.shop.catalogue import Catalogue, Floats, Ints
from cartograph.shop.plan import Plan
from cartograph.shop.vocabulary import AGE_BANDS, REGIONS

KINDS = ("normal", "wholesale", "bot")
NORMAL, WHOLESALE, BOT = range(3)
WHOLESALE_SHARE, BOT_SHARE = 0.012, 0.004
N_FAVOURITES = 3


@dataclass(frozen=True)
class Customers:
    """One entry per customer of a block. The latent taste is what collaborative filters are to find."""

    number: Ints
    kind: Ints
    activity: Floats  # share of the block's visits
    departments: Ints  # customer x 3, favourite first
    corner: Floats  # customer x 3: where in each department's types (0 to 1) the preference is
    price_level: Floats  # 0 buys the cheapest, 1 the dearest
    brand: Ints  # favourite brand within any department
    region: Ints
    age_band: Ints
    signed_up: Ints  # seconds since 1970


def customers(plan: Plan, shop: Catalogue, block: int) -> Customers:
    """The customers of `block`."""
    rng = plan.stream(streams.CUSTOMERS, block)
    number = np.asarray(plan.users_of(block), np.int64)
    n = len(number)
    draw = rng.random(n)
    kind = np.where(draw < BOT_SHARE, BOT, np.where(draw < BOT_SHARE + WHOLESALE_SHARE, WHOLESALE, NORMAL))
    activity = rng.lognormal(0, 0.9, n) * np.array([1.0, 2.5, 0.15])[kind]
    age_band = rng.choice(len(AGE_BANDS), n, p=[0.12, 0.24, 0.22, 0.18, 0.14, 0.10])
    region = rng.choice(len(REGIONS), n, p=_shares(len(REGIONS)))
    return Customers(
        number=number,
        kind=kind,
        activity=activity / activity.sum(),
        departments=_favourites(shop.n_departments, age_band, region, rng),
        corner=rng.random((n, N_FAVOURITES)),
        price_level=np.clip(rng.normal(0.35 + 0.06 * age_band, 0.25), 0, 1),
        brand=rng.integers(0, 8, n),
        region=region,
        age_band=age_band,
        signed_up=plan.start - rng.integers(1, 900 * streams.DAY, n),
    )


def _favourites(n_departments: int, age_band: Ints, region: Ints, rng: np.random.Generator) -> Ints:
    """Three departments per customer by popularity, age and region (Gumbel trick: no repeats while there are three)."""
    department = np.arange(n_departments)
    by_age = 0.8 * np.cos(2 * np.pi * (department / n_departments - age_band[:, None] / len(AGE_BANDS)))
    by_region = 0.4 * ((department + region[:, None]) % 4 == 0)
    score = by_age + by_region - 0.4 * np.log1p(department) + rng.gumbel(size=(len(age_band), n_departments))
    ranked = np.argsort(-score, axis=1)
    return ranked[:, np.arange(N_FAVOURITES) % n_departments]


def _shares(n: int) -> Floats:
    weight = 1.0 / np.sqrt(np.arange(1, n + 1))
    return np.asarray(weight / weight.sum())
