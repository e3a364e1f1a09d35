"""Vectors of products: from their words, pictures and facts, from what they are seen and bought with, and fused.

Reads the silver tables; writes the vectors of each model of `embed.models`, and the fused ones, to
silver.product_vectors, and the products nearest by the fused ones to gold.associations, as model `content`. A product
whose text or image has not changed since the last earlier day keeps its vector; words are learned anew every
`embed.words.refit_days` and stand in silver.word_vectors meanwhile. Deliberately not done here: judging which products
go together (`rank`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial, reduce
from zlib import crc32

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.model import Silver, associate_from_vectors
from cartograph.core.views.product_sets import of_shoppers
from cartograph.core.views.text import texts, words
from cartograph.embed.attribute_vectors import attribute_vectors
from cartograph.embed.encoder import Encoder
from cartograph.embed.fused_vectors import fused_vectors
from cartograph.embed.given_vectors import vectors_in_attribute, vectors_in_files
from cartograph.embed.image_vectors import image_sources, image_vectors
from cartograph.embed.item_vectors import item_vectors
from cartograph.embed.language_vectors import language_vectors
from cartograph.embed.settings import EmbedSettings
from cartograph.embed.skip_gram import TooFewTokens
from cartograph.embed.unchanged import Changes
from cartograph.embed.word_vectors import mean_vectors, word_vectors
from cartograph.runtime.command_line import main
from cartograph.runtime.job import Job

TABLE, FUSED, CONTENT = "silver.product_vectors", "fused", "content"


def run(job: Job) -> None:
    """Makes the vectors of every model, fuses them, and looks for the nearest."""
    settings: EmbedSettings = job.settings
    if not settings.models:
        job.progress.say("embed.models names none: no vectors are made")
        return
    check(settings)
    data = of_shoppers(job.silver())
    vectors = reduce(DataFrame.unionByName, [made(job, name, data) for name in settings.models])
    together = fused(job, data, vectors)
    rows = unhashed(together.withColumn("model", F.lit(FUSED)))
    job.metric("n_product_vectors", job.replace(TABLE, vectors.unionByName(rows)).rows)
    nearest = associate_from_vectors(together, settings.k, settings.approximate_above).where("score > 0")
    job.metric(f"n_associations_{CONTENT}", job.replace("gold.associations", nearest, model=CONTENT).rows)


def check(settings: EmbedSettings) -> None:
    """Refuses models that lack what they are made from."""
    image = settings.image
    if "language" in settings.models and settings.language.model is None:
        raise UserError("embed.models has language: name a pretrained model in embed.language.model")
    ways = [image.model is not None, image.vectors_attribute is not None, image.vectors_path is not None]
    if "image" in settings.models and sum(ways) != 1:
        raise UserError(
            "embed.models has image: set one of embed.image.model, vectors_attribute and vectors_path; "
            f"{sum(ways)} of them are set"
        )
    if "image" in settings.models and image.model and not (image.folder and image.attribute):
        raise UserError("embed.image.model reads files: set embed.image.folder and embed.image.attribute too")


def made(job: Job, name: str, data: Silver) -> DataFrame:
    """The rows of one model, counted: model, product_id, vector, source_hash; none where nothing can be learned.

    Raises:
        UserError: what it is made from, or a setting, is not what it must be.
    """
    try:
        vectors = MAKERS[name](job, data)
    except TooFewTokens as error:
        job.progress.say(f"{name}: {error}: no vectors are made")
        vectors = nothing(data.products)
    except (ValueError, AnalysisException) as error:
        raise UserError(f"embed.{name}: {error}") from error
    rows = vectors.select(F.lit(name).alias("model"), "product_id", "vector", "source_hash").localCheckpoint()
    job.metric(f"n_vectors_{name}", rows.count())
    return rows


def by_words(job: Job, data: Silver) -> DataFrame:
    """product_id, vector, source_hash from words, learned now or of late."""
    settings: EmbedSettings = job.settings
    own = settings.words.model_dump(exclude={"language", "refit_days"})
    identity = crc32(repr((settings.words.language, sorted(own.items()))).encode())
    product_words = words(texts(data.products), settings.words.language)
    day = learned_day(job, identity)
    if day is None:
        learned = word_vectors(product_words, **own).withColumn("settings_hash", F.lit(identity).cast("long"))
        job.metric("n_words", job.replace("silver.word_vectors", learned).rows)
        day = job.as_of
    known = job.read("silver.word_vectors", as_of=day)
    sources = product_words.withColumn("source_hash", F.xxhash64("text", F.lit(identity), F.lit(str(day))))
    return remade(job, "words", sources.drop("text"), partial(mean_vectors, known_words=known))


def learned_day(job: Job, identity: int) -> date | None:
    """The last earlier day on which words were learned with these settings, unless that is too long ago."""
    day = job.last_day("silver.word_vectors", settings_hash=identity)
    if day is None or job.as_of is None or (job.as_of - day).days > job.settings.words.refit_days:
        return None
    return day


def by_language_model(job: Job, data: Silver) -> DataFrame:
    """product_id, vector, source_hash from texts, by a pretrained model."""
    settings = job.settings.language
    sources = texts(data.products).withColumn("source_hash", F.xxhash64("text", F.lit(settings.model)))
    encoder = Encoder(settings.model, settings.batch_size, settings.device)
    return remade(job, "language", sources, partial(language_vectors, encoder=encoder))


def by_company(job: Job, data: Silver) -> DataFrame:
    """product_id, vector, source_hash (null) from baskets and sessions."""
    return unhashed(item_vectors(data, **job.settings.item2vec.model_dump()))


def by_images(job: Job, data: Silver) -> DataFrame:
    """product_id, vector, source_hash from image files, or vectors that are given."""
    settings = job.settings.image
    if settings.vectors_path:
        return unhashed(vectors_in_files(job.spark, settings.vectors_path, data.products))
    if settings.vectors_attribute:
        return readable(job, unhashed(vectors_in_attribute(data.products, settings.vectors_attribute)))
    sources = image_sources(data.products, settings.attribute, settings.folder, settings.model).localCheckpoint()
    there = sources.where("path IS NOT NULL")
    n_missing = sources.count() - there.count()
    job.metric("n_images_missing", n_missing)
    if n_missing:
        job.progress.say(f"image: {n_missing} products name a file that is not in {settings.folder}")
    encoder = Encoder(settings.model, settings.batch_size, settings.device)
    return readable(job, remade(job, "image", there, partial(image_vectors, encoder=encoder)))


def by_attributes(job: Job, data: Silver) -> DataFrame:
    """product_id, vector, source_hash (null) from facts."""
    return unhashed(attribute_vectors(data.products, job.settings.attributes.width))


MAKERS: dict[str, Callable[[Job, Silver], DataFrame]] = {
    "words": by_words,
    "language": by_language_model,
    "item2vec": by_company,
    "image": by_images,
    "attributes": by_attributes,
}


def remade(job: Job, name: str, sources: DataFrame, make: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """The vectors of a model: `make` is called for the products that changed since the last earlier day."""
    day = job.last_day(TABLE, model=name)
    earlier = (
        None if day is None else job.read(TABLE, as_of=day, model=name).select("product_id", "vector", "source_hash")
    )
    changes = Changes.since(sources, earlier)
    changed = changes.changed.localCheckpoint()
    job.metric(f"n_embedded_{name}", changed.count())
    return changes.together(make(changed))


def readable(job: Job, vectors: DataFrame) -> DataFrame:
    """The vectors that are not null; the others are counted and told."""
    kept = vectors.localCheckpoint()
    n_broken = kept.where("vector IS NULL").count()
    job.metric("n_images_unreadable", n_broken)
    if n_broken:
        job.progress.say(f"image: {n_broken} products have one that cannot be read")
    return kept.where("vector IS NOT NULL")


def fused(job: Job, data: Silver, vectors: DataFrame) -> DataFrame:
    """product_id, vector of all models together; the weights of a gate are kept beside the tables."""
    settings: EmbedSettings = job.settings
    given = settings.fusion.model_dump()
    rows, gate = fused_vectors(vectors, settings.models, data.baskets, **given, record=partial(shown, job))
    if gate is not None:
        gate.save(job.spark, f"{job.tables.root}/_weights/{FUSED}/{job.as_of}")
    elif settings.fusion.method == "gate":
        job.progress.say("no two products were bought together: vectors are laid side by side, without a gate")
    return nothing(data.products).drop("source_hash") if rows is None else rows.localCheckpoint()


def shown(job: Job, epoch: dict[str, float]) -> None:
    """Records the loss of an epoch, and shows it."""
    job.epoch("gate", {name: epoch[name] for name in ("epoch", "loss")})


def unhashed(vectors: DataFrame) -> DataFrame:
    """The vectors with a null source_hash."""
    return vectors.withColumn("source_hash", F.lit(None).cast("long"))


def nothing(products: DataFrame) -> DataFrame:
    """No rows: product_id, vector, source_hash."""
    return unhashed(products.select("product_id", F.lit(None).cast("array<float>").alias("vector")).limit(0))


if __name__ == "__main__":
    main("embed", run, __doc__)
