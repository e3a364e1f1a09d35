"""Relations learned from known links: a classifier over the same features as the rules.

Links come from a shop's own catalogue ("goes with", "alternatives"), or are the most confident rows of the rules: the
classifier then generalises to pairs that lack one kind of count.
"""

from __future__ import annotations

from typing import Any

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

CLASSES = ("none", "complement", "substitute")
_NONE_PER_LINK = 3  # Pairs without a known link that are sampled as "none", per link.


def trained_classifier(
    pairs: DataFrame, links: DataFrame, regularisation: float = 0.01, seed: int = 7
) -> PipelineModel:
    """A multinomial logistic regression with the classes complement, substitute and neither.

    Pairs without a link count as neither; they are sampled by a hash, three per link.

    Args:
        pairs: rows of `scored_pairs`; only those whose src has a link are used.
        links: src, dst, relation (complement or substitute).
        regularisation: L2 regularisation of the regression.
        seed: seed of the sample.

    Raises:
        ValueError: no pair has a link of one of the two relations.
    """
    known = links.where(F.col("relation").isin(*CLASSES[1:])).select("src", "dst", "relation")
    candidates = pairs.join(known.select("src").distinct(), "src", "left_semi").join(known, ["src", "dst"], "left")
    labelled = _features(candidates).withColumn("label", _label()).persist()
    counts = {row["label"]: row["count"] for row in labelled.groupBy("label").count().collect()}
    if not counts.get(1.0) or not counts.get(2.0):
        found = {CLASSES[int(label)]: count for label, count in sorted(counts.items())}
        raise ValueError(f"training needs pairs with links of both kinds; found {found}")
    share = min(1.0, _NONE_PER_LINK * (counts[1.0] + counts[2.0]) / max(counts.get(0.0, 0), 1))
    is_sampled = F.pmod(F.xxhash64("src", "dst", F.lit(seed)), F.lit(1_000_000)) < int(share * 1_000_000)
    regression = LogisticRegression(regParam=regularisation, family="multinomial", featuresCol="scaled", maxIter=50)
    scaler = StandardScaler(inputCol="features", outputCol="scaled", withMean=True)
    stages: list[Any] = [VectorAssembler(inputCols=_FEATURES, outputCol="features"), scaler, regression]
    model = Pipeline(stages=stages).fit(labelled.where((F.col("label") > 0) | is_sampled))
    labelled.unpersist()
    return model


def probabilities(model: PipelineModel, pairs: DataFrame) -> DataFrame:
    """One row per pair: src, dst, complement_score, substitute_score (probabilities).

    Args:
        model: made by `trained_classifier`.
        pairs: rows of `scored_pairs`.
    """
    scored = model.transform(_features(pairs)).withColumn("classes", vector_to_array(F.col("probability")))
    return scored.select("src", "dst", F.get("classes", F.lit(1)).alias("complement_score"),
                         F.get("classes", F.lit(2)).alias("substitute_score"))  # fmt: skip


_FEATURES = [
    "orders", "npmi", "family_strength", "views", "view_npmi", "view_strength", "swings", "forward", "similarity",
    "shared", "same_type", "other_type",
]  # fmt: skip


def _features(pairs: DataFrame) -> DataFrame:
    """The pairs with the features of the regression: counts on a logarithmic scale, flags as 0 and 1."""
    same = F.col("is_same_type")
    return pairs.withColumns(
        {
            "orders": F.log1p("n_orders"),
            "views": F.log1p("n_views"),
            "swings": F.log1p("swing"),
            "shared": F.log1p("n_shared"),
            "family_strength": _digits("family_p_value"),
            "view_strength": _digits("view_p_value"),
            "same_type": F.coalesce(same.cast("double"), F.lit(0.0)),
            "other_type": F.coalesce((~same).cast("double"), F.lit(0.0)),
        }
    )


def _digits(p: str) -> Column:
    """The digits of a p value, again on a logarithmic scale: 10^-300 is not ten times as certain as 10^-30."""
    return F.log1p(-F.log10(F.greatest(F.col(p), F.lit(1e-300))))


def _label() -> Column:
    """0, 1, 2 for none, complement, substitute."""
    label = F.lit(0.0)
    for number, name in enumerate(CLASSES[1:], 1):
        label = F.when(F.col("relation") == name, float(number)).otherwise(label)
    return label
