"""The final lists of one day: what to recommend to each customer, what belongs with each product, and why.

Reads gold.candidates and gold.associations of all models at `as_of`; writes gold.recommendations and
gold.related_products, and the fused lists as one more model, `fused`, so that `evaluate` compares it with the others.
Deliberately not done here: training anything, and judging the lists.
"""

from __future__ import annotations

from cartograph.core.histories import histories
from cartograph.rank.fusion import FUSED, fused_lists
from cartograph.rank.recommendations import recommendations
from cartograph.rank.related_products import related_products
from cartograph.runtime.job import Job, main


def run(job: Job) -> None:
    """Writes the final lists of `job.as_of`."""
    settings, data = job.settings, job.silver()
    fusion = (settings.constant, settings.weights)
    candidates = fused_lists(job.read("gold.candidates"), "user_id", "product_id", *fusion).persist()
    associations = fused_lists(
        job.read("gold.associations"), "product_id", "associated_product_id", *fusion
    ).persist()  # fmt: skip

    job.replace(
        "gold.candidates", candidates.where(f"rank <= {settings.k}").drop("models"), model=FUSED
    )  # fmt: skip
    job.replace(
        "gold.associations", associations.where(f"rank <= {settings.k_related}").drop("models"), model=FUSED
    )  # fmt: skip
    related = related_products(associations, data.baskets, settings.k_related)
    job.metric("n_related_products", job.replace("gold.related_products", related).rows)
    recommended = recommendations(
        candidates,
        associations,
        histories(data.events, settings.recent),
        data,
        k=settings.k,
        recent=settings.recent,
        user_models=settings.user_models,
    )
    job.metric("n_recommendations", job.replace("gold.recommendations", recommended).rows)
    candidates.unpersist()
    associations.unpersist()


if __name__ == "__main__":
    main("rank", run, __doc__)
