"""Customers as training rows of one length, and the codes of the products in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cartograph.core.model import TooLittle
from cartograph.core.views.codes import numbered


@dataclass(frozen=True)
class CustomerRows:
    """What networks learn from.

    Args:
        training: user, items (array<int>, codes, -1 after the last).
        validation: items and, in the same form, targets: products of the validation period; None if there is none.
        products: product_id, code (0, 1, 2 … in order of product_id).
        degrees: the number of training rows with each product, in order of code.
    """

    training: DataFrame
    validation: DataFrame | None
    products: DataFrame
    degrees: tuple[int, ...]


def customer_rows(
    interactions: DataFrame, products: DataFrame, max_length: int, validation_days: int | None = None
) -> CustomerRows:
    """The customers of `interactions`, with validation rows if `validation_days` are held out.

    Args:
        interactions: user_id, product_id, last_at; one row per pair.
        products: product_id of further products that get a code.
        max_length: newest products per customer.
        validation_days: interactions of this many days before the last one are held out.

    Raises:
        TooLittle: there are no interactions, or none before the validation period.
    """
    known = interactions.select("product_id").unionByName(products.select("product_id"))
    codes = numbered(known, "product_id")
    coded = interactions.join(codes, "product_id").select("user_id", "code", "last_at")
    is_target = F.lit(False)
    if validation_days is not None:
        newest: Any = interactions.agg(F.max("last_at")).head()
        is_target = F.col("last_at") > F.lit(newest[0]) - F.lit(timedelta(days=validation_days))
    step = F.struct("last_at", "code")
    rows = coded.groupBy("user_id").agg(
        F.collect_list(F.when(~is_target, step)).alias("had"), F.collect_list(F.when(is_target, step)).alias("later")
    )
    rows = rows.select(
        "user_id", _newest("had", max_length).alias("items"), _newest("later", max_length).alias("targets")
    )
    rows = rows.where("items[0] >= 0").localCheckpoint()
    degrees = _degrees(rows, codes.count())
    if not sum(degrees):
        raise TooLittle("there are no customers to learn from" + (
            f" before the last {validation_days} days" if validation_days else ""))  # fmt: skip
    validation = None if validation_days is None else rows.where("targets[0] >= 0").select("items", "targets")
    training = rows.select(F.xxhash64("user_id").alias("user"), "items")
    return CustomerRows(training, validation, codes, degrees)


def _newest(steps: str, max_length: int) -> Column:
    """Codes of the newest steps, oldest first, padded with -1."""
    newest = F.slice(F.sort_array(steps, asc=False), 1, max_length)
    codes = F.transform(F.reverse(newest), lambda step: step["code"])
    return F.slice(F.concat(codes, F.array_repeat(F.lit(-1), max_length)), 1, max_length)


def _degrees(rows: DataFrame, n_items: int) -> tuple[int, ...]:
    """The number of rows with each product."""
    counts = rows.select(F.explode("items").alias("code")).where("code >= 0").groupBy("code").count().toArrow()
    degrees = np.zeros(n_items, dtype=np.int64)
    degrees[counts["code"].to_numpy()] = counts["count"].to_numpy()
    return tuple(degrees.tolist())
