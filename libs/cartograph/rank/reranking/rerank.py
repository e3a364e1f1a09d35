"""From the fused candidates to the lists shown: business rules, diversity, new products, lists of newcomers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.model import Silver
from cartograph.core.views.histories import histories
from cartograph.rank.day import Day
from cartograph.rank.reranking.category_calibration import calibrated, category_profiles
from cartograph.rank.reranking.cold_start import cold_start_lists
from cartograph.rank.reranking.diversity import diversified, trade_off
from cartograph.rank.reranking.exploration import queues, with_trials
from cartograph.rank.reranking.rule_filter import RuleFilter
from cartograph.rank.reranking.trade_off_plot import trade_off_figure
from cartograph.rank.score_shares import as_shares
from cartograph.rank.settings import DiversitySettings, RankSettings

_SPARE = 3  # best sellers taken per place, because some may be hidden
_PAIR = ["user_id", "product_id"]
_HIDDEN = [*_PAIR, "rank", "score", "hidden_by"]


@dataclass(frozen=True)
class Reranked:
    """The lists shown, persisted.

    Attributes:
        lists: of customers with candidates, `as_shares`: user_id, product_id, rank, score, models, votes, best and, if
            new products are tried, `chance`.
        newcomers: of customers without candidates, `as_shares`: `cold_start_lists` of at most k.
        hidden: rows of gold.hidden; None without rules.
        metrics: what was counted, by name.
        trade_off: the plot of relevance against diversity, if rank.diversity.curve asks for one.
        candidates: those that may be shown, which `lists` are made from.
    """

    lists: DataFrame
    newcomers: DataFrame
    hidden: DataFrame | None
    metrics: Mapping[str, float]
    trade_off: Figure | None
    candidates: DataFrame

    @property
    def tables(self) -> dict[str, DataFrame | None]:
        """Rows of gold.candidates (of the fused model) and of gold.hidden."""
        columns = ["user_id", "rank", "product_id", "score"]
        shown = self.lists.select(*columns).unionByName(self.newcomers.select(*columns))
        return {"gold.candidates": shown, "gold.hidden": self.hidden}

    @property
    def persisted(self) -> tuple[DataFrame, ...]:
        """The frames to unpersist when the tables are written."""
        return self.candidates, self.lists, self.newcomers


def rerank(
    fused: DataFrame, day: Day, rules: RuleFilter | None, vectors: DataFrame | None, settings: RankSettings
) -> Reranked:
    """The lists of all customers.

    Args:
        fused: user_id, product_id, score (0 or more), rank, models, votes: the candidates, of `fuse`.
        day: the day of the lists.
        rules: of `rule_filter`.
        vectors: rows of gold.factors of products, or of silver.product_vectors; None if they are not needed.
        settings: of the step.
    """
    hidden, vectors = None, None if vectors is None else vectors.withColumnRenamed("id", "product_id")
    if rules is not None:
        fused, hidden = rules.split(fused.localCheckpoint(), settings.k)
    figure = plotted_trade_off(fused, vectors, settings.k, settings.diversity)
    candidates = diverse(fused, day.data, vectors, settings).persist()
    newcomers, also_hidden = newcomer_lists(day.data, candidates, rules, settings.k)
    lists = as_shares(with_new_products(candidates, day, rules, settings), "user_id").persist()
    if hidden is not None and also_hidden is not None:
        # A customer whose candidates are all hidden counts as a newcomer, too.
        others = also_hidden.join(hidden.select(*_PAIR), _PAIR, "left_anti")
        hidden = hidden.select(*_HIDDEN).unionByName(others.select(*_HIDDEN))
    metrics = {"n_explored": lists.where("chance IS NOT NULL").count()} if settings.exploration.slots else {}
    return Reranked(lists, as_shares(newcomers, "user_id").persist(), hidden, metrics, figure, candidates)


def diverse(lists: DataFrame, data: Silver, vectors: DataFrame | None, settings: RankSettings) -> DataFrame:
    """The `k` rows of each customer that are shown, in their new order; all rows unchanged if the method is none.

    Args:
        lists: user_id, product_id, score, rank and any further columns.
        data: silver tables before the day.
        vectors: product_id, vector; used by the methods mmr and dpp only.
        settings: of the step.

    Raises:
        UserError: the method needs vectors and there are none.
    """
    k, diversity = settings.k, settings.diversity
    if diversity.method == "none":
        return lists
    # Relevance must not be negative, unlike the scores of a ranker.
    lowest = F.least(F.min("score").over(Window.partitionBy("user_id")), F.lit(0.0))
    given = lists.select(*_PAIR, (F.col("score") - lowest).alias("score"), "rank")
    if diversity.method == "calibrated":
        level = F.lit(diversity.category_level - 1)
        categories = data.products.select("product_id", F.get("category", level).alias("category"))
        categories = categories.where("category IS NOT NULL")
        profiles = category_profiles(histories(data.events, settings.recent), categories)
        chosen = calibrated(given, profiles, categories, k, diversity.weight, diversity.depth)
    elif vectors is None:
        raise UserError(
            f"rank.diversity.vectors: neither gold.factors nor silver.product_vectors has {diversity.vectors!r} of "
            f"{data.as_of}"
        )
    else:
        chosen = diversified(given, vectors, k, diversity.method, diversity.weight, diversity.depth)
    return lists.drop("rank").join(chosen, _PAIR).select(*lists.columns)


def plotted_trade_off(
    fused: DataFrame, vectors: DataFrame | None, k: int, diversity: DiversitySettings
) -> Figure | None:
    """The plot of relevance against diversity for the weights of `diversity.curve`; None if there are none."""
    if vectors is None or not diversity.curve or diversity.method not in ("mmr", "dpp"):
        return None
    measured = trade_off(fused, vectors, k, diversity.method, diversity.curve, diversity.depth)
    points = [(row.diversity, row.relevance, row.spread) for row in measured.collect()]  # one per weight
    return trade_off_figure(points, diversity.method)


def with_new_products(candidates: DataFrame, day: Day, rules: RuleFilter | None, settings: RankSettings) -> DataFrame:
    """The lists of at most `k`, with new products in the last `exploration.slots` places."""
    k, exploration = settings.k, settings.exploration
    if not exploration.slots:
        return candidates.where(F.col("rank") <= k)
    products = day.data.products
    if rules is not None:
        products = products.join(rules.forbidden.select("product_id"), "product_id", "left_anti")
    queue = queues(candidates, products, day.data.events, day.as_of, k, exploration)
    if rules is not None and rules.rules.is_personal:
        queue, _ = rules.split(queue.localCheckpoint(), k)
    return with_trials(queue, k, exploration.slots)


def newcomer_lists(
    data: Silver, served: DataFrame, rules: RuleFilter | None, k: int
) -> tuple[DataFrame, DataFrame | None]:
    """Lists of the customers without candidates, and what the rules hide from them.

    Args:
        data: silver tables before the day.
        served: rows with the user_id of every customer with candidates.
        rules: of `rule_filter`.
        k: length of a list.
    """
    if rules is None:
        return cold_start_lists(data, served, k).where(F.col("rank") <= k), None
    depth = _SPARE * k if rules.rules.is_personal else k
    lists, hidden = rules.split(cold_start_lists(data, served, depth, rules.forbidden), k)
    return lists.where(F.col("rank") <= k), hidden
