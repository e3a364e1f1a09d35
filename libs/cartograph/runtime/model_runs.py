"""Fits a step's models and writes their results: their lists, their artifacts, and the weights of networks.

All models are fitted first; then every table is written once, for all of them together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import Model, Silver, TooLittle
from cartograph.core.tables import schema
from cartograph.runtime.job import Job
from cartograph.runtime.tables import WriteResult

CANDIDATES, ASSOCIATIONS = LISTS = ("gold.candidates", "gold.associations")


def fit_and_write_models(job: Job, models: Sequence[Model], data: Silver, users: DataFrame, k: int) -> None:
    """Fits models, and writes their lists for customers and for products, artifacts and weights.

    Where there is too little for a model to learn from, its tables are left empty, and the reason is logged.

    Args:
        models: not fitted yet, each with a name of its own.
        data: what they learn from.
        users: the customers that lists are made for, as `Model.recommend` takes them.
        k: length of the lists.
    """
    if not models:
        return
    reasons: dict[str, str] = {}
    for model in models:
        try:
            model.fit(data)
        except TooLittle as error:
            reasons[model.name] = str(error)
    fitted = [model for model in models if model.name not in reasons]
    listed = [
        _write(job, CANDIDATES, models, {model.name: model.recommend(users, k) for model in fitted}),
        _write(job, ASSOCIATIONS, models, {model.name: model.associate(k) for model in fitted}),
    ]
    too_little = f"too little data before {job.as_of}"
    for model in models:
        if not any(result.parts[model.name] for result in listed):
            job.progress.say(f"{model.name} has no lists: {reasons.get(model.name, too_little)}")
    _write_artifacts(job, models, fitted, users)
    for model in fitted:
        weights = model.network_weights()
        if weights is not None:
            job.save_weights(model.name, weights)


def _write_artifacts(job: Job, models: Sequence[Model], fitted: Sequence[Model], users: DataFrame) -> None:
    """Writes the models' artifacts, made from the lists as they were written."""
    owners: dict[str, list[Model]] = defaultdict(list)
    for model in models:
        for table in model.artifact_tables:
            owners[table].append(model)
    made: dict[str, dict[str, DataFrame]] = defaultdict(dict)
    for model in fitted:
        if model.artifact_tables:
            for table, rows in model.artifacts(users, job.read(CANDIDATES, model=model.name)).items():
                made[table][model.name] = rows
    for table, those in owners.items():
        _write(job, table, those, made[table])


def _write(job: Job, name: str, models: Sequence[Model], rows: dict[str, DataFrame]) -> WriteResult:
    """Replaces the rows of these models in a table; all of the day where the table is of one model only."""
    if "model" not in schema.table(name).partition:
        written = job.replace(name, next(iter(rows.values()), job.nothing(name)))
        parts = {models[0].name: written.rows}
    else:
        named = [frame.withColumn("model", F.lit(model)) for model, frame in rows.items()]
        all_rows = reduce(DataFrame.unionByName, named) if named else job.nothing(name).withColumn("model", F.lit(""))
        written = job.replace(name, all_rows, model=tuple(model.name for model in models))
        parts = written.parts
    job.tracking.log_metrics({f"n_{name.partition('.')[2]}_{model}": n_rows for model, n_rows in parts.items()})
    return written
