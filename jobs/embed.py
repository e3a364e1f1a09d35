"""Product embeddings: of words, texts, images, attributes, of products viewed and bought together, and fused.

Reads the silver tables; writes the vectors of each model of `embed.models`, and the fused ones, to
silver.product_vectors, and the nearest products by the fused ones to gold.associations, as model `content`. A product
whose text or image has not changed since the last earlier day keeps its vector; words are learned again after
`embed.words.refit_days` and kept in silver.word_vectors. Not done here: relating products (`rank`).
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame

from cartograph.core.model import Silver, associate_from_vectors
from cartograph.core.views.product_sets import of_shoppers
from cartograph.embed.fusion import FUSED_VECTORS, fused_vectors
from cartograph.embed.settings import EmbedSettings
from cartograph.embed.vector_model import Earlier, VectorModel, embedded, vector_models
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job


def run(job: Job) -> None:
    """Makes the vectors of every model, fuses them, and searches the nearest products."""
    settings: EmbedSettings = job.settings
    if not settings.models:
        job.progress.say("embed.models is empty; skipping")
        return
    data, models = of_shoppers(job.silver()), list(vector_models(settings))
    job.record.repeatable = not any(model.reads_files for model in models)  # nobody knows when those change
    vectors = reduce(DataFrame.unionByName, [vectors_of(job, model, data) for model in models])
    fused = fused_vectors(vectors, settings.models, data, settings.fusion)
    for message in fused.messages:
        job.progress.say(message)
    if fused.gate is not None:
        job.save_weights(FUSED_VECTORS, fused.gate)
    written = job.replace("silver.product_vectors", vectors.unionByName(fused.rows()))
    job.metric("n_product_vectors", written.rows)
    nearest = associate_from_vectors(fused.vectors, settings.k, settings.approximate_above).where("score > 0")
    job.metric("n_associations_content", job.replace("gold.associations", nearest, model="content").rows)


def vectors_of(job: Job, model: VectorModel, data: Silver) -> DataFrame:
    """The rows of one model; what else it gives is written, recorded and said."""
    days = {table: (job.last_day(table, **equals), equals) for table, equals in model.reuses().items()}
    earlier = {t: Earlier(day, job.read(t, as_of=day, **equals)) for t, (day, equals) in days.items() if day}
    vectors = embedded(model, data, earlier)
    for table, rows in vectors.artifacts.items():
        job.metric(f"n_{table.removeprefix('silver.')}", job.replace(table, rows).rows)
    for name, value in vectors.metrics.items():
        job.metric(name, value)
    for message in vectors.messages:
        job.progress.say(message)
    return vectors.rows


if __name__ == "__main__":
    main("embed", run, __doc__)
