"""The final lists of one day: what to recommend to each customer, what belongs with each product, and why.

Reads gold.candidates and gold.associations of all models, and gold.relations if there are any, at `as_of`; writes
gold.recommendations and gold.related_products, what rules of the shop hid to gold.hidden, and the lists shown as one
more model, `fused`, so that `evaluate` compares it with the others.
Deliberately not done here: training anything, and judging the lists.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.histories import histories
from cartograph.core.model import Silver
from cartograph.rank.business_rules import BusinessRules
from cartograph.rank.cold_start import cold_start_lists
from cartograph.rank.diversity import trade_off
from cartograph.rank.evidence import with_evidence
from cartograph.rank.fusion import FUSED, fused_lists
from cartograph.rank.plot import trade_off_figure
from cartograph.rank.recommendations import recommendations
from cartograph.rank.related_products import related_products
from cartograph.rank.selection import Diversity, allowed, diverse, rules_of
from cartograph.runtime.job import Job, main

_SPARE = 3  # popular products taken for each place, as some may be hidden


def run(job: Job) -> None:
    """Writes the final lists of `job.as_of`."""
    rank, data = job.settings, job.silver()
    lists, pairs = job.read("gold.candidates"), job.read("gold.associations")
    past = histories(data.events, rank.recent)
    fused = fused_lists(lists, "user_id", "product_id", rank.constant, rank.weights)
    candidates = chosen(job, fused, data, past).persist()
    fused_pairs = fused_lists(pairs, "product_id", "associated_product_id", rank.constant, rank.association_weights)
    # A checkpoint, because persisted pairs were counted again for each list made of them.
    associations = with_evidence(fused_pairs, data.baskets).localCheckpoint()
    newcomers = popular(job, data, candidates)

    shown = candidates.unionByName(newcomers.drop("why")).where(F.col("rank") <= rank.k)
    job.replace("gold.candidates", shown.drop("models"), model=FUSED)
    beside = associations.where(F.col("rank") <= rank.k_related)
    columns = ["product_id", "rank", "associated_product_id", "score"]
    job.replace("gold.associations", beside.select(*columns), model=FUSED)

    typed = job.read("gold.relations") if job.tables.exists("gold.relations") else None
    related = related_products(associations, rank.k_related, typed)
    job.metric("n_related_products", job.replace("gold.related_products", related).rows)
    recommended = recommendations(
        candidates, associations, past, data, k=rank.k, recent=rank.recent, user_models=rank.user_models
    )
    job.metric("n_recommendations", job.replace("gold.recommendations", recommended.unionByName(newcomers)).rows)
    candidates.unpersist()


def chosen(job: Job, fused: DataFrame, data: Silver, past: DataFrame) -> DataFrame:
    """The candidates that may be shown, diverse if that is asked for; what was hidden is written down."""
    rank, rules = job.settings, rules_of(job.settings.rules.model_dump())
    if rules is not None or job.tables.exists("gold.hidden"):  # where an earlier run may have left some
        fused, hidden = allowed(fused.localCheckpoint(), data, rules or BusinessRules(), rank.k)
        job.metric("n_hidden", job.replace("gold.hidden", hidden.drop("models")).rows)
    diversity = Diversity(**rank.diversity.model_dump(exclude={"vectors", "curve"}))
    vectors = factors(job) if diversity.wants_vectors else None
    if vectors is not None and rank.diversity.curve:
        asked = rank.diversity
        measured = trade_off(fused, vectors, rank.k, asked.method, asked.curve, asked.depth)
        points = [(row.diversity, row.relevance, row.spread) for row in measured.collect()]  # one per weight
        job.figure("diversity", trade_off_figure(points, diversity.method))
    return diverse(fused, data, past, vectors, rank.k, diversity)


def factors(job: Job) -> DataFrame:
    """product_id and vector of the model that `rank.diversity.vectors` names."""
    model = job.settings.diversity.vectors
    rows = job.read("gold.factors", model=model, side="product")
    if rows.isEmpty():
        raise UserError(f"rank.diversity.vectors: gold.factors has none of model {model!r} at {job.as_of}")
    return rows.select(F.col("id").alias("product_id"), "vector")


def popular(job: Job, data: Silver, served: DataFrame) -> DataFrame:
    """What customers without candidates are shown, as far as rules allow."""
    k, rules = job.settings.k, rules_of(job.settings.rules.model_dump())
    if rules is None:
        return cold_start_lists(data, served, k)
    shown, _ = allowed(cold_start_lists(data, served, _SPARE * k), data, rules, k)
    return shown.where(F.col("rank") <= k)


if __name__ == "__main__":
    main("rank", run, __doc__)
