"""One record of a run, to MLflow's client or, where there is none to take it, as JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

Record = dict[str, Any]
_BATCH = 100  # maximum number of parameters in one MLflow call


def hand_over(client: MlflowClient, run_id: str, record: Record) -> None:
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


def as_json(value: Any) -> Any:
    """Records as JSON can hold them: it has no NaN and no infinity, so these become text, as in MLflow's own API."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
