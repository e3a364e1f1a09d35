"""How good the lists of an earlier day were, judged by what customers bought since, and whose should be shown.

With `--as-of D` it reads gold.candidates and gold.associations of all models at D - horizon, scores them against the
purchases in [D - horizon, D), and writes gold.evaluation at D - horizon, and gold.promotions where
`evaluate.promotion.challengers` names any. Where no lists were made that day there is nothing to judge, and it says so.
Deliberately not done here: making lists for days that have none, and showing those of the model that is promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.tables.schema import table
from cartograph.evaluate.beyond_accuracy import Known, tastes
from cartograph.evaluate.diversity import category_features, vector_features
from cartograph.evaluate.evaluation import Evaluation, evaluation
from cartograph.evaluate.exposure import EXPOSURE_METRICS
from cartograph.evaluate.popularity import product_popularity
from cartograph.evaluate.promotion import Decision, Gate, Resampling, decisions
from cartograph.evaluate.settings import EvaluateSettings
from cartograph.evaluate.slices import largest
from cartograph.evaluate.truth import EVERYONE, basket_truth, user_truth
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job
from cartograph.runtime.registry import point_aliases


def run(job: Job) -> None:
    """Writes the evaluation of the lists made `horizon_days` before `job.as_of`."""
    settings: EvaluateSettings = job.settings
    assert job.as_of is not None
    day = job.as_of - timedelta(days=settings.horizon_days)
    candidates = job.read("gold.candidates", as_of=day).withColumn("list_id", F.col("user_id"))
    if candidates.isEmpty():
        job.progress.say(f"no lists were made for {day}: nothing to evaluate")
        job.replace("gold.evaluation", job.nothing("gold.evaluation"), as_of=day)
        return
    associations = job.read("gold.associations", as_of=day).select(
        "model", F.col("product_id").alias("list_id"), F.col("associated_product_id").alias("product_id"), "rank"
    )
    history = job.read("silver.events", as_of=day)
    horizon = job.read("silver.events").where(F.col("event_at") >= F.lit(day).cast("timestamp"))
    baskets = job.read("silver.baskets").where(F.col("ordered_at") >= F.lit(day).cast("timestamp"))
    popularity = product_popularity(history, settings.head_share, settings.tail_share).persist()
    known = what_was_known(job, day, history, popularity)
    parts, seen_by = (categories(known, settings), segments(job, day)), job.config.seen.event_types
    truth = user_truth(history, horizon, popularity, *parts, seen_by)
    measured: dict[str, Any] = {
        "ks": settings.k,
        "n_buckets": settings.n_buckets,
        "n_resamples": settings.n_resamples,
        "seed": settings.seed,
        "compared": settings.compared,
        "min_users": settings.min_users,
    }
    of_customers = evaluation(candidates, truth, known, **measured)
    of_products = evaluation(associations, basket_truth(baskets), replace(known, tastes=None), **measured)
    job.replace("gold.evaluation", of_customers.values.unionByName(of_products.values), as_of=day)
    values = job.read("gold.evaluation", as_of=day)
    told = _headline(values, max(settings.k)).collect()
    job.tracking.log_metrics({f"{row.model}.{row.metric}_{row.k}": row.value for row in told})  # in one call
    if settings.promotion.challengers:
        promote(job, day, of_customers)
    popularity.unpersist()


def what_was_known(job: Job, day: date, history: DataFrame, popularity: DataFrame) -> Known:
    """What lists are described by, as it was on that day."""
    products = job.read("silver.products", as_of=day)
    level = F.get("category", F.lit(job.settings.slices.category_level - 1))
    catalogue = products.select("product_id", level.alias("category"))
    purchases = history.where("event_type = 'purchase' and user_id is not null")
    vectors = job.vectors(day)
    features = None if vectors is None else vector_features(vectors)
    if catalogue.where("category is not null").isEmpty():
        return Known(popularity, catalogue, features=features)
    features = category_features(products) if features is None else features
    return Known(popularity, catalogue, tastes(purchases, catalogue), features)


def categories(known: Known, settings: EvaluateSettings) -> DataFrame | None:
    """The products of the categories that are judged apart; None for none."""
    if known.tastes is None or not settings.slices.n_categories:
        return None
    sold = known.catalogue.join(known.popularity.select("product_id", "n_users"), "product_id")
    return largest(sold, "category", settings.slices.n_categories, weight="n_users")


def segments(job: Job, day: date) -> DataFrame | None:
    """The customers of the segments that are judged apart; None for none."""
    slices = job.settings.slices
    if not slices.n_segments or not job.tables.exists("silver.users"):
        return None
    return largest(job.read("silver.users", as_of=day), slices.segment, slices.n_segments)


def promote(job: Job, day: date, found: Evaluation) -> None:
    """Writes gold.promotions at `day`, and points the aliases of the registered model, if one is named, at the outcome.

    Only bucket sums come to the driver: as many rows as there are buckets per model.
    """
    settings: EvaluateSettings = job.settings
    asked = settings.promotion
    gate = Gate(**asked.model_dump(exclude={"registered_model"}))
    models = [gate.champion, *gate.challengers]
    sums = found.sums.where((F.col("slice") == gate.slice) & F.col("model").isin(models)).toPandas()
    at = (F.col("slice") == gate.slice) & (F.col("k") == gate.k) & F.col("metric").isin(*EXPOSURE_METRICS)
    values = job.read("gold.evaluation", as_of=day).where(at & F.col("model").isin(models)).collect()
    shown = {(row.model, row.metric): row.value for row in values}
    resampling = Resampling(settings.n_buckets, settings.n_resamples, settings.seed)
    made = decisions(sums, shown, gate, resampling)
    same = {"champion": gate.champion, "metric": gate.metric, "k": gate.k, "slice": gate.slice, "as_of": day}
    rows = job.spark.createDataFrame([same | vars(each) for each in made], table("gold.promotions").columns)
    job.replace("gold.promotions", rows, as_of=day)
    for each in made:
        job.progress.say(f"{each.challenger} against {gate.champion}: {each.decision} ({'; '.join(each.reasons)})")
    if asked.registered_model:
        point_aliases(job.tracking, job.config, asked.registered_model, aliases(made, gate.champion))


def aliases(made: Sequence[Decision], champion: str) -> dict[str, str]:
    """Whose lists should be shown (champion), and whose are next: the former champion, or the best challenger."""
    promoted = [each.challenger for each in made if each.decision == "promote"]
    if promoted:
        return {"champion": promoted[0], "challenger": champion}
    tried = [each for each in made if each.difference is not None]
    best = max(tried, key=lambda each: each.difference or 0.0, default=None)
    return {"champion": champion} | ({"challenger": best.challenger} if best else {})


def _headline(values: DataFrame, k: int) -> DataFrame:
    """The values that go to the tracker: all customers, the longest list."""
    return values.where((F.col("slice") == EVERYONE) & (F.col("k") == k))


if __name__ == "__main__":
    main("evaluate", run, __doc__)
