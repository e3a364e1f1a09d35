"""Parts of a score: the largest by name, the rest together, and nothing lost."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cartograph.core.contributions import largest, maps_of

NAMES = pa.array(["cup", "lamp", "vase"])


def parts_of(added: list[list[float]], totals: list[float], n: int) -> list[dict[str, float]]:
    codes = np.broadcast_to(np.arange(3), (len(added), 3))
    found = maps_of(*largest(codes, np.array(added), np.array(totals), n), NAMES)
    return [dict(row) for row in found.to_pylist()]


def test_the_largest_parts_are_named_best_first_and_the_rest_is_summed_up() -> None:
    (parts,) = parts_of([[0.5, 2.0, 1.0]], [4.0], 2)
    assert list(parts.items()) == [("lamp", 2.0), ("vase", 1.0), ("other", 1.0)]


def test_what_takes_away_from_a_score_has_no_name() -> None:
    assert parts_of([[0.5, -2.0, 0.0]], [1.0], 3) == [{"cup": 0.5, "other": 0.5}]


def test_there_may_be_fewer_parts_than_are_asked_for_and_no_scores_at_all() -> None:
    assert parts_of([[1.0, 2.0, 3.0]], [6.0], 9) == [{"vase": 3.0, "lamp": 2.0, "cup": 1.0, "other": 0.0}]
    nothing = largest(np.zeros((0, 3), int), np.zeros((0, 3)), np.zeros(0), 2)
    assert maps_of(*nothing, NAMES).to_pylist() == []
