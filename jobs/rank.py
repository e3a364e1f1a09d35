"""The final lists of one day: what to recommend to each customer, what belongs with each product, and why.

Reads gold.candidates and gold.associations of all models, and gold.relations, the product graph and the factors of ALS
if there are any, at `as_of`; writes gold.recommendations and gold.related_products, what rules of the shop hid to
gold.hidden, and the lists shown as one more model, `fused`, so that `evaluate` compares it with the others. How many
lists are made one is learned from an earlier day's candidates and from what customers bought since; gold.fusion says
what was learned.
Deliberately not done here: fitting the models, and judging the lists.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core import schema
from cartograph.core.errors import UserError
from cartograph.core.histories import histories
from cartograph.core.interactions import interactions
from cartograph.core.model import Silver
from cartograph.rank.business_rules import BusinessRules
from cartograph.rank.cold_start import cold_start_lists
from cartograph.rank.diversity import trade_off
from cartograph.rank.evidence import with_evidence
from cartograph.rank.exploration import EXPLORED, Exploration, explored
from cartograph.rank.fused_candidates import fused_candidates
from cartograph.rank.fusion import FUSED, fused_lists
from cartograph.rank.learned import Trees
from cartograph.rank.links import Graph
from cartograph.rank.methods import Fusion, Votes, best_fusion
from cartograph.rank.plot import trade_off_figure
from cartograph.rank.recommendations import recommendations
from cartograph.rank.related_products import related_products
from cartograph.rank.selection import Diversity, allowed, diverse, rules_of
from cartograph.rank.taste import LeastSquares, tastes
from cartograph.runtime.job import Job, main

_SPARE = 3  # popular products taken for each place, as some may be hidden


def run(job: Job) -> None:
    """Writes the final lists of `job.as_of`."""
    assert job.as_of is not None
    rank, data = job.settings, job.silver()
    lists, pairs = job.read("gold.candidates"), job.read("gold.associations")
    past = histories(data.events, rank.recent)
    votes = Votes(rank.constant, rank.weights)
    today = graph(job, job.as_of)
    fused, explained = fused_candidates(
        lists, data, job.as_of, learned_fusion(job, votes), votes, rank.fusion.n_parts, today
    )
    known = chosen(job, fused, data, past).persist()
    fused_pairs = fused_lists(pairs, "product_id", "associated_product_id", rank.constant, rank.association_weights)
    # A checkpoint, because persisted pairs were counted again for each list made of them.
    associations = with_evidence(fused_pairs, data.baskets).localCheckpoint()
    newcomers = popular(job, data, known)
    candidates = with_new_products(job, known, data)

    columns = ["user_id", "rank", "product_id", "score"]
    shown = candidates.select(*columns).unionByName(newcomers.select(*columns)).where(F.col("rank") <= rank.k)
    job.replace("gold.candidates", shown, model=FUSED)
    beside = associations.where(F.col("rank") <= rank.k_related)
    columns = ["product_id", "rank", "associated_product_id", "score"]
    job.replace("gold.associations", beside.select(*columns), model=FUSED)

    related = related_products(associations, rank.k_related, today.relations)
    job.metric("n_related_products", job.replace("gold.related_products", related).rows)
    listed = candidates.where(F.col("rank") <= rank.k)
    recommended = recommendations(
        explained(listed),
        associations,
        past,
        data,
        k=rank.k,
        recent=rank.recent,
        user_models=rank.user_models,
        sequence_models=rank.sequence_models,
        edges=job.read_any("silver.product_graph"),
        tastes=liked(job, listed, data),
        attributed=job.read_any("gold.attributions"),
    )
    job.metric("n_recommendations", job.replace("gold.recommendations", recommended.unionByName(newcomers)).rows)
    known.unpersist()


def learned_fusion(job: Job, votes: Votes) -> Fusion:
    """What an earlier day teaches of fusing, written to gold.fusion: the method asked for, or the best one."""
    settings, day = job.settings.fusion, earlier_day(job)
    found = Fusion()
    if day is not None and settings.method != "rrf":
        since = job.read("silver.events").where(F.col("event_at") >= F.lit(day).cast("timestamp"))
        until = F.lit(day + timedelta(days=settings.label_days)).cast("timestamp")
        bought = since.where("event_type = 'purchase' AND user_id IS NOT NULL").where(F.col("event_at") < until)
        trees = Trees(**settings.trees.model_dump())
        lists, data = job.read("gold.candidates", as_of=day), job.silver(day)
        found = best_fusion(lists, data, bought, day, votes=votes, trees=trees, k=job.settings.k, graph=graph(job, day))
    if found.ndcg and settings.method != "auto":
        found = replace(found, method=settings.method)
    job.progress.say(_told(found, day, job.settings.k))
    for name, value in (found.ndcg or {}).items():
        job.metric(f"held_back_ndcg_{name}", value)
    job.replace("gold.fusion", fusion_row(job, found, day))
    return found


def graph(job: Job, day: date) -> Graph:
    """What the graph step made of that day."""
    return Graph(relations=job.read_any("gold.relations", day), places=job.read_any("silver.communities", day))


def earlier_day(job: Job) -> date | None:
    """The day to learn from: the last one whose customers have had label_days since, else the first one of all."""
    assert job.as_of is not None
    days, latest = job.earlier_days("gold.candidates"), job.as_of - timedelta(days=job.settings.fusion.label_days)
    ripe = [day for day in days if day <= latest]
    return max(ripe) if ripe else min(days, default=None)


def fusion_row(job: Job, fusion: Fusion, day: date | None) -> DataFrame:
    """The row of gold.fusion."""
    ranker = fusion.ranker
    row = {
        "as_of": job.as_of,
        "method": fusion.method,
        "learned_from": day if fusion.ndcg else None,
        "ndcg": fusion.ndcg,
        "features": list(ranker.features) if ranker else None,
        "trees": ranker.trees if ranker else None,
    }
    return job.spark.createDataFrame([row], schema.table("gold.fusion").columns)


def _told(fusion: Fusion, day: date | None, k: int) -> str:
    """What was learned, in a sentence."""
    if day is None:
        return "fusion: rrf, as there is no earlier day to learn from"
    if not fusion.ndcg:
        return f"fusion: rrf, as {day} teaches too little (too few customers bought what was listed, or method is rrf)"
    judged = ", ".join(f"{name} {value:.4f}" for name, value in fusion.ndcg.items())
    return f"fusion: {fusion.method}; NDCG@{k} of customers held back on {day}: {judged}"


def chosen(job: Job, fused: DataFrame, data: Silver, past: DataFrame) -> DataFrame:
    """The candidates that may be shown, diverse if that is asked for; what was hidden is written down."""
    rank, rules = job.settings, rules_of(job.settings.rules.model_dump())
    if rules is not None or job.tables.exists("gold.hidden"):  # where an earlier run may have left some
        fused, hidden = allowed(fused.localCheckpoint(), data, rules or BusinessRules(), rank.k)
        job.metric(
            "n_hidden",
            job.replace("gold.hidden", hidden.select("user_id", "product_id", "rank", "score", "hidden_by")).rows,
        )
    diversity = Diversity(**rank.diversity.model_dump(exclude={"vectors", "curve"}))
    vectors = factors(job) if diversity.wants_vectors else None
    if vectors is not None and rank.diversity.curve:
        asked = rank.diversity
        measured = trade_off(fused, vectors, rank.k, asked.method, asked.curve, asked.depth)
        points = [(row.diversity, row.relevance, row.spread) for row in measured.collect()]  # one per weight
        job.figure("diversity", trade_off_figure(points, diversity.method))
    return diverse(fused, data, past, vectors, rank.k, diversity)


def liked(job: Job, listed: DataFrame, data: Silver) -> DataFrame | None:
    """What customers' own products add to scores of ALS; None where its factors are not kept, or not so simple."""
    als, factors = job.config.cf.als, job.read_any("gold.factors", model="als", side="product")
    if factors is None or not als.implicit or als.debias:
        return None
    items = factors.where("fitted_as_of = as_of").select(F.col("id").alias("product_id"), "vector")
    asked = listed.where(F.array_contains("models", "als")).select("user_id", "product_id")
    weights = interactions(data.events, job.config.cf.event_weights, half_life_days=als.half_life_days)
    return tastes(asked, weights, items, LeastSquares(als.alpha, als.regularisation, als.frequency_power))


def factors(job: Job) -> DataFrame:
    """product_id and vector of the model that `rank.diversity.vectors` names: factors, or what `embed` made."""
    model = job.settings.diversity.vectors
    rows = job.read_any("gold.factors", model=model, side="product")
    if rows is not None:
        return rows.select(F.col("id").alias("product_id"), "vector")
    rows = job.read_any("silver.product_vectors", model=model)
    if rows is None:
        raise UserError(
            f"rank.diversity.vectors: neither gold.factors nor silver.product_vectors has {model!r} at {job.as_of}"
        )
    return rows.select("product_id", "vector")


def with_new_products(job: Job, candidates: DataFrame, data: Silver) -> DataFrame:
    """The candidates, the last places of each list given to new products where `exploration.slots` says so."""
    rank, exploration = job.settings, Exploration(**job.settings.exploration.model_dump())
    if not exploration.slots:
        return candidates
    assert job.as_of is not None
    tried = explored(candidates, data.products, data.events, job.as_of, rank.k, exploration).localCheckpoint()
    job.metric("n_explored", tried.count())
    kept = candidates.join(tried.select("user_id", "rank"), ["user_id", "rank"], "left_anti")
    one = {"models": F.array(F.lit(EXPLORED)), "votes": F.array("score")}
    return kept.unionByName(tried.withColumns(one).select(*kept.columns))


def popular(job: Job, data: Silver, served: DataFrame) -> DataFrame:
    """What customers without candidates are shown, as far as rules allow."""
    k, rules = job.settings.k, rules_of(job.settings.rules.model_dump())
    if rules is None:
        return cold_start_lists(data, served, k)
    shown, _ = allowed(cold_start_lists(data, served, _SPARE * k), data, rules, k)
    return shown.where(F.col("rank") <= k)


if __name__ == "__main__":
    main("rank", run, __doc__)
