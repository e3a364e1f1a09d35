"""Products are similar in text by rare words of their titles and by their categories, not by their brand."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from cartograph.graph.relations.text_similarity import with_text_similarity

PRODUCTS = [
    ("a", "Acme espresso machine", "Acme", ["home", "coffee"]),
    ("b", "Best espresso machine, red", "Best", ["home", "coffee"]),
    ("c", "Acme garden hose", "Acme", ["home", "garden"]),
    ("d", None, None, ["home", "coffee"]),
    ("e", None, None, None),
]


def test_similarity_is_the_cosine_of_words_weighted_by_rarity(spark: SparkSession) -> None:
    products = spark.createDataFrame(PRODUCTS, "product_id string, title string, brand string, category array<string>")
    pairs = [("a", "b", 1), ("a", "c", 2), ("a", "d", 3), ("a", "e", 4), ("d", "d", 5), ("e", "a", 6), ("e", "e", 7)]
    rows = with_text_similarity(spark.createDataFrame(pairs, "src string, dst string, kept int"), products).collect()
    found = {(row.src, row.dst): row.kinship for row in rows}
    assert {row.kept for row in rows} == set(range(1, 8))
    in_one, in_two, in_three, in_four = (np.log(6 / (n + 1)) for n in (1, 2, 3, 4))
    # espresso, machine in two products, red in one; the level coffee in three, home in four.
    both = 2 * in_two**2 + in_three**2 + in_four**2
    assert found["a", "b"] == pytest.approx(both / np.sqrt(both * (both + in_one**2)))
    assert found["a", "c"] == found["a", "d"] == found["d", "d"] == 0.0  # a category in common alone says nothing
    assert found["a", "e"] == found["e", "a"] == found["e", "e"] == 0.0
