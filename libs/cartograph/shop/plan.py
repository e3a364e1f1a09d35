"""The size and shape of a generated shop: what every part of the generator agrees on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cartograph.core.settings import settings_of
from cartograph.shop.settings import ShopSettings

EVENTS_PER_BLOCK = 20_000
DAY = 86_400

# The independent random streams: adding one never changes the numbers of the others.
CATALOGUE, CUSTOMERS, EVENTS, TEXT = range(4)


@dataclass(frozen=True, init=False)
class Plan:
    """A shop to generate. The same settings give the same shop on any number of cores.

    Everything is sampled per block of customers from a stream seeded by (seed, stream, block), so neither the number of
    partitions nor their order matters.
    """

    settings: ShopSettings

    def __init__(self, settings: ShopSettings | None = None, **changed: Any) -> None:
        object.__setattr__(self, "settings", settings_of(ShopSettings, settings, changed))  # The plan is frozen.

    @property
    def n_users(self) -> int:
        """Number of registered customers, active or not."""
        return max(10, math.ceil(self.settings.n_events / self.settings.events_per_user))

    @property
    def users_per_block(self) -> int:
        """Number of customers whose events are sampled together."""
        return EVENTS_PER_BLOCK // self.settings.events_per_user

    @property
    def n_blocks(self) -> int:
        """Number of blocks of customers."""
        return math.ceil(self.n_users / self.users_per_block)

    @property
    def about_products(self) -> int:
        """The approximate number of products of the catalogue."""
        return self.settings.n_products or max(120, round(2.5 * math.sqrt(self.settings.n_events)))

    @property
    def start(self) -> int:
        """First second of the shop, since 1970, UTC."""
        return int(datetime.combine(self.settings.start_on, datetime.min.time(), UTC).timestamp())

    @property
    def n_days(self) -> int:
        """Days from `start_on` to `end_on`, the latter not included."""
        return (self.settings.end_on - self.settings.start_on).days

    def users_of(self, block: int) -> range:
        """Numbers of the customers in `block`."""
        first = block * self.users_per_block
        return range(first, min(first + self.users_per_block, self.n_users))

    def stream(self, name: int, block: int = 0) -> np.random.Generator:
        """The random numbers of stream `name` for `block`."""
        return np.random.default_rng([self.settings.seed, name, block])
