"""Evaluation of whole lists against a slow oracle, slices and intervals included."""

from __future__ import annotations

from datetime import date
from math import log2
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from cartograph.evaluate.bootstrap import means, resampled_means
from cartograph.evaluate.evaluation import evaluation
from cartograph.evaluate.popularity import product_popularity
from cartograph.evaluate.truth import basket_truth, user_truth
from cartograph.runtime.tables import Tables
from tests.cluster import Cluster
from tests.core.test_metrics import oracle

EVENT = "user_id string, product_id string, event_type string"
KS = (2, 5)
N_PRODUCTS = 14  # two of them never sold before the horizon, but listed
MEASURED = {"ks": KS, "n_buckets": 50, "n_resamples": 200, "seed": 1}

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
        events = [(user, product, "purchase") for user, product in sorted(self.before)]
        later = [(user, product, "purchase") for user, product in sorted(self.after)] * 2 + [(None, "p1", "purchase")]
        rows = [
            (model, user, rank, product)
            for (model, user), products in self.lists.items()
            for rank, product in enumerate(products, 1)
        ]
        lists = spark.createDataFrame(rows, "model string, list_id string, rank int, product_id string")
        return spark.createDataFrame(events, EVENT), spark.createDataFrame(later, EVENT), lists

    def truth(self) -> dict[str, dict[str, set[str]]]:
        """Per slice and user the relevant products, by the words of the definition."""
        bands = self.bands()
        known = {user for user, _ in self.before}
        truth: dict[str, dict[str, set[str]]] = {}
        for user, product in self.after:
            slices = ["with_repeats"]
            if (user, product) not in self.before:
                slices += ["all", "returning_users" if user in known else "new_users"]
                slices += [f"{bands.get(product, 'tail')}_products"]
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

    def expected(self, model: str, name: str, k: int) -> dict[str, float]:
        """Mean of every metric over the users of a slice."""
        n_users = len({user for user, _ in self.before})
        buyers, rows, novelty, shown = self.buyers(), [], [], set()
        for user, relevant in self.truth()[name].items():
            listed = self.lists.get((model, user), [])
            hits = [rank for rank, product in enumerate(listed, 1) if product in relevant]
            rows.append(oracle(hits, len(relevant), k) | {"user_coverage": float(bool(listed))})
            shown |= set(listed[:k])
            if listed:
                novelty.append(np.mean([log2((n_users + 1) / (buyers.get(p, 0) + 1)) for p in listed[:k]]))
        means = {metric: float(np.mean([row[metric] for row in rows])) for metric in rows[0]}
        extra = {"novelty": float(np.mean(novelty))} if novelty else {}
        return means | extra | ({"coverage": len(shown) / N_PRODUCTS} if shown else {})


def catalogue(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([(f"p{number}",) for number in range(N_PRODUCTS)], "product_id string")


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def evaluated(spark: SparkSession, world: World) -> dict[tuple[str, str, str, int], dict[str, float]]:
    before, after, lists = world.frames(spark)
    popularity = product_popularity(before, 0.2, 0.2)
    rows = evaluation(lists, user_truth(before, after, popularity), popularity, catalogue(spark), **MEASURED).collect()
    return {(row.model, row.slice, row.metric, row.k): row.asDict() for row in rows}


@pytest.mark.parametrize("model", ["als", "rules"])
@pytest.mark.parametrize("k", KS)
def test_every_slice_and_metric_agrees_with_the_oracle_to_nine_digits(
    world: World, evaluated: dict[tuple[str, str, str, int], dict[str, float]], model: str, k: int
) -> None:
    slices = {name for found, name, _, _ in evaluated if found == model}
    assert slices == set(world.truth()) == {"all", "with_repeats", "repeats", "returning_users", "new_users",
                                            "head_products", "mid_products", "tail_products"}  # fmt: skip
    for name in slices:
        got = {metric: row["value"] for (m, s, metric, at), row in evaluated.items() if (m, s, at) == (model, name, k)}
        assert got == pytest.approx(world.expected(model, name, k), abs=1e-9)


def test_intervals_surround_the_value_and_coverage_has_none(
    evaluated: dict[tuple[str, str, str, int], dict[str, float]],
) -> None:
    for (_, _, metric, _), row in evaluated.items():
        if metric == "coverage":
            assert (row["low"], row["high"]) == (None, None)
        else:
            assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9


def test_the_number_of_users_counts_those_without_a_list_too(
    world: World, evaluated: dict[tuple[str, str, str, int], dict[str, float]]
) -> None:
    assert evaluated["als", "all", "ndcg", 5]["n_users"] == len(world.truth()["all"])


def test_the_interval_is_as_wide_as_theory_says(spark: SparkSession) -> None:
    draw = np.random.default_rng(2)
    values = draw.random(4000)
    rows = [("als", "all", f"u{index}", float(value)) for index, value in enumerate(values)]
    scores = spark.createDataFrame(rows, "model string, slice string, cluster_id string, `ndcg@5` double")
    [row] = means(scores, ["ndcg@5"], 1000, 1000, 4).collect()
    error = values.std() / np.sqrt(len(values))
    assert row.value == pytest.approx(values.mean(), abs=1e-9)
    assert (row.high - row.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.1)


def test_about_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    draw = np.random.default_rng(8)
    weights = draw.poisson(1.0, (400, 100)).astype(float)
    held = 0
    for _ in range(300):
        values = draw.exponential(1.0, (100, 1))
        low, high = np.percentile(resampled_means(values, np.ones((100, 1)), np.arange(100), weights), [2.5, 97.5])
        held += low <= 1.0 <= high
    assert 0.90 <= held / 300 <= 0.98


def test_a_basket_asks_about_one_of_its_products_and_answers_with_the_others(spark: SparkSession) -> None:
    rows = [("o1", ["a", "b", "c"]), ("o2", ["a"]), ("o3", ["b", "c"])]
    truth = basket_truth(spark.createDataFrame(rows, "order_id string, product_ids array<string>")).collect()
    assert {row.cluster_id for row in truth} == {"o1", "o3"}
    for row in truth:
        assert sorted([row.list_id, *row.relevant]) == dict(rows)[row.cluster_id]


def judge(spark: SparkSession, root: str) -> dict[str, float]:
    """What `test_a_cluster_agrees_with_the_oracle` runs on a cluster: evaluate, write, read back."""
    before, after, lists = World().frames(spark)
    popularity = product_popularity(before, 0.2, 0.2)
    values = evaluation(lists, user_truth(before, after, popularity), popularity, catalogue(spark), **MEASURED)
    tables, day = Tables(spark, root), date(2011, 3, 1)
    tables.replace("gold.evaluation", values, as_of=day)
    rows = tables.read("gold.evaluation", day).where("model = 'als' and slice = 'all' and k = 5").collect()
    return {row.metric: row.value for row in rows}


@pytest.mark.cluster
def test_a_cluster_agrees_with_the_oracle(cluster: Cluster, world: World, tmp_path: Path) -> None:
    assert cluster.run(judge, str(tmp_path)) == pytest.approx(world.expected("als", "all", 5), abs=1e-9)
