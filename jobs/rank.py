"""The final lists of one day: what to recommend to each customer, what belongs with each product, and why.

Reads gold.candidates and gold.associations of all models, and gold.relations, the product graph, the factors of ALS and
what catalogues list if there are any, at `as_of`; writes gold.recommendations and gold.related_products, what rules of
the shop kept out of them to gold.hidden and gold.hidden_related, and the lists shown as one more model, `fused`, so
that `evaluate` compares it with the others. How many lists are made one is learned from an earlier day's candidates and
from what customers bought since; gold.fusion says what was learned.
Deliberately not done here: fitting the models, and judging the lists.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.model import Silver
from cartograph.core.tables import schema
from cartograph.core.views.histories import histories
from cartograph.core.views.interactions import debiased, interactions
from cartograph.core.views.product_sets import of_shoppers
from cartograph.rank.explanation.evidence import with_evidence
from cartograph.rank.explanation.taste import LeastSquares, tastes
from cartograph.rank.fusion.fused_candidates import fused_candidates
from cartograph.rank.fusion.links import Graph
from cartograph.rank.fusion.methods import Fusion, Votes, best_fusion
from cartograph.rank.fusion.reciprocal_ranks import FUSED, fused_lists
from cartograph.rank.fusion.scale import as_shares
from cartograph.rank.fusion.trees import Trees
from cartograph.rank.plot import trade_off_figure
from cartograph.rank.recommendations import recommendations
from cartograph.rank.related_products import permitted, related_products
from cartograph.rank.reranking.cold_start import cold_start_lists, popular
from cartograph.rank.reranking.diversity import trade_off
from cartograph.rank.reranking.exploration import Exploration, queues, with_trials
from cartograph.rank.reranking.selection import Diversity, Ruling, diverse, ruling
from cartograph.rank.reranking.shelf import shelf
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job

_ASKED_FOR = "rank.fusion.method asks for it"
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
    rules = ruling(data, on_the_shelf(job), rank.rules.model_dump())
    known, kept_out = chosen(job, fused, data, past, rules)
    known = known.persist()
    newcomers, kept_out_too = newcomers_lists(job, data, known, rules)
    newcomers = newcomers.persist()
    listed = as_shares(with_new_products(job, known, data, rules), "user_id").persist()
    write_hidden(job, "gold.hidden", kept_out, beyond(kept_out_too, kept_out))

    columns = ["user_id", "rank", "product_id", "score"]
    job.replace("gold.candidates", listed.select(*columns).unionByName(newcomers.select(*columns)), model=FUSED)
    associations = associated(job, pairs, data, today, rules)
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
    for rows in (known, listed, newcomers):
        rows.unpersist()


def associated(job: Job, pairs: DataFrame, data: Silver, today: Graph, rules: Ruling | None) -> DataFrame:
    """Writes the lists per product, and returns all associations with what was counted of them."""
    rank = job.settings
    fused = fused_lists(pairs, "product_id", "associated_product_id", rank.constant, rank.association_weights)
    # A checkpoint, because persisted pairs were counted again for each list made of them.
    associations = with_evidence(fused, of_shoppers(data).baskets).localCheckpoint()
    forbidden = rules.forbidden if rules else None
    related, kept_out = related_products(associations, rank.k_related, today.relations, forbidden)
    job.metric("n_related_products", job.replace("gold.related_products", related).rows)
    write_hidden(job, "gold.hidden_related", kept_out if rules else None)
    beside = permitted(associations, forbidden).where(F.col("rank") <= rank.k_related)
    columns = ["product_id", "rank", "associated_product_id", "score"]
    job.replace("gold.associations", beside.select(*columns), model=FUSED)
    return associations


def write_hidden(job: Job, name: str, *kept_out: DataFrame | None) -> None:
    """Writes what was kept out of the lists; nothing where no rule is, unless an earlier run left something."""
    rows = [each for each in kept_out if each is not None]
    if rows or job.tables.exists(name):
        columns = [column for column in schema.columns_of(name) if column != "as_of"]
        empty = job.spark.createDataFrame([], schema.table(name).columns).select(*columns)
        hidden = reduce(DataFrame.unionByName, [each.select(*columns) for each in rows], empty)
        job.metric(f"n_{name.removeprefix('gold.')}", job.replace(name, hidden).rows)


def beyond(hidden: DataFrame | None, others: DataFrame | None) -> DataFrame | None:
    """The rows whose customer and product are not among the others: who was left nothing is treated as a newcomer."""
    if hidden is None or others is None:
        return hidden
    pair = ["user_id", "product_id"]
    return hidden.join(others.select(*pair), pair, "left_anti")


def on_the_shelf(job: Job) -> DataFrame | None:
    """What catalogues say can be bought on the day; None where there is no catalogue."""
    listings = job.read_any("silver.listings")
    return None if listings is None else shelf(listings)


def learned_fusion(job: Job, votes: Votes) -> Fusion:
    """What an earlier day teaches of fusing, written to gold.fusion: the method asked for, or the best one."""
    settings, day = job.settings.fusion, earlier_day(job)
    found = Fusion(reason="there is no earlier day to learn from")
    if settings.method == "rrf":
        found = Fusion(reason=_ASKED_FOR)
    elif day is not None:
        since = job.read("silver.events").where(F.col("event_at") >= F.lit(day).cast("timestamp"))
        until = F.lit(day + timedelta(days=settings.label_days)).cast("timestamp")
        bought = since.where("event_type = 'purchase' AND user_id IS NOT NULL").where(F.col("event_at") < until)
        trees = Trees(**settings.trees.model_dump())
        lists, data = job.read("gold.candidates", as_of=day), job.silver(day)
        found = best_fusion(lists, data, bought, day, votes=votes, trees=trees, k=job.settings.k, graph=graph(job, day))
        if found.judgement and settings.method != "auto":
            found = replace(found, method=settings.method, reason=f"{_ASKED_FOR}; {found.reason}")
    job.progress.say(f"fusion by {found.method}: {found.reason}")
    for name, value in found.judgement.ndcg.items() if found.judgement else ():
        job.metric(f"judged_ndcg_{name}", value)
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
    ranker, judgement = fusion.ranker, fusion.judgement
    row = {
        "as_of": job.as_of,
        "method": fusion.method,
        "reason": fusion.reason,
        "learned_from": day if judgement else None,
        "n_judges": judgement.n if judgement else None,
        "ndcg": judgement.ndcg if judgement else None,
        "low": {name: lead.low for name, lead in judgement.leads.items()} if judgement else None,
        "high": {name: lead.high for name, lead in judgement.leads.items()} if judgement else None,
        "features": list(ranker.features) if ranker else None,
        "trees": ranker.trees if ranker else None,
    }
    return job.spark.createDataFrame([row], schema.table("gold.fusion").columns)


def chosen(
    job: Job, fused: DataFrame, data: Silver, past: DataFrame, rules: Ruling | None
) -> tuple[DataFrame, DataFrame | None]:
    """The candidates that may be shown, diverse if that is asked for, and what rules keep out of the lists."""
    rank, hidden = job.settings, None
    if rules is not None:
        fused, hidden = rules.allowed(fused.localCheckpoint(), rank.k)
    diversity = Diversity(**rank.diversity.model_dump(exclude={"vectors", "curve"}))
    vectors = factors(job) if diversity.wants_vectors else None
    if vectors is not None and rank.diversity.curve:
        asked = rank.diversity
        measured = trade_off(fused, vectors, rank.k, asked.method, asked.curve, asked.depth)
        points = [(row.diversity, row.relevance, row.spread) for row in measured.collect()]  # one per weight
        job.figure("diversity", trade_off_figure(points, diversity.method))
    return diverse(fused, data, past, vectors, rank.k, diversity), hidden


def liked(job: Job, listed: DataFrame, data: Silver) -> DataFrame | None:
    """What customers' own products add to scores of ALS; None where its factors are not kept, or not so simple."""
    als, factors = job.config.cf.als, job.read_any("gold.factors", model="als", side="product")
    if factors is None or not als.implicit:
        return None
    items = factors.where("fitted_as_of = as_of").select(F.col("id").alias("product_id"), "vector")
    voted = listed.where(F.array_contains("models", "als")).select("user_id", "product_id")
    asked = job.read("gold.candidates", model="als").join(voted, ["user_id", "product_id"], "left_semi")
    weights = interactions(data.events, job.config.cf.event_weights, half_life_days=als.half_life_days)
    weights = debiased(weights, als.debias) if als.debias else weights
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


def with_new_products(job: Job, candidates: DataFrame, data: Silver, rules: Ruling | None) -> DataFrame:
    """The lists shown, their last places given to new products where `exploration.slots` says so."""
    rank, exploration = job.settings, Exploration(**job.settings.exploration.model_dump())
    if not exploration.slots:
        return candidates.where(F.col("rank") <= rank.k)
    assert job.as_of is not None
    products = data.products
    if rules is not None:
        products = products.join(rules.forbidden.select("product_id"), "product_id", "left_anti")
    queue = queues(candidates, products, data.events, job.as_of, rank.k, exploration)
    if rules is not None and rules.rules.is_personal:
        queue, _ = rules.allowed(queue.localCheckpoint(), rank.k)
    lists = with_trials(queue, rank.k, exploration.slots).localCheckpoint()
    job.metric("n_explored", lists.where("chance IS NOT NULL").count())
    return lists


def newcomers_lists(
    job: Job, data: Silver, served: DataFrame, rules: Ruling | None
) -> tuple[DataFrame, DataFrame | None]:
    """What customers without candidates are shown, and what rules keep out of their lists."""
    k, hidden = job.settings.k, None
    if rules is None:
        lists = cold_start_lists(data, served, k)
    else:
        depth = _SPARE * k if rules.rules.is_personal else k
        lists, hidden = rules.allowed(cold_start_lists(data, served, depth, rules.forbidden), k)
    return popular(as_shares(lists.where(F.col("rank") <= k), "user_id")), hidden


if __name__ == "__main__":
    main("rank", run, __doc__)
