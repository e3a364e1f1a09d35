"""
Daily product associations: one task per step, each a Spark job that can be run again alone.

A run of day D reads what happened before D 00:00 UTC and overwrites exactly the partition `as_of = D`, so a task may be
cleared, retried or back-filled at any time. `rules`, `cf`, `sequence` and `graph` do not depend on each other, but may
read the vectors of `embed`. Nothing of Cartograph is imported here: Airflow and Spark live in environments of their own
and meet in `spark-submit`.

- **Connection** `spark_default` names the master (`local[*]`, `yarn`, `spark://…`, `k8s://…`) and the deploy mode.
- **`CARTOGRAPH_HOME`** in the workers' environment is the project's folder, set up with `make setup`; without it, the
  folder above this file. `spark-submit` must be on their PATH: `$CARTOGRAPH_HOME/.venv/bin` has it.
- **Parameters** of a run: the configuration `env`, and the `source` (of `conf/sources/`) with its `path`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, Param
from airflow.timetables.trigger import CronTriggerTimetable

HOME = Path(os.environ.get("CARTOGRAPH_HOME", Path(__file__).resolve().parents[1]))

FILES = ["--source", "{{ params.source }}", "--path", "{{ params.path }}"]
AS_OF = ["--as-of", "{{ ds }}"]  # the day of the run: rows before its midnight, UTC


def step(name: str, arguments: list[str], does: str) -> SparkSubmitOperator:
    """The task that submits `jobs/<name>.py`."""
    return SparkSubmitOperator(
        task_id=name,
        name=f"cartograph-{name}-{{{{ ds }}}}",
        application=f"{HOME}/jobs/{name}.py",
        application_args=["--env", "{{ params.env }}", *arguments],
        properties_file=f"{HOME}/conf/spark-defaults.conf",
        jars=f"{HOME}/.jars/*.jar",  # the properties file names them relative to the working directory
        conf={"spark.pyspark.python": "{{ params.python }}"},
        doc_md=does,
    )


with DAG(
    dag_id="product_association",
    description="Raw orders, views and ratings to ranked lists of products that belong together",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),  # two hours for late events of the day before
    start_date=datetime(2000, 1, 1, tzinfo=UTC),  # back-fills may begin this early
    catchup=False,
    max_active_runs=1,  # a partition has one writer
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params={
        "env": Param("cluster", type="string", description="conf/<env>.yml"),
        "source": Param("shop", type="string", description="conf/sources/<source>.yml"),
        "path": Param("build/demo/shop", type="string", description="files of that source: a folder or URI"),
        "python": Param(f"{HOME}/.venv/bin/python", type="string", description="interpreter of driver and executors"),
    },
    tags=["cartograph"],
) as dag:
    ingest = step("ingest", FILES, "Appends raw rows to bronze once, however often it runs.")
    preprocess = step("preprocess", [], "Types, cleans, de-duplicates and pseudonymises what is new into silver.")
    embed = step("embed", AS_OF, "Product embeddings of text, images, attributes and behaviour; neighbours.")
    rules = step("rules", AS_OF, "Itemsets and association rules of the baskets.")
    cf = step("cf", AS_OF, "Popularity, item neighbours and matrix factorisation.")
    sequence = step("sequence", AS_OF, "Neural networks that predict the next product of a history.")
    graph = step("graph", AS_OF, "Product graph, its communities, complements and substitutes.")
    rank = step("rank", AS_OF, "Fuses the models' lists into related products and recommendations.")
    audit = step("audit", AS_OF, "Fails where a list or a count holds what was not known before the day.")
    evaluate = step("evaluate", AS_OF, "Scores the lists of an earlier day by what was bought since.")
    experiment = step("experiment", AS_OF, "Evaluates the running experiments.")
    report = step("report", AS_OF, "Draws the day's report, one HTML file.")
    maintain = step("maintain", [], "Compacts the tables and removes files that no version needs.")

    ingest >> preprocess >> embed >> [rules, cf, sequence, graph] >> rank
    rank >> audit >> evaluate >> experiment >> report >> maintain
