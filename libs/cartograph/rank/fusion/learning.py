"""Which fusion method to use, learned on an earlier day from what customers bought since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.tables import schema
from cartograph.rank.day import Day
from cartograph.rank.fusion.comparison import BASELINE, Comparison, Method, compare
from cartograph.rank.fusion.features import features, models_of
from cartograph.rank.fusion.rank_probabilities import rank_probabilities
from cartograph.rank.fusion.ranker import Ranker, labelled, scored, train_ranker
from cartograph.rank.fusion.reciprocal_ranks import fused_for_customers, ranked
from cartograph.rank.settings import FusionSettings, RankSettings

_PAIR = ["user_id", "product_id"]


@dataclass(frozen=True)
class Fusion:
    """The fusion method to use, and why.

    Attributes:
        method: rrf, calibrated or learned.
        comparison: of the methods on holdout customers; None if nothing was learned.
        probabilities: of `rank_probabilities`.
        ranker: of `ranker.train_ranker`.
        reason: as text.
        learned_from: the earlier day; None if nothing was learned.
    """

    method: Method = BASELINE
    comparison: Comparison | None = None
    probabilities: DataFrame | None = None
    ranker: Ranker | None = None
    reason: str = ""
    learned_from: date | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The methods' NDCG on holdout customers, as metrics of the run."""
        return (
            {f"holdout_ndcg_{name}": value for name, value in self.comparison.ndcg.items()} if self.comparison else {}
        )


def learning_day(days: Sequence[date], as_of: date, settings: FusionSettings) -> date | None:
    """The day to learn from: the latest with label_days of purchases since, else the first; None if none is needed."""
    if settings.method == "rrf":
        return None
    complete = [day for day in days if day <= as_of - timedelta(days=settings.label_days)]
    return max(complete) if complete else min(days, default=None)


def learn_fusion(earlier: Day | None, events: DataFrame, settings: RankSettings) -> Fusion:
    """The configured method, or for `auto` the best one; reciprocal rank fusion if nothing can be learned.

    Args:
        earlier: the day to learn from; None if there is none.
        events: rows of silver.events, those after the earlier day included.
        settings: of the step.
    """
    method = settings.fusion.method
    configured = f"rank.fusion.method is {method}"
    if earlier is None or method == "rrf":
        return Fusion(reason=configured if method == "rrf" else "no earlier day to learn from")
    start = F.lit(earlier.as_of).cast("timestamp")
    end = F.lit(earlier.as_of + timedelta(days=settings.fusion.label_days)).cast("timestamp")
    purchases = events.where("event_type = 'purchase' AND user_id IS NOT NULL")
    bought = purchases.where((F.col("event_at") >= start) & (F.col("event_at") < end))
    found = best_fusion(earlier, bought, settings)
    if found.comparison is None or method == "auto":
        return found
    return replace(found, method=method, reason=f"{configured}; {found.reason}")


def best_fusion(earlier: Day, bought: DataFrame, settings: RankSettings) -> Fusion:
    """Reciprocal rank fusion, or the method that is significantly better at NDCG@k on holdout customers.

    Args:
        earlier: the day to learn from.
        bought: user_id, product_id: what customers bought since.
        settings: of the step.
    """
    models, trees = models_of(earlier.lists), settings.fusion.trees
    rows = labelled(features(earlier, models), bought, trees).persist()
    training, holdout = rows.where("NOT is_holdout"), rows.where("is_holdout")
    ranker = train_ranker(training, trees, settings.k)
    if ranker is None:
        rows.unpersist()
        return Fusion(reason=f"too few customers bought any of their candidates of {earlier.as_of} to learn from")
    hits = training.select(*_PAIR, F.col("is_bought").cast("double").alias("hit"))
    lists = earlier.lists.where(F.col("model").isin(models))
    probabilities = rank_probabilities(lists, hits, "user_id", "product_id").localCheckpoint()
    compared = earlier.lists.join(holdout.select("user_id").distinct(), "user_id", "left_semi")
    by_method: dict[Method, DataFrame] = {
        "rrf": fused_for_customers(compared, settings),
        "calibrated": fused_for_customers(compared, settings, probabilities),
        "learned": ranked(scored(holdout, ranker), *_PAIR),
    }
    purchases = holdout.where("is_bought = 1").groupBy("user_id").agg(F.collect_set("product_id").alias("product_ids"))
    comparison = compare(by_method, purchases, settings.k)
    rows.unpersist()
    return Fusion(comparison.winner, comparison, probabilities, ranker, comparison.reason, earlier.as_of)


def fusion_row(day: Day, fusion: Fusion) -> DataFrame:
    """The row of gold.fusion: the method in use, the comparison with the others, and the ranker's trees."""
    ranker, comparison = fusion.ranker, fusion.comparison
    improvements = comparison.improvements if comparison else None
    row = {
        "as_of": day.as_of,
        "method": fusion.method,
        "reason": fusion.reason,
        "learned_from": fusion.learned_from,
        "n_judges": comparison.n if comparison else None,
        "ndcg": comparison.ndcg if comparison else None,
        "low": {name: found.low for name, found in improvements.items()} if improvements else None,
        "high": {name: found.high for name, found in improvements.items()} if improvements else None,
        "features": list(ranker.features) if ranker else None,
        "trees": ranker.trees if ranker else None,
    }
    return day.lists.sparkSession.createDataFrame([row], schema.table("gold.fusion").columns)
