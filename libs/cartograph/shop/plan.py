"""The size and shape of a generated shop: what every part of the generator agrees on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

EVENTS_PER_BLOCK = 20_000
DAY = 86_400

# Names of the independent random streams: adding one never changes what the others draw.
CATALOGUE, CUSTOMERS, EVENTS, TEXT = range(4)


@dataclass(frozen=True)
class Plan:
    """A shop to generate. The same plan gives the same shop on any number of cores.

    Everything is drawn per block of customers from a stream seeded by (seed, stream, block), so neither the
    number of partitions nor their order matters. `n_products` of None grows with the square root of the events.
    `dirt` is the share of events that are spoiled.
    """

    n_events: int = 100_000
    seed: int = 7
    start_on: date = date(2025, 1, 1)
    end_on: date = date(2026, 1, 1)
    n_products: int | None = None
    events_per_user: int = 40
    dirt: float = 0.02

    def __post_init__(self) -> None:
        if self.n_events < 1_000:
            raise ValueError(f"a shop needs at least 1,000 events, not {self.n_events}")
        if self.end_on <= self.start_on:
            raise ValueError(f"the shop ends ({self.end_on}) before it starts ({self.start_on})")
        if not 0 <= self.dirt <= 0.5:
            raise ValueError(f"dirt is a share from 0 to 0.5, not {self.dirt}")
        if self.events_per_user > EVENTS_PER_BLOCK // 4:
            raise ValueError(f"events_per_user is at most {EVENTS_PER_BLOCK // 4}, not {self.events_per_user}")

    @property
    def n_users(self) -> int:
        """Registered customers, active or not."""
        return max(10, math.ceil(self.n_events / self.events_per_user))

    @property
    def users_per_block(self) -> int:
        """Customers whose events are drawn together."""
        return EVENTS_PER_BLOCK // self.events_per_user

    @property
    def n_blocks(self) -> int:
        """Blocks of customers."""
        return math.ceil(self.n_users / self.users_per_block)

    @property
    def about_products(self) -> int:
        """How many products are asked for; the catalogue comes close to it."""
        return self.n_products or max(120, round(2.5 * math.sqrt(self.n_events)))

    @property
    def start(self) -> int:
        """First second of the shop, since 1970, UTC."""
        return int(datetime.combine(self.start_on, datetime.min.time(), UTC).timestamp())

    @property
    def n_days(self) -> int:
        """Days from `start_on` to `end_on`, the latter not included."""
        return (self.end_on - self.start_on).days

    def users_of(self, block: int) -> range:
        """Numbers of the customers in `block`."""
        first = block * self.users_per_block
        return range(first, min(first + self.users_per_block, self.n_users))

    def stream(self, name: int, block: int = 0) -> np.random.Generator:
        """The random numbers of stream `name` for `block`."""
        return np.random.default_rng([self.seed, name, block])
