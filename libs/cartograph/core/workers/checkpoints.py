"""State of long work, saved between stages, so that an interrupted job can resume."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from cartograph.core.workers.hadoop_files import beside_checkpoints, files_of, path_of


class Checkpoints:
    """A folder beside Spark's own checkpoints: `<kind>/<digest>/<step>`, where `digest` names the work in question.

    Spark's checkpoint directory must be set, and be one that all executors reach.
    """

    def __init__(self, spark: SparkSession, kind: str, digest: str) -> None:
        self._spark = spark
        self.folder = f"{beside_checkpoints(spark, kind)}/{digest}"

    def newest(self, schema: str) -> tuple[int, DataFrame | None]:
        """The last step that was saved completely, and its rows; 0 and None if there is none."""
        marks = files_of(self._spark, self.folder).globStatus(path_of(self._spark, f"{self.folder}/*/_SUCCESS"))
        finished = [int(status.getPath().getParent().getName()) for status in marks or []]
        if not finished:
            return 0, None
        return max(finished), self._spark.read.schema(schema).parquet(f"{self.folder}/{max(finished)}")

    def saved(self, step: int, state: DataFrame) -> DataFrame:
        """The same rows, read back from the folder, after the ones saved earlier were removed."""
        state.write.mode("overwrite").parquet(f"{self.folder}/{step}")
        files = files_of(self._spark, self.folder)
        for status in files.listStatus(path_of(self._spark, self.folder)):
            if status.getPath().getName() != str(step):
                files.delete(status.getPath(), True)
        return self._spark.read.schema(state.schema).parquet(f"{self.folder}/{step}")

    def clear(self) -> None:
        """Removes the folder."""
        files_of(self._spark, self.folder).delete(path_of(self._spark, self.folder), True)
