"""Each list compared with its truth: one row of metric values per model, slice and list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.statistics import metrics
from cartograph.evaluate.beyond_accuracy import LIST_METRICS, list_values, with_attributes
from cartograph.evaluate.diversity import diversities
from cartograph.evaluate.known import Known

TRUTH_METRICS = ("auc", "serendipity", "revenue", "user_coverage")


def whole_lists(lists: DataFrame, truth: DataFrame, known: Known, ks: Sequence[int]) -> DataFrame:
    """One row per list with a truth: its products in order of rank, and the metrics of the list itself.

    Columns: model, list_id, places (array of rank, product_id, expected_at) and a `metric@k` for each of LIST_METRICS,
    null where the data for it is missing.

    Args:
        lists: model, list_id, rank, product_id.
        truth: rows with the list_id of every list to be scored.
        known: see `Known`.
        ks: list lengths.
    """
    scored = lists.where(F.col("rank") <= max(ks)).join(truth.select("list_id").distinct(), "list_id", "left_semi")
    place = F.struct("rank", "product_id", "expected_at", "self_information", "category").alias("place")
    rows = with_attributes(scored, known, max(ks)).select("model", "list_id", place)
    grouped = rows.groupBy("model", "list_id").agg(F.sort_array(F.collect_list("place")).alias("places"))
    tasted = grouped.withColumn("categories", F.col("places.category"))
    if known.tastes is None:
        tasted = tasted.withColumn("taste", F.lit(None).cast("map<string,double>"))
    else:
        tasted = tasted.join(known.tastes, "list_id", "left")
    values = [value.alias(name) for name, value in list_values(ks).items()]
    places = F.transform("places", lambda each: F.struct(each["rank"], each["product_id"], each["expected_at"]))
    key = F.concat_ws("\n", "model", "list_id").alias("list_key")
    found = tasted.select("model", "list_id", key, places.alias("places"), *values).localCheckpoint()
    if known.features is None:
        nulls = {f"diversity@{k}": F.lit(None).cast("double") for k in ks}
        return found.drop("list_key").withColumns(nulls)
    listed = found.select("list_key", F.col("places.product_id").alias("product_ids"))
    return found.join(diversities(listed, known.features, ks), "list_key", "left").drop("list_key")


def list_scores(
    whole: DataFrame, models: DataFrame, truth: DataFrame, n_universe: DataFrame, ks: Sequence[int]
) -> DataFrame:
    """One row per model and row of `truth`: the value of every metric at every k.

    A customer with truth but without a list scores zero, except in LIST_METRICS, which are null. The full ranking
    counts: no negatives are sampled. serendipity is the share of the first k products that are hits and not among the
    k best sellers (Ge, Delgado-Battenfeld and Jannach 2010: useful, and absent from a primitive list); revenue is what
    was spent on the first k products.

    Columns: model, slice, list_id, cluster_id and one `metric@k` each.

    Args:
        whole: see `whole_lists`.
        models: one row per model.
        truth: slice, list_id, cluster_id, relevant, paid.
        n_universe: one row, n_universe: products that could have been listed or bought.
        ks: list lengths.
    """
    expected = truth.crossJoin(F.broadcast(models))
    answered = expected.join(whole, ["model", "list_id"], "left").join(F.broadcast(n_universe))
    hits = F.transform(
        F.filter("places", lambda place: F.array_contains("relevant", place["product_id"])),
        lambda place: F.struct(
            place["rank"].alias("rank"),
            place["expected_at"].alias("expected_at"),
            F.element_at("paid", place["product_id"]).alias("paid"),
        ),
    )
    nothing = F.array().cast("array<struct<rank:int,expected_at:int,paid:double>>")
    n_listed = F.when(F.col("places").isNull(), 0).otherwise(F.size("places"))
    with_hits = answered.withColumns({"hits": F.coalesce(hits, nothing), "n_listed": n_listed})
    # Columns of their own, so that they are computed once and not again in each metric.
    cut = with_hits.withColumns({f"hits@{k}": F.filter("hits", _within(k)) for k in ks})
    own = [F.col(f"`{metric}@{k}`") for metric in LIST_METRICS for k in ks]
    return cut.select("model", "slice", "list_id", "cluster_id", *own, *_values(ks))


def _within(k: int) -> Callable[[Column], Column]:
    return lambda hit: hit["rank"] <= k


def metric_names(ks: Sequence[int]) -> list[str]:
    """Names of the metric columns of `list_scores`: `ndcg@10` and so on."""
    return [f"{metric}@{k}" for metric in (*metrics.RANKING_METRICS, *LIST_METRICS, *TRUTH_METRICS) for k in ks]


def _values(ks: Sequence[int]) -> list[Column]:
    n_relevant = F.size("relevant")
    found: dict[str, Column] = {}
    for k in ks:
        hits = F.col(f"`hits@{k}`")
        at_k = metrics.ranking_metrics(hits["rank"], n_relevant, k) | _truth_values(hits, k, n_relevant)
        found |= {f"{name}@{k}": value for name, value in at_k.items()}
    return [value.alias(name) for name, value in found.items()]


def _truth_values(hits: Column, k: int, n_relevant: Column) -> dict[str, Column]:
    """The values of TRUTH_METRICS at `k`."""
    unexpected = F.filter(hits, lambda hit: F.coalesce(hit["expected_at"] > k, F.lit(True)))
    captured = F.aggregate(hits, F.lit(0.0), lambda total, hit: total + hit["paid"])
    n_listed = F.least("n_listed", F.lit(k))
    return {
        "auc": metrics.auc(hits["rank"], n_relevant, n_listed, F.col("n_universe")),
        "serendipity": F.size(unexpected) / F.lit(float(k)),
        "revenue": F.when(F.col("paid").isNotNull(), captured),
        "user_coverage": F.when(F.col("n_listed") > 0, 1.0).otherwise(0.0),
    }
