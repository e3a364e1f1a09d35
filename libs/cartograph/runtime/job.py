"""What a job gets: its settings, its tables, and a record of what it did.

One job alone, `jobs/rules.py`:

    def run(job: Job) -> None:
        baskets = job.read("silver.baskets")       # rows before job.as_of, recorded as an input
        job.replace("gold.rules", rules)           # exactly the partition of job.as_of, recorded as an output
        job.metric("n_rules", n)

    if __name__ == "__main__":
        main("rules", run, __doc__)

Many steps in one Spark session under one recorded parent run, `jobs/pipeline.py`:

    def run(suite: Suite, given: argparse.Namespace) -> None:
        suite.run("ingest", ingest.run, arguments=given)
        suite.run("rules", rules.run, as_of=given.as_of)

    if __name__ == "__main__":
        main_suite("pipeline", run, __doc__, arguments)

`main` and `main_suite` are in `runtime/command_line.py`.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr
from pyspark.sql import DataFrame, SparkSession

from cartograph.core.errors import UserError
from cartograph.core.model import Silver, Weights
from cartograph.core.tables import schema
from cartograph.core.views.histories import active, histories
from cartograph.core.views.liking import with_liking
from cartograph.runtime import preflight
from cartograph.runtime.conditions import before
from cartograph.runtime.config import redacted
from cartograph.runtime.plans import fit_plans
from cartograph.runtime.progress import Progress
from cartograph.runtime.secrets import secret_variable
from cartograph.runtime.session import spark_session
from cartograph.runtime.step_record import StepRecord
from cartograph.runtime.tables import Tables, WriteResult
from cartograph.runtime.tracking import Tracking
from cartograph.runtime.unchanged_steps import is_unchanged, made_with, remember
from cartograph.settings import Config

Run = Callable[["Job"], None]


@dataclass
class Job:
    """One step of a run, at one point in time."""

    name: str
    config: Config
    as_of: date | None
    spark: SparkSession
    tables: Tables
    tracking: Tracking
    progress: Progress
    arguments: argparse.Namespace

    def __post_init__(self) -> None:
        self.record = StepRecord(self.name, self.as_of)

    @property
    def settings(self) -> Any:
        """The job's own section of the configuration."""
        return getattr(self.config, self.name)

    def secret(self, name: str) -> str:
        """The secret setting `name` of the job's section.

        Raises:
            UserError: nothing gives it.
        """
        value: SecretStr | None = getattr(self.settings, name)
        if value is None:
            variable = secret_variable(name)
            raise UserError(f"{self.name}.{name} is not set: give it in {variable}, or name a file in {variable}_FILE")
        return value.get_secret_value()

    def read(self, name: str, as_of: date | None = None, **equals: Any) -> DataFrame:
        """Rows of table `name` before the job's `as_of` (or the one given); for a table with as_of, that partition."""
        return self._read(name, as_of or self.as_of, equals)

    def read_since(self, name: str, day: date, **equals: Any) -> DataFrame:
        """Rows of table `name` from `day` 00:00 UTC on and before the job's `as_of`."""
        return self.read(name, **equals).where(~before(schema.columns_of(name), day))

    def read_any(self, name: str, as_of: date | None = None, **equals: Any) -> DataFrame | None:
        """As `read`; None where no step has written such rows."""
        if not self.tables.exists(name):
            return None
        rows = self.read(name, as_of, **equals)
        return None if rows.isEmpty() else rows

    def read_all(self, name: str, **equals: Any) -> DataFrame:
        """Rows of table `name` of every day, also those after `as_of`: for looking back at what happened."""
        return self._read(name, None, equals)

    def earlier_days(self, name: str, **equals: Any) -> list[date]:
        """The days before `as_of` that table `name`, which has one, has such rows of, in order."""
        return [] if self.as_of is None else self.tables.days(name, self.as_of, **equals)

    def last_day(self, name: str, **equals: Any) -> date | None:
        """The last of the `earlier_days`; None if there is none."""
        return max(self.earlier_days(name, **equals), default=None)

    def _read(self, name: str, as_of: date | None, equals: dict[str, Any]) -> DataFrame:
        frame = self.tables.read(name, as_of, **equals)
        version, meant = self.tables.version(name), equals | ({"as_of": as_of} if as_of else {})
        self.tracking.log_table_read(name, self.tables.path(name), version)
        layout = schema.table(name).partition
        self.record.read(name, version, {column: value for column, value in meant.items() if column in layout})
        return frame

    def replace(self, name: str, frame: DataFrame, **partition: Any) -> WriteResult:
        """Makes `frame` the content of table `name` at the job's `as_of` and the further partition given."""
        if "as_of" in schema.table(name).partition and self.as_of is not None:
            partition = {"as_of": self.as_of, **partition}
        return self._wrote(self.tables.replace(name, frame, **partition))

    def merge(self, name: str, frame: DataFrame, insert_only: bool = False) -> WriteResult:
        """Inserts or updates by key, see `Tables.merge`."""
        return self._wrote(self.tables.merge(name, frame, insert_only))

    def append(self, name: str, frame: DataFrame, app_id: str, version: int, digest: str) -> WriteResult:
        """Appends one batch once, see `Tables.append`."""
        return self._wrote(self.tables.append(name, frame, app_id, version, digest))

    def _wrote(self, result: WriteResult) -> WriteResult:
        self.tracking.log_table_written(result.table, self.tables.path(result.table), result.version, result.rows)
        self.progress.wrote(result.table, result.rows, result.changed, result.parts)
        return result

    def nothing(self, name: str) -> DataFrame:
        """No rows for a partition of table `name`."""
        table = schema.table(name)
        return self.spark.createDataFrame([], table.columns).drop(*table.partition)

    def save_weights(self, model: str, weights: Weights) -> None:
        """Keeps the weights of a network of this `as_of` beside the tables."""
        weights.save(self.spark, f"{self.tables.root}/_weights/{model}/{self.as_of}")

    def customers(self, events: DataFrame, history: int, active_days: int | None) -> DataFrame:
        """Histories of the customers that lists are made for: all, or those with an event in the last `active_days`."""
        users = active(histories(events, history, self.config.seen.masked_by), self.as_of, active_days).persist()
        n_customers = users.count()
        self.metric("n_customers", n_customers)
        if not n_customers:
            self.progress.say(f"no customer is known before {self.as_of}: no lists are made")
        return users

    def epoch(self, model: str, epoch: Mapping[str, float]) -> None:
        """Records and shows the metrics of an epoch of a network's training (its number: `epoch`)."""
        number = int(epoch["epoch"])
        metrics = {key: value for key, value in epoch.items() if key != "epoch"}
        self.tracking.log_metrics({f"{model}_{key}": value for key, value in metrics.items()}, step=number)
        shown = ", ".join(f"{key} {value:.4g}" for key, value in metrics.items())
        self.progress.say(f"{model} epoch {number}: {shown}")

    def metric(self, name: str, value: float) -> None:
        """Records one number."""
        self.tracking.log_metrics({name: value})

    def file(self, path: Path) -> None:
        """Records a file that the step has written."""
        self.record.files[str(path)] = path.stat().st_size
        self.tracking.log_file(path)

    def figure(self, name: str, figure: Any) -> None:
        """Records one plot."""
        self.tracking.log_figure(name, figure)

    def silver(self, as_of: date | None = None) -> Silver:
        """The silver tables before the job's `as_of` (or the one given), as models take them.

        users is None when no source describes customers, vectors when `embed` made no fused ones for this day.
        """
        day = as_of or self.as_of
        users = self.read("silver.users", day) if self.tables.exists("silver.users") else None
        events, baskets, products = (self.read(f"silver.{name}", day) for name in ("events", "baskets", "products"))
        events = with_liking(events, self.config.ratings)
        return Silver(
            events=events,
            baskets=baskets,
            products=products,
            users=users,
            vectors=self.vectors(day),
            as_of=day,
            on_epoch=self.epoch,
        )

    def vectors(self, day: date | None) -> DataFrame | None:
        """product_id and vector of the fused model on that day; None when there are none."""
        found = None if day is None else self.read_any("silver.product_vectors", day, model="fused")
        return None if found is None else found.select("product_id", "vector")


@dataclass
class Suite:
    """Several steps in one Spark session, recorded under one parent run."""

    name: str
    config: Config
    spark: SparkSession
    tables: Tables
    tracking: Tracking
    progress: Progress

    @classmethod
    @contextlib.contextmanager
    def open(cls, name: str, config: Config, progress: Progress | None = None) -> Iterator[Self]:
        """The suite, its Spark session started and its parent run recorded."""
        progress = progress or Progress()
        preflight.require()
        with progress.step("spark"):
            spark = spark_session(config, f"cartograph {name}")
        tables = Tables.of(spark, config)
        tracking = Tracking(config)
        with tracking.run(name, {"env": config.env}):
            yield cls(name, config, spark, tables, tracking, progress)

    @contextlib.contextmanager
    def step(self, name: str, as_of: date | None = None, arguments: argparse.Namespace | None = None) -> Iterator[Job]:
        """One step of the suite, recorded as a child run."""
        title, given = _title(name, as_of), arguments or argparse.Namespace()
        job = Job(name, self.config, as_of, self.spark, self.tables, self.tracking, self.progress, given)
        fit_plans(self.spark, self.config, self.tables, getattr(given, "path", None) if name == "ingest" else None)
        with self.progress.step(title), self.tracking.run(title), self.tables.recorded(job.record):
            self.tracking.log_settings(redacted(getattr(self.config, name)) if hasattr(self.config, name) else {})
            yield job

    def run(self, name: str, run: Run, as_of: date | None = None, arguments: argparse.Namespace | None = None) -> None:
        """Runs one step of the suite; one for a day is skipped where nothing has changed since it ran last."""
        if as_of is None or not self.config.lake.skip_steps:
            with self.step(name, as_of, arguments) as job:
                run(job)
            return
        runs_with = made_with(self.config, run, arguments)
        if is_unchanged(self.tables, name, as_of, runs_with):
            self.progress.skipped(_title(name, as_of), "nothing has changed since its last run (--force repeats it)")
            return
        with self.step(name, as_of, arguments) as job:
            run(job)
        remember(self.tables, job.record, as_of, runs_with)


def _title(name: str, as_of: date | None) -> str:
    return f"{name} {as_of}" if as_of else name
