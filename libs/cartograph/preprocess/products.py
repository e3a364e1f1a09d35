"""Products with their latest known attributes."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.cleaning.values import instant, number, text
from cartograph.core.tables.schema import columns_of
from cartograph.preprocess.events import matches, product_id
from cartograph.preprocess.raw_rows import RawRows
from cartograph.preprocess.titles import normalised_titles, shown_titles
from cartograph.preprocess.verdicts import future_rule, is_lost, raw_map, value_reason, verdict, with_verdict

_COLUMNS = (
    "product_id", "title", "description", "category", "brand", "price", "stock", "is_listed", "seen_at", "n_seen",
)  # fmt: skip
_LATEST = ("description", "category", "brand", "price", "stock", "attributes")


def checked_products(bronze: RawRows, only: DataFrame | None = None) -> DataFrame:
    """One row per raw product record: typed columns, `row_id`, `raw`, and `rule`, `reason` (null: good).

    Args:
        bronze: rows of bronze.products, by declaration.
        only: product_id of the products whose records are requested; None: all.
    """
    frames = [_checked(rows if only is None else _about(rows, only, cleaning), cleaning) for rows, cleaning in bronze]
    return reduce(DataFrame.unionByName, frames)


def _about(bronze: DataFrame, products: DataFrame, cleaning: Cleaning) -> DataFrame:
    """The raw records of these products (product_id, as in silver)."""
    needed = products.select(F.col("product_id").alias("__needed"))
    named = bronze.withColumn("__named", product_id(cleaning))
    return named.join(needed, F.col("__named") == F.col("__needed"), "left_semi").drop("__named")


def _checked(bronze: DataFrame, cleaning: Cleaning) -> DataFrame:
    """The records of sources that write values in one way, typed and checked."""
    stock = number("stock", cleaning)
    typed = bronze.select(
        product_id(cleaning).alias("product_id"),
        F.col("title").alias("raw_title"),
        normalised_titles("title").alias("title"),
        normalised_titles("description").alias("description"),
        _path("category").alias("category"),
        text("brand").alias("brand"),
        number("price", cleaning).alias("price"),
        F.when(stock == F.floor(stock), stock.try_cast("long")).alias("stock"),
        text("is_listed").try_cast("boolean").alias("is_listed"),
        "attributes",
        instant("seen_at", cleaning).alias("seen_at"),
        F.col("n_seen").try_cast("long").alias("n_seen"),
        *("source", "batch_id", "row_id", "known_until"),
        F.struct(*_COLUMNS).alias("raw"),
    )
    reason = "is not a product"
    verdicts = [
        ("no_product", F.col("product_id").isNull(), F.lit("product_id is missing")),
        ("bad_price", is_lost("price"), value_reason("price", "is not a number")),
        ("bad_price", F.col("price") < 0, value_reason("price", "is negative")),
        ("bad_stock", is_lost("stock"), value_reason("stock", "is not a whole number")),
        ("bad_flag", is_lost("is_listed"), value_reason("is_listed", "is neither yes nor no")),
        ("bad_time", is_lost("seen_at"), value_reason("seen_at", "is not a time")),
        future_rule("seen_at"),
        ("not_a_product", matches("product_id", cleaning.not_product_ids), value_reason("product_id", reason)),
        ("not_a_product", matches("title", cleaning.not_product_titles), value_reason("title", reason)),
    ]
    return with_verdict(typed, verdict(verdicts)).drop("raw_title", "known_until")


def quarantined_products(checked: DataFrame) -> DataFrame:
    """Rows of silver.quarantine: product records that a rule sets aside."""
    bad = (
        checked.where("rule IS NOT NULL").withColumn("raw", raw_map(_COLUMNS)).withColumnRenamed("seen_at", "event_at")
    )
    return bad.select(*columns_of("silver.quarantine"))


def products(records: DataFrame, first_sales: DataFrame, stored: DataFrame | None) -> DataFrame:
    """Rows of silver.products for the products of `records` and `first_sales`; those only ever sold have no title.

    Args:
        records: all good records of these products, old ones included.
        first_sales: product_id and first_at, the first time it was in a good event.
        stored: silver.products as it is, for the first time a product was seen; None when nothing of it counts.
    """
    latest = _latest(records, F.struct("seen_at", "batch_id", "row_id"))
    known = latest.join(shown_titles(records), "product_id", "left").join(first_sales, "product_id", "full")
    first_seen = [F.col("first_listed_at"), F.col("first_at")]
    if stored is not None:
        known = known.join(stored.select("product_id", F.col("first_seen_at").alias("stored_at")), "product_id", "left")
        first_seen.append(F.col("stored_at"))
    return known.withColumn("first_seen_at", F.least(*first_seen)).select(*columns_of("silver.products"))


def _latest(records: DataFrame, newest: Column) -> DataFrame:
    """Per product the newest known value of every attribute, and when it was first listed."""
    values = [F.max_by(name, F.when(F.col(name).isNotNull(), newest)).alias(name) for name in _LATEST]
    return records.groupBy("product_id").agg(*values, F.min("seen_at").alias("first_listed_at"))


def _path(column: str) -> Column:
    """A category path `Home > Kitchen > Cups` as its levels."""
    # A lambda, because transform gives a function of two parameters the position too, and trim would cut that off.
    levels = F.transform(F.split(column, ">"), lambda level: F.trim(level))
    levels = F.filter(levels, lambda level: level != "")
    return F.when(F.size(levels) > 0, levels)
