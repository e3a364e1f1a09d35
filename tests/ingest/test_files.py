"""Files are found by path, folder or glob, and known by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.ingest.files import InputNotFound, list_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("a.csv", "x\n1\n"), ("day=1/b.csv", "x\n2\n"), ("_SUCCESS", ""), ("day=1/.b.csv.crc", "?")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(content)
    return tmp_path / "in"


def test_a_folder_gives_its_files_at_any_depth_without_the_writers_bookkeeping(
    spark: SparkSession, folder: Path
) -> None:
    found = list_files(spark, str(folder))
    assert [file.name for file in found] == ["a.csv", "b.csv"]
    assert found[0].digest == hashlib.sha256(b"x\n1\n").hexdigest()
    assert found[0].n_bytes == 4


def test_a_glob_gives_what_it_matches_without_bookkeeping(spark: SparkSession, folder: Path) -> None:
    assert [file.name for file in list_files(spark, f"{folder}/*")] == ["a.csv", "b.csv"]
    assert [file.name for file in list_files(spark, f"{folder}/day=*")] == ["b.csv"]


def test_a_file_is_taken_whatever_it_is_called(spark: SparkSession, folder: Path) -> None:
    (folder / "_kept.csv").write_text("x\n")
    assert [file.name for file in list_files(spark, f"{folder}/_kept.csv")] == ["_kept.csv"]


def test_a_copied_file_has_the_same_digest(spark: SparkSession, folder: Path) -> None:
    (folder / "copy.csv").write_bytes((folder / "a.csv").read_bytes())
    by_name = {file.name: file.digest for file in list_files(spark, str(folder))}
    assert by_name["copy.csv"] == by_name["a.csv"] != by_name["b.csv"]


@pytest.mark.parametrize(
    ("below", "message"),
    [("nowhere", "there is nothing at"), ("*.json", "there is nothing at"), ("empty", "there is no data file in")],
)
def test_nothing_to_read_is_reported(spark: SparkSession, folder: Path, below: str, message: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputNotFound, match=message):
        list_files(spark, f"{folder}/{below}")


def test_a_place_that_cannot_be_reached_is_reported(spark: SparkSession) -> None:
    with pytest.raises(InputNotFound, match=r'nosuch://x/y cannot be read: .*No FileSystem for scheme "nosuch"'):
        list_files(spark, "nosuch://x/y")
