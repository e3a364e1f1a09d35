"""The settings a session is started with."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from cartograph.runtime.config import load_config
from cartograph.runtime.session import SessionError, session_settings, spark_session, trains_networks
from cartograph.settings import Config


def test_plain_python_sets_memory_jars_and_folders_before_the_machine_starts(config: Config) -> None:
    settings = session_settings(config)
    assert settings["spark.driver.memory"] == "2g"
    assert settings["spark.sql.session.timeZone"] == "UTC"
    jars = [Path(jar) for jar in settings["spark.jars"].split(",")]
    assert all(jar.is_absolute() and jar.exists() for jar in jars)
    assert {jar.name.split("-")[0] for jar in jars} >= {"delta", "graphframes"}


def test_workers_on_this_machine_are_forked_from_our_daemon_and_others_from_spark_s() -> None:
    daemon = "spark.python.daemon.module"
    assert session_settings(load_config("demo", ["spark.master=local-cluster[2,1,1024]"]))[daemon].startswith(
        "cartograph."
    )
    assert daemon not in session_settings(load_config("demo", ["spark.master=spark://somewhere:7077"]))


def test_under_spark_submit_the_command_line_decides_master_memory_and_jars(config: Config) -> None:
    settings = session_settings(config, submitted=True)
    assert not {"spark.master", "spark.driver.memory", "spark.jars", "spark.local.dir"} & settings.keys()
    assert settings["spark.sql.shuffle.partitions"] == "2"


def test_a_setting_of_the_configuration_wins_over_the_defaults_file() -> None:
    config = load_config("demo", ["spark.conf={spark.sql.ansi.enabled: false}"])
    assert session_settings(config)["spark.sql.ansi.enabled"] == "false"


def test_missing_jars_name_the_way_to_get_them(config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARTOGRAPH_HOME", str(tmp_path))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.jars .jars/*.jar\n")
    with pytest.raises(SessionError, match="make setup"):
        session_settings(config)


def test_the_session_that_runs_is_used_again(spark: SparkSession, config: Config) -> None:
    assert spark_session(config, "another") is spark


def test_nothing_is_left_in_the_working_directory(spark: SparkSession, config: Config) -> None:
    spark.sql("SELECT 1").collect()
    assert not [name for name in ("metastore_db", "derby.log", "spark-warehouse") if Path(name).exists()]
    assert "build/tests/spark" in spark.conf.get("spark.sql.warehouse.dir")


def test_workers_load_torch_beforehand_only_where_a_network_is_trained() -> None:
    assert not trains_networks(load_config("demo", ["sequence.models=[next_basket]", "graph.models=[gfcf]"]))
    assert trains_networks(load_config("demo", ["sequence.models=[next_basket,gru]"]))
    assert trains_networks(load_config("demo", ["graph.models=[lightgcn]"]))
