"""How good the lists of an earlier day were, judged by what customers bought since.

With `--as-of D` it reads gold.candidates and gold.associations of all models at D - horizon, scores them against the
purchases in [D - horizon, D), and writes gold.evaluation at D - horizon. Where no lists were made that day there is
nothing to judge, and it says so. Deliberately not done here: making lists for days that have none.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.evaluate.evaluation import evaluation
from cartograph.evaluate.popularity import product_popularity
from cartograph.evaluate.truth import EVERYONE, basket_truth, user_truth
from cartograph.runtime.job import Job, main


def run(job: Job) -> None:
    """Writes the evaluation of the lists made `horizon_days` before `job.as_of`."""
    settings = job.settings
    assert job.as_of is not None
    day = job.as_of - timedelta(days=settings.horizon_days)
    candidates = job.read("gold.candidates", as_of=day).withColumn("list_id", F.col("user_id"))
    if candidates.isEmpty():
        job.progress.say(f"no lists were made for {day}: nothing to evaluate")
        return
    associations = job.read("gold.associations", as_of=day).select(
        "model", F.col("product_id").alias("list_id"), F.col("associated_product_id").alias("product_id"), "rank"
    )
    history = job.read("silver.events", as_of=day)
    horizon = job.read("silver.events").where(F.col("event_at") >= F.lit(day).cast("timestamp"))
    catalogue = job.read("silver.products", as_of=day)
    baskets = job.read("silver.baskets").where(F.col("ordered_at") >= F.lit(day).cast("timestamp"))
    popularity = product_popularity(history, settings.head_share, settings.tail_share).persist()
    measured = {
        "ks": settings.k,
        "n_buckets": settings.n_buckets,
        "n_resamples": settings.n_resamples,
        "seed": settings.seed,
    }
    for_customers = evaluation(candidates, user_truth(history, horizon, popularity), popularity, catalogue, **measured)
    for_products = evaluation(associations, basket_truth(baskets), popularity, catalogue, **measured)
    job.replace("gold.evaluation", for_customers.unionByName(for_products), as_of=day)
    for row in _headline(job.read("gold.evaluation", as_of=day), max(settings.k)).collect():
        job.metric(f"{row.model}.{row.metric}_{row.k}", row.value)
    popularity.unpersist()


def _headline(values: DataFrame, k: int) -> DataFrame:
    """The values that go to the tracker: all customers, the longest list."""
    return values.where((F.col("slice") == EVERYONE) & (F.col("k") == k))


if __name__ == "__main__":
    main("evaluate", run, __doc__)
