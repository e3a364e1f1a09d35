"""A real Airflow, in its own environment, loads, renders and runs the DAG."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"
HOME = "/opt/cartograph"

# What each task submits, after the part that all share.
EXPECTED = dict(line.split(" ", 1) for line in Path(__file__).with_name("commands.txt").read_text().splitlines())


def submission(step: str) -> str:
    """The whole expected command line of a step, as stored in commands.txt."""
    return (
        f"spark-submit --master local[2] --conf spark.pyspark.python={HOME}/.venv/bin/python "
        f"--properties-file {HOME}/conf/spark-defaults.conf --jars {HOME}/.jars/*.jar "
        f"--name cartograph-{step}-2011-11-01 {HOME}/jobs/{step}.py {EXPECTED[step]}"
    )


def in_airflow(what: str, folder: Path, **environ: str) -> Any:
    """The answer of in_airflow.py, with `folder` as Airflow's home."""
    if not AIRFLOW.exists():
        pytest.skip("no Airflow here: `make airflow-setup` installs it")
    answer = subprocess.run(
        [AIRFLOW, Path(__file__).with_name("in_airflow.py"), what, ROOT / "airflow_dags"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[2]"}',
            "CARTOGRAPH_HOME": HOME,
        }
        | environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    results = [line.removeprefix("RESULT ") for line in answer.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, answer.stdout[-2000:] + answer.stderr[-4000:]
    return json.loads(results[0])


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Airflow makes of the folder of DAGs."""
    return in_airflow("inspect", tmp_path_factory.mktemp("airflow"))


def test_the_dags_import_without_errors(dag: Any) -> None:
    assert dag["import_errors"] == {}
    assert dag["dags"] == ["product_association"]


def test_every_task_is_a_job_of_the_same_name_and_explains_itself(dag: Any) -> None:
    assert list(dag["tasks"]) == list(EXPECTED)
    for name, task in dag["tasks"].items():
        assert (ROOT / "jobs" / f"{name}.py").is_file()
        assert task["doc"].endswith(".")
        assert task["retries"] == 2
    assert "overwrites exactly the partition" in dag["doc"]


def test_tasks_follow_the_flow(dag: Any) -> None:
    assert {name: task["then"] for name, task in dag["tasks"].items()} == {
        "ingest": ["preprocess"],
        "preprocess": ["embed"],
        "embed": ["cf", "graph", "rules", "sequence"],
        "rules": ["rank"],
        "cf": ["rank"],
        "sequence": ["rank"],
        "graph": ["rank"],
        "rank": ["audit"],
        "audit": ["evaluate"],
        "evaluate": ["experiment"],
        "experiment": ["report"],
        "report": ["maintain"],
        "maintain": [],
    }


@pytest.mark.parametrize("step", EXPECTED)
def test_a_task_submits_the_stored_command(dag: Any, step: str) -> None:
    assert " ".join(dag["tasks"][step]["command"]) == submission(step)


@pytest.mark.slow
def test_airflow_runs_the_whole_dag_in_the_order_of_the_flow(tmp_path: Path) -> None:
    """`spark-submit` is a recorder here: what it is given is Airflow's part, what it does is tested elsewhere."""
    recorder = tmp_path / "bin" / "spark-submit"
    recorder.parent.mkdir()
    recorder.write_text(f'#!/bin/sh\necho "spark-submit $*" >> {tmp_path}/submitted\n')
    recorder.chmod(0o755)
    result = in_airflow("run", tmp_path, PATH=f"{recorder.parent}:{os.environ['PATH']}")
    assert result == {"state": "success"}
    submitted = (tmp_path / "submitted").read_text().splitlines()
    assert sorted(submitted) == sorted(submission(step) for step in EXPECTED)
    models = {submission("rules"), submission("cf"), submission("sequence"), submission("graph")}  # in any order
    assert set(submitted[3:7]) == models
    assert [line for line in submitted if line not in models] == [
        submission(step) for step in EXPECTED if step not in ("rules", "cf", "sequence", "graph")
    ]
