"""The cf job writes the lists of every model, for one day, in a small shop's lake."""

from __future__ import annotations

import argparse
import re
from datetime import date
from typing import Any

import pytest
from pyspark.sql import functions as F

from cartograph.cf.als import Als
from cartograph.cf.settings import CfSettings
from cartograph.core.errors import UserError
from cartograph.core.event_types import EVENT_WEIGHTS
from cartograph.core.model_classes import model_class
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Suite
from jobs import cf
from tests.cf.conftest import DAY


def test_every_model_has_lists_for_products_and_for_customers(shop: Suite) -> None:
    def models(table: str) -> set[str]:
        return {row.model for row in shop.tables.read(table, DAY).select("model").distinct().collect()}

    assert models("gold.associations") == {"popularity", "rp3beta", "als"}
    # Every customer has bought the whole group by then, so no neighbour is new to anybody.
    assert models("gold.candidates") == {"popularity", "als"}


def test_the_factors_of_als_are_kept_with_the_version_they_were_learned_from(shop: Suite) -> None:
    rows = shop.tables.read("gold.factors", DAY).collect()
    assert {(row.model, row.fitted_as_of, row.events_version) for row in rows} == {("als", DAY, 1)}
    assert {row.side: sum(other.side == row.side for other in rows) for row in rows} == {"user": 23, "product": 12}
    assert {len(row.vector) for row in rows} == {shop.config.cf.als.rank}


def test_neighbours_are_of_the_same_group(shop: Suite) -> None:
    nearest = shop.tables.read("gold.associations", DAY, model="rp3beta").where("rank <= 2").collect()
    assert len(nearest) == 24
    assert all(row.product_id[:-1] == row.associated_product_id[:-1] for row in nearest)


def test_candidates_are_new_to_the_customer(shop: Suite) -> None:
    bought = shop.tables.read("silver.events", DAY).where("event_type = 'purchase'")
    candidates = shop.tables.read("gold.candidates", DAY)
    assert candidates.count() > 0
    assert candidates.join(bought, ["user_id", "product_id"], "left_semi").count() == 0


def test_only_recently_active_customers_get_lists_when_days_are_set(shop: Suite) -> None:
    with shop.step("cf", as_of=DAY) as job:
        events = job.read("silver.events")
        last = events.where("user_id is not null").groupBy("user_id").agg(F.max("event_at").alias("last_at"))
        job.config = load_config("demo", ["cf.active_days=1"])
        active = job.customers(events, job.settings.history, job.settings.active_days)
        expected = last.where("last_at >= timestamp'2011-02-14'")
        assert {row.user_id for row in active.collect()} == {row.user_id for row in expected.collect()}
        assert 0 < expected.count() < last.count()


def test_tuning_tries_settings_on_the_last_days_and_writes_no_lists(
    shop: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["cf.tuning.days=14", "cf.tuning.trials=2", "cf.tuning.model=item_neighbours"]
    before = shop.tables.version("gold.candidates")
    with shop.step("cf", as_of=date(2011, 3, 5), arguments=argparse.Namespace(tune=True)) as job:
        job.config = load_config("demo", given)
        cf.run(job)
    assert shop.tables.version("gold.candidates") == before
    assert re.search(r"ndcg@20 0\.\d+ with --set cf\.item_neighbours\.shrinkage=", capsys.readouterr().out)


def test_tuning_a_model_without_a_space_names_the_missing_setting(shop: Suite) -> None:
    with shop.step("cf", as_of=date(2011, 3, 5), arguments=argparse.Namespace(tune=True)) as job:
        job.config = load_config("demo", ["cf.tuning.model=popularity"])
        with pytest.raises(UserError, match=r"cf\.tuning\.space\.popularity is empty"):
            cf.run(job)


def test_weights_of_events_in_the_file_are_the_defaults_of_the_models() -> None:
    assert load_config("local").cf.event_weights == dict(EVENT_WEIGHTS)


@pytest.mark.parametrize("name", CfSettings.choices())
def test_every_model_takes_its_own_settings(name: str) -> None:
    settings = load_config("local").cf
    model: Any = model_class("cf", name).configured(settings)
    assert model.name == name
    assert model.settings is getattr(settings, name)
    assert model.event_weights is settings.event_weights


def test_factors_are_an_artifact_only_if_they_are_to_be_kept() -> None:
    assert Als.configured(load_config("local").cf).artifact_tables == ("gold.factors",)
    assert Als.configured(load_config("local", ["cf.refresh.keep_factors=false"]).cf).artifact_tables == ()
