"""What a customer has seen, so that it is not new any more: one definition for lists, evaluation and tuning.

By default that is what they bought. What was looked at, or left in the basket, may be recommended: a fifth of what
customers of a shop buy first they looked at before, and no list that leaves it out can foresee it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.workers.groups import no_values

SEEN_BY: tuple[str, ...] = ("purchase",)


def is_seeing(seen_by: Sequence[str] = SEEN_BY) -> Column:
    """Whether an event makes its product seen: boolean, from event_type.

    Args:
        seen_by: types of events that do so.
    """
    return F.col("event_type").isin(*seen_by)


def seen(events: DataFrame, seen_by: Sequence[str] = SEEN_BY) -> DataFrame:
    """One row per customer and product that they have seen: user_id, product_id. Guests are left out.

    Args:
        events: rows of silver.events.
        seen_by: see `is_seeing`.
    """
    known = events.where(F.col("user_id").isNotNull() & is_seeing(seen_by))
    return known.select("user_id", "product_id").distinct()


def mask_of(users: DataFrame, mask_seen: bool) -> Column:
    """The products that a customer's list leaves out, as an array: disliked ones and, with `mask_seen`, those seen.

    Seen are seen_ids, as `core.views.histories` makes them; of those who are known by a few products alone, these.

    Args:
        users: user_id, product_ids and, if they are known, seen_ids and disliked_ids.
        mask_seen: whether lists leave out what was seen.
    """
    disliked = F.col("disliked_ids") if "disliked_ids" in users.columns else no_values("string")
    return F.concat("seen_ids" if "seen_ids" in users.columns else "product_ids", disliked) if mask_seen else disliked
