"""Runs in a real MLflow store; and a store that is down costs a warning, never a result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from cartograph.runtime.config import load_config, redacted
from cartograph.runtime.tracking import Tracking, git_revision
from cartograph.runtime.tracking_store import tracking_uri
from cartograph.settings import Config


@pytest.fixture(autouse=True)
def _no_server_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


def settings(place: Path, *more: str) -> Config:
    arguments = [
        f"tracking.uri=sqlite:///{place}/mlflow.db",
        f"tracking.artifacts={place}/artifacts",
        f"tracking.outbox={place}/outbox",
        "tracking.timeout_seconds=2",
    ]
    return load_config("demo", [*arguments, *more])


def record(tracking: Tracking, config: Config, place: Path) -> None:
    """A pipeline run of one step that reads, writes, counts and draws."""
    (place / "report.html").write_text("<html>")
    with tracking.run("pipeline", {"env": "demo"}):
        with tracking.run("rules 2011-11-01"):
            tracking.log_settings(redacted(config.preprocess))
            tracking.log_table_read("silver.baskets", "/lake/silver/baskets", 3)
            tracking.log_table_read("silver.baskets", "/lake/silver/baskets", 3)
            tracking.log_table_written("gold.rules", "/lake/gold/rules", 5, 120)
            tracking.log_metrics({"n_rules": 120})
            for step, loss in ((1, 0.5), (2, 0.25)):
                tracking.log_metrics({"loss": loss}, step=step)
            tracking.log_figure("lift", Figure())
        tracking.log_file(place / "report.html")


def run_named(config: Config, name: str) -> Run:
    client = MlflowClient(tracking_uri(config))
    experiment = client.get_experiment_by_name(config.tracking.experiment)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], f"run_name = '{name}'")
    return runs[0]


@pytest.fixture(scope="module")
def config(place: Path) -> Config:
    """A store in which one pipeline run was recorded."""
    config = settings(place)
    record(Tracking(config), config, place)
    return config


def test_a_step_is_a_child_of_the_pipeline_s_run(config: Config) -> None:
    parent, child = run_named(config, "pipeline"), run_named(config, "rules 2011-11-01")
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert parent.data.tags["mlflow.source.git.commit"] == git_revision()
    assert parent.data.tags["env"] == "demo"


def test_settings_metrics_and_row_counts_are_recorded_and_the_key_is_not(config: Config) -> None:
    data = run_named(config, "rules 2011-11-01").data
    assert data.metrics == {"n_rules": 120, "rows.gold.rules": 120, "loss": 0.25}
    assert data.params["session_gap_minutes"] == "30"
    assert data.params["pseudonym_key"] == "**********"


def test_numbers_of_several_steps_are_a_series(config: Config) -> None:
    run = run_named(config, "rules 2011-11-01")
    series = MlflowClient(tracking_uri(config)).get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in series] == [(1, 0.5), (2, 0.25)]


def test_table_versions_read_and_written_are_dataset_inputs(config: Config) -> None:
    inputs = run_named(config, "rules 2011-11-01").inputs.dataset_inputs
    found = {(i.dataset.name, i.dataset.digest, i.tags[0].value): i.dataset for i in inputs}
    assert set(found) == {("silver.baskets", "version 3", "read"), ("gold.rules", "version 5", "written")}
    source = DeltaDatasetSource.from_json(found["gold.rules", "version 5", "written"].source)
    assert (source.path, source.delta_table_version) == ("/lake/gold/rules", 5)


def test_plots_and_files_are_kept_beside_the_run(config: Config, place: Path) -> None:
    client = MlflowClient(tracking_uri(config))
    child, parent = run_named(config, "rules 2011-11-01").info, run_named(config, "pipeline").info
    assert [file.path for file in client.list_artifacts(child.run_id, "plots")] == ["plots/lift.png"]
    assert [file.path for file in client.list_artifacts(parent.run_id)] == ["report.html"]
    assert str(place / "artifacts") in str(child.artifact_uri)
    assert list((place / "outbox").rglob("*.png")) == []


def test_a_failed_step_says_what_failed(config: Config) -> None:
    tracking = Tracking(config)
    with pytest.raises(ValueError, match="no baskets"), tracking.run("broken"):
        raise ValueError("no baskets")
    run = run_named(config, "broken")
    assert (run.info.status, run.data.tags["error"]) == ("FAILED", "ValueError: no baskets")


def test_a_dead_server_costs_one_warning_and_everything_goes_to_the_outbox(tmp_path: Path) -> None:
    config = settings(tmp_path, "tracking.uri=http://127.0.0.1:9")
    tracking = Tracking(config)
    with pytest.warns(UserWarning, match="MLflow at http://127.0.0.1:9 cannot be reached; the job continues") as warned:
        record(tracking, config, tmp_path)
    assert sum("cannot be reached" in str(warning.message) for warning in warned) == 1
    (file,) = (tmp_path / "outbox").glob("*.json")
    parent, child = json.loads(file.read_text())
    assert (parent["name"], child["parent"], child["status"]) == ("pipeline", "pipeline", "FINISHED")
    assert {"settings", "table", "metrics", "file"} == {record["kind"] for record in child["records"]}
    plot = next(record["path"] for record in child["records"] if record["kind"] == "file")
    assert Path(plot).exists()
    assert [record["kind"] for record in parent["records"]] == ["file"]


def test_a_server_that_comes_back_before_the_end_gets_everything(
    config: Config, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = Tracking(config)
    deliver, calls = tracking._deliver, []

    def down_at_first(run: object) -> None:
        calls.append(run)
        if len(calls) == 1:
            raise ConnectionError("down")
        deliver(run)  # type: ignore[arg-type]

    monkeypatch.setattr(tracking, "_deliver", down_at_first)
    with pytest.warns(UserWarning, match="cannot be reached"), tracking.run("late"):
        tracking.log_metrics({"n": 1})
    run = run_named(config, "late")
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"n": 1})
    assert list((place / "outbox").glob("late*.json")) == []


def test_the_environment_variable_names_the_server(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracking_uri(load_config("demo")).startswith("sqlite:////")  # placed under the project, not the directory
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    assert tracking_uri(config) == "https://mlflow.example"


def test_tracking_that_is_switched_off_does_nothing(tmp_path: Path) -> None:
    config = settings(tmp_path, "tracking.enabled=false")
    record(Tracking(config), config, tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    assert list(tmp_path.glob("outbox/*.json")) == []
