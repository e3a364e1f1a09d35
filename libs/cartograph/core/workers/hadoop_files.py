"""Files on whatever Spark can write to, by its own Hadoop file systems."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession


def beside_checkpoints(spark: SparkSession, name: str) -> str:
    """A folder beside Spark's own checkpoints, which all executors reach.

    Spark makes a checkpoint folder per application; what the next application must find lies one level higher.

    Raises:
        ValueError: no checkpoint directory is set.
    """
    root = spark.sparkContext._jsc.sc().getCheckpointDir()
    if not root.isDefined():
        raise ValueError(f"{name} needs a folder that all executors reach: call sparkContext.setCheckpointDir first")
    return f"{root.get().rstrip('/').rpartition('/')[0]}/{name}"


def path_of(spark: SparkSession, name: str) -> Any:
    """Hadoop's path of that name."""
    return spark._jvm.org.apache.hadoop.fs.Path(name)  # type: ignore[union-attr]


def files_of(spark: SparkSession, name: str) -> Any:
    """The file system that a path is on."""
    return path_of(spark, name).getFileSystem(spark._jsc.hadoopConfiguration())


def write_bytes(spark: SparkSession, name: str, content: bytes) -> None:
    """Makes the file `name` of `content`, in place of an older one."""
    stream = files_of(spark, name).create(path_of(spark, name), True)
    stream.write(bytearray(content))
    stream.close()


def read_bytes(spark: SparkSession, name: str) -> bytes:
    """The content of the file `name`."""
    stream = files_of(spark, name).open(path_of(spark, name))
    try:
        return bytes(spark._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))  # type: ignore[union-attr]
    finally:
        stream.close()
