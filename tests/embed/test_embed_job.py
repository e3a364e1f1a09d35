"""The embed job writes vectors and neighbours, keeps vectors of unchanged products, and refuses incomplete settings."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import embed
from tests.small_lake import PRODUCTS, small_shop

FIRST, SECOND = date(2011, 1, 20), date(2011, 2, 10)
GIVEN = ["embed.models=[words, item2vec, image, attributes]", "embed.image.vectors_attribute=look",
         "embed.words.width=4", "embed.words.iterations=1", "embed.item2vec.width=4",
         "embed.item2vec.iterations=1"]  # fmt: skip


def run(suite: Suite, day: date, *settings: str) -> dict[str, float]:
    """Runs the job; the numbers that it recorded."""
    numbers: dict[str, float] = {}
    with suite.step("embed", as_of=day) as job:
        job.config = load_config("demo", list(settings))
        job.metric = numbers.__setitem__  # type: ignore[method-assign, assignment]
        embed.run(job)
    return numbers


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> tuple[Suite, list[dict[str, float]]]:
    """The shop after two days, between which a title changed; lamps have a look, one of them a broken one."""
    suite = small_shop(spark)
    looks = F.create_map(F.lit("look"), F.concat(F.lit("[1, "), F.substring("product_id", -1, 1), F.lit("]")))
    broken = F.create_map(F.lit("look"), F.lit("none"))
    look = F.when(F.col("product_id") == "lamp2", broken).when(F.col("product_id").startswith("lamp"), looks)
    products = suite.tables.read("silver.products").withColumn("attributes", look).localCheckpoint()
    suite.tables.replace("silver.products", products)
    first = run(suite, FIRST, *GIVEN)
    title = F.when(F.col("product_id") == "cup1", F.lit("Bowl no 1")).otherwise(F.col("title"))
    suite.tables.replace("silver.products", products.withColumn("title", title))
    return suite, [first, run(suite, SECOND, *GIVEN, "embed.models=[words]")]


def vectors(suite: Suite, day: date, model: str) -> dict[str, list[float]]:
    rows = suite.tables.read("silver.product_vectors", day, model=model).collect()
    return {row.product_id: row.vector for row in rows}


def test_every_model_writes_what_it_knows_and_fused_knows_all(shop: tuple[Suite, list[dict[str, float]]]) -> None:
    suite, (first, _) = shop
    assert set(vectors(suite, FIRST, "words")) == set(vectors(suite, FIRST, "fused")) == set(PRODUCTS)
    assert vectors(suite, FIRST, "image") == {"lamp0": [1.0, 0.0], "lamp1": [1.0, 1.0]}
    assert first["n_images_unreadable"] == 1
    assert set(vectors(suite, FIRST, "attributes")) == {"lamp0", "lamp1", "lamp2"}
    assert {name[:-1] for name in vectors(suite, FIRST, "item2vec")} <= {"cup", "vase"}  # bought two at a time


def test_only_changed_products_are_embedded_again(shop: tuple[Suite, list[dict[str, float]]]) -> None:
    suite, (first, second) = shop
    assert (first["n_embedded_words"], second["n_embedded_words"]) == (12, 1)
    assert ("n_word_vectors" in first, "n_word_vectors" in second) == (True, False)  # words of three weeks ago do
    before, after = (vectors(suite, day, "words") for day in (FIRST, SECOND))
    assert {name for name in PRODUCTS if before[name] != after[name]} == {"cup1"}
    assert after["cup1"] == pytest.approx(before["bowl1"])


def test_neighbours_are_near_and_never_the_product_itself(shop: tuple[Suite, list[dict[str, float]]]) -> None:
    suite, _ = shop
    rows = suite.tables.read("gold.associations", FIRST, model="content").collect()
    assert {row.product_id for row in rows} == set(PRODUCTS)
    assert all(row.score > 0 and row.product_id != row.associated_product_id for row in rows)


def test_other_steps_are_given_the_fused_vectors_of_their_day(shop: tuple[Suite, list[dict[str, float]]]) -> None:
    suite, _ = shop
    with suite.step("cf", as_of=SECOND) as job:
        given = job.silver().vectors
    assert given is not None
    assert {row.product_id: row.vector for row in given.collect()} == vectors(suite, SECOND, "fused")
    with suite.step("cf", as_of=date(2011, 2, 11)) as job:
        assert job.silver().vectors is None


def test_without_models_the_step_does_nothing(shop: tuple[Suite, list[dict[str, float]]]) -> None:
    suite, _ = shop
    before = suite.tables.version("silver.product_vectors")
    assert run(suite, SECOND, "embed.models=[]") == {}
    assert suite.tables.version("silver.product_vectors") == before


@pytest.mark.parametrize(("settings", "problem"), [
    (["embed.models=[language]"], r"set a pretrained model in embed\.language\.model"),
    (["embed.models=[image]"], r"set one of embed\.image\.model, vectors_attribute and vectors_path; 0 of them"),
    (["embed.models=[image]", "embed.image.model=m"], r"set embed\.image\.folder"),
    (["embed.models=[image]", "embed.image.vectors_path=/no/such"], r"embed\.image: .*/no/such"),
    (["embed.models=[words]", "embed.words.max_words=1"], r"embed\.words: at most 1 tokens may be kept"),
])  # fmt: skip
def test_a_model_that_lacks_what_it_is_made_from_is_refused(
    shop: tuple[Suite, list[dict[str, float]]], settings: list[str], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        run(shop[0], FIRST, *settings)
