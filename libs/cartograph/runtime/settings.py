"""Sections `lake`, `spark`, `tracking` and `maintain` of the settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cartograph.core.settings import Positive, Section


class LakeSettings(Section):
    """Where the tables are and how they are written."""

    root: str = Field(
        default="build/lake", description="folder or URI (s3a://…, abfss://…, dbfs:/…) under which <layer>/<table> lie"
    )
    catalog: str | None = Field(
        default=None, description="a catalog name: tables are then <catalog>.<layer>.<table> and root holds locks only"
    )
    check_keys: bool = Field(
        default=True, description="before a partition is replaced, assert that its key is unique (one aggregate)"
    )
    skip_unchanged: bool = Field(
        default=True,
        description="a partition whose new rows equal its old ones is not written again (one scan of the old)",
    )
    skip_steps: bool = Field(
        default=True,
        description="a step for a day does not run again while its code, settings, inputs and results are unchanged",
    )
    lock_wait_seconds: Annotated[float, Field(ge=0)] = Field(
        default=0, description="how long a writer waits for another writer of the same partition before it gives up"
    )
    lock_heartbeat_seconds: Annotated[float, Field(gt=0)] = Field(
        default=15, description="how often a writer renews its lock"
    )
    lock_stale_seconds: Annotated[float, Field(gt=0)] = Field(
        default=120,
        description="a lock not renewed for this long is taken over (at once when its process is dead on this host)",
    )


class SparkSettings(Section):
    """The Spark session."""

    master: str | None = Field(
        default=None, description="null: what spark-submit or the platform says; local[*], spark://…, yarn otherwise"
    )
    driver_memory: str | None = Field(
        default=None, description="heap of the driver; null: what spark-submit says. Works only if no JVM runs yet"
    )
    executor_memory: str | None = Field(default=None, description="heap of each executor; no meaning in local[…]")
    interpret_below_mb: Annotated[float, Field(ge=0)] = Field(
        default=4,
        description="queries are interpreted while raw events are smaller: compiling would take longer; 0: never",
    )
    shuffle_partitions: Positive | None = Field(
        default=None, description="tasks after a shuffle; null: Spark's 200, which adaptive execution then coalesces"
    )
    temp_dir: str | None = Field(default=None, description="spill and shuffle files; null: what the cluster says")
    checkpoint_dir: str | None = Field(
        default=None,
        description="RDD checkpoints (graph algorithms), readable by all executors; null: <lake.root>/_checkpoints",
    )
    ui: bool = Field(default=True, description="the web interface of a running application")
    log_level: Literal["ALL", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"] = Field(
        default="WARN", description="of Spark's own log"
    )
    conf: dict[str, str | int | float | bool] = Field(
        default={}, description="any further spark.* setting, as it is: `spark.executor.cores: 4`"
    )


class TrackingSettings(Section):
    """Where runs are recorded."""

    enabled: bool = Field(default=True, description="false: nothing is recorded")
    uri: str = Field(
        default="sqlite:///build/mlflow.db",
        description="the store; the environment variable MLFLOW_TRACKING_URI wins over this",
    )
    artifacts: str | None = Field(
        default="build/mlflow", description="where a new experiment keeps plots and files; null: the server's own place"
    )
    experiment: str = Field(default="cartograph", description="runs are recorded under this name")
    timeout_seconds: Positive = Field(
        default=10, description="of one call to a server, so that a dead one delays a job by seconds only"
    )
    outbox: str = Field(
        default="build/tracking", description="what could not be recorded is kept here as JSON, one file a run"
    )


class MaintainSettings(Section):
    """Housekeeping of the tables."""

    retention_hours: Annotated[float, Field(ge=0)] = Field(
        default=168, description="VACUUM deletes files that no version younger than this uses"
    )
    allow_short_retention: bool = Field(
        default=False, description="true: retention_hours below 168 is taken; breaks running readers and time travel"
    )
    tables: tuple[str, ...] = Field(default=(), description="the tables to work on; empty: all that exist")
    cluster_by: dict[str, tuple[str, ...]] = Field(
        default={"silver.events": ("user_id", "event_at")},
        description="Z-order columns per table, for those that are read by more than their partition",
    )
