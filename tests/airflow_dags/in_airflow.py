"""Runs inside the Airflow environment and prints one JSON line; started by test_product_association.py.

`inspect` loads the folder of DAGs and renders every task for 2011-11-01; `run` lets Airflow run the whole DAG, with
whatever `spark-submit` is on the PATH.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from airflow.models.dagbag import DagBag, sync_bag_to_db

DAY = datetime(2011, 11, 1, tzinfo=UTC)


def inspected(bag: DagBag) -> dict[str, Any]:
    """Import errors, and of each task its successors, retries, documentation and rendered command."""
    dag = bag.dags["product_association"]
    context = {"ds": f"{DAY:%Y-%m-%d}", "params": dag.params.dump()}
    tasks = {}
    for task in dag.tasks:
        task.render_template_fields(context)
        tasks[task.task_id] = {
            "then": sorted(task.downstream_task_ids),
            "retries": task.retries,
            "doc": task.doc_md,
            "command": task._get_hook()._build_spark_submit_command(task.application),
        }
    return {"import_errors": bag.import_errors, "dags": sorted(bag.dags), "doc": dag.doc_md, "tasks": tasks}


def ran(bag: DagBag) -> dict[str, Any]:
    """How a run of the whole DAG ended."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils import db

    db.initdb()
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)  # a run needs its DAG serialised first
    return {"state": bag.dags["product_association"].test(logical_date=DAY).state}


if __name__ == "__main__":
    bag = DagBag(sys.argv[2], include_examples=False)
    print("RESULT " + json.dumps({"inspect": inspected, "run": ran}[sys.argv[1]](bag)))
