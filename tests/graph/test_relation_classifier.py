"""A classifier trained on some links predicts the others."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.graph.relations.classifier import probabilities, trained_classifier

PAIRS = (
    "src string, dst string, n_orders long, npmi double, family_p_value double, n_views long, view_npmi double, "
    "view_p_value double, swing double, forward double, similarity double, n_shared long, is_same_type boolean"
)


@pytest.fixture(scope="module")
def pairs(spark: SparkSession) -> DataFrame:
    """Ten products; each is bought with three, viewed with three of its kind, and with three others at random."""
    random, rows = np.random.default_rng(5), []
    for src in range(10):
        for number in range(3):
            n, low, some = int(random.integers(4, 9)), float(10 ** -random.uniform(4, 9)), float(random.uniform(0, 0.2))
            pair = (f"p{src}", f"c{number}"), (f"p{src}", f"s{number}"), (f"p{src}", f"n{number}")
            rows.append((*pair[0], n, 0.5, low, 1, some, 0.3, some, 0.9, some, 1, False))
            rows.append((*pair[1], 0, -1.0, 1.0, n, 0.5, low, 0.8, 0.5, 0.3, 2, True))
            rows.append((*pair[2], 1, some, 0.2, 1, some, 0.4, some, 0.5, some, 1, number == 0))
    return spark.createDataFrame(rows, PAIRS)


def test_links_of_other_products_are_recognised(spark: SparkSession, pairs: DataFrame) -> None:
    kinds = {"c": "complement", "s": "substitute"}
    links = [(f"p{src}", f"{kind}{n}", kinds[kind]) for src in range(5) for kind in kinds for n in range(3)]
    model = trained_classifier(pairs, spark.createDataFrame(links, "src string, dst string, relation string"))
    for row in probabilities(model, pairs.where("src >= 'p5'")).collect():
        predicted = "c" if row.complement_score > 0.5 else "s" if row.substitute_score > 0.5 else "n"
        assert predicted == row.dst[0]


def test_without_links_of_both_kinds_nothing_can_be_learned(spark: SparkSession, pairs: DataFrame) -> None:
    links = spark.createDataFrame([("p1", "c1", "complement")], "src string, dst string, relation string")
    with pytest.raises(ValueError, match=r"needs pairs with links of both kinds; found \{'none': 8, 'complement': 1\}"):
        trained_classifier(pairs, links)
