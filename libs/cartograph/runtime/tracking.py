"""Runs recorded with MLflow: what went in, what came out, under which settings and which revision of the code.

Nothing here may cost a finished result. Every record is kept until the store has taken it; when the store fails once,
there is one warning, the job continues without trying again, and at the end of the outermost run all that is left is
sent once more. What even then cannot be sent is written to `tracking.outbox` as one JSON file.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cartograph.core.redaction import redacted, redacted_text
from cartograph.runtime import places
from cartograph.runtime.tracking_records import Record, as_json, hand_over
from cartograph.runtime.tracking_store import StoreBroken, made_unless_there, prepare_store, tracking_uri
from cartograph.settings import Config

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.tracking import MlflowClient

Answer = TypeVar("Answer")
_TEXT = 6000  # characters that MLflow takes in one parameter


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
            text = redacted_text(f"{type(error).__name__}: {error}")
            self._record({"kind": "tag", "key": "error", "value": text[:_TEXT]})
            raise
        finally:
            run.ended = _now()
            self._open.pop()
            self._send(run)
            if not self._open:
                self._finish()

    def log_settings(self, settings: Mapping[str, Any]) -> None:
        """Records settings under their dotted names, secrets made unreadable."""
        values = {key: str(value)[:_TEXT] for key, value in _flat(redacted(settings))}
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
            place = redacted_text(path)
            self._record({"kind": "table", "name": name, "path": place, "version": version, "context": context})

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
        first = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        reason = str(error) if isinstance(error, StoreBroken) else first
        message = f"MLflow at {self.uri} cannot be reached; the job continues without it ({reason})"
        warnings.warn(redacted_text(message), stacklevel=3)

    def _deliver(self, run: Run) -> None:
        if run.parent is not None and run.parent.run_id is None:
            self._deliver(run.parent)
        client = self._connected()
        if run.run_id is None:
            parent = {"mlflow.parentRunId": str(run.parent.run_id)} if run.parent else {}
            tags = {"mlflow.source.name": "cartograph", **parent, **run.tags}
            run.run_id = client.create_run(str(self._experiment), run.started, tags, run.name).info.run_id
        while run.unsent:
            hand_over(client, run.run_id, run.unsent[0])
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

            prepare_store(self.uri)
            client = MlflowClient(self.uri)
            self._experiment = self._experiment_in(client)
            self._client = client
        return self._client

    def _experiment_in(self, client: MlflowClient) -> str:
        """The id of the experiment, which is made if need be; another process may make it at the same time."""
        name, ours = self.settings.experiment, "MLFLOW_TRACKING_URI" not in os.environ
        place = f"{places.resolve(self.settings.artifacts)}/{name}" if ours and self.settings.artifacts else None
        found = client.get_experiment_by_name(name)
        if found is None:
            made_unless_there(client.create_experiment, name, place)
            found = client.get_experiment_by_name(name)
        return str(found.experiment_id)  # type: ignore[union-attr]

    def _finish(self) -> None:
        """A second attempt for everything not sent yet, then the outbox."""
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
            warnings.warn(f"records that MLflow did not accept are kept in {path}", stacklevel=2)

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
        path.write_text(json.dumps(as_json(kept), indent=1, allow_nan=False), encoding="utf-8")
        return path


def git_revision() -> str:
    """The commit of the code, with `-dirty` when files differ from it; `unknown` outside a checkout."""
    command = ["git", "-C", str(places.home()), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    return "unknown"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _now() -> int:
    return int(time.time() * 1000)
