"""Dates, words and attributes of products that were not known on the day of a partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cartograph.audit.findings import Sources, key_text, summary
from cartograph.core.views.text import texts, words

# Per table the column with a day, and whether the partition's own day is already too late. The day of a fit is the one
# that its events precede: that of the partition.
DAYS: dict[str, tuple[str, bool]] = {
    "gold.repurchases": ("last_on", True),
    "gold.factors": ("fitted_as_of", False),
    "gold.fusion": ("learned_from", True),
}
WORDS, PRODUCTS, BASKETS = "silver.word_vectors", "silver.products", "silver.baskets"
# Per table of what business rules hid, the product that a catalogue must have mentioned.
HIDDEN = {"gold.hidden": "product_id", "gold.hidden_related": "associated_product_id"}
TABLES = (*DAYS, WORDS, PRODUCTS, BASKETS, *HIDDEN)


def day_checks(frames: Mapping[str, DataFrame], sources: Sources, as_of: date) -> Iterator[DataFrame]:
    """A `summary` per table.

    Args:
        frames: the partitions audited, by table; silver.products and silver.baskets as read for that day.
        sources: see `Sources`.
        as_of: the day of the partitions.
    """
    for name, (column, own_day_too) in DAYS.items():
        if name in frames:
            late = F.col(column) >= F.lit(as_of) if own_day_too else F.col(column) > F.lit(as_of)
            example = F.ltrim(F.concat(key_text(name), F.lit(f" has {column} "), F.col(column).cast("string")))
            yield summary(frames[name], name, column, late, example)
    if WORDS in frames:
        yield _words(frames[WORDS], sources.products, as_of)
    if PRODUCTS in frames and sources.raw_products is not None:
        yield _attributes(frames[PRODUCTS], sources.raw_products, as_of)
    if BASKETS in frames:
        yield _lines(frames[BASKETS], sources.events, as_of)
    for name in HIDDEN:
        if name in frames and sources.listings is not None:
            yield _catalogues(frames[name], name, sources.listings, as_of)


def _words(learned: DataFrame, products: DataFrame, as_of: date) -> DataFrame:
    """Words that are in no text of a product known before `as_of`."""
    always = F.timestamp_seconds(F.lit(0))
    seen = products.select("product_id", F.coalesce("first_seen_at", always).alias("seen_at"))
    written = words(texts(products)).select("product_id", F.explode("words").alias("word"))
    first = written.join(seen, "product_id").groupBy("word").agg(F.min("seen_at").alias("first_at"))
    known = learned.select("word").join(first, "word", "left")
    is_late = F.coalesce(F.col("first_at") >= F.lit(as_of).cast("timestamp"), F.lit(True))
    where = F.coalesce(F.concat(F.lit("first in one of "), F.to_date("first_at").cast("string")), F.lit("in none"))
    example = F.concat(F.lit("word="), "word", F.lit(f" is in no text known before {as_of}, "), where)
    return summary(known, WORDS, "words", is_late, example)


def _attributes(products: DataFrame, raw_products: DataFrame, as_of: date) -> DataFrame:
    """Products of that day that were delivered again later: silver.products keeps the newest attributes.

    Some sources write the same id in upper and in lower case, and preprocess merges them.
    """
    at = F.col("seen_at").try_cast("timestamp")
    last = raw_products.groupBy(F.upper("product_id").alias("upper_id")).agg(F.max(at).alias("last_at"))
    known = products.withColumn("upper_id", F.upper("product_id")).join(last, "upper_id", "left")
    example = F.concat(key_text(PRODUCTS), F.lit(" has attributes of "), F.to_date("last_at").cast("string"))
    return summary(known, PRODUCTS, "facts", F.col("last_at") >= F.lit(as_of).cast("timestamp"), example)


def _lines(baskets: DataFrame, events: DataFrame, as_of: date) -> DataFrame:
    """Baskets begun before `as_of` that contain later lines."""
    later = (F.col("event_type") == "purchase") & (F.col("event_at") >= F.lit(as_of).cast("timestamp"))
    orders = events.where(later).groupBy("order_id").agg(F.min("event_at").alias("later_at"))
    known = baskets.select("order_id").join(orders, "order_id", "left")
    example = F.concat(key_text(BASKETS), F.lit(" has a line of "), F.col("later_at").cast("string"))
    return summary(known, BASKETS, "lines", F.col("later_at").isNotNull(), example)


def _catalogues(hidden: DataFrame, name: str, listings: DataFrame, as_of: date) -> DataFrame:
    """Products hidden by a catalogue that had not mentioned them before `as_of`."""
    first = listings.groupBy(F.col("product_id").alias(HIDDEN[name])).agg(F.min("stated_at").alias("stated_at"))
    known = hidden.where("hidden_by IN ('not_listed', 'stock')").join(first, HIDDEN[name], "left")
    is_late = F.coalesce(F.col("stated_at") >= F.lit(as_of).cast("timestamp"), F.lit(True))
    since = F.coalesce(F.to_date("stated_at").cast("string"), F.lit("never"))
    first_known = F.concat(F.lit("; first in a catalogue: "), since)
    example = F.concat(key_text(name), F.lit(" is hidden by "), F.col("hidden_by"), first_known)
    return summary(known, name, "catalogues", is_late, example)
