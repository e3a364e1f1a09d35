"""Robust fences: which quantities and prices are too far from the others of their batch to be true.

An outlier is not necessarily an error: other currencies, wholesale orders and promotions are far off as well. It is
set aside only if nothing supports it: no other order of the batch has the value for the same product, some other line
of its order is not an outlier, and it is not a round discount. A fence depends on its own batch alone, and quantiles
are exact, so the verdict on a row does not depend on which batches are processed together.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cartograph.preprocess.settings import FenceSettings

# Lower bounds of the interquartile range. Where most lines have one or two pieces, or one price, the quartiles nearly
# coincide, and yet a wholesaler's order of some hundred pieces is genuine.
_MIN_IQR = {"quantity": math.log(8), "unit_price": math.log(4)}
_VALUE = ["batch_id", "product_id", "event_type", "unit_price", "quantity"]
_FAR = ("quantity", "price")
_FEW = 100_000  # Up to this many outliers are broadcast.
_GIVEN_AWAY = 0.01  # A price below this share of the usual one marks a gift.


def marked(rows: DataFrame, fences: FenceSettings) -> DataFrame:
    """The rows with `far_quantity` and `far_price`: why the value must be wrong; null where it may be right.

    A quantity is an outlier above Tukey's fence of the batch on the logarithm, Q3 + fence * IQR (Exploratory Data
    Analysis, 1977). A price is an outlier if it is more than `price_ratio` times above or below the median of the
    product's positive prices in the batch; for products with fewer than `price_min_rows` prices, if it is above the
    fence of all prices.

    The few outliers are found among the distinct values, so that the rows themselves are not shuffled.

    Args:
        rows: typed, with their first verdict; read several times.
        fences: settings.
    """
    is_good = F.expr("rule IS NULL AND (quantity > 0 OR unit_price > 0)")
    counted = rows.groupBy(*_VALUE).agg(
        F.count_if(is_good).alias("n"),
        F.min(F.when(is_good, _order())).alias("first_order"),
        F.max(F.when(is_good, _order())).alias("last_order"),
    )
    lines = counted.where("n > 0").localCheckpoint()
    far = _far(lines, fences).localCheckpoint()
    n_far = far.count()
    if n_far == 0:
        none = F.lit(None).cast("string")
        return rows.withColumns({"far_quantity": none, "far_price": none})
    alone = _without_whole_orders(far, rows, F.broadcast if n_far <= _FEW else _shuffled)
    same = [rows[name].eqNullSafe(alone[name]) for name in _VALUE]
    return rows.join(alone, same, "left").select(*[rows[name] for name in rows.columns], "far_quantity", "far_price")


def _order() -> Column:
    return F.concat(F.col("parts"), F.lit(":"), F.col("order_id"))


def _shuffled(rows: DataFrame) -> DataFrame:
    return rows


def _without_whole_orders(far: DataFrame, rows: DataFrame, sent: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """The outliers except those of orders whose lines, several, are all outliers; each outlier is in one order only."""
    orders = far.groupBy("batch_id", "far_order").agg(
        *[F.sum(F.when(F.col(f"far_{value}").isNotNull(), F.col("n_far"))).alias(f"n_{value}") for value in _FAR]
    )
    good = rows.where("rule IS NULL AND order_id IS NOT NULL").select("batch_id", _order().alias("far_order"))
    sizes = good.join(sent(orders), ["batch_id", "far_order"]).groupBy("batch_id", "far_order")
    whole = sizes.agg(F.count("*").alias("n_lines"), *[F.first(f"n_{value}").alias(f"n_{value}") for value in _FAR])
    known = far.join(whole.where("n_lines > 1"), ["batch_id", "far_order"], "left")
    is_whole = {value: F.coalesce(F.col("n_lines") == F.col(f"n_{value}"), F.lit(False)) for value in _FAR}
    alone = {f"far_{value}": F.when(~is_whole[value], F.col(f"far_{value}")) for value in _FAR}
    return sent(known.withColumns(alone).select(*_VALUE, *alone).localCheckpoint())


def _far(lines: DataFrame, fences: FenceSettings) -> DataFrame:
    """The values that are outliers and occur in one order only, with the reason."""
    bounds = lines.groupBy("batch_id").agg(
        _upper_fence("quantity", fences.quantity_fence).alias("max_quantity"),
        _upper_fence("unit_price", fences.price_fence).alias("max_price"),
    )
    usual = lines.where("unit_price > 0").groupBy("batch_id", "product_id").agg(
        F.percentile("unit_price", 0.5, F.col("n")).alias("usual"), F.sum("n").alias("n_lines")
    )  # fmt: skip
    known = lines.join(bounds, "batch_id").join(usual, ["batch_id", "product_id"], "left")
    far_price = _is_far_price(fences) & ~_is_repeated("unit_price") & ~_is_round_discount()
    far_quantity = _is_far_quantity() & ~_is_repeated("quantity")
    found = known.withColumns({"__price": far_price, "__quantity": far_quantity}).where("__price OR __quantity")
    return found.select(
        *_VALUE,
        F.col("first_order").alias("far_order"),
        F.col("n").alias("n_far"),
        F.when(F.col("__quantity"), _quantity_reason()).alias("far_quantity"),
        F.when(F.col("__price"), _price_reason(fences)).alias("far_price"),
    )


def _is_repeated(value: str) -> Column:
    """Whether several orders, or several lines without an order, have this value for the product."""
    same_value = Window.partitionBy("batch_id", "product_id", "event_type", value)
    is_in_several = F.min("first_order").over(same_value) != F.max("last_order").over(same_value)
    return F.coalesce(is_in_several, F.sum("n").over(same_value) > 1)


def _is_far_quantity() -> Column:
    return F.coalesce(F.col("quantity") > F.col("max_quantity"), F.lit(False))


def _is_far_price(fences: FenceSettings) -> Column:
    price, usual = F.col("unit_price"), F.col("usual")
    is_unusual = (price > fences.price_ratio * usual) | (price * fences.price_ratio < usual)
    is_far = F.when(F.col("n_lines") >= fences.price_min_rows, is_unusual).otherwise(price > F.col("max_price"))
    return F.coalesce((price > 0) & is_far, F.lit(False))


def _is_round_discount() -> Column:
    """Whether a price is, to the cent, a whole percentage of the usual one, or close to zero."""
    share = F.col("unit_price") / F.col("usual")
    cents = F.abs(F.round(share, 2) * F.col("usual") - F.col("unit_price"))
    return F.coalesce((share < 1) & ((share <= _GIVEN_AWAY) | (cents <= 0.005)), F.lit(False))


def _quantity_reason() -> Column:
    limit = F.format_string("%.0f", "max_quantity")
    return F.concat(F.lit("quantity is above "), limit, F.lit(", far from the others of its batch, and occurs once"))


def _price_reason(fences: FenceSettings) -> Column:
    usual = F.format_string("%.2f", "usual")
    is_known = F.col("n_lines") >= fences.price_min_rows
    of_product = F.concat(F.lit(f"unit_price is over {fences.price_ratio:g} times off the usual "), usual)
    of_batch = F.concat(F.lit("unit_price is above "), F.format_string("%.2f", "max_price"), F.lit(" of its batch"))
    return F.concat(F.when(is_known, of_product).otherwise(of_batch), F.lit(", and occurs once"))


def _upper_fence(column: str, fence: float) -> Column:
    """Q3 + fence * IQR of the logarithms of positive values, as a value; each row counts `n` times."""
    logarithm = F.when(F.col(column) > 0, F.ln(column))
    first, third = (F.percentile(logarithm, share, F.col("n")) for share in (0.25, 0.75))
    return F.exp(third + fence * F.greatest(third - first, F.lit(_MIN_IQR[column])))
