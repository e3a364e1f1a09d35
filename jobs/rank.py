"""The final lists of one day: what to recommend to each customer, what belongs with each product, and why.

Reads gold.candidates and gold.associations of all models, and gold.relations if there are any, at `as_of`; writes
gold.recommendations and gold.related_products, and the fused lists as one more model, `fused`, so that `evaluate`
compares it with the others.
Deliberately not done here: training anything, and judging the lists.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from cartograph.core.histories import histories
from cartograph.rank.cold_start import cold_start_lists
from cartograph.rank.evidence import with_evidence
from cartograph.rank.fusion import FUSED, fused_lists
from cartograph.rank.recommendations import recommendations
from cartograph.rank.related_products import related_products
from cartograph.runtime.job import Job, main


def run(job: Job) -> None:
    """Writes the final lists of `job.as_of`."""
    rank, data = job.settings, job.silver()
    lists, pairs = job.read("gold.candidates"), job.read("gold.associations")
    candidates = fused_lists(lists, "user_id", "product_id", rank.constant, rank.weights).persist()
    fused_pairs = fused_lists(pairs, "product_id", "associated_product_id", rank.constant, rank.association_weights)
    # A checkpoint, because persisted pairs were counted again for each list made of them.
    associations = with_evidence(fused_pairs, data.baskets).localCheckpoint()
    newcomers = cold_start_lists(data, candidates, rank.k)

    shown = candidates.unionByName(newcomers.drop("why")).where(F.col("rank") <= rank.k)
    job.replace("gold.candidates", shown.drop("models"), model=FUSED)
    beside = associations.where(F.col("rank") <= rank.k_related)
    columns = ["product_id", "rank", "associated_product_id", "score"]
    job.replace("gold.associations", beside.select(*columns), model=FUSED)

    typed = job.read("gold.relations") if job.tables.exists("gold.relations") else None
    related = related_products(associations, rank.k_related, typed)
    job.metric("n_related_products", job.replace("gold.related_products", related).rows)
    past = histories(data.events, rank.recent)
    recommended = recommendations(
        candidates, associations, past, data, k=rank.k, recent=rank.recent, user_models=rank.user_models
    )
    job.metric("n_recommendations", job.replace("gold.recommendations", recommended.unionByName(newcomers)).rows)
    candidates.unpersist()


if __name__ == "__main__":
    main("rank", run, __doc__)
