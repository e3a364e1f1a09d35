"""The k best products for many vectors agree with sorting all scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.search import topk
from cartograph.core.search.topk import top_k
from tests.cluster import Cluster

N_ITEMS, N_QUERIES, K = 2500, 300, 7
ITEMS = "product_id string, vector array<float>"
QUERIES = "id string, vector array<float>, mask array<string>"


def whole_vectors(n: int, length: int = 6) -> np.ndarray[Any, Any]:
    """Vectors of small whole numbers: products are exact in float32, and full of ties."""
    return np.random.default_rng(n).integers(-2, 3, (n, length)).astype(np.float32)


def frames(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    """Queries (each with ten masked products, one of them unknown) and items."""
    rng = np.random.default_rng(0)
    items = [(f"p{i:05}", vector.tolist()) for i, vector in enumerate(whole_vectors(N_ITEMS))]
    queries = [
        (f"u{i}", vector.tolist(), ["unknown", *(f"p{j:05}" for j in rng.integers(0, N_ITEMS, 9))])
        for i, vector in enumerate(whole_vectors(N_QUERIES))
    ]
    return spark.createDataFrame(queries, QUERIES), spark.createDataFrame(items, ITEMS)


def sorted_scores(queries: DataFrame, items: DataFrame, k: int) -> list[tuple[str, str, float, int]]:
    """The oracle: all scores of a query, sorted."""
    catalogue = items.collect()
    expected = []
    for query in queries.collect():
        scored = [(-float(np.dot(query.vector, item.vector)), item.product_id) for item in catalogue]
        shown = sorted(pair for pair in scored if pair[1] not in (query.mask or []))[:k]
        expected += [(query.id, item, -score, rank) for rank, (score, item) in enumerate(shown, 1)]
    return sorted(expected)


@pytest.fixture(scope="module")
def both(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    queries, items = frames(spark)
    return queries.persist(), items.persist()


def test_lists_are_those_of_sorting_all_scores(both: tuple[DataFrame, DataFrame]) -> None:
    queries, items = both
    expected = sorted_scores(queries, items, K)
    assert sorted(map(tuple, top_k(queries, items, K).collect())) == expected
    assert sorted(map(tuple, top_k(queries, items, K, block_rows=600).collect())) == expected


def test_products_out_of_stock_are_shown_to_nobody(both: tuple[DataFrame, DataFrame]) -> None:
    queries, items = both
    few, out = queries.where("id < 'u11'"), items.where("product_id < 'p02000'")
    found = top_k(few, items, K, exclude=out)
    assert sorted(map(tuple, found.collect())) == sorted_scores(few, items.where("product_id >= 'p02000'"), K)


CATALOGUE = "product_id string, vector array<float>, category string, price double"
WISHES = f"{QUERIES}, categories array<string>, price_low double, price_high double"


def filtered(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    """Queries for categories and prices, null where anything will do, and items, some without category or price."""
    rng = np.random.default_rng(8)
    names, prices = [None, "hats", "mugs", "toys"], [None, 1.0, 2.0, 3.0, 4.0]
    items = [
        (f"p{i:04}", vector.tolist(), names[rng.integers(4)], prices[rng.integers(5)])
        for i, vector in enumerate(whole_vectors(1200))
    ]
    asked = [None, ["hats"], ["mugs", "toys", "no such category"], []]
    queries = [
        (f"u{i}", vector.tolist(), [f"p{j:04}" for j in rng.integers(0, 1200, 9)], asked[i % 4],
         prices[rng.integers(3)], prices[rng.choice([0, 3, 4])])
        for i, vector in enumerate(whole_vectors(280))
    ]  # fmt: skip
    return spark.createDataFrame(queries, WISHES), spark.createDataFrame(items, CATALOGUE)


def test_only_products_of_the_categories_and_prices_asked_for_are_shown(spark: SparkSession) -> None:
    queries, items = filtered(spark)
    catalogue = items.collect()
    expected = []
    for query in queries.collect():
        low, high = query.price_low, query.price_high
        scored = [
            (-float(np.dot(query.vector, item.vector)), item.product_id)
            for item in catalogue
            if item.product_id not in query.mask
            and (query.categories is None or item.category in query.categories)
            and (low is None or (item.price is not None and item.price >= low))
            and (high is None or (item.price is not None and item.price <= high))
        ]
        expected += [(query.id, item, -score, rank) for rank, (score, item) in enumerate(sorted(scored)[:K], 1)]
    assert 0 < len(expected) < 280 * K
    for block_rows in (500, 500_000):
        found = top_k(queries, items, K, block_rows=block_rows).collect()
        assert sorted(map(tuple, found)) == sorted(expected)


def test_asking_for_a_category_of_items_without_any_is_refused(spark: SparkSession) -> None:
    queries, items = filtered(spark)
    with pytest.raises(Exception, match="queries have categories, but items have neither category nor price"):
        top_k(queries.drop("price_low", "price_high"), items.select("product_id", "vector"), K).collect()


def test_a_short_catalogue_gives_short_lists(both: tuple[DataFrame, DataFrame]) -> None:
    queries, items = both
    few = queries.where("id in ('u1', 'u2')")
    assert top_k(few.drop("mask"), items.where("product_id < 'p00003'"), K).count() == 6
    assert top_k(few, items.where("false"), K).count() == 0
    masked = few.selectExpr("id", "vector", "array('p00000', null) AS mask").union(
        few.selectExpr("id", "vector", "cast(null AS array<string>) AS mask")
    )
    assert top_k(masked, items.where("product_id = 'p00000'"), K).count() == 2


def test_scores_that_are_no_numbers_are_never_shown(spark: SparkSession) -> None:
    items = spark.createDataFrame([("a", [float("nan")]), ("b", [1.0]), ("c", [2.0])], ITEMS)
    queries = spark.createDataFrame([("u", [1.0])], "id string, vector array<float>")
    assert [row.product_id for row in top_k(queries, items, 3).collect()] == ["c", "b"]


def test_ids_of_other_types_pass_through(spark: SparkSession) -> None:
    items = spark.createDataFrame([(10, [1.0]), (9, [1.0]), (100, [1.0])], "product_id int, vector array<float>")
    queries = spark.createDataFrame([(5, [1.0])], "id long, vector array<float>")
    assert [row.product_id for row in top_k(queries, items, 2).orderBy("rank").collect()] == [9, 10]


def test_vectors_that_do_not_fit_are_refused_with_their_lengths(spark: SparkSession) -> None:
    items = spark.createDataFrame([("a", [1.0, 2.0])], ITEMS)
    queries = spark.createDataFrame([("u", [1.0])], "id string, vector array<float>")
    with pytest.raises(Exception, match="query vectors have length 1, item vectors 2"):
        top_k(queries, items, 3).collect()
    with pytest.raises(ValueError, match=r"vectors must have one length, found \[1, 2\]"):
        top_k(queries, items.union(items.selectExpr("'b'", "array(1f)")), 3)
    with pytest.raises(ValueError, match="at least 1"):
        top_k(queries, items, 0)


@pytest.mark.parametrize("k", [1, 2, 20])
def test_heaps_keep_the_best_and_of_equals_the_first(k: int) -> None:
    scores = np.random.default_rng(k).integers(0, 30, (4, topk.ITEM_TILE + 77)).astype(np.float32)
    kept, positions = topk.empty_heaps(4, k)
    no_mask = np.zeros(5, dtype=np.int64), np.empty(0, dtype=np.int64)
    for first in range(0, scores.shape[1], 100):
        topk.push_tile(scores[:, first : first + 100].copy(), first, *no_mask, kept, positions)
    topk.order_best_first(kept, positions)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert (positions == expected).all()
    assert (kept == np.take_along_axis(scores, expected, axis=1)).all()


def lists_on_cluster(spark: SparkSession) -> bool:
    """Whether lists made from several blocks on executors are those of sorting."""
    queries, items = frames(spark)
    few = queries.where("id < 'u12'")
    found = top_k(few.repartition(3), items, K, block_rows=900).collect()
    return sorted(map(tuple, found)) == sorted_scores(few, items, K)


@pytest.mark.cluster
def test_lists_on_a_cluster_are_those_of_sorting(cluster: Cluster) -> None:
    assert cluster.run(lists_on_cluster)
