"""A step runs again only when its code, settings, inputs or results have changed since its last run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.tables import schema
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Job, Suite
from cartograph.runtime.progress import Progress
from cartograph.runtime.table_log import commits_since
from cartograph.runtime.tables import Tables
from cartograph.runtime.tracking import Tracking
from tests.conftest import LOCAL

FIRST, SECOND = date(2011, 11, 1), date(2011, 11, 8)
BASKETS = "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"


class Steps:
    """Two steps on one lake, each counting how often it ran for a day: pairs reads baskets, lists reads pairs."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root
        self.ran: list[tuple[str, date]] = []

    def suite(self, *settings: str) -> Suite:
        """A suite as a new process would open it."""
        config = load_config("demo", [*LOCAL, f"lake.root={self.root}", "lake.skip_steps=true", *settings])
        return Suite("tests", config, self.spark, Tables.of(self.spark, config), Tracking(config), Progress())

    def run(self, *settings: str, days: tuple[date, ...] = (FIRST, SECOND)) -> list[tuple[str, date]]:
        """Runs both steps for the days, and returns which of them ran."""
        self.ran = []
        suite = self.suite(*settings)
        for day in days:
            suite.run("rules", self.pairs, day)
            suite.run("rank", self.lists, day)
        return self.ran

    def pairs(self, job: Job) -> None:
        """Of each basket the first two products."""
        self._note(job)
        first, other = F.col("product_ids")[0].alias("product_id"), F.col("product_ids")[1]
        rows = job.read("silver.baskets").select(first, other.alias("associated_product_id")).distinct()
        job.replace("gold.associations", scored(rows), model="rules")

    def lists(self, job: Job) -> None:
        """Copies the associations of the day beside those of another model, and looks at earlier days."""
        self._note(job)
        job.read_any("silver.users")
        earlier = job.earlier_days("gold.associations", model="rules")
        rows = job.read("gold.associations", model="rules").drop("model")
        job.replace("gold.associations", rows.withColumn("score", F.lit(float(len(earlier)))), model="fused")

    def _note(self, job: Job) -> None:
        assert job.as_of is not None
        self.ran.append((job.name, job.as_of))


def scored(pairs: DataFrame) -> DataFrame:
    return pairs.withColumn("score", F.lit(1.0)).withColumn("rank", F.lit(1))


def order(spark: SparkSession, day: datetime, *products: str) -> DataFrame:
    return spark.createDataFrame([(f"o{day.isoformat()}", None, day, list(products))], BASKETS)


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake in which both steps have run for both days."""
    steps = Steps(spark, tmp_path_factory.mktemp("steps") / "lake")
    steps.suite().tables.merge("silver.baskets", order(spark, datetime(2011, 10, 1), "a", "b"))
    assert steps.run() == [("rules", FIRST), ("rank", FIRST), ("rules", SECOND), ("rank", SECOND)]
    return steps.root


@pytest.fixture
def steps(spark: SparkSession, lake: Path, tmp_path: Path) -> Steps:
    """The steps on a copy of that lake."""
    return Steps(spark, shutil.copytree(lake, tmp_path / "lake"))


def test_a_second_run_skips_every_step_and_says_so(steps: Steps, capsys: pytest.CaptureFixture[str]) -> None:
    before = steps.suite().tables.version("gold.associations")
    assert steps.run() == []
    assert "rank 2011-11-08 skipped: nothing has changed since its last run" in capsys.readouterr().err
    assert steps.suite().tables.version("gold.associations") == before


def test_new_input_repeats_what_follows_from_it_and_only_that(steps: Steps) -> None:
    tables = steps.suite().tables
    tables.merge("silver.baskets", order(steps.spark, datetime(2011, 11, 3), "c", "d"))
    # The first day reads the same rows again, writes nothing, and so its lists need not be made again.
    assert steps.run() == [("rules", FIRST), ("rules", SECOND), ("rank", SECOND)]
    assert tables.read("gold.associations", SECOND, model="fused").count() == 2
    assert steps.run() == []


def test_another_writer_of_a_partition_repeats_the_step_that_wrote_it(steps: Steps) -> None:
    tables = steps.suite().tables
    other = scored(steps.spark.createDataFrame([("x", "y")], "product_id string, associated_product_id string"))
    tables.replace("gold.associations", other, as_of=SECOND, model="rules")
    assert steps.run() == [("rules", SECOND), ("rank", SECOND)]
    assert tables.read("gold.associations", SECOND, model="rules").head()["product_id"] == "a"


def test_a_table_that_appears_repeats_the_step_that_missed_it(steps: Steps) -> None:
    users = steps.spark.createDataFrame(
        [{"user_id": "u1", "is_wholesale": False, "is_bot": False}], schema.table("silver.users").columns
    )
    steps.suite().tables.merge("silver.users", users)
    assert steps.run() == [("rank", FIRST), ("rank", SECOND)]


def test_a_setting_that_matters_repeats_the_steps_and_force_repeats_all(steps: Steps) -> None:
    everything = [("rules", FIRST), ("rank", FIRST), ("rules", SECOND), ("rank", SECOND)]
    assert steps.run("spark.shuffle_partitions=3") == []
    assert steps.run("rank.k=7") == everything
    assert steps.run("rank.k=7", "lake.skip_steps=false") == everything


def test_a_run_that_was_killed_is_repeated(steps: Steps) -> None:
    def killed(job: Job) -> None:
        steps.pairs(job)
        other = scored(steps.spark.createDataFrame([("x", "y")], "product_id string, associated_product_id string"))
        job.replace("gold.associations", other, model="rules")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steps.suite("lake.skip_steps=false").run("rules", killed, SECOND)
    assert steps.run() == [("rules", SECOND), ("rank", SECOND)]


def test_lost_tables_logs_and_records_repeat_the_steps(steps: Steps) -> None:
    (steps.root / "_steps" / f"rank,as_of={SECOND}.json").write_text('{"step": "ra')
    assert steps.run() == [("rank", SECOND)]
    log = steps.root / "gold" / "associations" / "_delta_log"
    newest = max(log.glob("*.json"))
    text = newest.read_text()
    newest.with_suffix(".crc").unlink(missing_ok=True)
    newest.unlink()
    (log / f"{int(newest.stem) + 1:020}.json").write_text(text)
    assert commits_since(steps.suite().tables, "gold.associations", int(newest.stem) - 1) is None
    shutil.rmtree(log.parent)
    assert len(steps.run()) == 4


def test_a_step_that_reads_files_outside_the_lake_always_runs(steps: Steps) -> None:
    def reads_files(job: Job) -> None:
        job.record.repeatable = False
        steps.pairs(job)

    ran = run_twice(steps, reads_files)
    assert ran == [("cf", SECOND), ("cf", SECOND)]


def test_a_step_whose_file_is_gone_runs_again(steps: Steps, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    def writes_a_page(job: Job) -> None:
        steps.ran.append((job.name, SECOND))
        page.write_text("page")
        job.file(page)

    assert run_twice(steps, writes_a_page) == [("cf", SECOND)]
    page.unlink()
    assert run_twice(steps, writes_a_page) == [("cf", SECOND)]


def run_twice(steps: Steps, step: Callable[[Job], None]) -> list[tuple[str, date]]:
    steps.ran = []
    for _ in range(2):
        steps.suite().run("cf", step, SECOND)
    return steps.ran
