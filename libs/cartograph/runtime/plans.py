"""How queries run: interpreted over few rows, compiled over many.

Spark compiles each query to Java, which pays from some 100,000 rows on; below, the compiler takes longer than the rows.
"""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from cartograph.runtime import places
from cartograph.runtime.tables import Tables
from cartograph.settings import Config

_COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
_INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}


def fit_plans(spark: SparkSession, config: Config, tables: Tables, inputs: str | None) -> None:
    """Interprets queries while the raw events of the lake, and the inputs to read, are small.

    Does nothing where `spark.conf` says how to run them, or `spark.interpret_below_mb` is 0. What is not on this
    machine counts as large.

    Args:
        inputs: path of the files that are about to be read; None if there are none.
    """
    limit = config.spark.interpret_below_mb * 1e6
    if not limit or tables.catalog or _COMPILED.keys() & config.spark.conf.keys():
        return
    paths = [tables.path("bronze.events"), *([inputs] if inputs else [])]
    sizes = [size_of(places.resolve(path)) for path in paths]
    is_small = sum(size for size in sizes if size is not None) < limit and None not in sizes
    for name, value in (_INTERPRETED if is_small else _COMPILED).items():
        spark.conf.set(name, value)


def size_of(path: str) -> int | None:
    """Bytes of the files at a path, below a folder or matched by a pattern; None if they are not on this machine."""
    if not places.is_local(path):
        return None
    start = Path(path)
    matched = [start] if start.exists() else list(Path(start.anchor).glob(str(start.relative_to(start.anchor))))
    files = (file for each in matched for file in ([each] if each.is_file() else each.rglob("*")))
    return sum(file.stat().st_size for file in files if file.is_file())
