"""A new key: the tables become what they would be had it been the key from the start."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables import schema
from cartograph.preprocess.rekey import holders
from cartograph.runtime import key_fingerprint
from cartograph.runtime.job import Job
from cartograph.runtime.key_fingerprint import WrongKey
from jobs import rekey
from tests.lake import Lake, declaration

OLD, NEW = "old-" * 10, "new-" * 10
SILVER = ("silver.events", "silver.baskets", "silver.users", "silver.quarantine", "silver.products")
EVENTS = [
    "customer,item,kind,order,pieces,price,at,visit",
    "ann,cup,view,,,,2011-05-01 10:00:00,",
    "ann,cup,purchase,A1,1,2.5,2011-05-01 10:05:00,",
    "ann,jug,purchase,A1,2,4.0,2011-05-01 10:05:00,",
    "bob,cup,view,,,,2011-05-02 09:00:00,v7",
    "bob,cup,purchase,B1,3,2.5,2011-05-02 09:10:00,v7",
    ",pan,purchase,G1,1,9.0,2011-05-03 12:00:00,",
    "bob,pan,purchase,B2,many,9.0,2011-05-04 12:00:00,",
]
USERS = ["customer,land,seen", "ann,UK,2011-04-01", "cem,TR,2011-04-01", "bob,UK,never"]


def lake_of(spark: SparkSession, folder: Path, key: str) -> Lake:
    """A lake of two sources under a key."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARTOGRAPH_PSEUDONYM_KEY", key)
        lake = Lake(spark, folder)
    for name, lines in (("events", EVENTS), ("users", USERS)):
        (folder / "in" / name).mkdir(parents=True, exist_ok=True)
        (folder / "in" / name / "one.csv").write_text("\n".join(lines) + "\n")
    names = {"user_id": "customer", "product_id": "item", "event_type": "kind", "order_id": "order", "event_at": "at"}
    names |= {"quantity": "pieces", "unit_price": "price", "session_id": "visit"}
    columns = {"user_id": "customer", "region": "land", "seen_at": "seen"}
    inputs = {
        name: {"format": "csv", "path": name, "options": {"header": "true"},
               "columns": dict.fromkeys(lines[0].split(","), "string")}
        for name, lines in (("events", EVENTS), ("users", USERS))
    }  # fmt: skip
    text = declaration(
        inputs=inputs, events={"input": "events", "columns": names}, users={"input": "users", "columns": columns}
    )
    lake.declare("shop1", text)
    lake.ingest("shop1", folder / "in")
    lake.preprocess()
    return lake


def with_gold(lake: Lake) -> Lake:
    """What jobs would have written of these customers."""
    spark, tables = lake.spark, lake.suite.tables
    ids = {row.region: row.user_id for row in lake.read("silver.users").where("region IS NOT NULL").collect()}
    day = {"as_of": F.lit("2011-06-01").cast("date")}
    lists = spark.createDataFrame([(ids["UK"], 1, "jug", 0.5), (ids["TR"], 1, "cup", 0.4)],
                                  "user_id string, rank int, product_id string, score double")  # fmt: skip
    tables.replace("gold.candidates", lists.withColumns(day | {"model": F.lit("als")}))
    sides = spark.createDataFrame([("user", ids["UK"], [1.0]), ("product", "cup", [2.0])],
                                  "side string, id string, vector array<float>")  # fmt: skip
    known = {"model": F.lit("als"), "fitted_as_of": day["as_of"], "events_version": F.lit(0).cast("long")}
    tables.replace("gold.factors", sides.withColumns(day | known))
    leaks = [("gold.candidates", "users", 2, 1, f"model=als, user_id={ids['TR']}, rank=1: first seen later")]
    audit = spark.createDataFrame(leaks, "table string, check string, n_checked long, n_leaked long, example string")
    tables.replace("gold.audit", audit.withColumns(day))
    return lake


def changed_to(lake: Lake, old: str, new: str, **given: Any) -> Job:
    """The job that changes the key."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARTOGRAPH_PSEUDONYM_KEY", new)
        environment.setenv("CARTOGRAPH_OLD_PSEUDONYM_KEY", old)
        suite = Lake(lake.spark, lake.folder).suite
    arguments = argparse.Namespace(**{"leave_unknown": False, **given})
    return Job("rekey", suite.config, None, lake.spark, suite.tables, suite.tracking, suite.progress, arguments)


def content(lake: Lake, name: str) -> list[str]:
    """All rows of a table as text, in order."""
    return sorted(str(row.asDict(recursive=True)) for row in lake.read(name).collect())


@pytest.fixture(scope="module")
def expected(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake that had the new key from the start."""
    return with_gold(lake_of(spark, tmp_path_factory.mktemp("new"), NEW))


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake under the old key; the tests below change it one after the other."""
    return with_gold(lake_of(spark, tmp_path_factory.mktemp("old"), OLD))


def test_every_table_of_customers_is_one_that_rekey_knows() -> None:
    named = {name for name, table in schema.TABLES.items() if "user_id" in table.columns.names}
    assert {name for name in named if not name.startswith("bronze.")} <= set(holders())
    assert {"gold.factors", "silver.quarantine", "gold.audit"} <= set(holders())


def test_preprocess_refuses_another_key(lake: Lake) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARTOGRAPH_PSEUDONYM_KEY", NEW)
        other = Lake(lake.spark, lake.folder)
    lines = [EVENTS[0], "dan,cup,purchase,D1,1,2.5,2011-05-05 10:00:00,"]
    (lake.folder / "more" / "events").mkdir(parents=True)
    (lake.folder / "more" / "users").mkdir()
    (lake.folder / "more" / "events" / "two.csv").write_text("\n".join(lines) + "\n")
    (lake.folder / "more" / "users" / "two.csv").write_text("\n".join([USERS[0], "dan,FR,2011-05-05"]) + "\n")
    other.ingest("shop1", lake.folder / "more")
    before = lake.versions()
    with pytest.raises(WrongKey, match="every customer would exist twice"):
        other.preprocess()
    assert lake.versions() == before


def test_a_wrong_old_key_and_unknown_pseudonyms_are_refused_before_anything_is_written(lake: Lake) -> None:
    before = lake.versions()
    with pytest.raises(WrongKey, match="the old key is not the one"):
        rekey.run(changed_to(lake, "bad-" * 10, NEW))
    strange = lake.read("gold.candidates").limit(1).withColumns({"user_id": F.lit("f" * 64), "model": F.lit("other")})
    lake.suite.tables.replace("gold.candidates", strange, as_of=strange.first()["as_of"], model="other")
    message = "no id of bronze explains under either key:\n  - gold.candidates: 1, such as ffff"
    with pytest.raises(UserError, match=message):
        rekey.run(changed_to(lake, OLD, NEW))
    lake.suite.tables.replace("gold.candidates", strange.limit(0), as_of=strange.first()["as_of"], model="other")
    assert {name: version for name, version in lake.versions().items() if name != "gold.candidates"} == {
        name: version for name, version in before.items() if name != "gold.candidates"
    }


def test_an_interrupted_run_resumes_and_gives_the_tables_of_the_new_key(lake: Lake, expected: Lake) -> None:
    write = Job.replace

    def ended(self: Job, name: str, *rest: Any, **more: Any) -> Any:
        if name == "silver.users":
            raise KeyboardInterrupt
        return write(self, name, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Job, "replace", ended)
        with pytest.raises(KeyboardInterrupt):
            rekey.run(changed_to(lake, OLD, NEW))
    with pytest.raises(WrongKey, match=r"complete jobs/rekey.py first"):
        lake.preprocess()
    done = lake.suite.tables.version("silver.events")
    rekey.run(changed_to(lake, OLD, NEW))
    assert lake.suite.tables.version("silver.events") == done  # not written again
    for name in (*SILVER, "gold.candidates", "gold.factors", "gold.audit"):
        assert content(lake, name) == content(expected, name), name
    key_fingerprint.require_same_key(lake.suite.tables, NEW)


def test_under_the_new_key_what_was_there_already_is_known_again(lake: Lake, expected: Lake) -> None:
    n_events = lake.read("silver.events").count()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CARTOGRAPH_PSEUDONYM_KEY", NEW)
        later = Lake(lake.spark, lake.folder)
    later.preprocess()  # one event of a new customer, which waited in bronze
    assert later.read("silver.events").count() == n_events + 1
    (lake.folder / "again" / "events").mkdir(parents=True)
    (lake.folder / "again" / "users").mkdir()
    lines = [*EVENTS[:5], "ann,jug,view,,,,2011-05-09 10:00:00,"]
    (lake.folder / "again" / "events" / "copy.csv").write_text("\n".join(lines) + "\n")
    (lake.folder / "again" / "users" / "copy.csv").write_text("\n".join(USERS[:2]) + "\n")
    later.ingest("shop1", lake.folder / "again")
    later.preprocess()
    assert later.read("silver.events").count() == n_events + 2  # only the view is new
    assert later.read("silver.users").count() == 4
