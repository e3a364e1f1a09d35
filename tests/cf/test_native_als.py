"""The native engine minimises what MLlib minimises, with any number of workers, and resumes after an interruption."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession

from cartograph.cf.factorisation import native_als
from cartograph.cf.factorisation.native_als import factorise, native_factors
from cartograph.cf.settings import AlsSettings
from cartograph.core.settings import settings_of
from cartograph.core.workers.groups import Group
from tests.cf.local_shards import batches_of, matrices_of, product_id, user_id
from tests.cluster import Cluster
from tests.core.local_group import in_group

N_USERS, N_ITEMS = 60, 45
SETTINGS = AlsSettings(engine="native", rank=5, alpha=10.0, regularisation=0.05, iterations=4, solver="cholesky")


def changed(**settings: Any) -> AlsSettings:
    """The settings, some of them changed."""
    return settings_of(AlsSettings, SETTINGS, settings)


def triples() -> list[tuple[int, int, float]]:
    """Ratings of customers of three tastes, with some noise: user, item, weight."""
    rng = np.random.default_rng(5)
    tastes = rng.random((N_USERS, N_ITEMS)) < np.where(
        np.arange(N_USERS)[:, None] % 3 == np.arange(N_ITEMS) % 3, 0.5, 0.03
    )
    tastes[-1, -1] = True  # the last codes are in use
    return [(int(u), int(i), float(1 + (u + i) % 3)) for u, i in np.argwhere(tastes)]


def matrix() -> Any:
    ratings = np.zeros((N_USERS, N_ITEMS))
    for user, item, weight in triples():
        ratings[user, item] = weight
    return ratings


def loss(users: Any, items: Any, settings: AlsSettings = SETTINGS) -> float:
    """The objective from its definition, over all pairs."""
    ratings = matrix()
    confidence, preference = 1 + settings.alpha * ratings, ratings > 0
    squares = (confidence * (preference - users @ items.T) ** 2).sum()
    of_users = (preference.sum(axis=1) ** settings.frequency_power) @ (users**2).sum(axis=1)
    of_items = (preference.sum(axis=0) ** settings.frequency_power) @ (items**2).sum(axis=1)
    return float(squares + settings.regularisation * (of_users + of_items))


def factorised(
    size: int,
    n_iterations: int = 4,
    state: list[pa.RecordBatch] | None = None,
    settings: AlsSettings = SETTINGS,
    **further: Any,
) -> list[pa.RecordBatch]:
    """What a group of `size` yields."""

    def work(group: Group) -> list[pa.RecordBatch]:
        given = batches_of(triples(), group.rank, size, state or ())
        return list(factorise(group, given, settings, n_iterations, **further))

    answers = in_group(size, work)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return [batch for answer in answers for batch in answer]


def factors(rows: list[Any]) -> tuple[Any, Any]:
    return matrices_of(rows, (N_USERS, N_ITEMS), SETTINGS.rank)


def as_rows(batches: list[pa.RecordBatch]) -> list[Any]:
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def ratings(spark: SparkSession) -> DataFrame:
    return frame_of(spark)


def frame_of(spark: SparkSession) -> DataFrame:
    rows = [(user_id(user), product_id(item), weight) for user, item, weight in triples()]
    return spark.createDataFrame(rows, "user_id string, product_id string, weight float")


def spark_factors(ratings: DataFrame, settings: AlsSettings, n_workers: int | None = None) -> tuple[Any, Any]:
    users, items = native_factors(ratings, settings, n_workers)
    rows = [{"side": 0, "id": row.user_id, "vector": row.vector} for row in users.collect()]
    return factors(rows + [{"side": 1, "id": row.product_id, "vector": row.vector} for row in items.collect()])


@pytest.mark.parametrize("size", [2, 4])
def test_factors_do_not_depend_on_the_number_of_workers(size: int) -> None:
    alone, together = factors(as_rows(factorised(1))), factors(as_rows(factorised(size)))
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)


def test_the_objective_reached_by_few_steps_does_not_depend_on_the_number_of_workers() -> None:
    # Steps of conjugate gradient that stop early magnify the rounding of sums, so factors agree to two digits only.
    alone, together = (factors(as_rows(factorised(size, settings=changed(solver="cg")))) for size in (1, 4))
    assert loss(*together) == pytest.approx(loss(*alone), rel=1e-5)
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, abs=0.02)


def test_factors_do_not_depend_on_the_size_of_a_round() -> None:
    whole, small = factors(as_rows(factorised(2))), factors(as_rows(factorised(2, round_ratings=20)))
    for one, other in zip(whole, small, strict=True):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


def test_two_iterations_and_two_more_are_four() -> None:
    halfway = factorised(2, n_iterations=2)
    for one, other in zip(factors(as_rows(factorised(3))), factors(as_rows(factorised(3, 2, halfway))), strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)


def test_every_iteration_lowers_the_objective() -> None:
    found = [factorised(2, n_iterations=n, settings=changed(solver="cg", iterations=n)) for n in (1, 2, 4, 8)]
    losses = [loss(*factors(as_rows(batches))) for batches in found]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.97 * losses[0]


NAMES = {
    "short": (user_id, product_id),
    "long numbers": (lambda user: str(9_120_000_000_000 - 7919 * user), lambda item: str(4_006_381_333 + 97 * item)),
    "text": (lambda user: f"{chr(122 - user % 26)}{user} & co", lambda item: f"{['lamp', 'cup'][item % 2]} no {item}"),
}


def lists_of(ratings: Any, names: str, size: int, rank: int, solver: Literal["cg", "cholesky"]) -> Any:
    """For each customer the five products, of those not rated, that score highest."""
    pairs = [(int(user), int(item), float(ratings[user, item])) for user, item in np.argwhere(ratings)]

    def work(group: Group) -> list[pa.RecordBatch]:
        given = batches_of(pairs, group.rank, group.size, names=NAMES[names])
        return list(factorise(group, given, AlsSettings(engine="native", rank=rank, solver=solver), 10))

    found = {(row["side"], row["id"]): row["vector"] for batches in in_group(size, work) for row in as_rows(batches)}
    users, items = (
        np.array([found.get((side, NAMES[names][side](number)), np.zeros(rank)) for number in range(n)])
        for side, n in enumerate(ratings.shape)
    )
    scores = np.where(ratings != 0, -np.inf, users @ items.T)
    return np.argsort(-scores, axis=1, kind="stable")[:, :5]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize(("size", "rank"), [(1, 2), (2, 4), (3, 8), (2, 64)])
def test_what_a_customer_lacks_of_their_block_comes_first_whatever_the_names(size: int, rank: int, names: str) -> None:
    """Two blocks of three customers and three products, of which each customer lacks one."""
    numbers = np.arange(6)
    ratings = ((numbers[:, None] // 3 == numbers // 3) & (numbers[:, None] != numbers)).astype(float)
    assert lists_of(ratings, names, size, rank, "cg")[:, 0].tolist() == numbers.tolist()


@pytest.mark.parametrize(("n_items", "rank"), [(60, 16), (2100, 4)])
def test_lists_do_not_depend_on_names(n_items: int, rank: int) -> None:
    """Of small catalogues, which start from their strongest directions, and of large ones, which do not."""
    rng, numbers = np.random.default_rng(8), np.arange(n_items)
    tastes = rng.random((90, n_items)) < np.where(np.arange(90)[:, None] % 3 == numbers % 3, 0.3, 0.02)
    ratings = tastes * rng.integers(1, 3, tastes.shape)
    lists = [lists_of(ratings, names, 2, rank, "cholesky") for names in NAMES]
    assert (lists[0] == lists[1]).mean() > 0.999
    assert (lists[0] == lists[2]).mean() > 0.999


def test_a_customer_and_a_product_without_a_like_have_no_factor_and_change_nothing() -> None:
    """A customer who only brought something back, and a product that is only disliked."""

    def found(more: list[tuple[int, int, float]]) -> tuple[set[str], Any]:
        def work(group: Group) -> list[pa.RecordBatch]:
            return list(factorise(group, batches_of(triples() + more, group.rank, 2), changed(solver="cg"), 20))

        rows = as_rows([batch for batches in in_group(2, work) for batch in batches])
        users, items = factors(rows)
        return {row["id"] for row in rows}, users @ items.T

    more = [(N_USERS, 3, -1.0), (5, N_ITEMS, -1.0), (6, N_ITEMS, -0.5)]
    (expected_ids, expected), (ids, scores) = found([]), found(more)
    assert ids == expected_ids
    assert scores == pytest.approx(expected, abs=1e-2)


def test_ratings_are_predicted_almost_as_well_as_their_noise_allows() -> None:
    rng, noise = np.random.default_rng(3), 0.2
    truth = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 120))
    seen = rng.random(truth.shape) < 0.4
    rated = truth + rng.normal(0, noise, truth.shape)
    known = [(int(user), int(item), float(rated[user, item])) for user, item in np.argwhere(seen)]
    settings = AlsSettings(engine="native", rank=3, regularisation=0.002, implicit=False)

    def work(group: Group) -> list[pa.RecordBatch]:
        return list(factorise(group, batches_of(known, group.rank, group.size), settings, 15))

    rows = as_rows([batch for answer in in_group(2, work) for batch in answer])
    users, items = matrices_of(rows, (200, 120), 3)
    errors = (users @ items.T - rated)[~seen]
    # Each of the 3 (200 + 120) numbers learned from 9,600 ratings adds its share of the noise to what is predicted.
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(noise * np.sqrt(1 + 3 * 320 / len(known)), rel=0.05)


def test_the_objective_reached_is_that_of_mllib(ratings: DataFrame) -> None:
    solver = ALS(rank=5, maxIter=15, regParam=0.05, alpha=10.0, implicitPrefs=True, seed=1)
    codes = ["int(substring(user_id, 2)) AS user", "int(substring(product_id, 2)) AS item", "weight AS rating"]
    model = solver.fit(ratings.selectExpr(*codes))
    sides = enumerate((model.userFactors, model.itemFactors))
    rows = [
        {"side": side, "id": f"x{row.id}", "vector": row.features} for side, rows in sides for row in rows.collect()
    ]
    expected = loss(*factors(rows))
    for solver_name in ("cg", "cholesky"):
        found = loss(*spark_factors(ratings, changed(iterations=15, solver=solver_name)))
        assert found == pytest.approx(expected, rel=0.02)


def test_an_interrupted_job_resumes_after_the_last_saved_iteration(
    ratings: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(checkpoint_every=2)
    expected = spark_factors(ratings, SETTINGS, 2)
    asked: list[int] = []

    def run_group(blocks: DataFrame, work: Any, schema: str, dies_at: int) -> DataFrame:
        asked.append(work.keywords["n_iterations"])
        if len(asked) == dies_at:
            raise ConnectionError("the power went off")
        return group(blocks, work, schema)

    group = native_als.run_group
    monkeypatch.setattr(native_als, "run_group", partial(run_group, dies_at=2))
    with pytest.raises(ConnectionError):
        spark_factors(ratings, settings, 2)
    monkeypatch.setattr(native_als, "run_group", partial(run_group, dies_at=-1))
    found = spark_factors(ratings, settings, 2)
    assert asked == [2, 2, 2]  # two, then two that failed, then only these two again
    for one, other in zip(expected, found, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4)
    spark_factors(ratings, settings, 2)
    assert asked[3:] == [2, 2]  # what was saved is gone once it has been used


def factors_on_cluster(spark: SparkSession) -> list[list[list[float]]]:
    return [side.tolist() for side in spark_factors(frame_of(spark), SETTINGS)]


@pytest.mark.cluster
def test_factors_on_a_real_cluster_are_the_same(cluster: Cluster, ratings: DataFrame) -> None:
    for one, other in zip(spark_factors(ratings, SETTINGS, 1), cluster.run(factors_on_cluster), strict=True):
        assert np.array(other) == pytest.approx(one, rel=1e-3, abs=1e-4)
