"""Raw events typed, each with the rule that sets it aside, if one does."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.schema import EVENT_TYPES, columns_of
from cartograph.preprocess import outliers
from cartograph.preprocess.pseudonyms import BLANKS, pseudonymised
from cartograph.preprocess.settings import Rules

_CONTENT = tuple(
    name for name in columns_of("bronze.events") if name not in ("source", "batch_id", "source_file", "row_id")
)
RAW = "raw"
_LARGEST = 2**31 - 1
_DAY = r"^\s*\d{4}-\d{1,2}-\d{1,2}"
_YEARS = (1900, 2199)


def judged_events(bronze: DataFrame, key: bytes, rules: Rules) -> DataFrame:
    """One row per raw event: silver.events' columns, `row_id`, `rule` and `reason` (null: good), `raw` of bad rows.

    An event without an id is known by its content, so that equal lines are one event. Purchases of a negative quantity
    are returns. Verdicts look at the row and its batch alone.
    """
    typed = _typed(bronze, rules)
    first = _judged(typed, _verdict(*_broken(), *_not_for_sale(rules)))
    marked = outliers.marked(first, rules.quantity_fence, rules.price_ratio, rules.price_fence, rules.price_min_rows)
    far = _verdict(
        ("outlier_quantity", F.col("is_far_quantity"), _value("quantity", "is far from the batch's other quantities")),
        ("outlier_price", F.col("is_far_price"), _value("unit_price", "is far from the usual price")),
    )
    second = _judged(marked, F.when(F.col("rule").isNull(), far).otherwise(F.struct("rule", "reason")))
    # Customers' names go last, when no further pass over the rows would hash them again.
    hidden = pseudonymised(second, ["user_id"], key).withColumn(RAW, F.col(RAW).withField("user_id", F.col("user_id")))
    content = F.md5(F.concat_ws("\x1f", *[F.coalesce(F.col(RAW)[name], F.lit("\x00")) for name in _CONTENT]))
    is_bad = F.col("rule").isNotNull()
    known = hidden.withColumns({"event_id": F.coalesce("event_id", content), RAW: F.when(is_bad, F.col(RAW))})
    return known.drop("title", "is_far_quantity", "is_far_price")


def _judged(rows: DataFrame, verdict: Column) -> DataFrame:
    """The rows with the parts of the verdict as `rule` and `reason`."""
    marked = rows.withColumn("verdict", verdict)
    return marked.withColumns({"rule": F.col("verdict.rule"), "reason": F.col("verdict.reason")}).drop("verdict")


def good_events(judged: DataFrame) -> DataFrame:
    """The rows that no rule sets aside: silver.events' columns before rows are seen together, and `row_id`."""
    wanted = [name for name in columns_of("silver.events") if name != "returned_order_id"]
    return judged.where("rule IS NULL").select(*wanted, "row_id")


def quarantined(judged: DataFrame) -> DataFrame:
    """Rows of silver.quarantine: those a rule sets aside, as they came (under pseudonyms)."""
    fields = [part for name in _CONTENT for part in (F.lit(name), F.col(RAW)[name])]
    given = F.map_filter(F.create_map(*fields), lambda _, value: value.isNotNull())
    return judged.where("rule IS NOT NULL").withColumn(RAW, given).select(*columns_of("silver.quarantine"))


def _typed(rows: DataFrame, rules: Rules) -> DataFrame:
    """Text to types by try_cast; what does not fit becomes null and is found by comparing with `raw`."""
    number = F.col("quantity").try_cast("double")
    is_whole = (number == F.floor(number)) & (F.abs(number) <= _LARGEST)
    quantity = F.when(is_whole, number.try_cast("int"))
    kind = F.lower(text("event_type"))
    is_return = (kind == "return") | ((kind == "purchase") & (quantity < 0))
    event_at = instant("event_at")
    return rows.select(
        text("event_id").alias("event_id"),
        text("user_id").alias("user_id"),
        product_id(rules.upper_id_sources).alias("product_id"),
        F.when(is_return, "return").otherwise(kind).alias("event_type"),
        text("order_id").alias("order_id"),
        text("session_id").alias("session_id"),
        F.when(is_return, F.abs(quantity)).otherwise(quantity).alias("quantity"),
        _finite("unit_price").alias("unit_price"),
        _finite("rating").alias("rating"),
        event_at.alias("event_at"),
        event_at.cast("date").alias("event_on"),
        "source",
        "batch_id",
        "row_id",
        text("title").alias("title"),
        F.struct(*_CONTENT).alias(RAW),
    )


def product_id(upper_id_sources: Sequence[str]) -> Column:
    """A raw row's product id, trimmed; upper case for sources that do not mind case."""
    trimmed = text("product_id")
    if not upper_id_sources:
        return trimmed
    return F.when(F.col("source").isin(list(upper_id_sources)), F.upper(trimmed)).otherwise(trimmed)


def text(column: str) -> Column:
    """Text without blanks of any kind around it; nothing left is null."""
    return F.nullif(F.btrim(F.col(column), F.lit(BLANKS)), F.lit(""))


def instant(column: str) -> Column:
    """Text as a time, null if it is none.

    A bare year, or a time without its day (which Spark takes for today's), is not one; nor is a year that can only be a
    mistake, which later steps could not hold in nanoseconds.
    """
    at = F.col(column).try_cast("timestamp")
    return F.when(F.col(column).rlike(_DAY) & F.year(at).between(*_YEARS), at)


def _finite(column: str) -> Column:
    number = F.col(column).try_cast("double")
    return F.when(F.abs(number) < float("inf"), number)


def _broken() -> list[tuple[str, Column, Column]]:
    """Rules for rows that miss something or hold something else: name, condition, reason."""
    kind, given = F.col("event_type"), F.col(RAW)
    return [
        ("no_product", F.col("product_id").isNull(), F.lit("product_id is missing")),
        ("no_event_type", kind.isNull(), F.lit("event_type is missing")),
        ("bad_event_type", ~kind.isin(list(EVENT_TYPES)), _value("event_type", f"is none of {', '.join(EVENT_TYPES)}")),
        ("no_time", given["event_at"].isNull(), F.lit("event_at is missing")),
        ("bad_time", F.col("event_at").isNull(), _value("event_at", "is not a time")),
        ("bad_quantity", _lost("quantity"), _value("quantity", "is not a whole number")),
        ("bad_quantity", F.col("quantity") <= 0, _value("quantity", "is not positive")),
        ("bad_price", _lost("unit_price"), _value("unit_price", "is not a number")),
        ("bad_rating", _lost("rating"), _value("rating", "is not a number")),
        ("no_rating", (kind == "rating") & F.col("rating").isNull(), F.lit("rating is missing")),
        ("no_order", (kind == "purchase") & F.col("order_id").isNull(), F.lit("order_id of a purchase is missing")),
    ]


def _not_for_sale(rules: Rules) -> list[tuple[str, Column, Column]]:
    """Rules for lines that are no sale of a product."""
    corrected = (F.col("unit_price") == 0) & F.col("user_id").isNull()
    return [
        ("not_a_product", matches("product_id", rules.not_product_ids), _value("product_id", "is not a product")),
        ("not_a_product", matches("title", rules.not_product_titles), _value("title", "is not a product")),
        ("negative_price", F.col("unit_price") < 0, _value("unit_price", "is negative")),
        ("stock_correction", corrected, F.lit("unit_price is 0 and there is no customer")),
    ]


def matches(column: str, patterns: Sequence[str]) -> Column:
    """Whether the whole text matches one of the patterns, whatever its case."""
    return F.col(column).rlike(f"(?i)^(?:{'|'.join(patterns)})$") if patterns else F.lit(False)


def _lost(column: str) -> Column:
    """There was text, and it did not become a value."""
    return F.col(column).isNull() & F.col(RAW)[column].isNotNull() & (F.trim(F.col(RAW)[column]) != "")


def _value(column: str, problem: str) -> Column:
    """The reason `column 'value' problem`."""
    return F.concat(F.lit(f"{column} '"), F.col(RAW)[column], F.lit(f"' {problem}"))


def _verdict(*rules: tuple[str, Column, Column]) -> Column:
    """The first rule that applies, with its reason."""
    return F.coalesce(
        *[
            F.when(condition, F.struct(F.lit(name).alias("rule"), reason.alias("reason")))
            for name, condition, reason in rules
        ]
    )
