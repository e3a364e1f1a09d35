"""State of a long factorisation, saved between iterations, so that a job that was ended can go on."""

from __future__ import annotations

import hashlib
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.cf.objective import Objective, Schedule


class Checkpoints:
    """A folder beside Spark's own checkpoints, named after what is factorised and how: `als/<digest>/<iteration>`.

    Other ratings or another objective mean another folder. Spark's checkpoint directory must be set, and be one that
    all executors reach.
    """

    def __init__(self, ratings: DataFrame, objective: Objective, schedule: Schedule) -> None:
        self._spark = ratings.sparkSession
        root = self._spark.sparkContext._jsc.sc().getCheckpointDir()
        if not root.isDefined():
            raise ValueError("als.checkpoint_every needs a folder: call sparkContext.setCheckpointDir first")
        cells = F.xxhash64("user", "item", F.col("rating").cast("float"))
        content = ratings.agg(F.count("*"), F.bit_xor(cells), F.sum(F.pmod(cells, F.lit(2**31)))).head()
        settings = (objective, schedule.solver, schedule.seed)
        digest = hashlib.sha256(repr((tuple(content or ()), settings)).encode()).hexdigest()[:16]
        # Spark appends a folder per application, and the next application must find what this one saved.
        self.folder = f"{root.get().rstrip('/').rpartition('/')[0]}/als/{digest}"

    def newest(self, schema: str) -> tuple[int, DataFrame | None]:
        """The last iteration that was saved completely, and its rows; 0 and None if there is none."""
        finished = [
            int(status.getPath().getParent().getName())
            for status in self._files().globStatus(self._path(f"{self.folder}/*/_SUCCESS")) or []
        ]
        if not finished:
            return 0, None
        return max(finished), self._spark.read.schema(schema).parquet(f"{self.folder}/{max(finished)}")

    def saved(self, iteration: int, state: DataFrame) -> DataFrame:
        """The same rows, read back from the folder, after the ones saved earlier were removed."""
        state.write.mode("overwrite").parquet(f"{self.folder}/{iteration}")
        for status in self._files().listStatus(self._path(self.folder)):
            if status.getPath().getName() != str(iteration):
                self._files().delete(status.getPath(), True)
        return self._spark.read.schema(state.schema).parquet(f"{self.folder}/{iteration}")

    def clear(self) -> None:
        """Removes the folder."""
        self._files().delete(self._path(self.folder), True)

    def _path(self, name: str) -> Any:
        return self._spark._jvm.org.apache.hadoop.fs.Path(name)  # type: ignore[union-attr]

    def _files(self) -> Any:
        return self._path(self.folder).getFileSystem(self._spark._jsc.hadoopConfiguration())
