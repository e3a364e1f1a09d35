"""Runs recorded with MLflow: what went in, what came out, under which settings and which revision of the code.

Nothing here may cost a finished result. Every record is kept until the store has taken it; when the store fails once,
there is one warning, the job goes on without asking it again, and at the end of the outermost run all that is left is
sent once more. What even then cannot be sent is written to `tracking.outbox` as one JSON file.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cartograph.runtime import places
from cartograph.runtime.settings import Config

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.tracking import MlflowClient

Record = dict[str, Any]
Answer = TypeVar("Answer")
_BATCH = 100  # MLflow takes so many parameters in one call
_TEXT = 6000  # and so many characters in one parameter


@dataclass
class Run:
    """One run and what the store has not taken of it yet."""

    name: str
    parent: Run | None
    tags: dict[str, str]
    started: int
    run_id: str | None = None
    ended: int | None = None
    status: str = "RUNNING"
    unsent: list[Record] = field(default_factory=list)
    datasets: set[tuple[str, int, str]] = field(default_factory=set)


class Tracking:
    """Records runs; a run opened inside another one is its child."""

    def __init__(self, config: Config) -> None:
        self.settings = config.tracking
        self.outbox = Path(places.resolve(self.settings.outbox))
        self.uri = tracking_uri(config)
        self.down = False
        self._client: MlflowClient | None = None
        self._experiment: str | None = None
        self._open: list[Run] = []
        self._runs: list[Run] = []

    @contextlib.contextmanager
    def run(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[None]:
        """A run of the given name, a child of the one that is open; it fails when its block raises."""
        parent = self._open[-1] if self._open else None
        marks = {"mlflow.source.git.commit": git_revision()} if parent is None else {}
        run = Run(name, parent, {**marks, **(tags or {})}, _now())
        self._open.append(run)
        self._runs.append(run)
        self._send(run)
        try:
            yield
            run.status = "FINISHED"
        except BaseException as error:
            run.status = "FAILED"
            self._record({"kind": "tag", "key": "error", "value": f"{type(error).__name__}: {error}"[:_TEXT]})
            raise
        finally:
            run.ended = _now()
            self._open.pop()
            self._send(run)
            if not self._open:
                self._finish()

    def log_settings(self, settings: Mapping[str, Any]) -> None:
        """Records settings under their dotted names; secrets must be redacted already."""
        values = {key: str(value)[:_TEXT] for key, value in _flat(settings)}
        self._record({"kind": "settings", "values": values})

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Records numbers, of a step of what is measured repeatedly."""
        values = {key: float(value) for key, value in metrics.items()}
        self._record({"kind": "metrics", "values": values, "at": _now(), "step": step})

    def log_table_read(self, name: str, path: str, version: int) -> None:
        """Records a table version that the run read."""
        self._dataset(name, path, version, "read")

    def log_table_written(self, name: str, path: str, version: int, rows: int) -> None:
        """Records a table version that the run made, and how many rows it wrote."""
        self._dataset(name, path, version, "written")
        self.log_metrics({f"rows.{name}": rows})

    def log_figure(self, name: str, figure: Figure) -> None:
        """Records a plot as `plots/<name>.png`."""
        path = self.outbox / "plots" / uuid.uuid4().hex / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120, bbox_inches="tight")
        self._record({"kind": "file", "path": str(path), "folder": "plots", "ours": True})

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Records a copy of a file."""
        self._record({"kind": "file", "path": str(path), "folder": folder, "ours": False})

    @property
    def run_id(self) -> str | None:
        """The store's name of the run that is open; None where it has not taken it."""
        return self._open[-1].run_id if self._open else None

    def ask(self, question: Callable[[MlflowClient], Answer]) -> Answer | None:
        """The store's answer; None, and a warning if this is the first failure, where it cannot be reached."""
        if self.down or not self.settings.enabled:
            return None
        try:
            return question(self._connected())
        except Exception as error:
            self._give_up(error)
            return None

    def _dataset(self, name: str, path: str, version: int, context: str) -> None:
        seen = self._open[-1].datasets if self._open else set()
        if (name, version, context) not in seen:
            seen.add((name, version, context))
            self._record({"kind": "table", "name": name, "path": path, "version": version, "context": context})

    def _record(self, record: Record) -> None:
        if self._open and self.settings.enabled:
            self._open[-1].unsent.append(record)
            self._send(self._open[-1])

    def _send(self, run: Run) -> None:
        """Hands the store what it has not taken of a run; the first failure ends all sending until the end."""
        if self.down or not self.settings.enabled:
            return
        try:
            self._deliver(run)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.down = True
        text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        warnings.warn(f"MLflow at {self.uri} cannot be reached, the job goes on without it ({text})", stacklevel=3)

    def _deliver(self, run: Run) -> None:
        if run.parent is not None and run.parent.run_id is None:
            self._deliver(run.parent)
        client = self._connected()
        if run.run_id is None:
            parent = {"mlflow.parentRunId": str(run.parent.run_id)} if run.parent else {}
            tags = {"mlflow.source.name": "cartograph", **parent, **run.tags}
            run.run_id = client.create_run(str(self._experiment), run.started, tags, run.name).info.run_id
        while run.unsent:
            _hand_over(client, run.run_id, run.unsent[0])
            run.unsent.pop(0)
        if run.ended is not None:
            client.set_terminated(run.run_id, run.status, run.ended)

    def _connected(self) -> MlflowClient:
        """The client, the experiment made if need be. Imported late: MLflow takes seconds to import."""
        if self._client is None:
            os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(self.settings.timeout_seconds))
            os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
            logging.getLogger("alembic").setLevel(logging.WARNING)
            logging.getLogger("mlflow.store").setLevel(logging.WARNING)
            from mlflow.tracking import MlflowClient

            if self.uri.startswith("sqlite:///"):  # MLflow itself would retry an impossible file for minutes
                _opened(Path(self.uri.removeprefix("sqlite:///")))
            client = MlflowClient(self.uri)
            found = client.get_experiment_by_name(self.settings.experiment)
            self._experiment = found.experiment_id if found else self._new_experiment(client)
            self._client = client
        return self._client

    def _new_experiment(self, client: MlflowClient) -> str:
        ours = self.settings.artifacts is not None and "MLFLOW_TRACKING_URI" not in os.environ
        place = f"{places.resolve(str(self.settings.artifacts))}/{self.settings.experiment}" if ours else None
        return str(client.create_experiment(self.settings.experiment, place))

    def _finish(self) -> None:
        """The second attempt for all that is left, then the outbox."""
        left = [run for run in self._runs if run.unsent or run.run_id is None or (self.down and run.ended)]
        self._runs = []
        if not self.down or not self.settings.enabled:
            return
        try:
            for run in left:
                self._deliver(run)
            self.down = False
        except Exception:
            path = self._write_outbox(left)
            warnings.warn(f"what MLflow did not take is kept in {path}", stacklevel=2)

    def _write_outbox(self, runs: list[Run]) -> Path:
        self.outbox.mkdir(parents=True, exist_ok=True)
        path = self.outbox / f"{runs[0].name}-{runs[0].started}-{uuid.uuid4().hex[:8]}.json".replace(" ", "-")
        kept = [
            {
                "name": run.name,
                "parent": run.parent.name if run.parent else None,
                "run_id": run.run_id,
                "status": run.status,
                "started": run.started,
                "ended": run.ended,
                "tags": run.tags,
                "records": run.unsent,
            }
            for run in runs
        ]
        path.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        return path


def tracking_uri(config: Config) -> str:
    """Where runs go: `MLFLOW_TRACKING_URI` if set, else the setting, an SQLite file placed under the project's root."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", config.tracking.uri)
    if not uri.startswith("sqlite:///") or uri.startswith("sqlite:////"):
        return uri
    return "sqlite:///" + places.resolve(uri.removeprefix("sqlite:///"))


def _opened(database: Path) -> None:
    """Fails at once where no SQLite database can be opened."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA schema_version")


def git_revision() -> str:
    """The commit of the code, with `-dirty` when files differ from it; `unknown` outside a checkout."""
    command = ["git", "-C", str(places.home()), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    return "unknown"


def _hand_over(client: MlflowClient, run_id: str, record: Record) -> None:
    """One record to the store."""
    from mlflow.entities import Metric, Param

    if record["kind"] == "settings":
        params = [Param(key, value) for key, value in record["values"].items()]
        for start in range(0, len(params), _BATCH):
            client.log_batch(run_id, params=params[start : start + _BATCH])
    elif record["kind"] == "metrics":
        client.log_batch(
            run_id,
            metrics=[
                Metric(key, value, record["at"], record.get("step", 0)) for key, value in record["values"].items()
            ],
        )
    elif record["kind"] == "tag":
        client.set_tag(run_id, record["key"], record["value"])
    elif record["kind"] == "file":
        client.log_artifact(run_id, record["path"], record["folder"])
        if record["ours"]:
            Path(record["path"]).unlink()
            Path(record["path"]).parent.rmdir()
    else:
        client.log_inputs(run_id, [_dataset_input(record)])


def _dataset_input(record: Record) -> Any:
    """A Delta table version as MLflow's dataset; described by name, so that no Spark work is done."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"path": record["path"], "delta_table_version": record["version"]})
    dataset = Dataset(record["name"], f"version {record['version']}", "delta_table", source)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", record["context"])])


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _now() -> int:
    return int(time.time() * 1000)
