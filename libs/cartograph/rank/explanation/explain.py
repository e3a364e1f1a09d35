"""The recommendations of a day: the lists shown, each product with what its score consists of and why it is shown."""

from __future__ import annotations

from pyspark.sql import DataFrame

from cartograph.rank.day import Day, Sources
from cartograph.rank.explanation.als_contributions import contributions_to_lists
from cartograph.rank.explanation.recommendations import newcomer_recommendations, recommendations
from cartograph.rank.explanation.score_parts import with_parts
from cartograph.rank.fusion.fuse import FusedLists
from cartograph.rank.reranking.rerank import Reranked
from cartograph.rank.settings import RankSettings


def explain(
    reranked: Reranked,
    fused: FusedLists,
    associations: DataFrame,
    day: Day,
    sources: Sources,
    settings: RankSettings,
) -> DataFrame:
    """The rows of gold.recommendations.

    Args:
        reranked: the lists shown.
        fused: the candidates they were chosen from.
        associations: `fused_lists` of gold.associations, `with_evidence`.
        day: the day of the lists.
        sources: what they are explained by.
        settings: of the step.
    """
    recommended = recommendations(
        with_parts(reranked.lists, fused, settings.fusion.n_parts),
        associations,
        day.data,
        settings,
        edges=sources.edges,
        tastes=contributions_to_lists(reranked.lists, day, sources.als),
        attributions=sources.attributions,
    )
    return recommended.unionByName(newcomer_recommendations(reranked.newcomers))
