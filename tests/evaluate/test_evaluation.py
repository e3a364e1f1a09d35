"""Evaluation of whole lists against a slow oracle, slices and intervals included."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from math import log, log2
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import roc_auc_score

from cartograph.core.views.seen import seen
from cartograph.evaluate.bootstrap import bucket_sums, means, resampled_means
from cartograph.evaluate.diversity import category_features, diversities, vector_features
from cartograph.evaluate.evaluation import Evaluation, evaluation
from cartograph.evaluate.exposure import EXPOSURE_METRICS
from cartograph.evaluate.known import Known, tastes
from cartograph.evaluate.popularity import product_popularity
from cartograph.evaluate.settings import EvaluateSettings
from cartograph.evaluate.slices import largest
from cartograph.evaluate.truth import basket_truth, user_truth
from cartograph.runtime.tables import Tables
from tests.cluster import Cluster
from tests.core.test_metrics import oracle

EVENT = "user_id string, product_id string, event_type string, quantity int, unit_price double"
KS = (2, 5)
N_PRODUCTS = 14  # two of them never sold before the horizon, but listed
SETTINGS = EvaluateSettings(k=KS, n_buckets=100, n_resamples=200, seed=1, compared=("ndcg",), min_users=1)
REGIONS = {f"u{n}": ("north", "north", "south", None)[n % 4] for n in range(20)}
PATHS = {f"p{n}": ([f"c{n % 3}", f"c{n % 3}{n % 2}"] if n < 12 else None) for n in range(N_PRODUCTS)}

Pairs = set[tuple[str, str]]


class World:
    """A random shop: what was bought before and after, and the lists of two models."""

    def __init__(self) -> None:
        draw = np.random.default_rng(9)
        pick = lambda n, users: {(f"u{draw.integers(users)}", f"p{int(draw.beta(1, 3) * 12)}") for _ in range(n)}  # noqa: E731
        self.before: Pairs = pick(60, 15)
        self.after: Pairs = pick(50, 20)
        self.lists: dict[tuple[str, str], list[str]] = {}
        for model in ("als", "rules"):
            for user in range(12):
                products = draw.permutation(N_PRODUCTS)[: draw.integers(1, 7)]
                self.lists[model, f"u{user}"] = [f"p{product}" for product in products]

    def frames(self, spark: SparkSession) -> tuple[DataFrame, DataFrame, DataFrame]:
        events = [(user, product, "purchase", 1, 1.0) for user, product in sorted(self.before)]
        later = [(user, product, "purchase", None, paid(product) / 4) for user, product in sorted(self.after)] * 2
        later += [(user, product, "purchase", 2, paid(product) / 4) for user, product in sorted(self.after)]
        later += [(None, "p1", "purchase", 1, 1.0)]
        rows = [
            (model, user, rank, product)
            for (model, user), products in self.lists.items()
            for rank, product in enumerate(products, 1)
        ]
        lists = spark.createDataFrame(rows, "model string, list_id string, rank int, product_id string")
        return spark.createDataFrame(events, EVENT), spark.createDataFrame(later, EVENT), lists

    def truth(self) -> dict[str, dict[str, set[str]]]:
        """Per slice and user the relevant products, straight from the definition."""
        bands = self.bands()
        known = {user for user, _ in self.before}
        truth: dict[str, dict[str, set[str]]] = {}
        for user, product in self.after:
            slices = ["with_repeats"]
            if (user, product) not in self.before:
                slices += ["all", "returning_users" if user in known else "new_users"]
                slices += [f"{bands.get(product, 'tail')}_products"]
                slices += [f"category={c}" for c in self.categories() if (PATHS[product] or [None])[0] == c]
                slices += [f"region={REGIONS[user]}"] if REGIONS[user] == "north" else []
            else:
                slices += ["repeats"]
            for name in slices:
                truth.setdefault(name, {}).setdefault(user, set()).add(product)
        return truth

    def buyers(self) -> dict[str, int]:
        products = [product for _, product in self.before]
        return {product: products.count(product) for product in set(products)}

    def bands(self) -> dict[str, str]:
        total, bands = len(self.before), {}
        for product, n in self.buyers().items():
            share = sum(m for m in self.buyers().values() if m > n) / total
            bands[product] = "head" if share < 0.2 else "mid" if share < 0.8 else "tail"
        return bands

    def categories(self) -> list[str]:
        """The two categories with most (customer, product) purchases."""
        bought = [PATHS[product][0] for _, product in self.before if PATHS[product]]
        return sorted(set(bought), key=lambda name: (-bought.count(name), name))[:2]

    def taste(self, user: str) -> dict[str, float]:
        bought = [PATHS[product][0] for u, product in self.before if u == user and PATHS[product]]
        return {name: bought.count(name) / len(bought) for name in set(bought)}

    def calibration(self, user: str, listed: list[str]) -> float | None:
        """KL of the taste from the list, straight from the definition."""
        shown = [(PATHS[product] or [""])[0] for product in listed]
        taste = self.taste(user)
        if not taste or not shown:
            return None
        mixed = {name: 0.99 * shown.count(name) / len(shown) + 0.01 * p for name, p in taste.items()}
        return sum(p * log(p / mixed[name]) for name, p in taste.items())

    def best_sellers(self, k: int) -> set[str]:
        return set(sorted(self.buyers(), key=lambda product: (-self.buyers()[product], product))[:k])

    def exposures(self, model: str, users: list[str], k: int) -> dict[str, float]:
        """Coverage, Gini coefficient (the mean difference over twice the mean) and the bands' shares of places."""
        places = [product for user in users for product in self.lists.get((model, user), [])[:k]]
        if not places:
            return {}
        x = np.array([places.count(f"p{n}") for n in range(N_PRODUCTS)], dtype=float)
        gini = np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())
        bands = [self.bands().get(product, "tail") for product in places]
        shares = {f"{band}_exposure": bands.count(band) / len(places) for band in ("head", "mid", "tail")}
        return {"coverage": len(set(places)) / N_PRODUCTS, "gini": float(gini)} | shares

    def expected(self, model: str, name: str, k: int) -> dict[str, float]:
        """Mean of every metric over the users of a slice."""
        n_users = len({user for user, _ in self.before})
        buyers, rows = self.buyers(), []
        for user, relevant in self.truth()[name].items():
            listed = self.lists.get((model, user), [])
            hits = [rank for rank, product in enumerate(listed, 1) if product in relevant]
            row: dict[str, float | None] = dict(oracle(hits, len(relevant), k))
            hit = [product for product in listed[:k] if product in relevant]
            row["user_coverage"] = float(bool(listed))
            row["auc"] = area(listed[:k], relevant)
            row["serendipity"] = len(set(hit) - self.best_sellers(k)) / k
            row["revenue"] = sum(paid(product) for product in hit)
            row["calibration"] = self.calibration(user, listed[:k])
            row["diversity"] = spread(listed[:k], {product: path_vector(product) for product in PATHS})
            bits = [log2((n_users + 1) / (buyers.get(product, 0) + 1)) for product in listed[:k]]
            row["novelty"] = float(np.mean(bits)) if bits else None
            rows.append(row)
        means = {}
        for metric in rows[0]:
            present = [row[metric] for row in rows if row[metric] is not None]
            if present:
                means[metric] = float(np.mean(present))
        return means | self.exposures(model, list(self.truth()[name]), k)


def paid(product: str) -> float:
    """What a customer spends on a product in the horizon."""
    return 4.0 + int(product[1:])


def area(listed: list[str], relevant: set[str]) -> float:
    """AUC by a public library: listed products by place, all others equally last."""
    products = [f"p{n}" for n in range(N_PRODUCTS)]
    scores = [-listed.index(product) if product in listed else -N_PRODUCTS for product in products]
    return float(roc_auc_score([product in relevant for product in products], scores))


def path_vector(product: str) -> np.ndarray | None:
    """1 for the category and for the one below it."""
    path = PATHS[product]
    names = sorted({name for each in PATHS.values() if each for name in each})
    return None if path is None else np.array([float(name in path) for name in names])


def spread(listed: list[str], vectors: dict[str, np.ndarray | None]) -> float | None:
    """Mean of 1 - cosine over pairs, pair by pair."""
    pairs = []
    for one, other in combinations(listed, 2):
        a, b = vectors.get(one), vectors.get(other)
        known = a is not None and b is not None and a.any() and b.any()
        pairs.append(1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) if known else 1.0)
    return float(np.mean(pairs)) if pairs else None


def evaluated_world(spark: SparkSession, world: World) -> Evaluation:
    """What `evaluation` makes of the world."""
    before, after, lists = world.frames(spark)
    popularity = product_popularity(before, SETTINGS)
    products = spark.createDataFrame(list(PATHS.items()), "product_id string, category array<string>")
    catalogue = products.select("product_id", F.get("category", F.lit(0)).alias("category"))
    users = spark.createDataFrame(list(REGIONS.items()), "user_id string, region string")
    sold = catalogue.join(popularity, "product_id")
    categories, regions = largest(sold, "category", 2, weight="n_users"), largest(users, "region", 1)
    known = Known(popularity, catalogue, tastes(before, catalogue), category_features(products))
    return evaluation(lists, user_truth(before, after, popularity, categories, regions), known, SETTINGS)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def evaluated(spark: SparkSession, world: World) -> dict[tuple[str, str, str, int], dict[str, float]]:
    rows = evaluated_world(spark, world).values.collect()
    return {(row.model, row.slice, row.metric, row.k): row.asDict() for row in rows}


@pytest.mark.parametrize("model", ["als", "rules"])
@pytest.mark.parametrize("k", KS)
def test_every_slice_and_metric_agrees_with_the_oracle_to_nine_digits(
    world: World, evaluated: dict[tuple[str, str, str, int], dict[str, float]], model: str, k: int
) -> None:
    slices = {name for found, name, _, _ in evaluated if found == model}
    apart = {f"category={name}" for name in world.categories()} | {"region=north"}
    assert slices == set(world.truth()) == apart | {
        "all", "with_repeats", "repeats", "returning_users", "new_users", "head_products", "mid_products",
        "tail_products",
    }  # fmt: skip
    for name in slices:
        got = {
            metric: row["value"]
            for (m, s, metric, at), row in evaluated.items()
            if (m, s, at) == (model, name, k) and "behind" not in metric
        }
        assert got == pytest.approx(world.expected(model, name, k), abs=1e-9)


def test_intervals_contain_the_value_and_exposure_metrics_have_none(
    evaluated: dict[tuple[str, str, str, int], dict[str, float]],
) -> None:
    for (_, _, metric, _), row in evaluated.items():
        if metric in EXPOSURE_METRICS or metric.endswith("_p"):
            assert (row["low"], row["high"]) == (None, None)
        elif row["low"] is not None:
            assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9
    assert evaluated["als", "all", "ndcg", 5]["low"] < evaluated["als", "all", "ndcg", 5]["high"]


def test_n_users_includes_customers_without_a_list(
    world: World, evaluated: dict[tuple[str, str, str, int], dict[str, float]]
) -> None:
    assert evaluated["als", "all", "ndcg", 5]["n_users"] == len(world.truth()["all"])


def test_the_difference_from_the_best_model_is_that_of_the_means(
    evaluated: dict[tuple[str, str, str, int], dict[str, float]],
) -> None:
    for name in ("all", "region=north"):
        both = {model: evaluated[model, name, "ndcg", 5]["value"] for model in ("als", "rules")}
        worse = min(both, key=both.__getitem__)
        row = evaluated[worse, name, "ndcg_behind_best", 5]
        assert row["value"] == pytest.approx(both[worse] - max(both.values()), abs=1e-9)
        assert row["low"] <= row["value"] <= row["high"]
        assert 0 < evaluated[worse, name, "ndcg_behind_best_p", 5]["value"] <= 1
        assert (max(both, key=both.__getitem__), name, "ndcg_behind_best", 5) not in evaluated


def test_diversity_is_the_mean_over_pairs(spark: SparkSession) -> None:
    draw = np.random.default_rng(4)
    vectors = {f"p{n}": draw.normal(size=3).astype(np.float32).astype(float) for n in range(8)} | {"p7": np.zeros(3)}
    lists = {"a": ["p1", "p2", "p3", "p4", "p5"], "b": ["p1"], "c": ["p7", "p6", "none"], "d": ["none", "other"]}
    rows = [(product, [float(x) for x in vector]) for product, vector in vectors.items()]
    features = vector_features(spark.createDataFrame(rows, "product_id string, vector array<float>"))
    asked = spark.createDataFrame(list(lists.items()), "list_key string, product_ids array<string>")
    found = {row.list_key: row for row in diversities(asked, features, [2, 4]).collect()}
    for name, listed in lists.items():
        for k in (2, 4):
            assert found[name][f"diversity@{k}"] == pytest.approx(spread(listed[:k], vectors), abs=1e-9)


def test_the_interval_is_as_wide_as_theory_says(spark: SparkSession) -> None:
    draw = np.random.default_rng(2)
    values = draw.random(4000)
    rows = [("als", "all", f"u{index}", float(value)) for index, value in enumerate(values)]
    scores = spark.createDataFrame(rows, "model string, slice string, cluster_id string, `ndcg@5` double")
    settings, names = EvaluateSettings(seed=4, min_users=1), ["ndcg@5"]
    [row] = means(bucket_sums(scores, names, settings), names, settings).collect()
    error = values.std() / np.sqrt(len(values))
    assert row.value == pytest.approx(values.mean(), abs=1e-9)
    assert (row.high - row.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.1)


def test_few_or_identical_customers_have_no_intervals_and_no_p_values(spark: SparkSession) -> None:
    draw = np.random.default_rng(3)
    rows = [
        (model, name, f"u{user}", float(draw.random()), 0.1)
        for name, n_users in (("many", 120), ("few", 99))
        for model in ("als", "rules")
        for user in range(n_users)
    ]
    columns = "model string, slice string, cluster_id string, `ndcg@5` double, `recall@5` double"
    names = ["ndcg@5", "recall@5"]
    settings = EvaluateSettings(n_buckets=200, n_resamples=200, seed=4, compared=("ndcg", "recall"), min_users=100)
    sums = bucket_sums(spark.createDataFrame(rows, columns), names, settings)
    made = means(sums, names, settings).collect()
    found = {(row.slice, row.metric): (row.low, row.high) for row in made if row.model == "als"}
    behind = {(row.slice, row.metric): (row.low, row.high) for row in made if "behind" in row.metric}
    assert None not in found["many", "ndcg"]
    assert found["few", "ndcg"] == found["few", "recall"] == (None, None)
    assert found["many", "recall"] == (None, None)  # 0.1 for everybody: no variance
    assert None not in behind["many", "ndcg_behind_best"]
    assert behind["few", "ndcg_behind_best"] == behind["many", "recall_behind_best"] == (None, None)
    assert [key for key in behind if key[1].endswith("_p")] == [("many", "ndcg_behind_best_p")]


def test_about_nineteen_of_twenty_intervals_contain_the_true_mean() -> None:
    draw = np.random.default_rng(8)
    weights = draw.poisson(1.0, (400, 100)).astype(float)
    held = 0
    for _ in range(300):
        values = draw.exponential(1.0, (100, 1))
        low, high = np.percentile(resampled_means(values, np.ones((100, 1)), np.arange(100), weights), [2.5, 97.5])
        held += low <= 1.0 <= high
    assert 0.90 <= held / 300 <= 0.98


def test_right_answers_are_products_that_lists_may_contain(spark: SparkSession) -> None:
    """Ann looked at the lamp and put it in the basket, bob bought it; both buy it now, and ann the cup again."""
    before = [("ann", "lamp", "view"), ("ann", "lamp", "cart"), ("ann", "cup", "purchase"), ("bob", "lamp", "purchase")]
    after = [("ann", "lamp", "purchase"), ("ann", "cup", "purchase"), ("bob", "lamp", "purchase")]
    history, horizon = (spark.createDataFrame([(*row, 1, 1.0) for row in rows], EVENT) for rows in (before, after))
    popularity = product_popularity(history, SETTINGS)

    def answers(*seen_by: str) -> dict[str, set[tuple[str, str]]]:
        found: dict[str, set[tuple[str, str]]] = {}
        for row in user_truth(history, horizon, popularity, seen_by=seen_by).collect():
            found.setdefault(row.slice, set()).update((row.list_id, product_id) for product_id in row.relevant)
        return found

    for seen_by, new in ((("purchase",), {("ann", "lamp")}), (("purchase", "view"), set())):
        found = answers(*seen_by)
        assert found.get("all", set()) == new
        assert found["repeats"] == found["with_repeats"] - new
        masked = seen(history, seen_by)
        assert not {(row.user_id, row.product_id) for row in masked.collect()} & found.get("all", set())


def test_a_basket_has_one_query_product_and_the_others_as_right_answers(spark: SparkSession) -> None:
    rows = [("o1", ["a", "b", "c"]), ("o2", ["a"]), ("o3", ["b", "c"])]
    truth = basket_truth(spark.createDataFrame(rows, "order_id string, product_ids array<string>")).collect()
    assert {row.cluster_id for row in truth} == {"o1", "o3"}
    for row in truth:
        assert sorted([row.list_id, *row.relevant]) == dict(rows)[row.cluster_id]


def evaluate_on_cluster(spark: SparkSession, root: str) -> dict[str, float]:
    """What `test_a_cluster_agrees_with_the_oracle` runs on a cluster: evaluate, write, read back."""
    tables, day = Tables(spark, root), date(2011, 3, 1)
    tables.replace("gold.evaluation", evaluated_world(spark, World()).values, as_of=day)
    rows = tables.read("gold.evaluation", day).where("model = 'als' and slice = 'all' and k = 5").collect()
    return {row.metric: row.value for row in rows if "behind" not in row.metric}


@pytest.mark.cluster
def test_a_cluster_agrees_with_the_oracle(cluster: Cluster, world: World, tmp_path: Path) -> None:
    assert cluster.run(evaluate_on_cluster, str(tmp_path)) == pytest.approx(world.expected("als", "all", 5), abs=1e-9)
