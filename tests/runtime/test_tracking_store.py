"""One SQLite store for all processes: created once and completely; a broken one is reported with its remedy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from cartograph.runtime.config import load_config
from cartograph.runtime.tracking import Tracking
from cartograph.runtime.tracking_store import StoreBroken, prepare_store
from cartograph.settings import Config
from tests.conftest import ROOT

# Waits for the signal with everything imported, so that both processes ask for the store at the same moment.
RECORD = """
import sys, time, warnings
from pathlib import Path
import mlflow.tracking, mlflow.store.tracking.sqlalchemy_store, alembic.command
from cartograph.runtime.config import load_config
from cartograph.runtime.tracking import Tracking
warnings.simplefilter("error")
folder, name = Path(sys.argv[1]), sys.argv[2]
uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
config = load_config("demo", [uri, f"tracking.artifacts={folder}/runs", f"tracking.outbox={folder}/outbox"])
tracking = Tracking(config)
(folder / f"{name}.ready").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
with tracking.run(name):
    tracking.log_metrics({"n": 1})
"""


@pytest.fixture(autouse=True)
def _no_server_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def settings(folder: Path) -> Config:
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    return load_config("demo", [uri, f"tracking.artifacts={folder}/runs", f"tracking.outbox={folder}/outbox"])


def names_of_runs(folder: Path) -> set[str]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("cartograph-demo")
    assert experiment is not None
    return {run.info.run_name for run in client.search_runs([experiment.experiment_id])}


def test_two_processes_that_create_a_store_at_the_same_time_both_record_their_runs(tmp_path: Path) -> None:
    names = ["rules", "cf"]
    command = [sys.executable, "-c", RECORD, str(tmp_path)]
    processes = [subprocess.Popen([*command, name], cwd=ROOT, stderr=subprocess.PIPE, text=True) for name in names]
    while len(list(tmp_path.glob("*.ready"))) < len(names) and not any(process.poll() for process in processes):
        time.sleep(0.05)
    (tmp_path / "go").touch()
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert names_of_runs(tmp_path) == set(names)
    assert not list(tmp_path.glob("outbox/*.json"))


def test_a_process_that_was_killed_while_it_made_the_store_leaves_nothing_behind(tmp_path: Path) -> None:
    half_made(tmp_path / "mlflow.db.making")
    (tmp_path / "mlflow.db").touch()
    with Tracking(settings(tmp_path)).run("rank"):
        pass
    assert names_of_runs(tmp_path) == {"rank"}
    assert not (tmp_path / "mlflow.db.making").exists()


def test_an_incomplete_store_is_reported_with_its_remedy_and_costs_no_result(tmp_path: Path) -> None:
    half_made(tmp_path / "mlflow.db")
    message = r"is incomplete \(table _alembic_tmp_tags\): move the file away"
    with pytest.raises(StoreBroken, match=message):
        prepare_store(f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.warns(UserWarning, match=message), Tracking(settings(tmp_path)).run("rank"):
        pass
    assert len(list((tmp_path / "outbox").glob("*.json"))) == 1


def test_a_file_that_is_no_store_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(StoreBroken, match="cannot be opened as an SQLite store"):
        prepare_store(f"sqlite:///{tmp_path}/mlflow.db")


def half_made(file: Path) -> None:
    """What an interrupted migration leaves."""
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("CREATE TABLE _alembic_tmp_tags (key TEXT)")
    connection.close()
