"""Vectors of products from their images, by a pretrained model of the CLIP type.

Files are listed first, without being opened, and only those of new or changed images are read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial, reduce
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.model import Silver
from cartograph.core.search.topk import vectors_of
from cartograph.core.settings import settings_of
from cartograph.core.workers.hadoop_files import files_of, path_of
from cartograph.embed.encoder import encoded
from cartograph.embed.given_vectors import vectors_in_attribute, vectors_in_files
from cartograph.embed.settings import EncoderSettings, ImageSettings
from cartograph.embed.unchanged import updated
from cartograph.embed.vector_model import Earlier, VectorModel, Vectors, unhashed

_FILES_PER_READ = 10_000  # whose names are on the driver at a time
_ROWS_PER_BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"
_GLOB = re.compile(r"([\[\]{}*?\\])")


class Image(VectorModel):
    """Image files encoded by a pretrained model, or vectors that come in an attribute or in files."""

    name = "image"
    reads_files = True

    def __init__(self, settings: ImageSettings | None = None, **changed: Any) -> None:
        self.settings = settings_of(ImageSettings, settings, changed)

    def reuses(self) -> Mapping[str, Mapping[str, Any]]:
        """Its own vectors, if it makes them itself."""
        return {"silver.product_vectors": {"model": self.name}} if self.settings.model else {}

    def embed(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        """product_id, vector, source_hash from images, or (then source_hash is null) vectors as they are given."""
        settings = self.settings
        if settings.vectors_path:
            products = data.products
            return Vectors(unhashed(vectors_in_files(products.sparkSession, settings.vectors_path, products)))
        if settings.vectors_attribute:
            return _readable(Vectors(unhashed(vectors_in_attribute(data.products, settings.vectors_attribute))))
        return self._encoded(data, earlier)

    def _encoded(self, data: Silver, earlier: Mapping[str, Earlier]) -> Vectors:
        settings = self.settings
        if not (settings.folder and settings.attribute):
            raise ValueError("images are read from files: set `folder` and `attribute`")
        sources = image_sources(data.products, settings.attribute, settings.folder, settings.pretrained)
        sources = sources.localCheckpoint()
        n_missing = sources.where("path IS NULL").count()
        encode = partial(image_vectors, settings=settings)
        vectors, n_embedded = updated(sources.where("path IS NOT NULL"), earlier, encode)
        messages = (f"image: {n_missing} products name a file that is not in {settings.folder}",) if n_missing else ()
        metrics = {"n_images_missing": n_missing, "n_embedded_image": n_embedded}
        return _readable(Vectors(vectors, metrics=metrics, messages=messages))


def _readable(vectors: Vectors) -> Vectors:
    """The vectors that are not null; the others are counted and reported."""
    rows = vectors.rows.localCheckpoint()
    n_unreadable = rows.where("vector IS NULL").count()
    message = (f"image: {n_unreadable} products have an unreadable image",) if n_unreadable else ()
    metrics = {**vectors.metrics, "n_images_unreadable": n_unreadable}
    return Vectors(rows.where("vector IS NOT NULL"), metrics=metrics, messages=(*vectors.messages, *message))


def image_sources(products: DataFrame, attribute: str, folder: str, model: str) -> DataFrame:
    """One row per product that names an image: product_id, path (null: no such file), source_hash.

    The hash changes with the file's time and size, and with the model.

    Args:
        products: rows of silver.products.
        attribute: whose value is the image's path, from `folder` on.
        folder: path or URI that Spark can read, with folders in it or not.
        model: its name.
    """
    spark = products.sparkSession
    root = str(files_of(spark, folder).makeQualified(path_of(spark, folder)).toString()).rstrip("/")
    found = _files(spark, root).select("path", "modificationTime", "length")
    named = products.select("product_id", F.col("attributes")[attribute].alias("name")).where("name IS NOT NULL")
    paths = named.withColumn("path", F.concat(F.lit(f"{root}/"), F.ltrim("name", F.lit("/"))))
    source_hash = F.xxhash64("path", "modificationTime", "length", F.lit(model))
    matched = paths.join(found.withColumn("is_there", F.lit(True)), "path", "left")
    return matched.select("product_id", F.when(F.col("is_there"), F.col("path")).alias("path"),
                          source_hash.alias("source_hash"))  # fmt: skip


def _files(spark: SparkSession, *paths: str) -> DataFrame:
    """One row per file: path, modificationTime, length, content."""
    return spark.read.format("binaryFile").option("recursiveFileLookup", True).load(list(paths))


def image_vectors(sources: DataFrame, settings: EncoderSettings) -> DataFrame:
    """One row per product with an image: product_id, vector (array<float>; null: not an image), source_hash.

    Args:
        sources: rows of `image_sources` with a path.
        settings: which model, and how it runs.
    """
    spark = sources.sparkSession
    paths = sources.select("path").distinct().persist()
    n_reads = -(-paths.count() // _FILES_PER_READ)
    parts = [_encoded_files(spark, paths, read, n_reads, settings) for read in range(n_reads)]
    if not parts:
        return sources.select("product_id", F.lit(None).cast("array<float>").alias("vector"), "source_hash")
    vectors = reduce(DataFrame.unionByName, parts)
    paths.unpersist()
    return sources.join(vectors, "path").select("product_id", "vector", "source_hash")


def _encoded_files(
    spark: SparkSession, paths: DataFrame, read: int, n_reads: int, settings: EncoderSettings
) -> DataFrame:
    """One row per file of one read: path, vector. Images are large, so few of them travel together."""
    some = paths.where(F.pmod(F.xxhash64("path"), F.lit(n_reads)) == read)
    names = [_GLOB.sub(r"\\\1", row["path"]) for row in some.collect()]
    before = spark.conf.get(_ROWS_PER_BATCH)
    spark.conf.set(_ROWS_PER_BATCH, settings.batch_size)
    try:
        work = partial(_encoded, settings=settings)
        files = _files(spark, *names).select("path", "content")
        return files.mapInArrow(work, "path string, vector array<float>").localCheckpoint()
    finally:
        spark.conf.set(_ROWS_PER_BATCH, str(before))


def _encoded(batches: Iterable[pa.RecordBatch], settings: EncoderSettings) -> Iterator[pa.RecordBatch]:
    """Each batch of files with vectors instead of contents; null where a file holds no image."""
    for batch in batches:
        images = [_image(content.as_py()) for content in batch.column("content")]
        readable = [place for place, image in enumerate(images) if image is not None]
        vectors = pa.nulls(batch.num_rows, pa.list_(pa.float32()))
        if readable:
            found = vectors_of(encoded([images[place] for place in readable], settings))
            places = {place: at for at, place in enumerate(readable)}
            vectors = found.take(pa.array([places.get(place) for place in range(len(images))], pa.int64()))
        yield pa.RecordBatch.from_arrays([batch.column("path"), vectors], names=["path", "vector"])


def _image(content: bytes) -> Any:
    """The image of a file's bytes; None if they are none."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
