"""Writes replace exactly their partition, append once, and are refused before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.tables import schema
from cartograph.runtime.tables import (
    DigestChanged,
    RowsRefused,
    SchemaMismatch,
    TableError,
    TableMissing,
    Tables,
)

DAY = date(2011, 11, 1)
NAME = "gold.associations"


def neighbours(spark: SparkSession, *rows: tuple[str, int, str, float | None]) -> DataFrame:
    return spark.createDataFrame(rows, "product_id string, rank int, associated_product_id string, score double")


def baskets(spark: SparkSession, *rows: tuple[str, str | None, datetime, list[str]]) -> DataFrame:
    return spark.createDataFrame(
        rows, "order_id string, user_id string, ordered_at timestamp, product_ids array<string>"
    )


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A lake with model `als` of two rows and model `o'hara` of one."""
    tables = Tables(spark, str(tmp_path_factory.mktemp("lake")))
    tables.replace(NAME, neighbours(spark, ("a", 1, "b", 0.5), ("a", 2, "c", 0.4)), as_of=DAY, model="als")
    tables.replace(NAME, neighbours(spark, ("a", 1, "d", 0.1)), as_of=DAY, model="o'hara")
    return tables


def pairs(tables: Tables) -> set[tuple[str, str, str]]:
    rows = tables.read(NAME).select("model", "product_id", "associated_product_id").collect()
    return {(row[0], row[1], row[2]) for row in rows}


def test_replacing_one_partition_leaves_the_others_alone(spark: SparkSession, tables: Tables) -> None:
    both = neighbours(spark, ("a", 1, "b", 0.5), ("a", 2, "c", 0.4))
    tables.replace(NAME, both, as_of=DAY, model="als")
    tables.replace(NAME, both, as_of=DAY, model="rules")
    tables.replace(NAME, both, as_of=date(2011, 10, 1), model="als")
    result = tables.replace(NAME, neighbours(spark, ("a", 1, "z", 0.9)), as_of=DAY, model="als")
    assert (result.rows, result.changed, result.version) == (1, True, 4)
    assert tables.read(NAME, as_of=DAY, model="als").select("associated_product_id").collect()[0][0] == "z"
    assert tables.read(NAME, as_of=DAY, model="rules").count() == 2
    assert tables.read(NAME, as_of=date(2011, 10, 1)).count() == 2


def test_several_partitions_are_replaced_in_one_commit_and_counted_one_by_one(
    spark: SparkSession, tables: Tables
) -> None:
    def of(*models: str) -> DataFrame:
        rows = [neighbours(spark, ("a", 1, "b", 0.5)).withColumn("model", F.lit(model)) for model in models]
        return rows[0].unionByName(rows[1]) if len(rows) > 1 else rows[0]

    tables.replace(NAME, of("als", "o'hara"), as_of=DAY, model=("als", "o'hara", "swing"))
    tables.replace(NAME, of("rules"), as_of=DAY, model="rules")
    result = tables.replace(NAME, of("swing", "als"), as_of=DAY, model=("swing", "o'hara", "als"))
    assert (result.version, result.rows, result.parts) == (3, 2, {"swing": 1, "o'hara": 0, "als": 1})
    assert {model for model, *_ in pairs(tables)} == {"als", "rules", "swing"}
    with pytest.raises(RowsRefused, match="partition model = swing or als"):
        tables.replace(NAME, of("als", "rules"), as_of=DAY, model=("swing", "als"))


def test_replacing_with_the_same_rows_in_another_order_writes_nothing(spark: SparkSession, lake: Tables) -> None:
    before = lake.version(NAME)
    again = neighbours(spark, ("a", 2, "c", 0.4), ("a", 1, "b", 0.5))
    result = lake.replace(NAME, again, as_of=DAY, model="als")
    assert (result.changed, result.rows, result.version) == (False, 2, before)


def test_rows_are_computed_once_however_often_a_write_looks_at_them(spark: SparkSession, tables: Tables) -> None:
    seen = spark.sparkContext.accumulator(0)

    def counted(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            seen.add(batch.num_rows)
            yield batch

    for score in (0.5, 0.6, 0.6):  # into an empty partition, over other rows, over the same rows
        rows = neighbours(spark, ("a", 1, "b", score), ("a", 2, "c", 0.4))
        tables.replace(NAME, rows.mapInArrow(counted, rows.schema), as_of=DAY, model="als")
    assert seen.value == 6
    rows = baskets(spark, ("o1", "ann", datetime(2011, 10, 1), ["a"]))
    tables.merge("silver.baskets", rows.mapInArrow(counted, rows.schema))
    assert seen.value == 7


def test_a_write_takes_a_handful_of_jobs(spark: SparkSession, tables: Tables) -> None:
    scheduler = spark.sparkContext._jsc.sc().dagScheduler()
    tables.replace(NAME, neighbours(spark, ("a", 1, "b", 0.5)), as_of=DAY, model="rules")
    jobs = []
    for score in (0.5, 0.6, 0.6):  # into an empty partition, over other rows, over the same rows
        before = scheduler.numTotalJobs()
        tables.replace(NAME, neighbours(spark, ("a", 1, "b", score)), as_of=DAY, model="als")
        jobs.append(scheduler.numTotalJobs() - before)
    assert jobs <= [6, 9, 3]


def test_every_difference_of_the_columns_is_named_at_once(spark: SparkSession, lake: Tables) -> None:
    frame = neighbours(spark, ("a", 1, "b", 0.5)).drop("score").withColumn("rank", F.lit("1")).withColumn("x", F.lit(1))
    with pytest.raises(SchemaMismatch) as caught:
        lake.replace(NAME, frame, as_of=DAY, model="als")
    for part in ("score (double) is missing", "x (int) is not in the table", "rank is string, the table has int"):
        assert part in str(caught.value)


def test_every_broken_constraint_is_named_with_a_row_and_nothing_is_written(spark: SparkSession, lake: Tables) -> None:
    before = lake.version(NAME), pairs(lake)
    with pytest.raises(RowsRefused) as caught:
        lake.replace(NAME, neighbours(spark, ("a", 0, "a", None), ("b", 1, "c", 1.0)), as_of=DAY, model="als")
    message = str(caught.value)
    for part in (NAME, "NOT NULL score: 1 rows", "CHECK rank_from_one (rank >= 1): 1 rows", "CHECK not_itself"):
        assert part in message
    assert "product_id=a, rank=0" in message
    assert (lake.version(NAME), pairs(lake)) == before


def test_a_row_outside_the_partition_is_refused(spark: SparkSession, lake: Tables) -> None:
    frame = neighbours(spark, ("a", 1, "b", 0.5)).withColumn("model", F.lit("other"))
    with pytest.raises(RowsRefused, match=r"partition model = als: 1 rows, such as .*model=other"):
        lake.replace(NAME, frame, as_of=DAY, model="als")


def test_a_repeated_key_is_refused_with_its_value(spark: SparkSession, lake: Tables) -> None:
    frame = neighbours(spark, ("a", 1, "b", 0.5), ("a", 1, "c", 0.4))
    with pytest.raises(RowsRefused, match=r"key is repeated: .*product_id=a, rank=1 .2 rows"):
        lake.replace(NAME, frame, as_of=DAY, model="als")


def test_partitioning_by_another_column_is_a_programming_error(spark: SparkSession, lake: Tables) -> None:
    with pytest.raises(ValueError, match=r"not by .'product_id'"):
        lake.replace(NAME, neighbours(spark), product_id="a")


def test_delta_itself_refuses_what_another_program_writes_past_the_checks(spark: SparkSession, lake: Tables) -> None:
    rows = neighbours(spark, ("a", 0, "b", 0.5)).select(F.lit(DAY).alias("as_of"), F.lit("als").alias("model"), "*")
    with pytest.raises((PySparkException, Py4JJavaError), match="rank_from_one"):
        rows.write.format("delta").mode("append").save(lake.path(NAME))


def test_a_table_carries_its_comment_constraints_and_partitions(spark: SparkSession, lake: Tables) -> None:
    detail = lake.delta(NAME).detail().collect()[0]
    assert detail["description"] == schema.table(NAME).comment
    assert detail["partitionColumns"] == ["as_of", "model"]
    assert detail["properties"]["delta.constraints.rank_from_one"] == "rank >= 1"
    assert not lake.read(NAME).schema["score"].nullable


def test_a_missing_table_is_named(tables: Tables) -> None:
    with pytest.raises(TableMissing, match=r"silver\.events .* no step has written it yet"):
        tables.read("silver.events")
    with pytest.raises(KeyError, match="the tables are"):
        tables.read("silver.evnets")


def test_reading_as_of_a_day_excludes_its_midnight(spark: SparkSession, tables: Tables) -> None:
    last, first = datetime(2011, 10, 31, 23, 59, 59, 999999), datetime(2011, 11, 1)
    tables.replace("silver.baskets", baskets(spark, ("o1", None, last, ["a"]), ("o2", None, first, ["a"])))
    assert [row.order_id for row in tables.read("silver.baskets", as_of=DAY).collect()] == ["o1"]
    assert tables.read("silver.baskets").count() == 2


def test_a_product_of_unknown_age_counts_as_always_there(spark: SparkSession, tables: Tables) -> None:
    late, columns = datetime(2012, 1, 1), schema.table("silver.products").columns
    rows = [("old", None), ("new", late)]
    frame = spark.createDataFrame(rows, "product_id string, first_seen_at timestamp")
    for column in columns:
        if column.name not in frame.columns:
            frame = frame.withColumn(column.name, F.lit(None).cast(column.dataType))
    tables.replace("silver.products", frame)
    assert [row.product_id for row in tables.read("silver.products", as_of=DAY).collect()] == ["old"]
    assert not tables.replace("silver.products", frame).changed  # maps and arrays are compared too


def test_a_merge_inserts_new_keys_updates_changed_rows_and_is_silent_otherwise(
    spark: SparkSession, tables: Tables
) -> None:
    at = datetime(2011, 1, 1)
    tables.merge("silver.baskets", baskets(spark, ("o1", "u", at, ["a"]), ("o2", "u", at, ["a", "b"])))
    changed = baskets(spark, ("o1", "u", at, ["a"]), ("o2", "u", at, ["b"]), ("o3", None, at, ["c"]))
    result = tables.merge("silver.baskets", changed)
    assert (result.rows, result.changed) == (2, True)
    stored = {row.order_id: row.product_ids for row in tables.read("silver.baskets").collect()}
    assert stored == {"o1": ["a"], "o2": ["b"], "o3": ["c"]}
    version = tables.version("silver.baskets")
    assert not tables.merge("silver.baskets", changed).changed
    inserted = tables.merge("silver.baskets", baskets(spark, ("o1", "x", at, ["x"])), insert_only=True)
    assert (inserted.rows, tables.version("silver.baskets")) == (0, version)


def test_a_batch_is_appended_once_and_refused_when_its_input_changed(spark: SparkSession, tables: Tables) -> None:
    name, at = "silver.baskets", datetime(2011, 1, 1)
    first = baskets(spark, ("o1", "u", at, ["a"]))
    assert tables.append(name, first, "shop", 1, "digest-1").rows == 1
    assert tables.append(name, baskets(spark, ("o2", "u", at, ["a"])), "shop", 3, "digest-3").changed
    version = tables.version(name)
    again = tables.append(name, first, "shop", 1, "digest-1")
    assert (again.changed, again.version, tables.version(name)) == (False, 1, version)
    with pytest.raises(DigestChanged, match=r"batch 1 of shop .*digest-1, now other"):
        tables.append(name, first, "shop", 1, "other")
    with pytest.raises(TableError, match="batch 2 of shop comes after a later one"):
        tables.append(name, first, "shop", 2, "digest-2")
    with pytest.raises(RowsRefused, match=r"silver.baskets break CHECK basket_not_empty .*product_ids"):
        tables.append(name, baskets(spark, ("o9", "u", at, [])), "shop", 4, "digest-4")
    assert tables.read(name).count() == 2


def test_a_table_made_by_another_definition_is_refused(spark: SparkSession, tables: Tables) -> None:
    spark.range(1).write.format("delta").save(tables.path("silver.baskets"))
    with pytest.raises(SchemaMismatch, match="another version of the project: column order_id"):
        tables.merge("silver.baskets", baskets(spark, ("o1", "u", datetime(2011, 1, 1), ["a"])))


def test_tables_of_a_catalog_are_written_and_read_by_name(spark: SparkSession, tmp_path: Path) -> None:
    tables = Tables(spark, str(tmp_path), catalog="spark_catalog")
    try:
        frame = neighbours(spark, ("a", 1, "b", 0.5))
        assert not tables.exists(NAME)
        tables.replace(NAME, frame, as_of=DAY, model="als")
        assert not tables.replace(NAME, frame, as_of=DAY, model="als").changed
        assert tables.replace(NAME, frame.withColumn("score", F.lit(1.0)), as_of=DAY, model="als").changed
        assert spark.table("spark_catalog.gold.associations").count() == 1
        assert spark.catalog.getTable("gold.associations").description == schema.table(NAME).comment
    finally:
        spark.sql("DROP SCHEMA IF EXISTS spark_catalog.gold CASCADE")
