"""The Spark session of a run.

- A session that already exists is used as it is (Databricks, a notebook, the pipeline's next step).
- Under spark-submit the command line has decided master and memory; only what can still change is set.
- With plain `python` the JVM is not running yet, so everything is set: jars of the project, memory, folders.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from cartograph.core.errors import UserError
from cartograph.runtime import places
from cartograph.runtime.worker_daemon import ALSO
from cartograph.settings import Config

# What needs a new JVM or context: spark-submit and Databricks have settled these before we run.
_SETTLED = ("spark.master", "spark.jars", "spark.driver.", "spark.local.dir", "spark.executor.memory", "spark.log.")
# What a session that is given must have, too: when a day begins, and which joins are broadcast.
_GIVEN_TOO = (
    "spark.sql.session.timeZone",
    "spark.sql.autoBroadcastJoinThreshold",
    "spark.sql.adaptive.autoBroadcastJoinThreshold",
)
_DAEMON = "cartograph.runtime.worker_daemon"


class SessionError(UserError):
    """Spark cannot be started as configured."""


def spark_session(config: Config, app_name: str) -> SparkSession:
    """The session: the active one if there is one, else a new one as configured.

    Raises:
        SessionError: the jars are missing, or spark-submit was started without Delta.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        if "DATABRICKS_RUNTIME_VERSION" in os.environ:
            for key, value in _defaults(places.home() / "conf" / "spark-defaults.conf").items():
                if key in _GIVEN_TOO:
                    active.conf.set(key, value)
        return active
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if trains_networks(config):
        os.environ.setdefault(ALSO, "torch")  # seconds for each worker that imports it, none for one that is forked
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    settings = session_settings(config, submitted)
    builder = SparkSession.Builder().appName(app_name)
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    _check_delta(spark)
    spark.sparkContext.setLogLevel(config.spark.log_level)
    spark.sparkContext.setCheckpointDir(
        places.resolve(config.spark.checkpoint_dir or f"{config.lake.root}/_checkpoints")
    )
    return spark


def trains_networks(config: Config) -> bool:
    """Whether a configured model is a neural network."""
    return any(getattr(step, name).needs_torch for step in (config.sequence, config.graph) for name in step.models)


def session_settings(config: Config, submitted: bool = False) -> dict[str, str]:
    """Every `spark.*` setting of a new session: conf/spark-defaults.conf, then the configuration."""
    settings = _defaults(places.home() / "conf" / "spark-defaults.conf")
    if not submitted:
        settings |= _machine(config)
    if config.spark.shuffle_partitions:
        settings["spark.sql.shuffle.partitions"] = str(config.spark.shuffle_partitions)
    settings |= {key: _text(value) for key, value in config.spark.conf.items()}
    if submitted:
        return {key: value for key, value in settings.items() if not key.startswith(_SETTLED)}
    settings["spark.jars"] = ",".join(str(jar) for jar in _jars(settings.get("spark.jars", ".jars/*.jar")))
    return settings


def _machine(config: Config) -> dict[str, str]:
    """Master, memory and folders, those that are set."""
    spark = config.spark
    needed = {
        "spark.master": spark.master,
        "spark.driver.memory": spark.driver_memory,
        "spark.executor.memory": spark.executor_memory,
        "spark.ui.enabled": _text(spark.ui),
        "spark.log.level": spark.log_level,
    }
    if spark.temp_dir:
        folder = Path(places.resolve(spark.temp_dir))
        folder.mkdir(parents=True, exist_ok=True)
        needed["spark.local.dir"] = str(folder)
        needed["spark.sql.warehouse.dir"] = str(folder / "warehouse")
        options = f"-Djava.io.tmpdir={folder} -Dderby.system.home={folder} -Dcartograph.log={spark.log_level}"
        log = places.home() / "conf" / "log4j2.properties"
        needed["spark.driver.extraJavaOptions"] = f"{options} -Dlog4j2.configurationFile=file:{log}"
    if (spark.master or "").startswith("local"):
        needed["spark.python.daemon.module"] = _DAEMON  # executors are on this machine, where the package is installed
    return {key: value for key, value in needed.items() if value is not None}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _defaults(path: Path) -> dict[str, str]:
    """The settings of a spark-defaults file: a key, blanks, a value; `#` starts a comment line."""
    if not path.is_file():
        raise SessionError(f"{path} is missing; it holds the settings that every session needs")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _jars(pattern: str) -> list[Path]:
    """The project's jars, absolute."""
    jars = [jar for part in pattern.split(",") for jar in sorted(places.home().glob(part))]
    if not jars:
        raise SessionError(f"no jars match {places.home() / pattern}: run `make setup`, which fetches them once")
    return jars


def _check_delta(spark: SparkSession) -> None:
    """Says what to do when Delta's classes are not there, instead of failing at the first write."""
    try:
        spark._jvm.java.lang.Class.forName(  # type: ignore[union-attr]
            "io.delta.sql.DeltaSparkSessionExtension",
            True,
            spark._jvm.java.lang.Thread.currentThread().getContextClassLoader(),  # type: ignore[union-attr]
        )
    except Exception as error:
        raise SessionError(
            "Delta's jars are not on the class path: add `--properties-file conf/spark-defaults.conf` to spark-submit, "
            "started in the project's root (`make setup` fetches the jars)"
        ) from error
