"""A job from the command line: its arguments, what it reads and writes, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.runtime import preflight
from cartograph.runtime.command_line import main, main_suite
from cartograph.runtime.config import load_config
from cartograph.runtime.job import Job, Suite
from cartograph.runtime.lock_files import LocalFiles
from cartograph.runtime.locks import Locks
from cartograph.runtime.tables import Tables
from tests.conftest import LOCAL

DAY = "2011-11-01"


@pytest.fixture
def arguments(spark: SparkSession, tmp_path: Path) -> list[str]:
    """Arguments of a job on an empty lake."""
    pairs = [*LOCAL, f"lake.root={tmp_path}/lake"]
    return ["--env", "demo", *(part for pair in pairs for part in ("--set", pair))]


def status(run: Callable[[Job], None], arguments: list[str], name: str = "rules") -> int:
    """The status that a job ends with."""
    try:
        main(name, run, "doc", argv=arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def write_baskets(tables: Tables) -> None:
    rows = [("o1", None, datetime(2011, 10, 1), ["a", "b"]), ("o2", None, datetime(2011, 11, 1), ["c"])]
    schema = "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"
    tables.replace("silver.baskets", tables.spark.createDataFrame(rows, schema))


def count_pairs(job: Job) -> None:
    pairs = job.read("silver.baskets").select(F.col("product_ids")[0].alias("product_id"), F.lit("x").alias("other"))
    rows = pairs.select("product_id", F.col("other").alias("associated_product_id"), F.lit(1.0).alias("score"))
    job.replace("gold.associations", rows.withColumn("rank", F.lit(1)), model="rules")


def test_a_job_reads_before_its_day_and_writes_the_partition_of_its_day(
    spark: SparkSession, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tables = Tables(spark, f"{tmp_path}/lake")
    write_baskets(tables)
    assert status(count_pairs, [*arguments, "--as-of", DAY]) == 0
    (row,) = tables.read("gold.associations").collect()
    assert (row.as_of, row.model, row.product_id) == (date(2011, 11, 1), "rules", "a")
    assert "gold.associations: 1 rows" in capsys.readouterr().err
    assert status(count_pairs, [*arguments, "--as-of", DAY]) == 0
    assert "gold.associations: 1 rows, unchanged" in capsys.readouterr().err
    assert tables.version("gold.associations") == 1


def test_several_steps_share_one_session_and_each_has_its_settings_and_day(
    spark: SparkSession, tmp_path: Path, arguments: list[str]
) -> None:
    write_baskets(Tables(spark, f"{tmp_path}/lake"))
    seen: list[tuple[str, object, date | None, SparkSession]] = []

    def note(job: Job) -> None:
        seen.append((job.name, job.settings, job.as_of, job.spark))

    def run(suite: Suite, given: object) -> None:
        suite.run("ingest", note)
        suite.run("rules", note, as_of=date(2011, 10, 1))
        suite.run("rules", count_pairs, as_of=date(2011, 11, 2))
        assert suite.tables.read("gold.associations").count() == 2

    main_suite("pipeline", run, "doc", argv=arguments)
    config = load_config("demo", [])
    assert [(name, as_of) for name, _, as_of, _ in seen] == [("ingest", None), ("rules", date(2011, 10, 1))]
    assert [settings for _, settings, _, _ in seen] == [config.ingest, config.rules]
    assert seen[0][3] is seen[1][3] is spark


def test_looking_back_a_job_may_read_another_day_or_all(
    spark: SparkSession, tmp_path: Path, arguments: list[str]
) -> None:
    write_baskets(Tables(spark, f"{tmp_path}/lake"))

    def look(job: Job) -> None:
        assert job.read("silver.baskets").count() == 1
        assert job.read("silver.baskets", as_of=date(2011, 9, 1)).count() == 0
        assert job.read_all("silver.baskets").count() == 2

    assert status(look, [*arguments, "--as-of", DAY]) == 0


def test_what_the_user_can_put_right_ends_with_status_2_and_one_paragraph(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(count_pairs, [*arguments, "--as-of", DAY]) == 2  # no table yet
    err = capsys.readouterr().err
    assert "rules: table silver.baskets is not in" in err
    assert "Traceback" not in err
    assert status(count_pairs, ["--env", "demo", "--as-of", DAY, "--set", "lake.rot=1"]) == 2
    assert "did you mean lake.root?" in capsys.readouterr().err


def test_a_lock_held_by_another_ends_with_status_2_and_names_its_owner(
    spark: SparkSession, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_baskets(Tables(spark, f"{tmp_path}/lake"))
    folder = f"{tmp_path}/lake/_locks"
    with Locks(LocalFiles(folder), folder).hold(f"gold.associations,as_of={DAY},model=rules"):
        assert status(count_pairs, [*arguments, "--as-of", DAY]) == 2
    assert "is being written by process" in capsys.readouterr().err


def test_a_fault_of_the_program_ends_with_status_1_and_its_trace(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(job: Job) -> None:
        raise ZeroDivisionError

    assert status(broken, [*arguments, "--as-of", DAY]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_running_out_of_memory_ends_with_status_2_and_one_line_instead_of_java(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(job: Job) -> None:
        trace = "\n".join(f"\tat org.apache.spark.Broadcast(Broadcast.scala:{line})" for line in range(200))
        raise RuntimeError(f"Not enough memory to build and broadcast the table to all worker nodes.\n{trace}")

    assert status(exhausted, [*arguments, "--as-of", DAY]) == 2
    printed = capsys.readouterr().err
    assert "rules: a table that a join sends to all executors does not fit into the driver's memory" in printed
    assert "Broadcast.scala" not in printed


def test_verbose_shows_the_trace_of_a_user_error_too(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(job: Job) -> None:
        raise UserError("no such thing")

    assert status(wrong, [*arguments, "--as-of", DAY, "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["--as-of", "01.11.2011"], ["--as-of", "2011-02-30"]])
def test_a_day_that_is_missing_or_no_day_is_refused_before_anything_starts(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(count_pairs, ["--env", "demo", *given]) == 2
    assert "--as-of" in capsys.readouterr().err


def test_showing_the_configuration_needs_no_day_and_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(count_pairs, ["--env", "demo", "--set", "shop.seed=77", "--show-config"]) == 0
    assert "  seed: 77" in capsys.readouterr().out


def test_a_missing_secret_names_both_ways_to_give_it(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    required = [*arguments, "--set", "preprocess.key_source=required"]
    assert status(lambda job: print(job.secret("pseudonym_key")), required, "preprocess") == 2
    err = capsys.readouterr().err
    assert "CARTOGRAPH_PSEUDONYM_KEY, or name a file in CARTOGRAPH_PSEUDONYM_KEY_FILE" in err


def test_an_unfit_environment_is_refused_before_spark_starts(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "check", lambda: [preflight.Problem("numpy 2.0", "install numpy 1.26")])
    assert status(count_pairs, [*arguments, "--as-of", DAY]) == 2
    assert "install numpy 1.26" in capsys.readouterr().err
