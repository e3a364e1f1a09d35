"""Who is in an experiment and in which arm: decided by a salted hash, so that no assignment has to be stored.

The shop's server and the jobs must agree, so the rule is written twice: as a Spark expression and in
plain Python. Both read the first 52 bits of SHA-256 of `<salt>:<user_id>` as a number from 0 to 1 (Kohavi, Tang and
Xu 2020, ch. 14, on why the salt must differ between experiments).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import accumulate

from pyspark.sql import Column
from pyspark.sql import functions as F

_DIGITS = 13  # hexadecimal: 52 bits, which a double holds exactly
_RANGE = float(16**_DIGITS)


def arm(user: Column, salt: str, shares: Mapping[str, float], traffic: float = 1.0) -> Column:
    """The arm of a customer (string); null for those outside the experiment, and for guests.

    Two hashes decide whether a customer takes part and in which arm, so that raising `traffic` adds customers and moves
    nobody.

    Args:
        user: user_id.
        salt: salt of this experiment only.
        shares: share per arm, adding up to 1.
        traffic: share of customers who take part.
    """
    place, chosen = position(user, salt), F.lit(None).cast("string")
    for name, end in reversed(_ends(shares)):
        chosen = F.when(place < end, name).otherwise(chosen)
    return F.when(position(user, f"{salt}:traffic") < traffic, chosen)


def position(user: Column, salt: str) -> Column:
    """A number from 0 to 1, the same for the same customer and salt: double."""
    digest = F.sha2(F.concat(F.lit(f"{salt}:"), user), 256)
    return F.conv(F.substring(digest, 1, _DIGITS), 16, 10).cast("double") / F.lit(_RANGE)


def arm_of(user_id: str, salt: str, shares: Mapping[str, float], traffic: float = 1.0) -> str | None:
    """The result of `arm` for one customer, for servers without Spark."""
    if position_of(user_id, f"{salt}:traffic") >= traffic:
        return None
    place = position_of(user_id, salt)
    return next(name for name, end in _ends(shares) if place < end)


def position_of(user_id: str, salt: str) -> float:
    """The result of `position` for one customer."""
    return int(hashlib.sha256(f"{salt}:{user_id}".encode()).hexdigest()[:_DIGITS], 16) / _RANGE


def _ends(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    """Each arm with the end of its part of 0 to 1, in order of name; the last ends at 1 whatever rounding says."""
    shares = dict(sorted(shares.items()))  # so that their order in a settings file does not matter
    total = sum(shares.values())
    if min(shares.values(), default=0.0) <= 0 or abs(total - 1) > 1e-6:
        raise ValueError(f"shares of arms must be above 0 and add up to 1, not {dict(shares)}")
    ends = [*list(accumulate(shares.values()))[:-1], 1.0]
    return list(zip(shares, ends, strict=True))
