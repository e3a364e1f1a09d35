"""Benchmarks of relations and repurchases count true pairs per score, and purchases among the predicted ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.basket_kinds import by_score
from benchmarks.relations import evaluated
from benchmarks.repurchases import compared, fifths


def test_listed_pairs_are_counted_from_each_score_on() -> None:
    listed = pd.DataFrame({"src": list("aaab"), "dst": list("bcda"), "score": [0.95, 0.62, 0.61, 0.3]})
    known = {("a", "b"), ("a", "d"), ("b", "a")}
    found = evaluated(listed, listed, known, known, np.array(list("abcd")))["listed_by_score"]
    assert found["0.0"] == found["0.3"] == (4, 0.75)
    assert found["0.4"] == found["0.6"] == (3, pytest.approx(2 / 3, abs=1e-4))
    assert found["0.9"] == (1, 1.0)


def test_pairs_of_one_kind_are_counted_from_each_score_on() -> None:
    pairs = pd.DataFrame({"src": ["1", "1", "2"], "dst": ["2", "3", "3"], "score": [0.55, 0.3, 0.2]})
    kinds = pd.Series({"1": 7, "2": 7, "3": 8})
    assert by_score(pairs, kinds) == {
        "0.1": (3, pytest.approx(1 / 3, abs=1e-4)), "0.2": (3, pytest.approx(1 / 3, abs=1e-4)),
        "0.3": (2, 0.5), "0.35": (1, 1.0), "0.4": (1, 1.0), "0.5": (1, 1.0),
    }  # fmt: skip


def test_purchases_predicted_and_come_are_summed_by_fifths() -> None:
    rows = pd.DataFrame({"user_id": list("abcdefghij"), "product_id": "p", "probability": np.arange(10) / 10})
    came = pd.DataFrame({"user_id": ["j", "i", "a", "z"], "product_id": ["p", "p", "p", "p"]})
    assert fifths(rows, came) == [(0.1, 1), (0.5, 0), (0.9, 0), (1.3, 0), (1.7, 2)]


def test_predicted_intervals_are_held_against_planted_ones() -> None:
    times = pd.DataFrame({"product_id": ["p", "q", "r"], "typical": np.log([33.0, 18.0, 500.0])})
    truth = pd.DataFrame({"item_id": ["p", "q", "r"], "days": [30, 20, 5]})
    found = compared(times, pd.Series({"p": 9, "q": 9}), truth)
    assert found == {"interval_ratio": 1.0, "interval_error": 0.1, "n_products": 2}
