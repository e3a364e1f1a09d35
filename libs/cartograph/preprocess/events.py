"""Raw events, typed as their source writes them, each with the rule that sets it aside, if one does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.cleaning.declaration import Cleaning
from cartograph.core.cleaning.values import identifier, instant, number, text
from cartograph.core.errors import UserError
from cartograph.core.event_types import EVENT_TYPES
from cartograph.core.tables.schema import columns_of
from cartograph.preprocess import outliers
from cartograph.preprocess.pseudonyms import pseudonymised
from cartograph.preprocess.raw_rows import RawRows
from cartograph.preprocess.settings import FenceSettings
from cartograph.preprocess.verdicts import RAW, Rule, future_rule, is_lost, raw_map, value_reason, verdict, with_verdict

_BOOKKEEPING = ("source", "batch_id", "source_file", "row_id", "known_until")
CONTENT = tuple(name for name in columns_of("bronze.events") if name not in _BOOKKEEPING)
# What makes two events the same: an id alone does not suffice, and session ids may be made here.
_IDENTITY = (
    "source", "user_id", "product_id", "event_type", "order_id", "quantity", "unit_price", "rating", "event_at",
)  # fmt: skip
GIVEN, MADE = ":", "#"  # Separates a source from an id that it gave, or from one made of the content.


def typed_events(bronze: RawRows) -> DataFrame:
    """One row per raw event: typed values, `raw`, and in `rule` and `reason` the verdict that the row gets by itself.

    Args:
        bronze: rows of bronze.events, by declaration.
    """
    return reduce(
        DataFrame.unionByName, [_first_verdict(_typed(rows, cleaning), cleaning) for rows, cleaning in bronze]
    )


def checked_events(typed: DataFrame, key: bytes, fences: FenceSettings) -> DataFrame:
    """One row per raw event: silver.events' columns, `row_id`, `delivery`, `content`, `rule`, `reason` and `raw`.

    `rule` and `reason` are null for good rows, and `raw` is null for those only. `content` is equal for equal events
    and identifies those without an id. Purchases of a negative quantity are returns. A verdict depends on the row and
    its batch alone.

    Args:
        typed: of `typed_events`; read several times.
        key: the key that customers' ids are hashed with.
    """
    marked = outliers.marked(typed, fences)
    far = verdict([("outlier_quantity", F.col("far_quantity").isNotNull(), F.col("far_quantity")),
                   ("outlier_price", F.col("far_price").isNotNull(), F.col("far_price"))])  # fmt: skip
    checked = with_verdict(marked, F.when(F.col("rule").isNull(), far).otherwise(F.struct("rule", "reason")))
    known = _identified(checked, key).withColumn(RAW, F.when(F.col("rule").isNotNull(), F.col(RAW)))
    return known.drop("far_quantity", "far_price")


def identified_events(bronze: DataFrame, cleaning: Cleaning, key: bytes) -> DataFrame:
    """One row per raw event without a verdict: silver.events' columns, `row_id`, `delivery`, `content` and `raw`."""
    return _identified(_typed(bronze, cleaning), key)


def _identified(rows: DataFrame, key: bytes) -> DataFrame:
    """Typed rows with pseudonyms, `content`, and ids that are unique over all sources."""
    # Customers' ids are hashed last, because a later pass over the rows would hash them again.
    hidden = pseudonymised(rows, ["user_id"], key).withColumn(RAW, F.col(RAW).withField("user_id", F.col("user_id")))
    keyed = hidden.withColumns({"order_id": _order_id(), "session_id": _session_id()})
    given = F.concat(F.col("source"), F.lit(GIVEN), F.col("event_id"))
    made = F.concat(F.col("source"), F.lit(MADE), _digest(*_IDENTITY, "session_id"))
    content = F.when(F.col("event_id").isNotNull(), _digest(*_IDENTITY)).otherwise(made)
    return keyed.withColumns({"content": content, "event_id": F.coalesce(given, made)}).drop("parts")


def good_events(checked: DataFrame) -> DataFrame:
    """The rows that no rule sets aside: silver.events' columns that one row gives, `row_id`, `delivery`, `content`."""
    made_later = ("returned_order_id", "n_lines")
    columns = [name for name in columns_of("silver.events") if name not in made_later]
    return checked.where("rule IS NULL").select(*columns, "row_id", "delivery", "content")


def quarantined_events(checked: DataFrame) -> DataFrame:
    """Rows of silver.quarantine: events that a rule sets aside, as they came (under pseudonyms)."""
    bad = checked.where("rule IS NOT NULL").withColumn(RAW, raw_map(CONTENT))
    return bad.select(*columns_of("silver.quarantine"))


def content_of_stored() -> Column:
    """The `content` of a row of silver.events, as `checked_events` made it: for an id made of the content, that id."""
    return F.when(is_made(), F.col("event_id")).otherwise(_digest(*_IDENTITY))


def _digest(*columns: str) -> Column:
    return F.md5(F.concat_ws("\x1f", *[F.coalesce(F.col(name).cast("string"), F.lit("\x00")) for name in columns]))


def is_made() -> Column:
    """Whether an event's id was made of its content, as its source gave none."""
    return F.col("event_id").startswith(F.concat(F.col("source"), F.lit(MADE)))


def _typed(rows: DataFrame, cleaning: Cleaning) -> DataFrame:
    """Text as values; text that is not such a value becomes null, which is detected by comparing with `raw`."""
    read = number("quantity", cleaning)
    quantity = F.when(read == F.floor(read), read) if cleaning.whole_quantities else read
    kind = F.lower(text("event_type"))
    is_return = (kind == "return") | ((kind == "purchase") & (quantity < 0))
    event_at = instant("event_at", cleaning)
    ids = {name: identifier(name, cleaning).alias(name) for name in ("event_id", "user_id", "order_id", "session_id")}
    parts = {"store": text("store"), "till": text("till"), "day": event_at.cast("date").cast("string")}
    return rows.select(
        *ids.values(),
        product_id(cleaning).alias("product_id"),
        F.when(is_return, "return").otherwise(kind).alias("event_type"),
        F.when(is_return, F.abs(quantity)).otherwise(quantity).alias("quantity"),
        number("unit_price", cleaning).alias("unit_price"),
        number("rating", cleaning).alias("rating"),
        event_at.alias("event_at"),
        event_at.cast("date").alias("event_on"),
        F.concat_ws(":", *[F.coalesce(parts[part], F.lit("")) for part in cleaning.orders_per]).alias("parts"),
        *("source", "batch_id", "row_id", "known_until"),
        F.coalesce("delivery", F.lit("")).alias("delivery"),
        text("title").alias("title"),
        F.struct(*CONTENT).alias(RAW),
    )


def product_id(cleaning: Cleaning) -> Column:
    """A raw row's product id; in upper case for sources whose ids are case-insensitive."""
    read = identifier("product_id", cleaning)
    return F.upper(read) if cleaning.upper_product_ids else read


def _order_id() -> Column:
    """Orders are numbered per source and, where it says so, per store, till and day."""
    numbered = F.concat_ws(":", "source", F.nullif(F.col("parts"), F.lit("")), "order_id")
    return F.when(F.col("order_id").isNotNull(), numbered)


def _session_id() -> Column:
    """Sessions are numbered per source and customer."""
    numbered = F.concat_ws(":", F.col("source"), F.substring("user_id", 1, 16), F.col("session_id"))
    return F.when(F.col("session_id").isNotNull(), numbered)


def _first_verdict(typed: DataFrame, cleaning: Cleaning) -> DataFrame:
    """The typed rows with the verdict that each gets by itself."""
    negative = ("negative_price", F.col("unit_price") < 0, value_reason("unit_price", "is negative"))
    checked = with_verdict(typed, verdict([*_broken(cleaning), *_not_for_sale(cleaning), negative]))
    for rule, condition in cleaning.not_sales.items():
        try:
            is_first = F.col("rule").isNull() & F.expr(condition)
            checked = checked.withColumns(
                {"reason": F.when(is_first, condition).otherwise(F.col("reason")),
                 "rule": F.when(is_first, rule).otherwise(F.col("rule"))}
            )  # fmt: skip
        except AnalysisException as error:
            first = str(error).splitlines()[0]
            raise UserError(f"cleaning.not_sales.{rule} is not a condition on an event: {first}") from error
    return checked.drop("title", "known_until")


def _broken(cleaning: Cleaning) -> list[Rule]:
    """Rules for missing and malformed values."""
    kind, given = F.col("event_type"), F.col(RAW)
    expected = "a whole number" if cleaning.whole_quantities else "a number"
    return [
        ("no_product", F.col("product_id").isNull(), F.lit("product_id is missing")),
        ("no_event_type", kind.isNull(), F.lit("event_type is missing")),
        (
            "bad_event_type",
            ~kind.isin(list(EVENT_TYPES)),
            value_reason("event_type", f"is not one of {', '.join(EVENT_TYPES)}"),
        ),
        ("no_time", given["event_at"].isNull(), F.lit("event_at is missing")),
        ("bad_time", F.col("event_at").isNull(), value_reason("event_at", "is not a time")),
        future_rule("event_at"),
        ("bad_quantity", is_lost("quantity"), value_reason("quantity", f"is not {expected}")),
        ("bad_quantity", F.col("quantity") <= 0, value_reason("quantity", "is not positive")),
        ("bad_price", is_lost("unit_price"), value_reason("unit_price", "is not a number")),
        ("bad_rating", is_lost("rating"), value_reason("rating", "is not a number")),
        ("no_rating", (kind == "rating") & F.col("rating").isNull(), F.lit("rating is missing")),
        ("no_order", (kind == "purchase") & F.col("order_id").isNull(), F.lit("order_id of a purchase is missing")),
    ]


def _not_for_sale(cleaning: Cleaning) -> list[Rule]:
    """Rules for lines that sell no product."""
    reason = "is not a product"
    return [
        ("not_a_product", matches("product_id", cleaning.not_product_ids), value_reason("product_id", reason)),
        ("not_a_product", matches("title", cleaning.not_product_titles), value_reason("title", reason)),
    ]


def matches(column: str, patterns: Sequence[str]) -> Column:
    """Whether the whole text matches one of the patterns, whatever its case."""
    return F.col(column).rlike(f"(?i)^(?:{'|'.join(patterns)})$") if patterns else F.lit(False)
